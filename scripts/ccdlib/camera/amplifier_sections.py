"""Where an amplifier's pixels lie in a raw image: data, overscan, parallel overscan, place."""

import math
import re
from collections.abc import Callable, Mapping

from ..errors import CcdlibError
from .card_values import number_of
from .headers import Headers
from .sections import Section, parse_section

__all__ = ["applies_to", "data_section", "overscan_section", "parallel_section", "place_section"]

# (rows, columns) of the chip in a pixel; asked only where sections need it
Binning = Callable[[], tuple[int, int]]


def applies_to(spec: dict, hdu: int, header: Mapping) -> bool:
    """Whether an amplifier of the camera file belongs to this image.

    Its ``extension`` says so: an HDU number, a name (EXTNAME), or a list of these.
    """
    wanted = spec.get("extension")
    if wanted is None:
        return True
    names = {hdu, str(header.get("EXTNAME", "")).strip()}
    return any(each in names for each in (wanted if isinstance(wanted, list) else [wanted]))


def _text(headers, image, candidate):
    """A section's text and its source; the text is None if the card is missing."""
    if candidate.lstrip().startswith("["):
        return candidate, "camera file"
    value = headers.get(candidate, image)
    return (None if value is None else str(value)), candidate


def _both_ranges(text):
    """``[4096:4109]`` as ``[4096:4109,:]`` and ``[x1,y1:x2,y2]`` as ``[x1:x2,y1:y2]``."""
    inner = text.strip().strip("[]")
    if ":" in inner and "," not in inner:
        return f"[{inner},:]"
    corners = re.fullmatch(r" *(\d+) *, *(\d+) *: *(\d+) *, *(\d+) *", inner)
    return "[{0}:{2},{1}:{3}]".format(*corners.groups()) if corners else text


def _parse(headers, image, candidate, shape, cut=False):
    text, where = _text(headers, image, candidate)
    if text is None:
        return None
    try:
        return parse_section(_both_ranges(text), shape, cut)
    except CcdlibError as error:
        hdu = headers.images[image][0]
        raise CcdlibError(f"{headers.file}, HDU {hdu}, {where}: {error}") from None


def _first(headers, image, candidates, shape, cut=False):
    for candidate in candidates if isinstance(candidates, list) else [candidates or ""]:
        section = _parse(headers, image, candidate, shape, cut) if candidate else None
        if section is not None:
            return section
    return None


def _window(headers, image, spec):
    """First unbinned row and column of the chip that the image holds."""
    section = _first(headers, image, spec.get("window"), (math.inf, math.inf))
    if section is None:
        raise CcdlibError(
            f"{headers.file}: sections count the chip's pixels and no card of "
            f"window={spec.get('window')} says which part of it was read"
        )
    return section.y0, section.x0


