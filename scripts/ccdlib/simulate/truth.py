"""A calibrated frame of the demo night against the truth it was simulated from."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import dq

__all__ = ["Comparison", "compare", "summary"]


@dataclass(frozen=True)
class Comparison:
    """A calibrated frame beside its truth.

    Attributes
    ----------
    name, filter : str
    data, truth, pull : ndarray, shape (ny, nx)
        Electrons, electrons and (data - truth) / sigma, which is NaN where it does not count.
    flags : ndarray of uint16
    cosmic_ray, saturated, hot : ndarray of bool
        Where they truly are; saturated includes what bled from there.
    """

    name: str
    filter: str
    data: np.ndarray
    truth: np.ndarray
    pull: np.ndarray
    flags: np.ndarray
    cosmic_ray: np.ndarray
    saturated: np.ndarray
    hot: np.ndarray


def compare(product: str | Path, truth_dir: str | Path) -> Comparison | None:
    """Read a calibrated frame and its truth.

    Parameters
    ----------
    product : path
    truth_dir : path
        Folder that `simulate_demo` wrote.

    Returns
    -------
    Comparison or None
        None if the product has no truth to compare with: not a light, or not in electrons.
    """
    from astropy.io import fits

    from ..products.product_files import read_product

    made = read_product(product)
    image = made.images[0]
    if made.header.get("IMAGETYP") != "light" or image.unit != "electron":
        return None
    with fits.open(Path(truth_dir) / f"{made.name}.fits") as hdus:
        truth = hdus[0].data.astype(np.float32)
        hit, full, bled = (hdus[name].data > 0 for name in ("COSMIC_RAY", "SATURATED", "BLEED"))
    with fits.open(Path(truth_dir) / "detector.fits") as hdus:
        hot = hdus["HOT"].data > 0
    # a saturated or flagged pixel does not claim to measure the light
    counts = (image.dq == 0) & ~hit & ~full & ~bled
    sigma = np.sqrt(np.where(counts, image.variance, 1))
    pull = np.where(counts, (image.data - truth) / sigma, np.nan)
    filter = str(made.header.get("FILTER", ""))
    return Comparison(made.name, filter, image.data, truth, pull, image.dq, hit, full | bled, hot)


def summary(comparison: Comparison) -> dict[str, Any]:
    """Numbers that say how true a frame and its uncertainty are.

    Returns
    -------
    dict
        pixels, mean, error (of the mean), deviation and its error, beyond_5 (number) and
        expected_5 of a normal distribution; (found, there) of cosmic_ray, saturated and hot;
        false_cosmic_rays (pixels).
    """
    pull = comparison.pull[np.isfinite(comparison.pull)].astype(np.float64)
    found = {
        "cosmic_ray": (comparison.cosmic_ray, dq.COSMIC_RAY),
        "saturated": (comparison.saturated, dq.SATURATED | dq.COSMIC_RAY | dq.BAD),
        "hot": (comparison.hot, dq.HOT | dq.BAD | dq.UNSTABLE),
    }
    numbers = {
        kind: (int((comparison.flags[there] & bits != 0).sum()), int(there.sum()))
        for kind, (there, bits) in found.items()
    }
    flagged = comparison.flags & dq.COSMIC_RAY != 0
    return numbers | {
        "pixels": pull.size,
        "mean": float(pull.mean()),
        "error": float(pull.std() / math.sqrt(pull.size)),
        "deviation": float(pull.std()),
        "beyond_5": int((np.abs(pull) > 5).sum()),
        "expected_5": pull.size * math.erfc(5 / math.sqrt(2)),
        "false_cosmic_rays": int((flagged & ~comparison.cosmic_ray & ~comparison.saturated).sum()),
    }
