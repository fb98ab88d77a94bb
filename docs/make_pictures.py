"""Draw README's picture of a frame: `python docs/make_pictures.py WORK`, after the demo in WORK."""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from astropy.io import fits
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

import ccdlib
from ccdlib import dq

OUTPUT = Path(__file__).with_name("frame.png")
FRAME = "M13_V_001.fits"
# flags in the order in which one covers another, with colours that a colour-blind eye tells apart
SHOWN = {"HOT": "#56B4E9", "BAD": "#0072B2", "COSMIC_RAY": "#D55E00", "SATURATED": "#000000"}


def _spread(flagged):
    """Pixels and those around them, so that a single one is seen."""
    wide = np.pad(flagged, 1)
    rows, columns = flagged.shape
    shifts = [(y, x) for y in range(3) for x in range(3)]
    return np.any([wide[y : y + rows, x : x + columns] for y, x in shifts], axis=0)


def _gray(axis, image, title):
    low, high = np.nanpercentile(image, [1, 99.5])
    axis.imshow(image, origin="lower", cmap="gray", vmin=low, vmax=high)
    axis.set_title(title)


def _flags(axis, flags):
    shown = np.zeros(flags.shape, int)
    for number, name in enumerate(SHOWN, 1):
        shown[_spread((flags & getattr(dq, name)) > 0)] = number
    colours = ListedColormap(["#ffffff", *SHOWN.values()])
    axis.imshow(
        shown, origin="lower", cmap=colours, vmin=0, vmax=len(SHOWN), interpolation="nearest"
    )
    axis.set_title("why a pixel is bad (DQ)")
    named = [Patch(color=colour, label=name) for name, colour in SHOWN.items()]
    axis.legend(handles=named, loc="lower right", fontsize=7, framealpha=1)


def draw(work: Path) -> None:
    """Draw the frame before and after, and its flags.

    Parameters
    ----------
    work : path
        A folder in which the demo was reduced.
    """
    ccd = ccdlib.CCDData.read(work / "results/calibrated" / FRAME)
    raw = fits.getdata(work / "demo/raw" / FRAME)
    widths = [image.shape[1] / image.shape[0] for image in (raw, ccd.data, ccd.data)]
    figure, axes = plt.subplots(
        1, 3, figsize=(9, 3.2), layout="constrained", gridspec_kw={"width_ratios": widths}
    )
    _gray(axes[0], raw, "raw")
    _gray(axes[1], ccd.data, "calibrated")
    _flags(axes[2], ccd.dq)
    for axis in axes:
        axis.set_xticks([])
        axis.set_yticks([])
    figure.savefig(OUTPUT, dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
