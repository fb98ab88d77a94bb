"""The report's stacks: picture, depth, and how each light lies in it."""

from html import escape

from .graph import with_masters
from .night import Night, Stacked
from .page import figure, number, section, table
from .pictures import picture_of_record, pictures_of
from .stack_graphs import graphs_of, width_of

__all__ = ["stacks_section"]

_COLUMNS = [
    *("light", "stars", "width [pixel]", "long / wide", "sky", "registered by", "rms [pixel]"),
    *("flux factor", "+-", "weight [%]", "left out"),
]


def _row(light):
    return [
        escape(light["FRAME"]),
        str(light["NFOUND"]),
        number(light["FWHM"], 3),
        number(light["ELONG"], 3),
        number(light["SKY"]),
        str(light["NSTARS"]),
        number(light["RMS"], 2),
        number(light["SCALE"]),
        number(light["SCALERR"], 2),
        number(100 * light["WEIGHT"], 3),
        escape(light["LEFT"]),
    ]


def _facts(record):
    """What is worth knowing of a stack, in a sentence each."""
    image, depth = record["images"][0], record["depth"]
    own = [light for light in record["lights"] if not light["LEFT"]]
    low, high = image["coverage"]
    unit = image["unit"]
    yield f"{len(own)} of {len(record['lights'])} lights, {low} to {high} at a pixel"
    width = width_of(record)
    widths = sorted(light["FWHM"] for light in own if light["FWHM"] is not None)
    if width is not None and widths:
        middle = widths[len(widths) // 2]
        yield (
            f"its stars hold half their light within {number(width, 3)} pixels of the reference, "
            f"those of its lights within {number(middle, 3)} (median)"
        )
    yield (
        f"quoted sigma of a pixel {number(image['quoted'])} {unit}, of which masters bring "
        f"{number(image['shared'])} to all lights alike"
    )
    if depth["stack"] and depth["light"]:
        gain = depth["light"] / depth["stack"]
        yield (
            f"a star's flux in {number(depth['radius'], 2)} pixels has the sigma "
            f"{number(depth['stack'])} {unit} on the sky, that of the reference has "
            f"{number(depth['light'])}: {number(gain, 3)} times better; without the noise that "
            f"they share it would be {number(depth['expected'], 3)} times"
        )
    yield f"{image['rejected']} values were outliers"


def _reference(night, record):
    """The picture of the reference, where it is of the same night."""
    for light in night.lights:
        if light.frame == record["reference"]:
            image = light.image
            low, high = image["limits"]
            caption = f"the reference, {escape(light.frame)}: {number(low)} to {number(high)}"
            shown = picture_of_record(image, f"reference {light.frame}")
            yield figure(shown, f"{caption} {image['unit']}")


def _card(night: Night, stacked: Stacked) -> str:
    record = stacked.record
    marked = {place for place, light in enumerate(record["lights"]) if light["LEFT"]}
    lights = table(
        _COLUMNS,
        [_row(light) for light in record["lights"]],
        name=f"lights of {stacked.name}",
        marked=marked,
        text=(len(_COLUMNS) - 1,),
    )
    made = with_masters(night, stacked.product, but="results/calibrated/")
    body = "".join([*pictures_of(record, stacked.name), *_reference(night, record)])
    graphs = "".join(graphs_of(record))
    return (
        f'<article id="{escape(stacked.product, quote=True)}"><h3>{escape(stacked.name)}</h3>'
        f"<p>{'; '.join(map(escape, _facts(record)))}.</p>"
        + (f'<p class="quiet">with the noise of {made}</p>' if made else "")
        + f'<div class="beside"><div class="grid-of">{body}</div>{lights}</div>'
        f'<div class="grid-of wide">{graphs}</div></article>'
    )


def stacks_section(night: Night) -> str:
    """The section of the page, empty without stacks.

    Parameters
    ----------
    night : Night

    Returns
    -------
    str
        HTML.
    """
    if not night.stacks:
        return ""
    lead = (
        "Lights of one field, brought onto the pixels and the flux of one of them. A light that is "
        "left out is marked."
    )
    cards = "".join(_card(night, each) for each in night.stacks)
    return section("Stacks", cards, "stacks", lead)
