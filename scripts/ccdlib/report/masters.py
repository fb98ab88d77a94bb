"""The report's masters: picture, histogram, noise, and the frames in each."""

import math
from html import escape

from .graph import with_masters
from .night import Night
from .page import number, section, table
from .pictures import pictures_of

__all__ = ["masters_section"]


def _value(images, key):
    """A statistic of each image, in one cell."""
    return ", ".join(number(image[key]) for image in images)


def _clipped(frame, master):
    """Clipped pixels and their share."""
    pixels = sum(math.prod(image["shape"]) for image in master.record["images"])
    count = frame["clipped_pixels"]
    return f"{count} ({number(100 * count / pixels, 2)} %)" if count else "0", count


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
            _clipped(frame, master),
            str(frame["saturated"]),
            number(frame["temperature"]),
        ]
        if any(master.odd):
            row.append(escape("; ".join(odd)))
        if master.kind == "dark":
            row.insert(3, _value(images, "signal"))
        rows.append(row)
    columns = [
        "frame",
        "overscan [adu]",
        "level [adu]",
        "noise [adu]",
        "clipped",
        "saturated",
        "temperature [C]",
    ]
    if any(master.odd):
        columns.append("what is odd")
    if master.kind == "dark":
        columns.insert(3, "charge of hot pixels over the others'")
    text = (len(columns) - 1,) if any(master.odd) else ()
    return table(columns, rows, name=f"frames of {master.name}", marked=marked, text=text)


def _common_limits(masters):
    """{kind: (low, high)} that hold the zscale ranges of all masters of a kind."""
    limits: dict[str, tuple[float, float]] = {}
    for master in masters:
        for image in master.record["images"]:
            low, high = image["limits"]
            before = limits.get(master.kind, (low, high))
            limits[master.kind] = min(low, before[0]), max(high, before[1])
    return limits


def _card(night, master, limits):
    images = master.record["images"]
    unit = images[0]["unit"]
    facts = [
        f"median {_value(images, 'median')} {unit}",
        f"quoted sigma {_value(images, 'quoted')} {unit}",
        f"{sum(image['flags'].get('any', 0) for image in images)} flagged pixels",
    ]
    ratios = [ratio for ratio in master.record["scatter"] if ratio is not None]
    if ratios:
        scatter = ", ".join(number(math.sqrt(ratio), 3) for ratio in ratios)
        facts.append(f"its frames scatter {scatter} times as much as the noise model expects")
    made = with_masters(night, master.product)
    note = f", the same for each {master.kind}"
    body = "".join(pictures_of(master.record, master.name, limits[master.kind], note))
    return (
        f'<article id="{escape(master.product, quote=True)}">'
        f"<h3>{master.kind} {escape(master.name)}</h3><p>{'; '.join(facts)}.</p>"
        + (f'<p class="quiet">with {made}</p>' if made else "")
        + f'<div class="beside"><div class="grid-of">{body}</div>{_frames(master)}</div></article>'
    )


def masters_section(night: Night) -> str:
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
    limits = _common_limits(night.masters)
    cards = "".join(_card(night, master, limits) for master in night.masters)
    return section("Masters", cards, "masters", lead)
