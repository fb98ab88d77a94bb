"""Master frames from raw frames: each kind a short recipe over bands of rows."""

from contextlib import ExitStack
from dataclasses import dataclass, field, replace

import numpy as np

from . import dq
from .badpixels import flag_non_linear
from .camera import amplifiers_from_json
from .detector import measure_read_noise
from .errors import CcdlibError
from .images import Image, amplifier_map, open_raw
from .members import member_statistics
from .noise import MARGIN, clipped_variance, expected_signal, master_variance, photon_variance
from .outliers import member_outliers
from .pedestal import add_level_scatter
from .stack import Clip, median_efficiency, stack
from .steps import dark_charge, dark_variance, subtract_bias, subtract_dark

__all__ = ["MasterResult", "Member", "make_master"]

# float32 values of one stack that are held at once; the result does not depend on it
_BAND_VALUES = 24_000_000
# the frames' scatter over the noise model, both as variances, beyond which one of them is wrong
_DISAGREEMENT = 2.0


@dataclass(frozen=True)
class Member:
    """A raw frame of a stack: its path, its name for messages and what the headers say."""

    path: str
    name: str
    facts: dict

    @property
    def amplifiers(self):
        return amplifiers_from_json(self.facts["amplifiers"])


@dataclass
class MasterResult:
    """One image of a master with what the header reports.

    Attributes
    ----------
    image : Image
    levels : list of float
        Of each frame, what it was divided by before it was combined (1 for bias and dark).
    rejected : list of int
        Clipped pixels of each frame.
    saturated : list of int
        Saturated pixels of each frame.
    scatter_ratio : float
        Median over pixels of the frames' variance over the noise model's; about 1.
    overscan : list of list of Level
        Of each frame, of each amplifier.
    pedestals : list of float
        Of each amplifier, what of a dark is not its current; 0 when it was subtracted.
    members : list of dict
        Of each frame, see `ccdlib.members`.
    level_scatter : list of float
        Of a bias, for each amplifier, see `ccdlib.pedestal`.
    """

    image: Image
    levels: list
    rejected: list
    saturated: list
    scatter_ratio: float
    overscan: list = field(default_factory=list)
    pedestals: list = field(default_factory=list)
    members: list = field(default_factory=list)
    level_scatter: list = field(default_factory=list)


