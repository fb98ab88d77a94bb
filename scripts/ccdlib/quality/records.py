"""What the report needs of a product, taken from the arrays while a job has them in hand.

One small JSON file a product, its pictures inside: a changed frame recomputes its own, and the
report only puts them together.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from .. import dq
from ..files import write_atomically
from ..frame.detector_noise import excess_variances, gain_map, usual_variances
from ..frame.image import Image
from ..state import sealed
from ..statistics.robust import median, robust_sigma
from . import thumbnails
from .sky_blocks import sky_blocks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ..frame.calibrate import Calibration
    from ..frame.overscan import Level
    from ..frame.raw_image import RawImage

    class Result(Protocol):
        """What is asked of `ccdlib.master.master_result.MasterResult`, which stands above."""

        image: Image
        rejected: list[int]
        saturated: list[int]
        scatter_ratio: float
        overscan: list[list[Level]]
        members: list[dict]

    class Stack(Protocol):
        """What is asked of `ccdlib.stack.combine.Stack`, which stands above."""

        image: Image
        shared: np.ndarray
        coverage: np.ndarray
        rejected: np.ndarray


__all__ = ["FLAG_COLOURS", "FORMAT", "Before", "frame_record", "master_record"]
__all__ += ["flattened_record", "sky_record", "stack_record", "write_record"]

# of the records; one that an older version of the pipeline left is not read
FORMAT = 3
_SIDE = 256
_BEFORE_SIDE = 192
_PIXELS = 60_000
_BINS = 60
# Okabe and Ito's colours, which the colour-blind tell apart; what is most worth seeing first
FLAG_COLOURS = {
    dq.SATURATED: (230, 159, 0),
    dq.COSMIC_RAY: (213, 94, 0),
    dq.NO_DATA: (204, 121, 167),
    dq.NO_CALIBRATION: (204, 121, 167),
    dq.HOT: (86, 180, 233),
    dq.BAD: (0, 114, 178),
    dq.NONLINEAR: (255, 255, 255),
    dq.UNSTABLE: (0, 158, 115),
    dq.LOW_FLAT: (240, 228, 66),
    dq.INTERPOLATED: (170, 170, 170),
}


def _step(pixels):
    """Of every how manieth row a statistic is taken, so that it costs little and is exact enough.

    It is odd: rows that differ by turns, as some infrared arrays have them, count alike.
    """
    return max(pixels // _PIXELS, 1) | 1


def _thinned(*arrays):
    step = _step(arrays[0].size)
    return [array[::step] for array in arrays]


def _spread(values):
    return robust_sigma(values) if values.size else None


def _histogram(kept, limits):
    """Counts of values from the faintest to twice the range between two limits."""
    low, high = limits
    edges = np.linspace(low - (high - low) / 2, high + (high - low), _BINS + 1)
    counts, _ = np.histogram(kept, edges)
    return {"edges": [float(f"{edge:.7g}") for edge in edges], "counts": counts.tolist()}


def _second_differences(image):
    """d = x[i-1] - 2 x[i] + x[i+1] along columns and its quoted sigma, of a sample of rows.

    Sky, gradients and the wings of stars are gone in it; its variance is v[i-1] + 4 v[i] + v[i+1].
    """
    rows = image.data.shape[0]
    step = _step(image.data.size)
    count = max((rows - 3) // step + 1, 0)
    before, here, after = (slice(shift, shift + (count - 1) * step + 1, step) for shift in range(3))
    good = (image.dq[before] | image.dq[here] | image.dq[after]) == 0
    data, variance = image.data, image.variance
    difference = data[before] - 2 * data[here] + data[after]
    quoted = np.sqrt(variance[before] + 4 * variance[here] + variance[after])
    return difference[good], quoted[good]


def _noise(image):
    """Measured and quoted noise of a pixel, their ratio along columns and that along rows.

    Pixels of a row are read within microseconds and share what is picked up then: there the
    ratio is not 1 where there is pickup, and along the columns it is.
    """
    difference, quoted = _second_differences(image)
    if difference.size < 10 or not (quoted > 0).all():
        return {"noise": None, "quoted": None, "pull": None, "pull_rows": None}
    turned = Image(image.data.T, image.variance.T, image.dq.T, image.unit)
    along_rows, expected = _second_differences(turned)
    root = math.sqrt(6)
    return {
        "noise": _spread(difference) / root,
        "quoted": float(median(quoted)) / root,
        "pull": _spread(difference / quoted),
        "pull_rows": _spread(along_rows / expected) if (expected > 0).all() else None,
    }


def _flag_counts(flags):
    """{name: pixels} of the bits that occur; flagged pixels are few, so only they are looked at."""
    flagged = flags[flags != 0]
    counts = {name: dq.count(flagged, bit) for bit, (name, _) in dq.BITS.items()}
    return {name: number for name, number in counts.items() if number} | {"any": flagged.size}


def _picture(small, limits):
    """The shades of a small picture, and its limits."""
    shown = thumbnails.shades(small, *limits)
    return {"limits": list(limits), "size": list(shown.shape), "picture": thumbnails.pack(shown)}


def _flag_picture(flags):
    """Each pixel of a small picture as the place of its first flag in `FLAG_COLOURS`, from 1."""
    small = thumbnails.reduced(flags, _SIDE, np.bitwise_or.reduce)
    places = np.zeros(small.shape, np.uint8)
    for place, bit in reversed(list(enumerate(FLAG_COLOURS, start=1))):
        places[small & bit != 0] = place
    return thumbnails.pack(places)


class Before:
    """Picture and median of a frame as it was read, before any step.

    Its rows come a few at a time, so that the whole is never in memory.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx).
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._step, self._row = _step(shape[0] * shape[1]), 0
        self._small = thumbnails.Reducing(shape, _BEFORE_SIDE)
        self._good: list[np.ndarray] = []

    def add(self, image: Image) -> None:
        """The next rows."""
        self._small.add(image.data)
        some = slice(-self._row % self._step, None, self._step)
        self._good.append(image.data[some][image.dq[some] == 0])
        self._row += image.shape[0]

    def record(self) -> dict[str, Any]:
        """What the report needs of it."""
        good = np.concatenate(self._good)
        median = float(np.median(good)) if good.size else None
        return _picture(self._small.image(), thumbnails.zscale(good)) | {"median": median}


