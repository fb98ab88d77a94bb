"""What the report needs of a product, taken from the arrays while a job has them in hand.

One small JSON file a product, its pictures inside: a changed frame recomputes its own, and the
report only puts them together.
"""

import json
import math

import numpy as np

from . import dq, pictures
from .files import write_atomically

__all__ = ["FLAG_COLOURS", "before", "frame_record", "master_record", "write_record"]

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


def _thinned(*arrays):
    """Every n-th row of images, so that a statistic costs little and is exact enough."""
    step = max(arrays[0].size // _PIXELS, 1)
    return [array[::step] for array in arrays]


def _spread(values):
    return float(1.4826 * np.median(np.abs(values - np.median(values)))) if values.size else None


def _histogram(values, good):
    """Counts of good pixels from the faintest to twice the zscale range."""
    low, high = pictures.zscale(values, good)
    kept = values[good]
    edges = np.linspace(low - (high - low) / 2, high + (high - low), _BINS + 1)
    counts, _ = np.histogram(kept, edges)
    return {"edges": [float(f"{edge:.7g}") for edge in edges], "counts": counts.tolist()}


def _noise(data, variance, good):
    """Measured and quoted noise of a pixel, and their ratio.

    From second differences along the rows, in which sky, gradients and the wings of stars are
    gone: d = x[i-1] - 2 x[i] + x[i+1] has the variance v[i-1] + 4 v[i] + v[i+1].
    """
    use = good[:, 2:] & good[:, 1:-1] & good[:, :-2]
    difference = (data[:, 2:] - 2 * data[:, 1:-1] + data[:, :-2])[use]
    quoted = np.sqrt(variance[:, 2:] + 4 * variance[:, 1:-1] + variance[:, :-2])[use]
    if difference.size < 10 or not (quoted > 0).all():
        return {"noise": None, "quoted": None, "pull": None}
    root = math.sqrt(6)
    return {
        "noise": _spread(difference) / root,
        "quoted": float(np.median(quoted)) / root,
        "pull": _spread(difference / quoted),
    }


def _flag_counts(flags):
    """{name: pixels} of the bits that occur; flagged pixels are few, so only they are looked at."""
    flagged = flags[flags != 0]
    counts = {name: dq.count(flagged, bit) for bit, (name, _) in dq.BITS.items()}
    return {name: number for name, number in counts.items() if number} | {"any": flagged.size}


def _picture(image, side):
    """The shades of a small picture and its limits, zscale of the good pixels."""
    data, flags = _thinned(image.data, image.dq)
    low, high = pictures.zscale(data, flags == 0)
    shown = pictures.shades(pictures.reduced(image.data, side), low, high)
    return {"limits": [low, high], "size": list(shown.shape), "picture": pictures.pack(shown)}


def _flag_picture(flags):
    """Each pixel of a small picture as the place of its first flag in `FLAG_COLOURS`, from 1."""
    small = pictures.reduced(flags, _SIDE, np.bitwise_or.reduce)
    places = np.zeros(small.shape, np.uint8)
    for place, bit in reversed(list(enumerate(FLAG_COLOURS, start=1))):
        places[small & bit != 0] = place
    return pictures.pack(places)


def before(image):
    """Picture and median of a frame as it was read, before any step.

    Parameters
    ----------
    image : Image
    """
    data, flags = _thinned(image.data, image.dq)
    good = data[flags == 0]
    median = float(np.median(good)) if good.size else None
    return _picture(image, _BEFORE_SIDE) | {"median": median}


def _image_record(image):
    """What is common to all products."""
    data, variance, flags = _thinned(image.data, image.variance, image.dq)
    good = flags == 0
    values = data[good]
    return (
        {
            "shape": list(image.data.shape),
            "unit": image.unit,
            "median": float(np.median(values)) if values.size else None,
            "spread": _spread(values),
            "flags": _flag_counts(image.dq),
            "histogram": _histogram(data, good),
            "flag_picture": _flag_picture(image.dq),
        }
        | _noise(data, variance, good)
        | _picture(image, _SIDE)
    )


def frame_record(kind, images, firsts, raws):
    """Record of a calibrated frame.

    Parameters
    ----------
    kind : {'bias', 'dark', 'flat', 'light'}
    images : list of Image
    firsts : list of dict
        From `before`, one an image.
    raws : list of RawImage

    Returns
    -------
    dict
    """
    from .stars import find_stars

    records = []
    for image, first in zip(images, firsts, strict=True):
        record = _image_record(image) | {"before": first}
        if kind == "light" and record["median"] is not None and record["noise"]:
            good = image.dq == 0
            stars = find_stars(image.data, good, record["median"], record["noise"])
            record["stars"] = vars(stars)
        records.append(record)
    overscan = [float(np.mean(level.values)) for raw in raws for level in raw.levels]
    return {"kind": kind, "overscan": overscan, "images": records}


def master_record(kind, results, members):
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
        frames.append(
            {"file": member["file"], "clipped_pixels": clipped, "saturated": saturated}
            | {"overscan": overscan, "images": [result.members[number] for result in results]}
            | facts
        )
    ratios = [result.scatter_ratio for result in results]
    images = [_image_record(result.image) for result in results]
    return {"kind": kind, "scatter": ratios, "images": images, "frames": frames}


def _plain(value):
    """JSON knows no NaN and no numpy numbers."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.7g}") if math.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value


def write_record(path, record):
    """Write a record as JSON."""
    write_atomically(path, (json.dumps(_plain(record)) + "\n").encode())
