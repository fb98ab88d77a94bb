"""The part of a master that a frame from a window of the chip is calibrated with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, overload

from ..camera.windows import cut_between
from ..frame.image import Image
from .master_cards import window_of_master

if TYPE_CHECKING:
    import numpy as np

    from ..camera.sections import Section
    from .product_files import Product

__all__ = ["cut_out"]


class _CutImage:
    """A section of a `StoredImage`, read by rows."""

    def __init__(self, image: Any, section: Section) -> None:
        self._image, self._section = image, section
        self.shape, self.unit = section.shape, image.unit

    def _in_whole(self, rows):
        """The same rows of the image that it is cut from."""
        top = self._section.y0
        if not isinstance(rows, slice):
            return [top + row for row in rows]
        first, last, _ = rows.indices(self.shape[0])
        return slice(top + first, top + last)

    def rows(self, rows: slice | list[int]) -> Image:
        return _columns(self._image.rows(self._in_whole(rows)), self._section)

    def flags(self, rows: slice | list[int]) -> np.ndarray:
        columns = slice(self._section.x0, self._section.x1)
        return self._image.flags(self._in_whole(rows))[:, columns]


def _columns(image, section):
    columns = slice(section.x0, section.x1)
    return Image(
        image.data[:, columns], image.variance[:, columns], image.dq[:, columns], image.unit
    )


def _cut(image, section):
    if isinstance(image, Image):
        return _columns(image.rows(slice(section.y0, section.y1)), section)
    return _CutImage(image, section)


@overload
def cut_out(product: Product, window: str | None, binning: str | None) -> Product: ...
@overload
def cut_out(product: None, window: str | None, binning: str | None) -> None: ...
def cut_out(product: Product | None, window: str | None, binning: str | None) -> Product | None:
    """A product as it serves a frame from a window: all of it, or the pixels that the frame has.

    Parameters
    ----------
    product : Product or None
    window, binning : str or None
        Of the frame.

    Returns
    -------
    Product or None
        Its `cut` says what was cut out. Its pixels are those of the whole.
    """
    whole = None if product is None else window_of_master(product.header)
    if product is None or window is None or whole in (None, window):
        return product
    section = cut_between(window, whole, binning)
    if section is None or any(
        image.shape[0] < section.y1 or image.shape[1] < section.x1 for image in product.images
    ):
        return product
    images = [_cut(image, section) for image in product.images]
    return replace(product, images=images, cut=section.fits())
