"""The report's skies: how even they are, before and after, and what made them so."""

from collections.abc import Iterator
from html import escape

from ..quality.sky_blocks import difference, shared_structure
from .night import Night, Stacked
from .page import number, section, table
from .pictures import pictures_of

__all__ = ["sky_section", "uneven_skies"]

_COLUMNS = [
    *("filter", "lights", "uneven before [%]", "after [%]", "+- [%]"),
    *("fringes before", "after"),
]
_LIGHTS = ["light", "level of the sky", "pixels with sources [%]", "weight [%]", "left out"]
_FLATS = ["flat of the dome", "flat of the sky", "uneven ratio [%]"]
_FLATS_LEAD = (
    "How uneven the ratio of the flats of the dome and of the sky is: 1.4826 times the median "
    "distance of a block from the median, in 6 x 6 of 8 x 8; flat.from says which is taken."
)
# what is told: so many times its error, and so large
_SIGMA, _LEAST = 3.0, 0.005


def _by_filter(night):
    """{filter: lights}, of those with a record of their sky in one image."""
    found: dict[str, list] = {}
    for light in night.lights:
        if light.record["kind"] == "light" and light.image.get("sky"):
            found.setdefault(light.facts.get("filter") or "", []).append(light)
    return found


def uneven_skies(night: Night) -> Iterator[str]:
    """A line for each filter whose lights share an uneven sky that nothing corrects.

    Parameters
    ----------
    night : Night
    """
    for name, lights in _by_filter(night).items():
        found = shared_structure([light.image["sky"] for light in lights])
        if any(light.frame in night.flattened for light in lights) or found is None:
            continue
        uneven, error = found
        if uneven > max(_SIGMA * error, _LEAST):
            which = f" of filter {name}" if name else ""
            yield (
                f"the skies of the {len(lights)} lights{which} have {100 * uneven:.1f} +- "
                f"{100 * error:.1f} % of unevenness in common, which their flat does not have: "
                "--config sky='{illumination: true}' takes it out"
            )


def _percent(value):
    return number(None if value is None else 100 * value, 2)


def _middle(values):
    known = sorted(value for value in values if value is not None)
    return known[len(known) // 2] if known else None


def _rows(night):
    """A row for each filter of which there are flattened lights."""
    for name, lights in sorted(_by_filter(night).items()):
        records = [night.flattened[each.frame] for each in lights if each.frame in night.flattened]
        if not records:
            continue
        before = shared_structure([each["sky"]["before"] for each in records])
        after = shared_structure([each["sky"]["after"] for each in records])
        waves = [each["fringes"] for each in records]
        yield [
            escape(name),
            str(len(records)),
            _percent(before and before[0]),
            _percent(after and after[0]),
            _percent(after and after[1]),
            number(_middle(each.get("FRINBEF") for each in waves), 3),
            number(_middle(each.get("FRINAFT") for each in waves), 3),
        ]


def _facts(made: Stacked):
    """What is worth knowing of an illumination or a fringe frame, in words."""
    found = made.record["found"]
    own = [light for light in made.record["lights"] if not light["LEFT"]]
    if "SKYPOINT" in found:
        yield f"{len(own)} of {len(made.record['lights'])} lights at {found['SKYPOINT']} pointings"
    else:
        yield " and ".join(escape(each["FRAME"]) for each in own)
    yield f"it corrects {number(100 * found['SKYRMS'], 3)} % rms"
    yield f"with an error of {number(100 * found['SKYERR'], 2)} %"
    if "SKYKERN" in found:
        yield f"smoothed over {number(found['SKYKERN'], 3)} pixels"


def _card(made: Stacked) -> str:
    rows = [
        [
            escape(light["FRAME"]),
            number(light["SKY"]),
            number(100 * light["SOURCES"], 3),
            number(100 * light["WEIGHT"], 3),
            escape(light["LEFT"]),
        ]
        for light in made.record["lights"]
    ]
    marked = {place for place, light in enumerate(made.record["lights"]) if light["LEFT"]}
    kind = made.record["kind"]
    name = f"{kind} {made.name}"
    lights = table(_LIGHTS, rows, name=f"lights of {name}", marked=marked, text=(4,))
    return (
        f'<article id="{escape(made.product, quote=True)}"><h3>{escape(name)}</h3>'
        f"<p>{'; '.join(_facts(made))}.</p>"
        f'<div class="beside"><div class="grid-of">{"".join(pictures_of(made.record, name))}'
        f"</div>{lights}</div></article>"
    )


def _flats(night):
    """A row for each pair of flats of the dome and of the sky."""
    flats = {each.name: each for each in night.masters if each.kind == "flat"}
    for name, dome in flats.items():
        sky = flats.get(f"{name.removesuffix('_dome')}_sky")
        if not name.endswith("_dome") or sky is None:
            continue
        images = dome.record["images"][0], sky.record["images"][0]
        uneven = difference(*(image["sky"] for image in images)) if "sky" in images[0] else None
        yield [escape(name), escape(sky.name), _percent(uneven)]


def sky_section(night: Night) -> str:
    """The section of the page, empty without illuminations, fringe frames and two kinds of flats.

    Parameters
    ----------
    night : Night

    Returns
    -------
    str
        HTML.
    """
    flats = list(_flats(night))
    compared = table(_FLATS, flats, name="flats of the dome and of the sky") if flats else ""
    if not night.skies:
        return section("Sky", compared, "sky", _FLATS_LEAD) if flats else ""
    lead = (
        "What the skies of the lights of a filter have in common is taken out of the flattened "
        "lights. Uneven is 1.4826 times the median distance of a block of the sky from the median, "
        "in 6 x 6 of 8 x 8 blocks; the error is that of the scatter between the lights."
    )
    filters = table(_COLUMNS, list(_rows(night)), name="skies by filter")
    return section("Sky", filters + compared + "".join(map(_card, night.skies)), "sky", lead)
