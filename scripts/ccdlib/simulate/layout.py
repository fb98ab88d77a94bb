"""Simulated raw files of any layout: several amplifiers, extensions, flips, windows, binning.

The light falls on an unbinned detector; each amplifier reads its place of it into its data
section of a raw image, with its own gain, noise, level and overscans:

    raw = round((binned Poisson(light) + Normal(0, read noise)) / gain + level(row, column)) + leaks
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..camera.assembly import on_detector
from ..camera.sections import Section, parse_section

__all__ = ["Layout", "Readout", "assembled", "read_out", "write_layout"]

_ANY = (np.inf, np.inf)
_ADC_MAX = 65535


@dataclass(frozen=True)
class Readout:
    """One amplifier of a raw file.

    Attributes
    ----------
    data : str
        FITS section of its exposed pixels in the raw image.
    place : str
        Its part of the detector in unbinned pixels; a range that runs backwards is read mirrored.
    overscan, parallel : str or None
        FITS sections in the raw image: serial overscan, and rows beyond the data.
    hdu : int
    gain : float
        e/adu.
    read_noise : float
        e.
    level : float
        adu.
    """

    data: str
    place: str
    overscan: str | None = None
    parallel: str | None = None
    hdu: int = 0
    gain: float = 1.5
    read_noise: float = 6.0
    level: float = 1000.0


@dataclass(frozen=True)
class Layout:
    """A camera's raw files.

    Attributes
    ----------
    shape : (int, int)
        Rows and columns of each raw image.
    readouts : tuple of Readout
    binning : (int, int)
        Rows and columns of the detector in a pixel.
    drift : float
        adu by which the level rises from the first to the last row; the serial overscan has it.
    columns : float
        adu by which the level rises from the first to the last column of each amplifier's data;
        the parallel overscan has it.
    trail : float
        Share of the last data column's charge that is left in the columns beside it, falling
        by half from one to the next.
    crosstalk : tuple of tuple of float
        Share of the signal of amplifier i (row) that appears in amplifier j (column).
    """

    shape: tuple
    readouts: tuple
    binning: tuple = (1, 1)
    drift: float = 0.0
    columns: float = 0.0
    trail: float = 0.0
    crosstalk: tuple = ()

    @property
    def places(self) -> list[Section]:
        """Unbinned parts of the detector, `Section`."""
        return [parse_section(each.place, _ANY) for each in self.readouts]

    @property
    def data(self) -> list[Section]:
        return [parse_section(each.data, self.shape) for each in self.readouts]


def _binned(image, binning):
    by, bx = binning
    ny, nx = image.shape
    return image.reshape(ny // by, by, nx // bx, bx).sum(axis=(1, 3))


def _pieces(layout, image):
    """The part of an unbinned detector image that each amplifier reads, as it reads it."""
    y0 = min(place.y0 for place in layout.places)
    x0 = min(place.x0 for place in layout.places)
    for place in layout.places:
        cut = image[place.y0 - y0 : place.y1 - y0, place.x0 - x0 : place.x1 - x0]
        piece = _binned(cut, layout.binning)
        yield piece[:: -1 if place.flip_y else 1, :: -1 if place.flip_x else 1]


def assembled(layout: Layout, image: np.ndarray) -> np.ndarray:
    """An unbinned detector image as a perfect reduction puts it together; NaN in gaps.

    Parameters
    ----------
    layout : Layout
    image : ndarray
        From the first to the last row and column that the amplifiers read.
    """
    spots = on_detector(layout.places, layout.data, layout.binning, "layout")
    ny, nx = max(spot.y1 for spot in spots), max(spot.x1 for spot in spots)
    whole = np.full((ny, nx), np.nan)
    for spot, piece in zip(spots, _pieces(layout, image), strict=True):
        turned = piece[:: -1 if spot.flip_y else 1, :: -1 if spot.flip_x else 1]
        whole[spot.slices] = turned
    return whole


def _level(layout, each, section, data):
    """Level in adu over a section of a raw image."""
    rows = np.arange(section.y0, section.y1)[:, None] / layout.shape[0] * layout.drift
    inside = np.arange(section.x0, section.x1)[None, :] - data.x0
    return each.level + rows + 0 * inside


def _fill(layout, each, charge, image, rng):
    """Write one amplifier into its raw image, float adu, without noise on anything else."""
    data = parse_section(each.data, layout.shape)
    step = np.linspace(0, layout.columns, data.shape[1])[None, :]
    image[data.slices] = charge / each.gain + _level(layout, each, data, data) + step
    if each.parallel:
        strip = parse_section(each.parallel, layout.shape)
        image[strip.slices] = _level(layout, each, strip, data) + step
    if each.overscan:
        strip = parse_section(each.overscan, layout.shape)
        image[strip.slices] = _level(layout, each, strip, data)
    if layout.trail:
        strip = parse_section(each.overscan, layout.shape)
        side = strip.x0 >= data.x1
        last = charge[:, -1 if side else 0] / each.gain * layout.trail
        first = data.x1 if side else data.x0 - 1
        for number in range(7):
            column = first + (number if side else -number)
            image[data.y0 : data.y1, column] = (
                _level(layout, each, data, data)[:, 0] + last / 2**number
            )


def read_out(layout: Layout, light: np.ndarray, rng: np.random.Generator) -> dict[int, np.ndarray]:
    """Read one exposure out.

    Parameters
    ----------
    layout : Layout
    light : ndarray
        Expected electrons in each unbinned pixel, from the first to the last row and column
        that the amplifiers read.
    rng : numpy.random.Generator

    Returns
    -------
    dict
        {HDU number: raw image, uint16}.
    """
    charge = [rng.poisson(piece).astype(float) for piece in _pieces(layout, light)]
    images = {each.hdu: np.full(layout.shape, 300.0) for each in layout.readouts}
    for number, each in enumerate(layout.readouts):
        leaks = 0.0
        for other in range(len(layout.crosstalk)):
            if other != number:
                source = charge[other] / layout.readouts[other].gain
                leaks = leaks + layout.crosstalk[other][number] * source
        _fill(layout, each, charge[number] + leaks * each.gain, images[each.hdu], rng)
    noise = {each.hdu: each.read_noise / each.gain for each in layout.readouts}
    for hdu, image in images.items():
        sigma = np.full(layout.shape, noise[hdu])
        for each in layout.readouts:
            if each.hdu == hdu:
                for text in filter(None, (each.data, each.overscan, each.parallel)):
                    area = parse_section(text, layout.shape).slices
                    sigma[area] = each.read_noise / each.gain
        image += rng.normal(0, sigma)
    return {
        hdu: np.clip(np.rint(image), 0, _ADC_MAX).astype(np.uint16) for hdu, image in images.items()
    }


def write_layout(
    path: str | Path,
    images: Mapping[int, np.ndarray],
    cards: Mapping[str, object],
    extension_cards: Mapping[int, Mapping[str, object]] | None = None,
) -> None:
    """Write raw images as a FITS file.

    Parameters
    ----------
    path : path
    images : dict
        From `read_out`.
    cards : dict
        Cards of the primary header.
    extension_cards : dict or None
        {HDU number: cards} of the extensions.
    """
    from pathlib import Path

    from astropy.io import fits

    hdus = [fits.PrimaryHDU(images.get(0))]
    for number in sorted(set(images) - {0}):
        hdus.append(fits.ImageHDU(images[number]))
        for keyword, value in (extension_cards or {}).get(number, {}).items():
            hdus[-1].header[keyword] = value
    for keyword, value in cards.items():
        hdus[0].header[keyword] = value
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    fits.HDUList(hdus).writeto(path)
