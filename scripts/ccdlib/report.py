"""The night's report: assembled from what the jobs left on disk, whatever of it there is."""

from html import escape
from pathlib import Path

from .files import write_atomically
from .report_graph import calibration_graph
from .report_lights import lights_section
from .report_masters import masters_section
from .report_night import read_night
from .report_page import page
from .report_run import run_section
from .report_trends import detector_section, trends_section
from .report_truth import truth_section
from .report_verdict import verdict

__all__ = ["write_report"]


def _title(night, config):
    """Title of the page, and a line of what it is about."""
    nights = sorted({row["night"] for row in night.index if row.get("night")})
    when = nights[0] if len(nights) == 1 else f"{nights[0]} to {nights[-1]}" if nights else ""
    counts = {}
    for row in night.index:
        kind = row["imagetyp"] if row["status"] == "ok" else "not used"
        counts[kind] = counts.get(kind, 0) + 1
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(counts.items()))
    lead = f"camera {config['camera']}; raw frames: {kinds or 'none'}"
    return f"CCD reduction {when}".strip(), f'<p class="quiet">{escape(lead)}</p>'


def write_report(output, config, truth_dir=None):
    """Write the report of the night in the working directory.

    Parameters
    ----------
    output : path
    config : dict
    truth_dir : path or None
        Of the demo night.
    """
    night = read_night(config["products"]["keep"])
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
        ("Calibrated frames", lights_section(night)),
        ("Graph", calibration_graph(night)),
        ("Masters", masters_section(night)),
        ("Run", run_section(night, config)),
    ]
    title, lead = _title(night, config)
    text = page(title, lead, [(name, body) for name, body in sections if body])
    write_atomically(output, text.encode("utf-8", "surrogateescape"))
