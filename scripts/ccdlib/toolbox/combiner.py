"""Combining CCDData and files, under the names of ccdproc, by `ccdlib.statistics.combine`."""

import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from astropy import units as u
from astropy.nddata import CCDData as AnyCCDData
from astropy.nddata import StdDevUncertainty
from astropy.wcs import WCS
from numpy.typing import ArrayLike, DTypeLike

from .. import dq
from ..errors import CcdlibError
from ..frame.noise import DIGITISATION, master_variance
from ..statistics.clip import Clip
from ..statistics.combine import combine_values, rejections
from . import as_ccdproc
from .ccddata import CCDData
from .conversion import WrongType, require_numpy, variance_of, warn
from .cut_headers import agreeing, remove_cards_of
from .framebands import MemoryFrame, open_frames
from .metadata import conf

__all__ = ["Combiner", "combine"]

_CENTERS = {"mean": "mean", "nanmean": "mean", "average": "mean"}
_CENTERS |= {"median": "median", "nanmedian": "median"}
# pixels of which the uncertainty is chosen at a time
_BAND = 1 << 16
# in the words that users of ccdproc know, as all messages here
_WRONG_WEIGHTS = (
    "1D weights expected when shapes of the data and weights differ",
    "Length of weights not compatible with specified axis",
)
_WRONG_SCALING = "scaling must be a function or an array the same length as the number of images"
_SPREADS = {"std": "std", "nanstd": "std", "mad_std": "mad", "sigma_func": "mad"}


def _known(function, names):
    """The engine's name of a function that is given by name or as a callable; or None."""
    return names.get(function if isinstance(function, str) else getattr(function, "__name__", ""))


def _threads():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


