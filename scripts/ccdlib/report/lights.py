"""The report's calibrated frames: one table of all, then each before and after."""

from html import escape

from .graph import with_masters
from .night import Night
from .page import figure, number, section, table
from .pictures import picture_of_record, pictures_of

__all__ = ["lights_section"]

_COLUMNS = [
    *("frame", "UT", "object", "filter", "exposure [s]", "sky", "noise", "quoted sigma"),
    *("noise / sigma", "along rows"),
]
_STAR_COLUMNS = ["stars", "width [pixel]", "long / wide"]
_FLAG_COLUMNS = ["cosmic-ray pixels", "per s Mpixel", "saturated", "flagged"]
# with their pictures a page stays below 20 MB
_MOST_PICTURES = 200
_WITH_UNIT = ("sky", "noise", "quoted sigma")


def _cosmic_rate(light):
    if not light.exptime:
        return None
    return light.total("COSMIC_RAY") / light.exptime / (light.pixels / 1e6)


def _share(light):
    share = light.total("any") / light.pixels
    return f"{share:.2%}", share


def _has_stars(night):
    """Whether stars were looked for in any frame: not in spectra, nor in frames of lamps."""
    return any("stars" in light.image for light in night.lights)


def _row(light, with_stars):
    facts, image = light.facts, light.image
    anchor = escape(light.product, quote=True)
    return [
        (f'<a href="#{anchor}">{escape(light.frame)}</a>', light.frame),
        f"{facts['date_obs']:%H:%M:%S}" if facts.get("date_obs") else "",
        escape(facts.get("object") or ""),
        escape(facts.get("filter") or ""),
        number(light.exptime),
        number(image["median"]),
        number(image["noise"]),
        number(image["quoted"]),
        number(image["pull"], 3),
        number(image["pull_rows"], 3),
        *(_stars(image.get("stars") or {}) if with_stars else ()),
        str(light.total("COSMIC_RAY")),
        number(_cosmic_rate(light), 3),
        str(light.total("SATURATED")),
        _share(light),
    ]


def _stars(stars):
    shape = [number(stars.get(name), 3) for name in ("fwhm", "elongation")]
    return [str(stars.get("count", "")), *shape]


def _own_noise(light):
    """The part of sigma that is this frame's own, in words."""
    for place, amp in enumerate(light.record["read_noise"], start=1):
        if amp["added"]:
            which = f" of amplifier {place}" if len(light.record["read_noise"]) > 1 else ""
            yield (
                f"its overscan{which} scatters by {number(amp['overscan'], 3)} adu, "
                f"{number(amp['usual'], 3)} adu is usual: sigma has the difference added"
            )
    levels = [sigma for sigma in light.record["level_sigma"] if sigma]
    if levels:
        listed = ", ".join(number(sigma, 3) for sigma in levels)
        yield f"the level of the whole frame is known to {listed} adu, which sigma includes"


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
    facts += "".join(f'<p class="quiet">{words}</p>' for words in _own_noise(light))
    if used:
        facts += f'<p class="quiet">with {used}</p>'
    body = "".join(before + pictures_of(light.record, light.frame))
    return (
        f'<details class="card" id="{escape(light.product, quote=True)}" open>'
        f"<summary><b>{escape(light.frame)}</b> {escape(light.facts.get('object') or '')} "
        f"{escape(light.facts.get('filter') or '')} {number(light.exptime)} s</summary>"
        f'<div class="grid-of">{body}<div>{facts}</div></div></details>'
    )


def _shown(lights):
    """The lights with pictures on the page: all, or as many as a browser takes, odd ones first."""
    if len(lights) <= _MOST_PICTURES:
        return lights, ""
    order = sorted(range(len(lights)), key=lambda place: (not lights[place].odd, place))
    chosen = sorted(order[:_MOST_PICTURES])
    words = (
        f"<p>Pictures of {_MOST_PICTURES} of the {len(lights)} frames, those that stand out first; "
        "<code>ccdlib show</code> draws any other.</p>"
    )
    return [lights[place] for place in chosen], words


def lights_section(night: Night) -> str:
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
    with_stars = _has_stars(night)
    columns = [f"{name} [{unit}]" if name in _WITH_UNIT else name for name in _COLUMNS]
    columns += (_STAR_COLUMNS if with_stars else []) + _FLAG_COLUMNS
    text = (len(columns),)
    rows = [_row(light, with_stars) for light in night.lights]
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
        text=text,
    )
    crowd = "stars crowd" if with_stars else "narrow lines cross"
    lead = (
        "Noise is measured from differences of neighbouring pixels of a column; over the sigma "
        f"that the product quotes it is 1 where both are right, more where {crowd} the frame. "
        "Along rows it is not 1 where something is picked up while a row is read."
    )
    toggle = (
        '<p class="on-screen"><label><input type="checkbox" id="flags" checked> '
        "show flags on the pictures</label></p>"
    )
    lights, words = _shown(night.lights)
    cards = "".join(_card(night, light) for light in lights)
    return section("Calibrated frames", body + toggle + words + cards, "lights", lead)