class _Stack:
    """The frames of one image of a master, calibrated band by band.

    Parameters
    ----------
    raws : list of RawImage
    bias, dark : Image or None
    dark_header : Header or None
        Primary header of the dark.
    scales : list of float
        Of the dark for each frame.
    shared_bias : bool
        Whether the dark was made with this very bias.
    """

    def __init__(self, kind, raws, bias, dark, dark_header, scales, shared_bias, measured):
        self.raws, self.bias, self.dark = raws, bias, dark
        self.scales, self.shared_bias = scales, shared_bias
        self.shape = raws[0].shape
        if kind == "bias" and measured is None and None in raws[0].given("gain", "read_noise"):
            measured = _own_read_noise(raws)
        self.gain = raws[0].detector("gain", measured)
        # pickup may make one frame noisier than another
        self.read_variance = sum(raw.read_variance(measured) for raw in raws) / len(raws)
        for raw in raws[1:]:
            if raw.shape != self.shape:
                raise CcdlibError(
                    f"{raw.name} has {raw.shape} pixels, {raws[0].name} has {self.shape}"
                )
        self.pedestals = self._pedestals(kind)
        self.pedestal = amplifier_map(raws[0].amplifiers, self.pedestals)
        if dark is not None:
            self.charge = dark_charge(dark, 1.0, raws[0].dark_pedestal(dark_header))

    def _pedestals(self, kind):
        """What of the values is no light: all of a bias, the level of a dark that holds it."""
        amps = self.raws[0].amplifiers
        if kind == "bias":
            return [np.inf] * len(amps)
        if self.bias is not None or self.raws[0].has_level or self.dark is not None:
            return [0.0] * len(amps)
        return [self._dark_level(amp.place.slices) for amp in amps]

    def _dark_level(self, place):
        """Level of a dark less its current, which the noise of a pair of darks gives away."""
        pair = [self.read(number)[0].data[place] for number in range(min(len(self.raws), 2))]
        if len(pair) == 1:
            return float(np.median(pair[0]))
        gain, read_variance = (_at(each, place) for each in (self.gain, self.read_variance))
        current = gain * (clipped_variance(pair[0] - pair[1]) / 2 - read_variance)
        return float(np.median(pair[0]) - max(np.mean(current), 0))

    def bands(self):
        """Row ranges small enough that all frames' rows fit in memory."""
        height = max(_BAND_VALUES // (len(self.raws) * self.shape[1]), 1)
        return [
            (first, min(first + height, self.shape[0])) for first in range(0, self.shape[0], height)
        ]

    def read(self, number, first=0, last=None):
        """Rows of one frame, bias and dark subtracted, and the variance of its overscan."""
        rows = slice(first, last)
        image = self.raws[number].read(first, last)
        overscan = image.variance
        if self.bias is not None:
            image = subtract_bias(image, _rows(self.bias, rows))
        if self.dark is not None:
            image = subtract_dark(image, _rows(self.dark, rows), self.scales[number])
        return image, overscan

    def dark_charge(self, number, rows):
        """What the dark took from a frame and whose photon noise stays."""
        return 0.0 if self.dark is None else self.charge[rows] * np.float32(self.scales[number])

    def shared_variance(self, levels, rows):
        """Variance that all frames have in common, through their bias and dark."""
        inverse = np.mean(1 / np.asarray(levels))
        bias = self.bias.variance[rows] if self.bias is not None else np.float32(0)
        if self.dark is None:
            return bias * inverse**2
        scale = np.mean(np.asarray(self.scales) / np.asarray(levels)) / inverse
        return dark_variance(bias, self.dark.variance[rows], scale, self.shared_bias) * inverse**2


def _own_read_noise(raws):
    """Read noise of biases from their own pairs, in adu, for a camera that has no gain yet."""
    found = []
    for number, amp in enumerate(raws[0].amplifiers):
        pixels = [raw.read().data[amp.place.slices] for raw in raws]
        noise, _ = measure_read_noise(pixels)
        found.append({"hdu": amp.hdu, "number": number, "gain": 1.0, "read_noise": noise})
    return found


def _rows(image, rows):
    return Image(image.data[rows], image.variance[rows], image.dq[rows], image.unit)


def _at(value, rows):
    """Rows of a map, or the number that stands for all."""
    return value[rows] if np.ndim(value) else value


def _clip(settings):
    if settings["clip"] == "none":
        return Clip("none")
    if settings["clip"] == "minmax":
        return Clip("extrema", nlow=settings["nlow"], nhigh=settings["nhigh"])
    return Clip(
        "sigma",
        low=settings["low"],
        high=settings["high"],
        center=settings["center"],
        spread=settings["spread"],
        iterations=settings["iterations"],
    )


def _agreed_signal(frames, levels, median, rows):
    """The signal that all frames agree on, over their level, without a pixel's own noise."""
    if np.isinf(frames.pedestals[0]):
        return np.float32(0)
    level = np.float32(np.mean(levels))
    good = np.isfinite(median)
    light = np.where(good, median * level - _at(frames.pedestal, rows), 0)
    # a median of n frames is as noisy as one frame of a detector of as many times the gain
    worth = np.float32(len(levels) / median_efficiency(len(levels)))
    gain, read_variance = _at(frames.gain, rows), _at(frames.read_variance, rows)
    return expected_signal(light, good, gain * worth, read_variance / worth) / level


def _frame_variances(frames, levels, signal, overscans, rows):
    """Variance of each frame's values in adu, before they are divided by the level."""
    gain, read_variance = _at(frames.gain, rows), _at(frames.read_variance, rows)
    variances = []
    for number, (level, overscan) in enumerate(zip(levels, overscans, strict=True)):
        charge = signal * np.float32(level) + frames.dark_charge(number, rows)
        variances.append(photon_variance(charge, gain, read_variance) + overscan)
    return np.stack(variances)


def _combine_band(frames, levels, rows, settings):
    # a few rows more, so that no pixel's neighbours depend on where the bands end
    outer = slice(max(rows.start - MARGIN, 0), min(rows.stop + MARGIN, frames.shape[0]))
    inner = slice(rows.start - outer.start, rows.stop - outer.start)
    both = [frames.read(number, outer.start, outer.stop) for number in range(len(frames.raws))]
    images = [image for image, _ in both]
    scale = 1 / np.asarray(levels, np.float32)
    # what its bias or dark lacks does not make a raw value worse than those of other frames
    mask = [(image.dq & ~np.uint16(dq.INHERITED)) != 0 for image in images]
    cube = [image.data for image in images]
    median = stack(cube, mask=mask, scale=scale, method="median").data
    signal = _agreed_signal(frames, levels, median, outer)
    overscans = [overscan[inner] for _, overscan in both]
    result = stack(
        [data[inner] for data in cube],
        mask=[each[inner] for each in mask],
        variance=_frame_variances(frames, levels, _at(signal, inner), overscans, rows),
        scale=scale,
        method=settings["method"],
        clip=_clip(settings),
    )
    lost = result.count == 0
    union = np.bitwise_or.reduce([image.dq[inner] for image in images])
    flags = np.where(lost, union | dq.NO_DATA, 0).astype(np.uint16)
    saturated = [dq.count(image.dq[inner], dq.SATURATED) for image in images]
    return result, flags, saturated


def _median_level(frames, number, image, bad):
    good = image.data[~bad]
    level = float(np.median(good)) if good.size else np.nan
    if not level > 0:
        name = frames.raws[number].name
        raise CcdlibError(f"{name}: the flat's median is {level:g} adu, a flat is positive")
    return level


def _flat_levels(frames, settings):
    """What each flat is divided by: its median over the pixels that are good in all of them.

    Over its own good pixels a flat with a saturated corner would have another level than one
    without, for the same light.
    """
    levels, counts, bad = [], [], np.zeros(frames.shape, bool)
    for number, raw in enumerate(frames.raws):
        image, _ = frames.read(number)
        exposed = image.dq.size - dq.count(image.dq, dq.NO_DATA)
        saturated = dq.count(image.dq, dq.SATURATED) / max(exposed, 1)
        if saturated > settings["max_saturated"]:
            raise CcdlibError(
                f"{raw.name}: {saturated:.1%} of the flat's pixels are saturated, "
                f"flat.max_saturated is {settings['max_saturated']:.1%}"
            )
        own = image.dq != 0
        levels.append(_median_level(frames, number, image, own))
        counts.append(np.count_nonzero(own))
        bad |= own
    for number, count in enumerate(counts):
        if count < np.count_nonzero(bad):
            levels[number] = _median_level(frames, number, frames.read(number)[0], bad)
    return levels


def _scatter_ratios(result):
    """Scatter over model, as variances, of each pixel with at least three values."""
    ok = (result.count >= 3) & (result.model_variance > 0)
    freedom = result.count[ok] - np.float32(1)
    # the median of chi-square over its mean
    return result.variance[ok] / result.model_variance[ok] / (1 - 2 / (9 * freedom)) ** 3


def _join(parts):
    return np.concatenate(parts, axis=0)


def _make_image(frames, levels, settings):
    """Combine one image band by band."""
    data, variance, flags, rejected, saturated, ratios = [], [], [], [], [], []
    for first, last in frames.bands():
        rows = slice(first, last)
        result, own, full = _combine_band(frames, levels, rows, settings)
        quoted, unstable = master_variance(result.model_variance, result.variance, result.count)
        own[unstable] |= dq.UNSTABLE
        lost = result.count == 0
        data.append(np.where(lost, 0, result.data).astype(np.float32))
        total = quoted + frames.shared_variance(levels, rows)
        variance.append(np.where(lost, 0, total).astype(np.float32))
        flags.append(own)
        rejected.append(result.rejected)
        saturated.append(full)
        ratios.append(_scatter_ratios(result))
    ratios = _join(ratios)
    return MasterResult(
        Image(_join(data), _join(variance), _join(flags), "adu"),
        list(levels),
        [int(number) for number in np.sum(rejected, axis=0)],
        [int(number) for number in np.sum(saturated, axis=0)],
        float(np.median(ratios)) if ratios.size else np.nan,
    )


def _in_electrons(results, gains):
    """Adu of all amplifiers brought to those of the mean gain, as a light's electrons are."""
    mean = np.float32(np.mean([np.mean(gain) for gain in gains]))
    for result, gain in zip(results, gains, strict=True):
        image, ratio = result.image, gain / mean
        scaled = replace(image, data=image.data * ratio, variance=image.variance * ratio**2)
        yield replace(result, image=scaled)


def _normalise(results, gains, settings):
    """Divide all images by one number, so that amplifiers keep their relative response."""
    from .sections import parse_section

    results = list(_in_electrons(results, gains))
    values = []
    for result in results:
        image = result.image
        good = image.dq == 0
        if settings["normalise"] == "section":
            window = np.zeros_like(good)
            window[parse_section(settings["section"], good.shape).slices] = True
            good &= window
        values.append(image.data[good])
    values = np.concatenate(values)
    norm = np.mean(values) if settings["normalise"] == "mean" else np.median(values)
    if not norm > 0:
        raise CcdlibError(f"the flat cannot be normalised: its level is {norm:g}")
    norm = np.float32(norm)
    for result in results:
        image = result.image
        image = replace(image, data=image.data / norm, variance=image.variance / norm**2, unit="")
        yield replace(result, image=image, levels=[level * float(norm) for level in result.levels])


def _check_noise(kind, name, results, members):
    for number, result in enumerate(results, start=1):
        ratio = result.scatter_ratio
        if np.isfinite(ratio) and not 1 / _DISAGREEMENT <= ratio <= _DISAGREEMENT:
            raise CcdlibError(
                f"{name}, image {number}: its frames scatter with {ratio:.2f} times the variance "
                f"of the noise model; gain or read noise is wrong, or the frames do not belong "
                f"together (allowed {1 / _DISAGREEMENT:g} to {_DISAGREEMENT:g})"
                f"{_odd_ones(kind, result, members)}"
            )


def _odd_ones(kind, result, members):
    """Which frames differ from the others, and in what."""
    frames = [
        {"images": [statistics], "clipped_pixels": clipped}
        for statistics, clipped in zip(result.members, result.rejected, strict=True)
    ]
    named = zip(members, member_outliers(kind, frames), strict=True)
    odd = [f"{member.name}: {', '.join(reasons)}" for member, reasons in named if reasons]
    return f"; {'; '.join(odd)}" if odd else ""


def make_master(kind, name, members, settings, *, overscan, bias, dark, measured):
    """Make a master bias, dark or flat.

    Parameters
    ----------
    kind : {'bias', 'dark', 'flat'}
    name : str
        For messages.
    members : list of Member
    settings : dict
        The `combine` section of the kind; for flats also the config's `flat` section.
    overscan : dict
        The config's overscan.
    bias, dark : Product or None
    measured : list of dict or None
        Amplifiers of a detector file.

    Returns
    -------
    headers : list of Header
        Primary headers of the raw frames.
    image_headers : list of list of Header
        Those of the images, for each raw frame.
    raws : list of RawImage
        Of the first frame, closed.
    results : list of MasterResult
        One for each image.

    Raises
    ------
    CcdlibError
        If frames differ in shape, a flat is saturated or not positive, or the frames'
        scatter contradicts the noise model.
    """
    with ExitStack() as opened:
        raws = [
            opened.enter_context(open_raw(member.path, member.amplifiers, member.name, overscan))
            for member in members
        ]
        headers = [header for header, _ in raws]
        image_headers = [[image.header for image in images] for _, images in raws]
        if bias is not None:
            for raw in (raw for _, images in raws for raw in images):
                raw.use_bias(bias.header)
        shared = bool(bias and dark and dark.header.get("BIASSHA") == bias.sha256)
        scales = [1.0] * len(members)
        if dark is not None:
            scales = [_dark_scale(member, dark) for member in members]
        results = []
        stacks = [
            _Stack(
                kind,
                [images[number] for _, images in raws],
                bias and bias.images[number],
                dark and dark.images[number],
                dark and dark.header,
                scales,
                shared,
                measured,
            )
            for number in range(len(raws[0][1]))
        ]
        levels = _levels(kind, stacks, settings)
        results = [_make_image(each, levels, settings) for each in stacks]
        for result, each in zip(results, stacks, strict=True):
            result.overscan = [raw.levels for raw in each.raws]
            result.pedestals = each.pedestals
            result.members = member_statistics(each, levels)
        if kind == "flat":
            results = [flag_non_linear(*each, levels) for each in zip(results, stacks, strict=True)]
        if kind == "bias":
            results = [add_level_scatter(*each) for each in zip(results, stacks, strict=True)]
        _check_noise(kind, name, results, members)
        if kind == "flat":
            results = list(_normalise(results, [each.gain for each in stacks], settings))
    return headers, image_headers, raws[0][1], results


def _levels(kind, stacks, settings):
    """One level for each frame, common to its images."""
    if kind != "flat":
        return [1.0] * len(stacks[0].raws)
    each = [_flat_levels(stack, settings) for stack in stacks]
    return [float(level) for level in np.mean(each, axis=0)]


def _dark_scale(member, dark):
    exptime = dark.header["EXPTIME"]
    # a dark that holds its pedestal was matched in exposure by the plan and is never scaled
    return member.facts["exptime"] / exptime if dark.header.get("PEDREMOV") else 1.0
