"""Master frames from raw frames: each kind a short recipe over bands of rows.

Each file is opened once, and its rows are read once: as stored, in bands in which the rows of all
frames fit in memory. Overscan, bias, dark and scale are the stack engine's, on the way in. Only
flats are read before, as their levels must be known.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

import numpy as np

from .. import dq
from ..errors import CcdlibError
from ..frame.image import Image, amplifier_map
from ..frame.noise import (
    MARGIN,
    clipped_variance,
    expected_signal,
    master_variance,
    photon_variance,
)
from ..frame.raw_image import open_raw
from ..frame.rows import at, row_blocks, with_margin
from ..frame.steps import dark_charge, dark_variance
from ..limits import allow_open_files, resident_bytes
from ..quality.member_statistics import member_statistics
from ..quality.outliers import member_outliers
from ..statistics.combine import Clip, combine_values, median_variance_ratio
from .bad_pixels import flag_non_linear
from .gain_read_noise import measure_read_noise
from .level_scatter import add_level_scatter

__all__ = ["MasterResult", "make_master"]

# bytes of an output pixel until it is written, and of a pixel of a band for the expected signal
_PIXEL_BYTES, _SIGNAL_BYTES = 56, 64
# bytes of a pixel of a band in each frame: integers and flags; what `RawImage.read` makes
_STORED_BYTES, _READ_BYTES = 6, 20
# MB that a thread of the engine holds at least
_ENGINE_MB = 10
# MB when nobody says how much there is
_MEMORY_MB = 1500
# the frames' scatter over the noise model, both as variances, beyond which one of them is wrong
_DISAGREEMENT = 2.0


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
        Of each frame, see `ccdlib.quality.member_statistics`.
    level_scatter : list of float
        Of a bias, for each amplifier, see `ccdlib.master.level_scatter`.
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
        self.kind, self.raws, self.bias, self.dark = kind, raws, bias, dark
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
        pair = [self.values(number)[0][place] for number in range(min(len(self.raws), 2))]
        if len(pair) == 1:
            return float(np.median(pair[0]))
        gain, read_variance = (at(each, place) for each in (self.gain, self.read_variance))
        current = gain * (clipped_variance(pair[0] - pair[1]) / 2 - read_variance)
        return float(np.median(pair[0]) - max(np.mean(current), 0))

    def band_height(self, memory_mb, threads):
        """How many rows of all frames fit in what is left of the memory; at least one."""
        ny, nx = self.shape
        frame_bytes = _STORED_BYTES if self.raws[0].band(0, 1).values.itemsize == 2 else _READ_BYTES
        fixed = ny * nx * _PIXEL_BYTES + threads * _ENGINE_MB * 10**6
        left = memory_mb * 10**6 - resident_bytes() - fixed
        height = int(left // (nx * (len(self.raws) * frame_bytes + _SIGNAL_BYTES))) - 2 * MARGIN
        return min(max(height, 1), ny)

    def load(self, rows, threads):
        """A `Band` of each frame."""
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(lambda raw: raw.band(rows.start, rows.stop), self.raws))

    def calibration(self, rows):
        """What the engine subtracts from the rows of each frame."""
        return {
            "pedestal": None if self.bias is None else self.bias.data[rows],
            "scaled": None if self.dark is None else (self.dark.data[rows], self.scales),
        }

    def missing(self, rows):
        """Flags of pixels that the bias or the dark has no value for."""
        masters = [master for master in (self.bias, self.dark) if master is not None]
        lost = [(master.dq[rows] & dq.NO_DATA) != 0 for master in masters]
        if not lost:
            return np.zeros((rows.stop - rows.start, self.shape[1]), np.uint16)
        return np.where(np.any(lost, axis=0), np.uint16(dq.NO_CALIBRATION), np.uint16(0))

    def values(self, number, first=0, last=None):
        """Rows of a frame, bias and dark subtracted, and their flags; without any variance."""
        rows = slice(first, self.shape[0] if last is None else last)
        band = self.raws[number].band(rows.start, rows.stop)
        data = band.values.astype(np.float32)
        data -= band.zero[:, None]
        if self.bias is not None:
            data -= self.bias.data[rows]
        if self.dark is not None:
            data -= np.float32(self.scales[number]) * self.dark.data[rows]
        missing = self.missing(rows)
        return data, missing if band.flags is None else missing | band.flags

    def level_variance(self, number, first, last):
        """Variance of a frame's level in some rows, less what is the same in all its pixels."""
        raw = self.raws[number]
        return raw.band(first, last).variance - at(raw.common_variance(), slice(first, last))

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