def _image_record(image):
    """What is common to all products."""
    data, flags = _thinned(image.data, image.dq)
    values = data[flags == 0]
    limits = thumbnails.zscale(values)
    return (
        {
            "shape": list(image.data.shape),
            "unit": image.unit,
            "median": float(np.median(values)) if values.size else None,
            "spread": _spread(values),
            "flags": _flag_counts(image.dq),
            "histogram": _histogram(values, limits),
            "flag_picture": _flag_picture(image.dq),
        }
        | _noise(image)
        | _picture(thumbnails.reduced(image.data, _SIDE), limits)
    )


def frame_record(
    kind: str,
    images: list[Image],
    firsts: list[Before],
    raws: list[RawImage],
    calibration: Calibration,
) -> dict[str, Any]:
    """Record of a calibrated frame.

    Parameters
    ----------
    kind : {'bias', 'dark', 'flat', 'light'}
    images : list of Image
    firsts : list of Before
        One an image.
    raws : list of RawImage
    calibration : Calibration
        What they were calibrated with.

    Returns
    -------
    dict
        read_noise and level_sigma have one value an amplifier: adu, what the usual noise, this
        frame's overscan (None without one) and what was added for it are; sigma of the level.
    """
    from .frame_pairs import pick
    from .stars import find_stars

    records = []
    for number, (image, first, raw) in enumerate(zip(images, firsts, raws, strict=True)):
        gain = gain_map(raw, calibration.measured)
        record = _image_record(image) | {"before": first.record()}
        if kind == "light":
            record["sky"] = sky_blocks(image)
        record["pick"] = pick(image, number, calibration, gain, raw.common_variance())
        if kind == "light" and record["median"] is not None and record["noise"]:
            good = image.dq == 0
            stars = find_stars(image.data, good, record["median"], record["noise"])
            record["stars"] = vars(stars)
        records.append(record)
    overscan = [float(np.mean(level.values)) for raw in raws for level in raw.levels]
    record = {"kind": kind, "overscan": overscan, "images": records}
    return record | _own_noise(raws, calibration.measured)


def _own_noise(raws, measured):
    """What each amplifier's overscan tells of this frame's noise."""
    found = []
    for raw in raws:
        usual, excesses = usual_variances(raw, measured), excess_variances(raw, measured)
        for level, variance, excess in zip(raw.levels, usual, excesses, strict=True):
            own = math.sqrt(level.pixel_variance) if level.pixels else None
            found.append(
                {"usual": math.sqrt(variance), "overscan": own, "added": math.sqrt(excess)}
            )
    return {"read_noise": found, "level_sigma": [sigma for raw in raws for sigma in raw.unseen]}