class Combiner:
    """Images of one shape and unit, to be clipped, scaled and combined.

    Clipping acts on scaled values; masked and non-finite values neither count nor take part in
    any statistics. Rules given by several calls are applied in turn.

    Parameters
    ----------
    ccd_iter : iterable of CCDData
    dtype : dtype or None
        Type of the result, in which values are clipped and combined, too; None is float64.
        float32 takes half the memory and time. Of whole numbers, results are rounded to them.

    Raises
    ------
    WrongType
        If an image is not a CCDData, shapes or units differ, or `dtype` holds no numbers.

    Notes
    -----
    Source: `ccdlib.statistics.combine` has the formulae.

    Examples
    --------
    >>> import numpy as np
    >>> from ccdlib import CCDData, Combiner
    >>> frames = [CCDData(np.full((2, 2), value), unit="adu") for value in (9.0, 10.0, 11.0, 500)]
    >>> combiner = Combiner(frames)
    >>> combiner.sigma_clipping(low_thresh=5, high_thresh=5)
    >>> combiner.average_combine().data.tolist()
    [[10.0, 10.0], [10.0, 10.0]]
    """

    def __init__(
        self, ccd_iter: Iterable[AnyCCDData] | None, dtype: DTypeLike | None = None
    ) -> None:
        if ccd_iter is None:
            raise WrongType("ccd_iter should be a list or a generator of CCDData objects, not None")
        self.ccd_list = list(ccd_iter)
        for number, ccd in enumerate(self.ccd_list):
            if not isinstance(ccd, AnyCCDData):
                raise WrongType(
                    f"ccd_list should only contain CCDData objects: image {number} is a "
                    f"{type(ccd).__name__}"
                )
            require_numpy(f"image {number}", ccd.data)
        if not self.ccd_list:
            raise CcdlibError("there is no image to combine")
        first = self.ccd_list[0]
        for number, ccd in enumerate(self.ccd_list):
            if (ccd.shape, ccd.unit) != (first.shape, first.unit):
                alike = (
                    "are not the same size"
                    if ccd.shape != first.shape
                    else "don't have the same unit"
                )
                raise WrongType(
                    f"CCDData objects {alike}: image {number} has {ccd.shape} pixels in "
                    f"{ccd.unit}, the first has {first.shape} in {first.unit}"
                )
        self.unit, self._shape = first.unit, first.shape
        self._dtype = np.dtype(dtype or np.float64)
        if self._dtype.kind not in "fiu":
            raise WrongType(f"dtype is {self._dtype}, not a type of numbers")
        # the engine knows two precisions
        narrow = self._dtype.kind == "f" and self._dtype.itemsize <= 4
        self._kind = np.dtype(np.float32 if narrow else np.float64)
        self._theirs = conf.as_ccdproc
        self._rules: list[Clip] = []
        # once somebody has looked at it: the images, masks of images and by hand, all masks
        self._cube: np.ma.MaskedArray | None = None
        self._own: Any = None
        self._seen: Any = None
        self.weights = self.scaling = None

    @property
    def dtype(self) -> np.dtype:
        """Type of the result."""
        return self._dtype

    @property
    def weights(self) -> np.ndarray | None:
        """Weights: None, n numbers, or an array of the shape of `data_arr`."""
        return self._weights

    @weights.setter
    def weights(self, value: np.ndarray | None) -> None:
        if value is not None:
            if not isinstance(value, np.ndarray):
                raise WrongType(f"weights must be a numpy.ndarray, not a {type(value).__name__}")
            if value.shape not in ((len(self.ccd_list),), (len(self.ccd_list), *self._shape)):
                raise CcdlibError(
                    f"{_WRONG_WEIGHTS[value.ndim == 1]}: {value.shape}, neither "
                    f"{(len(self.ccd_list),)} nor {(len(self.ccd_list), *self._shape)}"
                )
        self._weights = value

    @property
    def scaling(self) -> np.ndarray | None:
        """The factor of each image, an array that broadcasts over `data_arr`, or None."""
        if self._scaling is None:
            return None
        return self._scaling.reshape(-1, *[1] * len(self._shape))

    @scaling.setter
    def scaling(self, value: Callable | ArrayLike | None) -> None:
        if callable(value):
            value = [value(self._frame(number)) for number in range(len(self.ccd_list))]
        self._scaling = None if value is None else self._numbers(value)

    def _numbers(self, value):
        if np.ndim(value) == 0:
            raise WrongType(f"{_WRONG_SCALING}: {value!r}")
        numbers = np.asarray(value, float).reshape(-1)
        if len(numbers) != len(self.ccd_list):
            raise CcdlibError(
                f"{_WRONG_SCALING}: {len(numbers)} numbers for {len(self.ccd_list)} images"
            )
        return numbers

    def _frame(self, number):
        """An image as a masked array."""
        if self._cube is not None:
            return self._cube[number]
        ccd = self.ccd_list[number]
        mask = np.zeros(ccd.shape, bool) if ccd.mask is None else np.array(ccd.mask, bool)
        return np.ma.masked_array(np.asarray(ccd.data, self._kind), mask)

    @property
    def data_arr(self) -> np.ma.MaskedArray:
        """The images before scaling as a masked array (n, ...); clipped values are masked.

        Values and mask can be changed, or an array of this shape assigned: what follows takes
        them as they are. Clipping that was undone by hand is forgotten as a whole; what it had
        masked otherwise stays masked.
        """
        if self._cube is None:
            frames = [self._frame(number) for number in range(len(self.ccd_list))]
            self._cube = np.ma.masked_array(
                np.array([frame.data for frame in frames]), np.array([each.mask for each in frames])
            )
            self._own, self._seen = (self._cube.mask.copy() for _ in range(2))
            self._mask_clipped()
        return self._cube

    @data_arr.setter
    def data_arr(self, value: np.ndarray) -> None:
        shape = (len(self.ccd_list), *self._shape)
        if np.shape(value) != shape:
            raise CcdlibError(f"data_arr has shape {np.shape(value)}, the images are {shape}")
        mask = np.ma.getmaskarray(value).copy()
        self._cube = np.ma.masked_array(np.array(np.ma.getdata(value), self._kind), mask)
        self._own, self._seen, self._rules = mask.copy(), mask.copy(), []

    @property
    def mask(self) -> np.ndarray:
        """Values that are left out, bool (n, ...): the mask of `data_arr`."""
        return np.ma.getmaskarray(self.data_arr)

    def _take_up_mask(self):
        """Take masks set or cleared by hand since the last look for those of the images."""
        if self._cube is None:
            return
        mask = np.ma.getmaskarray(self._cube)
        if (self._seen & ~mask).any():
            self._own, self._rules = mask.copy(), []
        else:
            self._own |= mask & ~self._seen
        self._seen = mask.copy()

    def _mask_clipped(self):
        """Show what the rules reject in the mask of `data_arr`, where somebody has it."""
        if self._cube is None:
            return
        self._take_up_mask()
        self._cube.mask = self._own | self._rejections() if self._rules else self._own
        self._seen = self._cube.mask.copy()

    def _planes(self):
        """Images and masks as the engine takes them, planes of two axes; masks may be None."""
        self._take_up_mask()
        if self._cube is not None:
            return [_plane(plane) for plane in self._cube.data], [
                _plane(each) for each in self._own
            ]
        images, masks = [_plane(ccd.data) for ccd in self.ccd_list], None
        if any(ccd.mask is not None for ccd in self.ccd_list):
            masks = [
                _plane(np.zeros(self._shape, bool) if ccd.mask is None else _mask_of(ccd))
                for ccd in self.ccd_list
            ]
        return images, masks

    def _inputs(self, scale_to=None):
        """The engine's arguments, with images as planes of two axes."""
        scale = self._scaling
        if scale_to is not None:
            n = len(self.ccd_list)
            scale = np.full(n, scale_to) if np.ndim(scale_to) == 0 else self._numbers(scale_to)
        images, masks = self._planes()
        inputs = {"cube": images, "scale": scale, "dtype": self._kind}
        if masks is not None:
            inputs["mask"] = masks
        if all(ccd.uncertainty is not None for ccd in self.ccd_list):
            inputs["variance"] = _variances(self.ccd_list, self._kind)
        inputs["step"] = 1.0 if self._whole() or self.unit == u.adu else 0.0
        return inputs | {"threads": _threads()}

    def _rejections(self):
        flags = rejections(**self._inputs(), clip=tuple(self._rules))
        return flags.reshape(len(self.ccd_list), *self._shape)

    def clip(self, method: str | Clip = "none", **rule: Any) -> None:
        """Add any rule of the engine; IRAF's ccdclip, avsigclip and nkeep too.

        Parameters
        ----------
        method : str or Clip
        **rule
            See `ccdlib.Clip`.

        Raises
        ------
        CcdlibError
            If the rule is none.

        Examples
        --------
        >>> from ccdlib import CCDData, Combiner
        >>> values = (10.0, 11.0, 12.0, 60.0)
        >>> combiner = Combiner([CCDData([[value]], unit="adu") for value in values])
        >>> combiner.clip("sigma", low=5, high=5)
        >>> combiner.average_combine().data.tolist()
        [[11.0]]
        """
        new = method if isinstance(method, Clip) else Clip(method, **rule)
        self._take_up_mask()
        self._rules.append(new)
        self._mask_clipped()

    def clip_extrema(self, nlow: float = 0, nhigh: float = 0) -> None:
        """Leave out the `nlow` lowest and `nhigh` highest values of each pixel.

        Parameters
        ----------
        nlow, nhigh : float
            How many values; below 1 a fraction of those that are there, as in IRAF.

        Examples
        --------
        >>> from ccdlib import CCDData, Combiner
        >>> values = (1.0, 10.0, 12.0, 60.0)
        >>> combiner = Combiner([CCDData([[value]], unit="adu") for value in values])
        >>> combiner.clip_extrema(nlow=1, nhigh=1)
        >>> combiner.average_combine().data.tolist()
        [[11.0]]
        """
        if self._theirs:
            values = self.data_arr.data
            self.data_arr.mask |= as_ccdproc.clipped_extrema(
                values, int(nlow or 0), int(nhigh or 0)
            )
        else:
            self.clip("minmax", nlow=nlow or 0, nhigh=nhigh or 0)

    def minmax_clipping(self, min_clip: float | None = None, max_clip: float | None = None) -> None:
        """Leave out values below `min_clip` or above `max_clip`.

        Parameters
        ----------
        min_clip, max_clip : float or None
            In the unit of the images; None: no limit on that side.

        Examples
        --------
        >>> from ccdlib import CCDData, Combiner
        >>> values = (1.0, 10.0, 12.0, 60.0)
        >>> combiner = Combiner([CCDData([[value]], unit="adu") for value in values])
        >>> combiner.minmax_clipping(min_clip=5, max_clip=50)
        >>> combiner.average_combine().data.tolist()
        [[11.0]]
        """
        if self._theirs:
            values = self.data_arr
            low = False if min_clip is None else (values < min_clip).filled(False)
            high = False if max_clip is None else (values > max_clip).filled(False)
            values.mask |= low | high
        else:
            self.clip("limits", low=min_clip, high=max_clip)

    def sigma_clipping(
        self,
        low_thresh: float | None = 3,
        high_thresh: float | None = 3,
        func: str | Callable | None = None,
        dev_func: str | Callable | None = None,
        **kwd: Any,
    ) -> None:
        """Leave out values too many deviations from the center of their pixel.

        ::

            value < center - low_thresh * deviation  or  value > center + high_thresh * deviation

        Parameters
        ----------
        low_thresh, high_thresh : float or None
            None: nothing is clipped on that side. Their signs do not matter.
        func, dev_func : str, callable or None
            'mean' or 'median'; 'std', 'mad_std' or 'noise' (the images' own uncertainties). None
            are 'median' and 'mad_std'; as ccdproc (see `ccdlib.conf`) 'mean' and 'std'.
            Others are called with a masked array and ``axis=0``; the uncertainty of the result
            is then not corrected for the clipped values.
        **kwd
            ``maxiters``, int or None: 1 by default; None: until nothing changes.
            ``nkeep``, int: never leave fewer values.

        Notes
        -----
        With mean and std no value can be further than sqrt(n - 1) deviations out: a threshold
        of 3 rejects nothing for n <= 10.

        Examples
        --------
        >>> from ccdlib import CCDData, Combiner
        >>> values = (10.0, 11.0, 12.0, 60.0)
        >>> combiner = Combiner([CCDData([[value]], unit="adu") for value in values])
        >>> combiner.sigma_clipping(low_thresh=5, high_thresh=5)
        >>> combiner.average_combine().data.tolist()
        [[11.0]]
        """
        iterations, nkeep = kwd.pop("maxiters", 1), kwd.pop("nkeep", 0)
        for accepted in ("axis", "copy", "use_astropy"):
            kwd.pop(accepted, None)
        if kwd:
            raise WrongType(f"sigma_clipping knows no argument {', '.join(kwd)}")
        if self._theirs:
            thresholds = low_thresh, high_thresh, func, dev_func
            values = self.data_arr.data
            self.data_arr.mask |= as_ccdproc.clipped_by_sigma(values, *thresholds, iterations)
            return
        func = "median" if func is None else func
        dev_func = "mad_std" if dev_func is None else dev_func
        center, spread = _known(func, _CENTERS), _known(dev_func, _SPREADS | {"noise": "noise"})
        low_thresh, high_thresh = (
            each if each is None else abs(each) for each in (low_thresh, high_thresh)
        )
        limits = {"low": low_thresh, "high": high_thresh}
        if center and spread:
            rule = {"center": center, "spread": spread, "iterations": iterations, "nkeep": nkeep}
            self.clip("sigma", **limits, **rule)
        elif callable(func) and callable(dev_func):
            if nkeep:
                raise CcdlibError(f"nkeep is {nkeep}, which functions of one's own cannot have")
            self._clip_by_functions(low_thresh, high_thresh, func, dev_func, iterations)
        else:
            raise CcdlibError(
                f"func is {func!r} and dev_func {dev_func!r}: at least one is unknown"
            )

    def _clip_by_functions(self, low, high, func, dev_func, iterations):
        data = self._scaled()
        while iterations is None or iterations > 0:
            center, spread = func(data, axis=0), dev_func(data, axis=0)
            low_limit = -np.inf if low is None else center - low * spread
            high_limit = np.inf if high is None else center + high * spread
            out = np.ma.filled((data < low_limit) | (data > high_limit), False)
            if not out.any():
                break
            data.mask = np.ma.getmaskarray(data) | out
            iterations = None if iterations is None else iterations - 1
        self._own |= np.ma.getmaskarray(data)
        self._mask_clipped()

    def _scaled(self, scale_to=None):
        """A copy of `data_arr` times its scaling, with values that are not finite masked."""
        scale = scale_to if scale_to is not None else self.scaling
        if scale is not None and np.ndim(scale) == 1:
            scale = np.reshape(scale, (-1, *[1] * len(self._shape)))
        images = self.data_arr
        # the rules look at scaled values, and the scale may be another one by now
        self._mask_clipped()
        return np.ma.masked_invalid(images * (1.0 if scale is None else scale))

    def median_combine(
        self,
        median_func: Callable | None = None,
        scale_to: ArrayLike | None = None,
        uncertainty_func: Callable | None = None,
        *,
        uncertainty: str | None = None,
    ) -> CCDData:
        """The median of the values left in each pixel.

        ::

            sigma^2 = s^2 / n * median_variance_ratio(n)

        with the exact efficiency for normal noise; for images whose uncertainties differ see
        `ccdlib.statistics.combine.combine_values`.

        Parameters
        ----------
        median_func : callable or None
            In place of the median: called with a masked array and ``axis=0``.
        scale_to, uncertainty_func, uncertainty
            See `average_combine`.

        Returns
        -------
        CCDData
            See `average_combine`.

        Warns
        -----
        AstropyUserWarning
            If there are weights, which a median has no use for.

        Examples
        --------
        >>> from ccdlib import CCDData, Combiner
        >>> values = (10.0, 11.0, 60.0)
        >>> combiner = Combiner([CCDData([[value]], unit="adu") for value in values])
        >>> combiner.median_combine().data.tolist()
        [[11.0]]
        """
        if self._theirs and uncertainty is None:
            functions = median_func, None, uncertainty_func
            return self._combined_as_ccdproc("median", functions, scale_to)
        return self._combined("median", median_func, scale_to, uncertainty_func, uncertainty)

    def average_combine(
        self,
        scale_func: Callable | None = None,
        scale_to: ArrayLike | None = None,
        uncertainty_func: Callable | None = None,
        sum_func: Callable | None = None,
        *,
        uncertainty: str | None = None,
    ) -> CCDData:
        """The mean of the values left in each pixel, weighted where there are weights.

        ::

            sum(w x) / sum(w),  sigma^2 = s^2 / n,  s^2 = sum((x - mean)^2) / (n - 1)

        Parameters
        ----------
        scale_func : callable or None
            In place of the mean: called with a masked array and ``axis=0``.
        scale_to : float or array of n numbers, or None
            In place of `scaling`.
        uncertainty_func : callable or None
            In place of the standard deviation; its result is divided by sqrt(n).
        sum_func : callable or None
            In place of the sum, for weighted means.
        uncertainty : {'scatter', 'input', None}
            From the scatter of the values, or from the uncertainties of the images. None: from
            the latter where all images have one, except in pixels that scatter far more.

        Returns
        -------
        CCDData
            Masked, and flagged NO_DATA, where no value was left. The uncertainty is NaN where it
            would come from the scatter of a single value. The header has the cards
            that all images agree on, and NCOMBINE.

        Raises
        ------
        CcdlibError
            If `uncertainty` is unknown, or 'input' and an image has none.

        Examples
        --------
        >>> from ccdlib import CCDData, Combiner
        >>> values = (9.0, 10.0, 11.0)
        >>> combiner = Combiner([CCDData([[value]], unit="adu") for value in values])
        >>> mean = combiner.average_combine()
        >>> print(mean.data[0, 0], mean.uncertainty.array[0, 0].round(3), mean.header["NCOMBINE"])
        10.0 0.577 3
        """
        if self._theirs and uncertainty is None:
            functions = scale_func, sum_func, uncertainty_func
            return self._combined_as_ccdproc("mean", functions, scale_to)
        if sum_func is not None and self.weights is not None:
            scale_func = self._weighted_mean(sum_func)
        elif self.weights is not None:
            scale_func = None
        return self._combined("mean", scale_func, scale_to, uncertainty_func, uncertainty)

    def _weights_of(self, data):
        """The weights of the values of `data` that are not masked, a masked array."""
        weights = np.asarray(self.weights)
        weights = weights.reshape(weights.shape + (1,) * (data.ndim - weights.ndim))
        return np.ma.masked_array(np.broadcast_to(weights, data.shape), data.mask)

    def _weighted_sum(self, sum_func):
        def total(data, axis):
            return sum_func(data * self._weights_of(data), axis=axis)

        return total

    def _weighted_mean(self, sum_func):
        def mean(data, axis):
            weights = self._weights_of(data)
            return sum_func(data * weights, axis=axis) / sum_func(weights, axis=axis)

        return mean

    def sum_combine(
        self,
        sum_func: Callable | None = None,
        scale_to: ArrayLike | None = None,
        uncertainty_func: Callable | None = None,
        *,
        uncertainty: str | None = None,
    ) -> CCDData:
        """The sum of the values left in each pixel, each times its weight.

        ::

            sum(w x),  sigma^2 that of the mean times sum(w)^2

        Parameters
        ----------
        sum_func : callable or None
            In place of the sum: called with a masked array and ``axis=0``.
        scale_to, uncertainty_func, uncertainty
            See `average_combine`.

        Returns
        -------
        CCDData
            See `average_combine`. Its EXPTIME is the sum of all.

        Examples
        --------
        >>> from ccdlib import CCDData, Combiner
        >>> values = (9.0, 10.0, 11.0)
        >>> combiner = Combiner([CCDData([[value]], unit="adu") for value in values])
        >>> total = combiner.sum_combine()
        >>> print(total.data[0, 0], total.uncertainty.array[0, 0].round(3))
        30.0 1.732
        """
        if self._theirs and uncertainty is None:
            functions = sum_func, None, uncertainty_func
            return self._combined_as_ccdproc("sum", functions, scale_to)
        if self.weights is not None and sum_func is not None:
            sum_func = self._weighted_sum(sum_func)
        return self._combined("sum", sum_func, scale_to, uncertainty_func, uncertainty)

    def _combined_as_ccdproc(self, method, functions, scale_to):
        scale = self.scaling if scale_to is None else scale_to
        if scale is not None and np.ndim(scale) == 1:
            scale = np.reshape(scale, (-1, *[1] * len(self._shape)))
        data = self.data_arr if scale is None else self.data_arr * scale
        value, sigma, empty = as_ccdproc.combined(method, data, self.weights, *functions)
        return CCDData(
            np.asarray(value, self._dtype),
            uncertainty=StdDevUncertainty(np.asarray(sigma, self._kind), copy=False),
            mask=empty,
            unit=self.unit,
            meta=OrderedDict(NCOMBINE=len(self.ccd_list)),
        )

    def _combined(self, method, function, scale_to, uncertainty_func, uncertainty):
        inputs = self._inputs(scale_to)
        if uncertainty not in (None, "scatter", "input"):
            raise CcdlibError(f"uncertainty is {uncertainty!r}, not scatter or input")
        if uncertainty == "input" and "variance" not in inputs:
            raise CcdlibError("uncertainty is 'input', and an image has none")
        weights: Any = self.weights
        if weights is not None and method == "median":
            warn("a median takes no weights: they are left out")
            weights = None
        if weights is not None and weights.ndim > 1:
            weights = [_plane(plane) for plane in weights]
        made = combine_values(**inputs, weights=weights, method=method, clip=tuple(self._rules))
        data, count = made.data.reshape(self._shape), made.count.reshape(self._shape)
        if function is not None:
            data = np.ma.filled(function(self._scaled(scale_to), axis=0), np.nan)
        if uncertainty_func is not None:
            sigma = self._by_function(uncertainty_func, scale_to, count, method)
        else:
            floor = self._digitisation(inputs["scale"], made.count, method)
            sigma = _sigma(made, uncertainty, floor).reshape(self._shape)
        return self._result(method, data, sigma, count)

    def _digitisation(self, scale, count, method):
        """The least variance of whole numbers, which may be equal by chance; else 0."""
        if not self._whole():
            return 0.0
        each = self._kind.type(DIGITISATION * (1.0 if scale is None else np.min(np.square(scale))))
        return each * count if method == "sum" else each / np.maximum(count, 1)

    def _whole(self):
        return all(ccd.data.dtype.kind in "iu" for ccd in self.ccd_list)

    def _by_function(self, function, scale_to, count, method):
        spread = np.ma.filled(function(self._scaled(scale_to), axis=0), np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            sigma = np.asarray(spread) / np.sqrt(count)
        return sigma * count if method == "sum" else sigma

    def _result(self, method, data, sigma, count):
        planes = [ccd.dq for ccd in self.ccd_list if getattr(ccd, "dq", None) is not None]
        empty, flags = count == 0, None
        if empty.any() or planes:
            flags = np.full(self._shape, dq.NO_DATA, np.result_type(np.uint16, *planes))
            for plane in planes:
                flags |= plane
            flags[~empty] = 0
        headers = [MemoryFrame(ccd, "").header for ccd in self.ccd_list]
        header, wcs = _common(headers, method)
        if self._dtype.kind != "f":
            data = np.rint(np.where(empty, 0, data))
        kind = self._dtype if self._dtype.kind == "f" else self._kind
        return CCDData(
            np.asarray(data, self._dtype),
            uncertainty=StdDevUncertainty(np.asarray(sigma, kind), copy=False),
            mask=empty,
            dq=flags,
            unit=self.unit,
            meta=header,
            wcs=wcs,
        )


def _plane(array):
    array = np.asarray(array)
    if array.ndim == 2:
        return array
    return array.reshape(1, -1) if array.ndim == 1 else array.reshape(array.shape[0], -1)


def _mask_of(ccd):
    return np.asarray(ccd.mask, bool)


def _variances(ccds, kind):
    """A function that gives the engine the variances of some rows of an image."""
    kinds = [type(ccd.uncertainty) for ccd in ccds]
    planes = [_plane(np.broadcast_to(ccd.uncertainty.array, ccd.shape)) for ccd in ccds]

    def variance(number, first, last):
        spread = kinds[number](planes[number][first:last], copy=False)
        return variance_of(spread).astype(kind, copy=False)

    return variance


def _chosen(made, uncertainty, floor):
    """The variance that is quoted: that of the scatter, or of the images' own uncertainties."""
    if uncertainty == "scatter" or made.model_variance is None:
        return np.maximum(made.variance, floor)
    if uncertainty == "input":
        return made.model_variance
    scatter = np.where(np.isnan(made.variance), 0, made.variance)
    unstable = master_variance(made.model_variance, scatter, made.count)[1]
    return np.where(unstable, scatter, made.model_variance)


def _sigma(made, uncertainty, floor):
    """The root of `_chosen`, by rows: what it makes on its way stays in the processor's cache."""
    ny, nx = made.variance.shape
    sigma, floor = np.empty_like(made.variance), np.broadcast_to(floor, (ny, nx))
    height = max(_BAND // max(nx, 1), 1)
    for first in range(0, ny, height):
        rows = slice(first, first + height)
        model = None if made.model_variance is None else made.model_variance[rows]
        part = replace(
            made, variance=made.variance[rows], model_variance=model, count=made.count[rows]
        )
        np.sqrt(_chosen(part, uncertainty, floor[rows]), out=sigma[rows])
    return sigma


def _common(headers, method):
    """The header of a stack, and the WCS that all images share."""
    header = agreeing(headers)
    times = [each.get("EXPTIME") for each in headers]
    if method == "sum" and all(isinstance(time, (int, float)) for time in times):
        header["EXPTIME"] = sum(times)
    axes = [key for key in headers[0] if str(key)[:5] in ("CTYPE", "CRPIX", "CRVAL", "CDELT")]
    axes += [key for key in headers[0] if str(key)[:3] in ("CD1", "CD2", "PC1", "PC2")]
    shared = "CTYPE1" in header and all(key in header for key in axes)
    wcs = WCS(header) if shared else None
    for key in axes:
        header.pop(key, None)
    if wcs is not None:
        remove_cards_of(wcs, header)
    header["NCOMBINE"] = len(headers)
    return header, wcs


def combine(
    img_list: Any,
    output_file: str | os.PathLike | None = None,
    method: str = "average",
    weights: np.ndarray | None = None,
    scale: Callable | ArrayLike | None = None,
    mem_limit: float = 16e9,
    clip_extrema: bool = False,
    nlow: float = 1,
    nhigh: float = 1,
    minmax_clip: bool = False,
    minmax_clip_min: float | None = None,
    minmax_clip_max: float | None = None,
    sigma_clip: bool = False,
    sigma_clip_low_thresh: float | None = 3,
    sigma_clip_high_thresh: float | None = 3,
    sigma_clip_func: str | Callable | None = None,
    sigma_clip_dev_func: str | Callable | None = None,
    dtype: DTypeLike | None = None,
    combine_uncertainty_function: Callable | None = None,
    overwrite_output: bool = False,
    *,
    clip: Clip | Sequence[Clip] | None = None,
    uncertainty: str | None = None,
    **ccdkwargs: Any,
) -> CCDData:
    """Combine images or files; files are read once, in bands of rows that fit into memory.

    Parameters
    ----------
    img_list : list of CCDData or path, ndarray of paths, or str of paths with commas
        All of the same shape and unit.
    output_file : path or None
        The result is written there too.
    method : {'average', 'median', 'sum'}
    weights : ndarray or None
        n numbers, or an array (n, ny, nx).
    scale : callable, array of n numbers, or None
        The factor of each image; a function is called with each image's pixels.
    mem_limit : float
        Bytes that the images of a band may take, besides the result and the engine's own block of
        2 MB; the result does not depend on it.
    clip_extrema, nlow, nhigh
        See `Combiner.clip_extrema`.
    minmax_clip, minmax_clip_min, minmax_clip_max
        See `Combiner.minmax_clipping`.
    sigma_clip, sigma_clip_low_thresh, sigma_clip_high_thresh, sigma_clip_func, \
sigma_clip_dev_func
        See `Combiner.sigma_clipping`.
    dtype : dtype or None
        See `Combiner`.
    combine_uncertainty_function : callable or None
        See `Combiner.average_combine`, as for `uncertainty`.
    overwrite_output : bool
    clip : Clip, sequence of Clip, or None
        Further rules of the engine, applied after the others.
    uncertainty : {'scatter', 'input', None}
    **ccdkwargs
        For files, as in `fits_ccddata_reader`: hdu, unit, hdu_mask ...

    Returns
    -------
    CCDData
        See `Combiner.average_combine`.

    Raises
    ------
    CcdlibError
        If shapes or units differ, or the method is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from ccdlib import CCDData, combine
    >>> frames = [CCDData(np.full((2, 3), value), unit="adu") for value in (1.0, 2.0, 9.0)]
    >>> result = combine(frames, method="median")
    >>> float(result.data[0, 0]), result.meta["NCOMBINE"]
    (2.0, 3)
    """
    names = {"average": "average_combine", "median": "median_combine", "sum": "sum_combine"}
    if method not in names:
        raise CcdlibError(
            f"unrecognised combine method : {method!r}, not one of {', '.join(names)}"
        )
    frames = open_frames(_listed(img_list), **ccdkwargs)
    if callable(scale):
        scale = [scale(_pixels(frame)) for frame in frames]
    rules = [clip] if isinstance(clip, Clip) else list(clip or ())

    def band(first, last):
        combiner = Combiner((frame.rows(first, last) for frame in frames), dtype)
        combiner.scaling = scale
        same = weights is None or weights.ndim == 1
        combiner.weights = weights if same else np.asarray(weights)[:, first:last]
        if clip_extrema:
            combiner.clip_extrema(nlow, nhigh)
        if minmax_clip:
            combiner.minmax_clipping(minmax_clip_min, minmax_clip_max)
        if sigma_clip:
            limits = sigma_clip_low_thresh, sigma_clip_high_thresh
            # ccdproc's are not those of its Combiner, and know no NaN
            theirs = (np.ma.mean, np.ma.std) if conf.as_ccdproc else (None, None)
            given = sigma_clip_func, sigma_clip_dev_func
            combiner.sigma_clipping(*limits, *(a or b for a, b in zip(given, theirs, strict=True)))
        for rule in rules:
            combiner.clip(rule)
        function = {"uncertainty_func": combine_uncertainty_function, "uncertainty": uncertainty}
        return getattr(combiner, names[method])(**function)

    height = _height(frames, mem_limit)
    rows = frames[0].shape[0]
    parts = [band(first, min(first + height, rows)) for first in range(0, rows, height)]
    if conf.as_ccdproc:
        result = _joined(parts, *_first_header(frames[0].header))
    else:
        result = _joined(parts, *_common([frame.header for frame in frames], method))
    if output_file is not None:
        result.write(output_file, overwrite=overwrite_output)
    return result


def _first_header(header):
    """The header and the WCS of the first frame, as ccdproc gives them to a stack."""
    wcs = WCS(header) if "CTYPE1" in header else None
    if wcs is not None:
        remove_cards_of(wcs, header)
    return header, wcs


def _listed(images):
    if isinstance(images, str):
        return [name.strip() for name in images.split(",")]
    if isinstance(images, os.PathLike):
        return [images]
    try:
        return list(images)
    except TypeError:
        raise CcdlibError(f"unrecognised input for list of images to combine: {images!r}") from None


def _pixels(frame):
    """All pixels of a frame, as a masked array where any of them is masked.

    numpy's own functions, such as its median, warn of masked arrays: these are for masks alone.
    """
    ccd = frame.rows(0, frame.shape[0])
    if conf.as_ccdproc or not np.any(ccd.mask):
        return ccd.data
    return np.ma.masked_array(ccd.data, ccd.mask)


def _height(frames, mem_limit):
    """Rows of a band: images as read and as float32, masks, variances and the result."""
    row = len(frames) * 16 * int(np.prod(frames[0].shape[1:]))
    return int(max(mem_limit // row, 1))


def _joined(parts, header, wcs):
    if len(parts) == 1:
        (whole,) = parts
        whole.meta, whole.wcs = header, wcs
        return whole
    planes = [part.dq for part in parts]
    flags = None
    if any(plane is not None for plane in planes):
        flags = np.concatenate(
            [np.zeros(part.shape, np.uint16) if part.dq is None else part.dq for part in parts]
        )
    return CCDData(
        np.concatenate([part.data for part in parts]),
        uncertainty=StdDevUncertainty(
            np.concatenate([part.uncertainty.array for part in parts]), copy=False
        ),
        mask=np.concatenate([part.mask for part in parts]),
        dq=flags,
        unit=parts[0].unit,
        meta=header,
        wcs=wcs,
    )
