"""An amplifier's part of an image, and the layout of a frame: its amplifiers under one name."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count, takewhile
from typing import Any

from .sections import Section, parse_section

__all__ = [
    *("Amplifier", "Layout", "amplifiers_from_rows", "amplifiers_to_rows", "hdu_among", "hdu_in"),
    "layout_of",
]

_SECTIONS = ("data", "place", "overscan", "parallel")


@dataclass(frozen=True)
class Amplifier:
    """One amplifier's part of one image.

    Attributes
    ----------
    hdu : int
        Number of the HDU that holds it.
    data : Section
        Its exposed pixels in the raw image.
    place : Section
        Where these lie in the trimmed image; running backwards it is a flip, on top of the
        one of `data`.
    overscan : Section or None
        Its overscan in the raw image.
    gain : float or None
        Electrons per adu; None means that it is measured.
    read_noise : float or None
        Electrons; None means that it is measured.
    saturation, linear_limit : float or None
        Raw adu.
    parallel : Section or None
        Its parallel overscan in the raw image: rows beyond the data, in the data's columns.
    image : int or None
        Which assembled image it is part of; None where each HDU is an image of its own.
    crosstalk : tuple of float
        Fraction of each amplifier's signal, in the order of the image's, that appears in this
        one; empty without crosstalk.
    corner : str
        Where the pixel that was read first lies in the data section.
    linearity : tuple
        ("polynomial", c1, c2 ...) or ("table", (measured, true), ...), see
        `ccdlib.frame.linearity`; empty for none.
    match : bool
        Whether its gain relative to its neighbours is taken from a light's sky at their
        borders when there is no flat.
    bad : tuple of str
        FITS sections of the raw image whose pixels are BAD.
    pedestal : float
        What the camera's program added to its raw values, adu.
    turned : bool
        Whether the raw image is turned upside down when it is read; its sections are those of
        the turned one.
    """

    hdu: int
    data: Section
    place: Section
    overscan: Section | None
    gain: float | None
    read_noise: float | None
    saturation: float | None
    linear_limit: float | None
    parallel: Section | None = None
    image: int | None = None
    crosstalk: tuple = ()
    corner: str = "lower left"
    linearity: tuple = ()
    match: bool = False
    bad: tuple = ()
    pedestal: float = 0.0
    turned: bool = False

    @property
    def flips(self) -> tuple[bool, bool]:
        """Whether rows and columns of the raw image run the other way in the trimmed one."""
        return self.data.flip_y != self.place.flip_y, self.data.flip_x != self.place.flip_x


def amplifiers_to_rows(amps: Iterable[Amplifier]) -> list[dict[str, Any]]:
    """Amplifiers as plain dicts and lists, sections as FITS strings.

    What an amplifier has not, such as an overscan, is left out of its row.
    """
    rows = []
    for amp in amps:
        row = {
            name: _plain(value)
            for name, value in vars(amp).items()
            if value is not None and value is not False and value not in ((), "lower left")
        }
        if not amp.pedestal:
            del row["pedestal"]
        for name in _SECTIONS:
            if name in row:
                row[name] = row[name].fits()
        rows.append(row)
    return rows


def _plain(value):
    """Tuples in tuples as lists in lists."""
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def _tuple(values):
    """Lists in lists as tuples in tuples."""
    return tuple(_tuple(value) if isinstance(value, list) else value for value in values)


def amplifiers_from_rows(rows: Iterable[dict[str, Any]]) -> list[Amplifier]:
    """The amplifiers that `amplifiers_to_rows` wrote down."""
    empty: dict[str, Any] = dict.fromkeys(
        ("overscan", "gain", "read_noise", "saturation", "linear_limit")
    )
    found = []
    for row in rows:
        sections = {
            name: parse_section(row[name], (math.inf, math.inf))
            for name in _SECTIONS
            if name in row
        }
        lists = {name: _tuple(row.get(name, ())) for name in ("crosstalk", "linearity", "bad")}
        found.append(Amplifier(**(empty | row | sections | lists)))
    return found


@dataclass(frozen=True)
class Layout:
    """The amplifiers of a frame; thousands of frames share one.

    Attributes
    ----------
    name : str
        A digest of the amplifiers: two layouts are the same when their names are.
    amplifiers : tuple of Amplifier
    """

    name: str
    amplifiers: tuple[Amplifier, ...] = field(compare=False)

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The amplifiers as plain dicts, see `amplifiers_to_rows`."""
        return amplifiers_to_rows(self.amplifiers)

    @cached_property
    def pixels(self) -> int:
        """Exposed pixels of a raw frame, in all its images."""
        return sum(math.prod(amp.data.shape) for amp in self.amplifiers)

    @cached_property
    def images(self) -> int:
        """How many HDUs hold them."""
        return len({amp.hdu for amp in self.amplifiers})

    @cached_property
    def has_overscan(self) -> bool:
        """Whether every amplifier has an overscan."""
        return all(amp.overscan is not None or amp.parallel is not None for amp in self.amplifiers)

    @cached_property
    def pedestal(self) -> float:
        """What the camera's program added to the raw values, adu."""
        return self.amplifiers[0].pedestal

    @cached_property
    def needs_detector(self) -> bool:
        """Whether a gain or a read noise is to be measured."""
        return any(amp.gain is None or amp.read_noise is None for amp in self.amplifiers)

    @cached_property
    def needs_gain(self) -> bool:
        """Whether a gain is to be measured."""
        return any(amp.gain is None for amp in self.amplifiers)

    @cached_property
    def as_stacked(self) -> "Layout":
        """What the frames of a master have in common.

        A camera's program may estimate the read noise anew for each, and some may be turned. The
        only image of a file lies in another HDU where it is packed in tiles.
        """
        hdus = {amp.hdu for amp in self.amplifiers}
        return layout_of(
            replace(
                amp,
                hdu=amp.hdu if len(hdus) > 1 else 0,
                read_noise=None,
                turned=False,
                bad=(),
            )
            for amp in self.amplifiers
        )


def hdu_among(hdus: Iterable[int], own: int) -> int:
    """The HDU by which something of other frames calls the image that is in HDU `own` of a frame.

    The only image of a file lies in HDU 0, or in another where it is packed in tiles.

    Examples
    --------
    >>> hdu_among([0], 1), hdu_among([1, 2], 2)
    (0, 2)
    """
    found = set(hdus)
    return found.pop() if len(found) == 1 else own


def hdu_in(header: Mapping[str, Any], own: int) -> int:
    """The same for the cards of a master, whose AMPHDUn are the HDUs of its amplifiers."""
    keys = takewhile(header.__contains__, (f"AMPHDU{number}" for number in count(1)))
    return hdu_among((header[key] for key in keys), own)


def layout_of(amps: Iterable[Amplifier]) -> Layout:
    """The `Layout` of amplifiers.

    Examples
    --------
    >>> rows = [{"hdu": 0, "data": "[1:90,1:100]", "place": "[1:90,1:100]", "gain": 2.0}]
    >>> layout_of(amplifiers_from_rows(rows)).name
    '7d4ca04cbf69'
    """
    amps = tuple(amps)
    text = json.dumps(amplifiers_to_rows(amps), sort_keys=True)
    return Layout(hashlib.sha256(text.encode()).hexdigest()[:12], amps)
