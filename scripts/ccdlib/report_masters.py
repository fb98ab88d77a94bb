"""The report's masters: picture, histogram, noise, and the frames in each."""

from html import escape
from pathlib import Path

from . import dq, svgplot
from .qa import FLAG_COLOURS
from .report_page import figure, picture, section, table

__all__ = ["flag_legend", "masters_section", "number", "pictures_of", "with_masters"]

_URI = "data:image/png;base64,"


def flag_legend(names):
    """The colours of the flags that occur."""
    colours = {dq.BITS[bit][0]: colour for bit, colour in FLAG_COLOURS.items()}
    items = "".join(
        f'<span><i class="swatch" style="background:rgb{colours[name]}"></i>{name}</span>'
        for name in colours
        if name in names
    )
    return f'<p class="legend">{items}</p>' if items else ""


def number(value, digits=4):
    """A number to so many digits, whole ones in full, a dash for none."""
    if value is None:
        return "&ndash;"
    return f"{value:.0f}" if 10**digits <= abs(value) < 1e7 else f"{value:.{digits}g}"


def pictures_of(record, name, unit):
    """Picture with its flags and histogram of each image of a product."""
    parts = []
    for place, image in enumerate(record["images"], start=1):
        low, high = image["limits"]
        which = f", image {place}" if len(record["images"]) > 1 else ""
        caption = f"{number(low)} to {number(high)} {unit}{which}"
        shown = picture(_URI + image["picture"], f"{name}{which}", _URI + image["flag_picture"])
        parts.append(figure(shown + flag_legend(image["flags"]), caption))
        histogram = image["histogram"]
        graph = svgplot.bars(
            histogram["edges"],
            histogram["counts"],
            f"value [{unit or 'level 1'}]",
            "pixels, sampled",
            title=f"histogram of {name}{which}",
        )
        parts.append(figure(graph, "good pixels"))
    return parts


def with_masters(night, product):
    """What a product was calibrated with, in words."""
    return ", ".join(
        f"{kind.replace('_', ' ')} {escape(Path(row['master']).stem)}"
        for kind, row in night.used(product).items()
    )


def _value(images, key):
    """A statistic of each image, in one cell."""
    return ", ".join(number(image[key]) for image in images)


def _frames(master):
    """Table of the raw frames in a master."""
    rows, marked = [], set()
    for place, (frame, odd) in enumerate(zip(master.record["frames"], master.odd, strict=True)):
        if odd:
            marked.add(place)
        images = frame["images"]
        overscan = ", ".join(number(value, 5) for value in frame["overscan"] if value)
        row = [
            escape(frame["file"]),
            overscan or "&ndash;",
            (_value(images, "level"), images[0]["level"]),
            _value(images, "noise"),
            str(frame["clipped_pixels"]),
            str(frame["saturated"]),
            number(frame["temperature"]),
            escape("; ".join(odd)),
        ]
        if master.kind == "dark":
            row.insert(3, _value(images, "signal"))
        rows.append(row)
    columns = [
        "frame",
        "overscan [adu]",
        "level [adu]",
        "noise [adu]",
        "clipped pixels",
        "saturated",
        "temperature [C]",
        "what is odd",
    ]
    if master.kind == "dark":
        columns.insert(3, "charge of hot pixels over the others'")
    return table(
        columns, rows, name=f"frames of {master.name}", marked=marked, text=(len(columns) - 1,)
    )


def _card(night, master):
    images = master.record["images"]
    unit = images[0]["unit"]
    facts = [
        f"median {_value(images, 'median')} {unit}",
        f"quoted sigma {_value(images, 'quoted')} {unit}",
        f"{sum(image['flags'].get('any', 0) for image in images)} flagged pixels",
    ]
    ratios = [ratio for ratio in master.record["scatter"] if ratio is not None]
    if ratios:
        facts.append(
            f"its frames scatter with {', '.join(number(ratio, 3) for ratio in ratios)} times the "
            "variance of the noise model"
        )
    made = with_masters(night, master.product)
    body = "".join(pictures_of(master.record, master.name, unit))
    return (
        f'<article id="{escape(master.product, quote=True)}">'
        f"<h3>{master.kind} {escape(master.name)}</h3><p>{'; '.join(facts)}.</p>"
        + (f'<p class="quiet">with {made}</p>' if made else "")
        + f'<div class="beside"><div class="grid-of">{body}</div>{_frames(master)}</div></article>'
    )


def masters_section(night):
    """The section of the page, empty without masters.

    Parameters
    ----------
    night : Night

    Returns
    -------
    str
        HTML.
    """
    if not night.masters:
        return ""
    lead = (
        "Level, noise and clipped pixels of each frame tell whether it belongs to the others. "
        "Noise is that of single pixels, from differences of neighbours."
    )
    cards = "".join(_card(night, master) for master in night.masters)
    return section("Masters", cards, "masters", lead)