def _rebinned(low, high, origin, factor, length):
    """Binned pixels that lie whole in an unbinned range, inside an image of `length`."""
    return (
        max(math.ceil((low - origin) / factor), 0),
        min((high - origin) // factor, length),
    )


def _section(headers, image, spec, candidates, binning, may_be_empty=True):
    """The first section that is there, in pixels of the image; None without one.

    In chip coordinates, pixels outside the part that was read are cut off: an overscan of which
    nothing is left was not read.
    """
    shape = headers.images[image][2]
    counts = spec.get("coordinates", "image")
    if counts == "image":
        return _first(headers, image, candidates, shape)
    by, bx = binning()
    if counts == "unbinned":
        # rows and columns that fill no binned pixel are not in the image
        origin, limits = (0, 0), (shape[0] * by + by - 1, shape[1] * bx + bx - 1)
    else:
        origin, limits = _window(headers, image, spec), (math.inf, math.inf)
    section = _first(headers, image, candidates, limits, counts == "chip")
    if section is None:
        return None
    y0, y1 = _rebinned(section.y0, section.y1, origin[0], by, shape[0])
    x0, x1 = _rebinned(section.x0, section.x1, origin[1], bx, shape[1])
    if y0 >= y1 or x0 >= x1:
        if may_be_empty and counts == "chip":
            return None
        raise CcdlibError(
            f"{headers.file}: section {section.fits()} has no pixel in the image of "
            f"{shape[1]} x {shape[0]} that starts at ({origin[1] + 1}, {origin[0] + 1})"
        )
    return Section(y0, y1, x0, x1, section.flip_y, section.flip_x)


def data_section(headers: Headers, image: int, spec: dict, binning: Binning) -> Section:
    """Exposed pixels of an amplifier; the whole image if the camera file names none.

    Parameters
    ----------
    headers : Headers
    image : int
        Index into `headers.images`.
    spec : dict
        The amplifier in the camera file.
    binning : callable
        Returns (rows, columns) of the chip in a pixel; asked only where sections need it.
    """
    shape, how = headers.images[image][2], spec.get("data")
    if isinstance(how, dict):
        return _within_margins(headers, image, how["margins"])
    found = _section(headers, image, spec, how, binning, may_be_empty=False)
    return found or Section(0, shape[0], 0, shape[1])


def _within_margins(headers, image, cards):
    """The image without as many columns before and after, and rows below and above, as cards say.

    A card that is not there says none.
    """
    found = [headers.card(name, image) for name in cards]
    left, right, below, above = (
        int(max(number_of(headers, card) or 0, 0)) if card else 0 for card in found
    )
    hdu, _, (height, width) = headers.images[image]
    if left + right >= width or below + above >= height:
        shown = ", ".join(f"{card.name}={card.value!r}" for card in found if card)
        raise CcdlibError(
            f"{headers.file}, HDU {hdu}: {shown} leave nothing of the image of {width} x {height}"
        )
    return Section(below, height - above, left, width - right)


def _without_first(section, data, skip):
    """A section less the `skip` columns nearest the data, which can hold its charge."""
    if section.x0 >= data.x1:
        x0, x1 = section.x0 + skip, section.x1
    else:
        x0, x1 = section.x0, section.x1 - skip
    return Section(section.y0, section.y1, x0, x1) if x0 < x1 else None


def overscan_section(
    headers: Headers, image: int, spec: dict, number: int, data: list[Section], binning: Binning
) -> Section | None:
    """Serial overscan of an amplifier, None without one.

    Parameters
    ----------
    number : int
        Index of the amplifier in `data`.
    data : list of Section
        Exposed pixels of all amplifiers of the image.

    See `data_section` for the others.
    """
    how, own = spec.get("overscan"), data[number]
    height, width = headers.images[image][2]
    if how is None:
        return None
    # the parallel overscan's rows need their own serial level
    y0, y1 = (own.y0, own.y1) if spec.get("parallel") is None else (0, height)
    if not isinstance(how, dict):
        return _section(headers, image, spec, how, binning)
    skip = how.get("skip", 0)
    if "section" in how:
        section = _section(headers, image, spec, how["section"], binning)
    elif how.get("after") == "all":
        # the same number of columns for each amplifier, in the camera file's order
        start = max(each.x1 for each in data)
        share = (width - start) // len(data)
        section = Section(y0, y1, start + number * share, start + (number + 1) * share)
    elif "before" in how:
        edge = max([each.x1 for each in data if each.x1 <= own.x0], default=0)
        section = Section(y0, y1, edge, own.x0)
    else:
        edge = min([each.x0 for each in data if each.x0 >= own.x1], default=width)
        section = Section(y0, y1, own.x1, edge)
    if section is not None and "columns" in how:
        # the skipped columns count among them
        nearest = section.x0 if section.x0 >= own.x1 else section.x1 - how["columns"]
        section = Section(section.y0, section.y1, nearest, nearest + how["columns"])
    return None if section is None else _without_first(section, own, skip)


def parallel_section(
    headers: Headers, image: int, spec: dict, data: Section, binning: Binning
) -> Section | None:
    """Parallel overscan of an amplifier: rows beyond its data, in the data's columns."""
    how, height = spec.get("parallel"), headers.images[image][2][0]
    if how is None:
        return None
    if not isinstance(how, dict):
        return _section(headers, image, spec, how, binning)
    skip = how.get("skip", 0)
    y0, y1 = (data.y1 + skip, height) if "above" in how else (0, data.y0 - skip)
    return Section(y0, y1, data.x0, data.x1) if y0 < y1 else None


def place_section(headers: Headers, image: int, spec: dict) -> Section | None:
    """Where an amplifier's pixels lie on the detector, in unbinned pixels; None if not given."""
    return _first(headers, image, spec.get("place"), (math.inf, math.inf))