def master_record(
    kind: str, results: Sequence[Result], members: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Record of a master and of each frame in it.

    Parameters
    ----------
    kind : {'bias', 'dark', 'flat'}
    results : list of MasterResult
    members : list of dict
        file and facts of each raw frame.

    Returns
    -------
    dict
    """
    frames = []
    for number, member in enumerate(members):
        facts = {key: member["facts"].get(key) for key in ("exptime", "temperature")}
        clipped = sum(result.rejected[number] for result in results)
        saturated = sum(result.saturated[number] for result in results)
        overscan = [
            float(np.mean(level.values)) for result in results for level in result.overscan[number]
        ]
        read_noise = [
            math.sqrt(level.pixel_variance) if level.pixels else None
            for result in results
            for level in result.overscan[number]
        ]
        frames.append(
            {"file": member["file"], "clipped_pixels": clipped, "saturated": saturated}
            | {"overscan": overscan, "read_noise": read_noise}
            | {"images": [result.members[number] for result in results]}
            | facts
        )
    ratios = [result.scatter_ratio for result in results]
    images = [_image_record(result.image) for result in results]
    if kind == "flat":
        images = [
            image | {"sky": sky_blocks(result.image)}
            for image, result in zip(images, results, strict=True)
        ]
    return {"kind": kind, "scatter": ratios, "images": images, "frames": frames}


def stack_record(
    stack: Stack,
    frames: list[dict[str, Any]],
    reference: str,
    depth: dict[str, float],
    residuals: dict[str, Any],
) -> dict[str, Any]:
    """Record of a stack and of each light in it.

    Parameters
    ----------
    stack : Stack
    frames : list of dict
        Rows of its table FRAMES.
    reference : str
        The name of its reference.
    depth : dict
        From `ccdlib.stack.depth.depth_of`.
    residuals : dict
        From `ccdlib.stack.residuals.residuals_of`.

    Returns
    -------
    dict
    """
    # as they are found and measured in its lights
    from ..registration.star_list import find_stars

    image = _image_record(stack.image)
    stars = find_stars(stack.image.data, np.sqrt(stack.image.variance), stack.image.dq)
    widths = stars.fwhm[np.isfinite(stars.fwhm)]
    fwhm = float(np.median(widths)) if widths.size else None
    shared = _thinned(stack.shared)[0]
    image["shared"] = float(np.median(shared))
    image["coverage"] = [int(stack.coverage.min()), int(stack.coverage.max())]
    image["rejected"] = int(stack.rejected.sum(dtype=np.int64))
    image["used"] = int(stack.coverage.sum(dtype=np.int64))
    own: dict[str, Any] = {"kind": "stack", "images": [image], "lights": frames}
    own |= {"reference": reference, "depth": depth, "residuals": residuals}
    return own | {"stars": {"count": len(stars), "fwhm": fwhm}}


def sky_record(
    kind: str,
    image: Image,
    lights: list[dict[str, Any]],
    cards: Mapping[str, Any],
) -> dict[str, Any]:
    """Record of an illumination or a fringe frame.

    Parameters
    ----------
    kind : {'illumination', 'fringe'}
    image : Image
    lights : list of dict
        Rows of its table FRAMES.
    cards : dict
        Cards of its header: what was found, and how well.

    Returns
    -------
    dict
    """
    return {"kind": kind, "images": [_image_record(image)], "lights": lights, "found": cards}


def flattened_record(light: Image, image: Image, cards: Mapping[str, Any]) -> dict[str, Any]:
    """Record of a flattened light.

    Parameters
    ----------
    light, image : Image
        Before and after.
    cards : dict
        What the header says of its fringes.

    Returns
    -------
    dict
    """
    sky = {"before": sky_blocks(light), "after": sky_blocks(image)}
    return {"kind": "flattened", "images": [_image_record(image)], "sky": sky, "fringes": cards}


def _plain(value):
    """JSON knows no NaN and no numpy numbers."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.7g}") if math.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value


def write_record(path: str | Path, record: Mapping[str, Any], recipe: str = "") -> None:
    """Write a record as JSON, with the recipe of its product (`ccdlib.products.recipes`)."""
    own = {"format": FORMAT} | ({"recipe": recipe} if recipe else {})
    write_atomically(path, sealed(own | _plain(record), None, path))
