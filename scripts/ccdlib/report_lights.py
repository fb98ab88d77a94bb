"""The report's calibrated frames: one table of all, then each before and after."""

from html import escape

from .report_graph import with_masters
from .report_page import figure, number, section, table
from .report_pictures import picture_of_record, pictures_of

__all__ = ["lights_section"]

_COLUMNS = [
    *("frame", "UT", "object", "filter", "exposure [s]", "sky", "noise", "quoted sigma"),
    *("noise / sigma", "stars", "width [pixel]", "long / wide", "cosmic-ray pixels"),
    *("per s Mpixel", "saturated", "flagged"),
]
_WITH_UNIT = ("sky", "noise", "quoted sigma")


def _cosmic_rate(light):
    if not light.exptime:
        return None
    return light.total("COSMIC_RAY") / light.exptime / (light.pixels / 1e6)


def _share(light):
    share = light.total("any") / light.pixels
    return f"{share:.2%}", share


def _row(light):
    facts, image = light.facts, light.image
    stars = image.get("stars") or {}
    anchor = escape(light.product, quote=True)
    return [
        (f'<a href="#{anchor}">{escape(light.frame)}</a>', light.frame),
        (facts.get("date_obs") or "")[11:19],
        escape(facts.get("object") or ""),
        escape(facts.get("filter") or ""),
        number(light.exptime),
        number(image["median"]),
        number(image["noise"]),
        number(image["quoted"]),
        number(image["pull"], 3),
        str(stars.get("count", "")),
        number(stars.get("fwhm"), 3),
        number(stars.get("elongation"), 3),
        str(light.total("COSMIC_RAY")),
        number(_cosmic_rate(light), 3),
        str(light.total("SATURATED")),
        _share(light),
    ]


def _card(night, light):
    before = []
    for place, image in enumerate(light.record["images"], start=1):
        first = image["before"]
        low, high = first["limits"]
        which = f", image {place}" if len(light.record["images"]) > 1 else ""
        before.append(
            figure(
                picture_of_record(first, f"{light.frame} before{which}"),
                f"before: {number(low)} to {number(high)} adu{which}",
            )
        )
    used = with_masters(night, light.product)
    flags = ", ".join(
        f"{count} {name}" for name, count in light.image["flags"].items() if name != "any"
    )
    odd = f'<p class="bad">{escape("; ".join(light.odd))}</p>' if light.odd else ""
    facts = f'{odd}<p class="quiet">flags: {flags or "none"}</p>'
    if used:
        facts += f'<p class="quiet">with {used}</p>'
    body = "".join(before + pictures_of(light.record, light.frame))
    return (
        f'<details class="card" id="{escape(light.product, quote=True)}" open>'
        f"<summary><b>{escape(light.frame)}</b> {escape(light.facts.get('object') or '')} "
        f"{escape(light.facts.get('filter') or '')} {number(light.exptime)} s</summary>"
        f'<div class="grid-of">{body}<div>{facts}</div></div></details>'
    )


def lights_section(night):
    """The section of the page, empty without calibrated frames.

    Parameters
    ----------
    night : Night

    Returns
    -------
    str
        HTML.
    """
    if not night.lights:
        return ""
    unit = night.lights[0].image["unit"]
    columns = [f"{name} [{unit}]" if name in _WITH_UNIT else name for name in _COLUMNS]
    rows = [_row(light) for light in night.lights]
    marked = {place for place, light in enumerate(night.lights) if light.odd}
    if marked:
        columns.append("what is odd")
        rows = [
            [*row, escape("; ".join(light.odd))]
            for row, light in zip(rows, night.lights, strict=True)
        ]
    body = table(
        columns,
        rows,
        name="calibrated frames",
        filtered=True,
        marked=marked,
        text=(len(_COLUMNS),),
    )
    lead = (
        "Noise is measured from differences of neighbouring pixels; over the sigma that the "
        "product quotes it is 1 where both are right, more where stars crowd the frame."
    )
    toggle = (
        '<p class="on-screen"><label><input type="checkbox" id="flags" checked> '
        "show flags on the pictures</label></p>"
    )
    cards = "".join(_card(night, light) for light in night.lights)
    return section("Calibrated frames", body + toggle + cards, "lights", lead)