def _clip(settings):
    if settings["clip"] == "none":
        return Clip("none")
    if settings["clip"] == "minmax":
        return Clip("minmax", nlow=settings["nlow"], nhigh=settings["nhigh"])
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
    level = np.float32(np.mean(levels))
    good = np.isfinite(median)
    light = np.where(good, median * level - at(frames.pedestal, rows), 0)
    # a median of n frames is as noisy as one frame of a detector of as many times the gain
    worth = np.float32(len(levels) / median_variance_ratio(len(levels)))
    gain, read_variance = at(frames.gain, rows), at(frames.read_variance, rows)
    return expected_signal(light, good, gain * worth, read_variance / worth) / level


def _noise_model(frames, levels, signal, bands, rows, inner):
    """Variance of each frame's values in adu, before they are divided by its level."""
    gain, read_variance = at(frames.gain, rows), at(frames.read_variance, rows)
    charge = None if frames.dark is None else frames.charge[rows]

    def variance(number, first, last):
        part = slice(first, last)
        own = at(signal, part) * np.float32(levels[number])
        if charge is not None:
            own = own + charge[part] * np.float32(frames.scales[number])
        known = photon_variance(own, at(gain, part), at(read_variance, part))
        return known + bands[number].variance[inner][part]

    return variance


def _masks(bands):
    """Flagged values of each frame, None without any."""
    if all(band.flags is None for band in bands):
        return None
    none = np.zeros(bands[0].values.shape, bool)
    return [none if band.flags is None else band.flags != 0 for band in bands]


def _combine_band(frames, levels, rows, settings, threads):
    # a few rows more, so that no pixel's neighbours depend on where the bands end
    outer, inner = with_margin(rows, frames.shape[0], MARGIN)
    bands, common = frames.load(outer, threads), {"threads": threads}
    masks, zero = _masks(bands), np.stack([band.zero for band in bands])
    common |= {"scale": 1 / np.asarray(levels, np.float32)}
    signal = np.float32(0)
    # all of a bias is pedestal
    if frames.kind != "bias":
        cube, way = [band.values for band in bands], frames.calibration(outer) | common
        median = combine_values(cube, mask=masks, zero=zero, method="median", **way).data
        signal = at(_agreed_signal(frames, levels, median, outer), inner)
    result = combine_values(
        [band.values[inner] for band in bands],
        mask=masks and [each[inner] for each in masks],
        zero=zero[:, inner],
        variance=_noise_model(frames, levels, signal, bands, rows, inner),
        method=settings["method"],
        clip=_clip(settings),
        **frames.calibration(rows),
        **common,
    )
    flags = [None if band.flags is None else band.flags[inner] for band in bands]
    return result, flags


def _lost_flags(frames, flags, rows, lost):
    """NO_DATA, and why, where no frame has a value."""
    own = np.where(lost, np.uint16(dq.NO_DATA), np.uint16(0))
    if lost.any():
        union = frames.missing(rows)
        for each in flags:
            union = union if each is None else union | each
        own[lost] |= union[lost]
    return own


def _median_level(frames, number, data, bad):
    good = data[~bad] if bad.any() else data.ravel()
    level = float(np.median(good, overwrite_input=True)) if good.size else np.nan
    if not level > 0:
        name = frames.raws[number].name
        raise CcdlibError(f"{name}: the flat's median is {level:g} adu, a flat is positive")
    return level


