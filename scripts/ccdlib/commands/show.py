"""``ccdlib show PRODUCT``: a product as a picture, with scale, flags and histogram."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dq
from ..quality import thumbnails
from ..quality.records import FLAG_COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..products.product_files import Product

__all__ = ["add_arguments", "draw", "run"]

_SIDE = 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ccdlib show``."""
    parser.add_argument("products", nargs="+", metavar="PRODUCT", help="masters or frames, FITS")
    parser.add_argument("-o", "--output", help="PNG; default is PRODUCT.png in this folder")
    parser.add_argument("--plane", choices=["data", "uncert"], default="data")
    parser.add_argument(
        "--limits",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="values that are black and white; default zscale",
    )
    parser.add_argument("--no-flags", action="store_true", help="leave flagged pixels as they are")


def run(arguments: argparse.Namespace) -> int:
    """Write a PNG for each product and say where."""
    from ..errors import CcdlibError
    from ..products.product_files import read_product

    if arguments.output and len(arguments.products) > 1:
        raise CcdlibError(f"--output names one file, there are {len(arguments.products)} products")
    for path in arguments.products:
        if not Path(path).is_file():
            raise CcdlibError(f"{path}: no such file")
        product = read_product(path)
        output = arguments.output or f"{product.name}.png"
        figure = draw(product, arguments.plane, arguments.limits, not arguments.no_flags)
        figure.savefig(output, dpi=100, metadata={"Software": None})
        print(output)
    return 0


def _flags_shown(axes, image, side):
    """Colour the flagged pixels and name the colours."""
    small = thumbnails.reduced(image.dq, side, np.bitwise_or.reduce)
    shown = np.zeros((*small.shape, 4))
    for bit, colour in reversed(FLAG_COLOURS.items()):
        hit = small & bit != 0
        shown[hit] = (*np.array(colour) / 255, 1)
        if hit.any():
            name, number = dq.BITS[bit][0], dq.count(image.dq, bit)
            axes.plot([], [], "s", color=np.array(colour) / 255, label=f"{name} {number}")
    ny, nx = image.dq.shape
    axes.imshow(
        shown, origin="lower", extent=(0.5, nx + 0.5, 0.5, ny + 0.5), interpolation="nearest"
    )
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False, fontsize="small"
        )


def _image(axes, histogram, image, plane, limits, flags):
    """One image and its histogram."""
    values = image.data if plane == "data" else np.sqrt(image.variance)
    good = image.dq == 0
    low, high = limits or thumbnails.zscale(values, good)
    ny, nx = values.shape
    shown = axes.imshow(
        thumbnails.reduced(values, _SIDE),
        cmap="gray",
        origin="lower",
        vmin=low,
        vmax=high,
        extent=(0.5, nx + 0.5, 0.5, ny + 0.5),
        interpolation="nearest",
    )
    unit = image.unit or "flat level 1"
    what = "value" if plane == "data" else "one standard deviation"
    axes.figure.colorbar(shown, ax=axes, label=f"{what} [{unit}]", shrink=0.8)
    axes.set(xlabel="column [pixel]", ylabel="row [pixel]")
    if flags:
        _flags_shown(axes, image, _SIDE)
    span = high - low
    histogram.hist(
        values[good], bins=100, range=(low - span / 2, high + span), histtype="stepfilled"
    )
    histogram.set(xlabel=f"{what} of good pixels [{unit}]", ylabel="pixels", yscale="log")


def draw(
    product: "Product",
    plane: str = "data",
    limits: tuple[float, float] | None = None,
    flags: bool = True,
) -> "Figure":
    """A figure of a product: a row for each image.

    Parameters
    ----------
    product : Product
    plane : {'data', 'uncert'}
    limits : (float, float) or None
        None: zscale of the good pixels.
    flags : bool
        Whether flagged pixels are coloured.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.figure import Figure

    rows = len(product.images)
    figure = Figure(figsize=(12, 6.2 * rows), layout="constrained")
    axes = figure.subplots(rows, 2, squeeze=False, width_ratios=[3, 2])
    for (left, right), image in zip(axes, product.images, strict=True):
        _image(left, right, image, plane, limits, flags)
    header: Any = product.header
    facts = [header.get(key) for key in ("IMAGETYP", "OBJECT", "FILTER")]
    words = " ".join(dict.fromkeys(str(fact) for fact in facts if fact))
    axes[0][1].set_title(f"{product.name}\n{words}")
    return figure
