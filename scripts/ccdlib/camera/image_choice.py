"""Which images of a file are frames of the camera, and no previews, masks or tables."""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["frame_images"]

# names of extensions, as programs write them, that hold no image of a detector
_NAMES = frozenset(
    {
        *("THUMB", "THUMBNAIL", "PREVIEW", "QUICKLOOK", "JPEG", "HISTOGRAM"),
        *("MASK", "DQ", "BPM", "ERR", "ERROR", "VAR", "UNCERT", "SIGMA", "WEIGHT", "WCSDVARR"),
    }
)
# an image this many times smaller than the largest is none of the same detector
_SMALLER = 4

# number of an HDU and its header
Image = tuple[int, Mapping[str, Any]]


def frame_images(images: Sequence[Image]) -> tuple[list[Image], list[str]]:
    """The images of a file that are frames, and what is left out.

    Parameters
    ----------
    images : list of (int, mapping)
        Number and header of each HDU that holds an image.

    Returns
    -------
    kept : list of (int, mapping)
        All of them where none looks like a frame.
    left_out : list of str
        What was left out of the others, in words.
    """
    areas = [header["NAXIS1"] * header["NAXIS2"] for _, header in images]
    wide = any(abs(header["BITPIX"]) > 8 for _, header in images)
    kept, left = [], []
    for (number, header), area in zip(images, areas, strict=True):
        name = str(header.get("EXTNAME") or "").strip()
        small = area * _SMALLER < max(areas)
        narrow = wide and header["BITPIX"] == 8
        if not (small or narrow or name.upper() in _NAMES):
            kept.append((number, header))
            continue
        size = f"{header['NAXIS1']} x {header['NAXIS2']}, {abs(header['BITPIX'])} bits"
        called = f" '{name}'" if name else ""
        left.append(
            f"HDU {number}{called} ({size}) left out, which is no image of the camera: "
            "amplifiers.extension names those that are"
        )
    return (kept, left) if kept else (list(images), [])