def _own_level(frames, number, settings):
    """Median of a flat over its own good pixels, and which are not good."""
    data, flags = frames.values(number)
    exposed = flags.size - dq.count(flags, dq.NO_DATA)
    saturated = dq.count(flags, dq.SATURATED) / max(exposed, 1)
    if saturated > settings["max_saturated"]:
        raise CcdlibError(
            f"{frames.raws[number].name}: {saturated:.1%} of the flat's pixels are saturated, "
            f"flat.max_saturated is {settings['max_saturated']:.1%}"
        )
    bad = flags != 0
    return _median_level(frames, number, data, bad), bad


def _flat_levels(frames, settings, threads):
    """What each flat is divided by: its median over the pixels that are good in all of them.

    Over its own good pixels a flat with a saturated corner would have another level than one
    without, for the same light.
    """
    levels, counts, bad = [], [], np.zeros(frames.shape, bool)
    numbers = range(len(frames.raws))
    with ThreadPoolExecutor(threads) as pool:
        for start in numbers[::threads]:
            some = numbers[start : start + threads]
            for level, own in pool.map(lambda n: _own_level(frames, n, settings), some):
                levels.append(level)
                counts.append(np.count_nonzero(own))
                bad |= own
    for number, count in enumerate(counts):
        if count < np.count_nonzero(bad):
            levels[number] = _median_level(frames, number, frames.values(number)[0], bad)
    return levels


def _scatter_ratios(result):
    """Scatter over model, as variances, of each pixel with at least three values."""
    ok = (result.count >= 3) & (result.model_variance > 0)
    freedom = result.count[ok] - np.float32(1)
    # the median of chi-square over its mean
    return result.variance[ok] / result.model_variance[ok] / (1 - 2 / (9 * freedom)) ** 3


def _make_image(frames, levels, settings, memory_mb, threads):
    """Combine one image band by band."""
    data, variance = np.empty(frames.shape, np.float32), np.empty(frames.shape, np.float32)
    flags = np.empty(frames.shape, np.uint16)
    rejected, saturated, ratios = 0, 0, []
    for rows in row_blocks(frames.shape, frames.band_height(memory_mb, threads)):
        result, own = _combine_band(frames, levels, rows, settings, threads)
        quoted, unstable = master_variance(result.model_variance, result.variance, result.count)
        lost = result.count == 0
        data[rows] = np.where(lost, 0, result.data)
        variance[rows] = np.where(lost, 0, quoted + frames.shared_variance(levels, rows))
        flags[rows] = _lost_flags(frames, own, rows, lost)
        flags[rows][unstable] |= dq.UNSTABLE
        rejected += result.rejected
        saturated += np.array([0 if each is None else dq.count(each, dq.SATURATED) for each in own])
        ratios.append(_scatter_ratios(result))
    ratios = np.concatenate(ratios)
    return MasterResult(
        Image(data, variance, flags, "adu"),
        list(levels),
        rejected.tolist(),
        saturated.tolist(),
        float(np.median(ratios, overwrite_input=True)) if ratios.size else np.nan,
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
    from ..camera.sections import parse_section

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


def make_master(
    kind,
    name,
    members,
    settings,
    *,
    overscan,
    bias,
    dark,
    measured,
    memory_mb=_MEMORY_MB,
    threads=1,
):
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
    memory_mb : float
        What the process may use; the result does not depend on it.
    threads : int
        Nor on this.

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
    allow_open_files(len(members))
    with ExitStack() as opened:
        raws = [
            opened.enter_context(
                open_raw(member.path, member.amplifiers, member.name, overscan, spill=True)
            )
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
            scales = [member.facts["dark_scale"] for member in members]
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
        levels = _levels(kind, stacks, settings, threads)
        results = [_make_image(each, levels, settings, memory_mb, threads) for each in stacks]
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


def _levels(kind, stacks, settings, threads):
    """One level for each frame, common to its images."""
    if kind != "flat":
        return [1.0] * len(stacks[0].raws)
    each = [_flat_levels(stack, settings, threads) for stack in stacks]
    return [float(level) for level in np.mean(each, axis=0)]
