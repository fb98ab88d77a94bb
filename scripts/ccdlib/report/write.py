"""The report: a page for each night, assembled from the jobs' records.

``results/report/index.html`` is the page of the only night, or the list of several.
"""

from collections.abc import Collection, Sequence
from html import escape
from pathlib import Path

from ..errors import CcdlibError
from ..plain_text import shown
from ..plan.nights import FIRST_PAGE, page_of, read_nights, verdict_of, with_pages
from ..state import sealed, unsealed, write_noted
from .graph import calibration_graph
from .lights import lights_section
from .masters import masters_section
from .night import read_night
from .page import page, section, table
from .run import run_section
from .sky import sky_section
from .stacks import stacks_section
from .trends import detector_section, trends_section
from .truth import truth_section
from .verdict import summarise, verdict

__all__ = ["write_all", "write_index", "write_night"]


def _lead(night, config):
    """A line on the subject of the page."""
    counts: dict[str, int] = {}
    for row in night.index:
        kind = row["imagetyp"] if row["status"] == "ok" else "not used"
        counts[kind] = counts.get(kind, 0) + 1
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(counts.items()))
    text = f"camera {config['camera']}; raw frames: {kinds or 'none'}"
    return f'<p class="quiet">{escape(text)}</p>'


def _write_page(path, title, lead, sections, made_of):
    text = page(title, lead, [(name, body) for name, body in sections if body])
    write_noted(path, shown(text, but="\n\t").encode(), made_of)


def write_night(
    name: str,
    config: dict,
    truth_dir: str | Path | None = None,
    outdated: Collection[str] = (),
    made_of: str = "",
) -> None:
    """Write the page of a night, and its verdict for the list of nights.

    Parameters
    ----------
    name : str
        The night's date, as in the index.
    config : dict
    truth_dir : path or None
        Truth of the demo night.
    outdated : set of str
        See `read_night`.
    made_of : str
        See `ccdlib.state.write_noted`.
    """
    keep, spectra = config["products"]["keep"], config["data"] == "spectra"
    night = read_night(name, keep, outdated, spectra)
    compared = ""
    if truth_dir:
        lights = [light.product for light in night.lights]
        lights = [path for path in lights if (Path(truth_dir) / Path(path).name).exists()]
        compared = truth_section(lights, truth_dir)
    sections = [
        ("Verdict", verdict(night)),
        ("Truth", compared),
        ("Over the night", trends_section(night)),
        ("Detector", detector_section(night)),
        ("Stacks", stacks_section(night)),
        ("Sky", sky_section(night)),
        ("Calibrated frames", lights_section(night)),
        ("Graph", calibration_graph(night)),
        ("Masters", masters_section(night)),
        ("Run", run_section(night, config)),
    ]
    title = f"CCD reduction {name}"
    _write_page(page_of(name), title, _lead(night, config), sections, made_of)
    write_noted(verdict_of(name), sealed(summarise(night), place=verdict_of(name)), made_of)


def _list(nights):
    """The sections of a page that lists several nights."""
    rows, marked = [], set()
    for place, name in enumerate(nights):
        found = unsealed(verdict_of(name))
        if found is None:
            raise CcdlibError(
                f"{verdict_of(name)}: not as it was written; the next run makes it again"
            )
        if not found["good"]:
            marked.add(place)
        link = f'<a href="{escape(Path(page_of(name)).name, quote=True)}">{escape(name)}</a>'
        counts = [str(found[key]) for key in ("lights", "refused", "failed", "odd")]
        rows.append([(link, name), escape(found["words"]), *counts])
    bad = len(marked)
    words = f"{len(nights)} nights, {bad or 'none'} with something to look at."
    heads = ["night", "verdict", "lights", "refused", "failed", "stand out"]
    body = f'<p class="verdict {"bad" if bad else "good"}">{words}</p>' + table(
        heads, rows, name="nights", filtered=True, marked=marked, text=(1,)
    )
    return [("Nights", section("Nights", body, "nights"))]


def write_index(nights: Sequence[str], config: dict, made_of: str = "") -> None:
    """Write the first page: the only night's, or the list of several.

    Parameters
    ----------
    nights : list of str
        Each with its page written.
    config : dict
    made_of : str
        See `ccdlib.state.write_noted`; what the pages are is added.
    """
    made_of = with_pages(made_of, nights)
    if len(nights) == 1:
        write_noted(FIRST_PAGE, Path(page_of(nights[0])).read_bytes(), made_of)
        return
    lead = f'<p class="quiet">camera {escape(config["camera"])}</p>'
    title = f"CCD reduction {nights[0]} to {nights[-1]}"
    _write_page(FIRST_PAGE, title, lead, _list(nights), made_of)


def write_all(
    config: dict, truth_dir: str | Path | None = None, outdated: Collection[str] = ()
) -> None:
    """Write every page of the report from the products that exist and are not outdated."""
    nights = list(read_nights().rows)
    for name in nights:
        write_night(name, config, truth_dir, outdated)
    write_index(nights, config)
