"""Rules that say which values of a pixel are left out before they are combined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import CcdlibError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Clip", "one_of"]

CLIPS = ("none", "sigma", "limits", "minmax", "ccdclip", "avsigclip")
# the rules that the config offers, with their settings, and the header card of each setting
_SETTINGS = {
    "none": (),
    "sigma": ("low", "high", "center", "spread", "iterations"),
    "minmax": ("nlow", "nhigh"),
}
_KEYWORDS = {
    "low": "CLIPLOW",
    "high": "CLIPHIGH",
    "center": "CLIPCEN",
    "spread": "CLIPSPR",
    "iterations": "CLIPITER",
    "nlow": "CLIPNLOW",
    "nhigh": "CLIPNHI",
}


def one_of(name: str, value: object, allowed: tuple) -> None:
    """Refuse a value that is not allowed, by its name.

    Raises
    ------
    CcdlibError
    """
    if value not in allowed:
        raise CcdlibError(f"{name} is {value!r}, not one of {', '.join(allowed)}")


@dataclass(frozen=True)
class Clip:
    """One rejection rule.

    Parameters
    ----------
    method : {"none", "sigma", "limits", "minmax", "ccdclip", "avsigclip"}
        "sigma": values below center - low * spread or above center + high * spread go, again and
        again with center and spread of what is left.
        "limits": values below `low` or above `high` go.
        "minmax": the `nlow` lowest and `nhigh` highest go. "extrema" is its old name.
        "ccdclip": IRAF's clip with a noise model. As "sigma", with the square root of the input
        variance at the center for spread: the variance of the central value (of the two central
        ones their mean), or with center="mean" the mean of the variances. Unlike spread="noise"
        it does not trust a high value's own, large, variance.
        "avsigclip": IRAF's clip with a scatter that is proportional to the square root of the
        level, sigma = s * sqrt(max(1, center)), where s is found for each row of the image from all
        its values in columns of at least three. Fewer than three values are never clipped.
    low, high : float or None
        Thresholds, see method; None: nothing is clipped on that side. A value at the threshold, as
        float32, stays.
    center : {"median", "mean"}
        For "ccdclip" and "avsigclip" the first mean, of values and of variances, is taken without
        the lowest and the highest value, as in IRAF.
    spread : {"mad", "std", "noise"}
        "mad": 1.4826 times the median of abs(value - median). Where it is zero, as it often is in
        data with a step (adu), at least half of the values have been rounded to the same number;
        each of them lay within half a step of it, so that half a step is the largest MAD they can
        have had.
        That is what is used, and nothing within one step of the center is clipped. See `step` of
        `combine_values`.
        "std": the standard deviation with ddof = 0, as in astropy. It cannot reach more than
        sqrt(n - 1) for the largest deviation: with a threshold of 3, never for n <= 10.
        "noise": for each value the square root of its own input variance.
    iterations : int or None
        None: until nothing changes.
    nlow, nhigh : float
        A number of values, or below 1 a fraction of the values that are there, rounded down as in
        IRAF.
    nkeep : int
        Never leave fewer than this many (if there are as many): iteration ends, and those clipped
        ones that are nearest to the last center come back, equally near ones together, as in IRAF.
        Not for "limits" and "minmax", which have no center.

    Raises
    ------
    CcdlibError
        When a name is unknown or a number is impossible, or "minmax" is given `low` or `high`.

    Examples
    --------
    >>> from ccdlib import CCDData, Clip, combine
    >>> frames = [CCDData([[value]], unit="adu") for value in (10.0, 11.0, 12.0, 60.0)]
    >>> combine(frames, clip=Clip("sigma", low=5, high=5)).data.tolist()
    [[11.0]]
    """

    method: str = "none"
    low: float | None = None
    high: float | None = None
    center: str = "median"
    spread: str = "mad"
    iterations: int | None = 5
    nlow: float = 0
    nhigh: float = 0
    nkeep: int = 0

    def __post_init__(self) -> None:
        if self.method == "extrema":
            object.__setattr__(self, "method", "minmax")
        one_of("clip method", self.method, CLIPS)
        one_of("clip center", self.center, ("median", "mean"))
        one_of("clip spread", self.spread, ("mad", "std", "noise"))
        if self.method == "minmax" and (self.low, self.high) != (None, None):
            raise CcdlibError(
                "clip 'minmax' takes nlow and nhigh, numbers of values; the limits "
                f"low={self.low}, high={self.high} are for method 'limits'"
            )
        if self.method != "limits" and min(self.low or 0, self.high or 0) < 0:
            raise CcdlibError(f"clip thresholds are negative: low={self.low}, high={self.high}")
        if self.iterations is not None and self.iterations < 1:
            raise CcdlibError(f"clip iterations is {self.iterations}, not at least 1")
        for name in ("nlow", "nhigh"):
            number = getattr(self, name)
            if number < 0 or (number >= 1 and number != int(number)):
                raise CcdlibError(f"clip {name} is {number}, neither a count nor a fraction")
        if self.nkeep < 0 or self.nkeep != int(self.nkeep):
            raise CcdlibError(f"clip nkeep is {self.nkeep}, not a count")
        if self.nkeep and self.method in ("limits", "minmax"):
            raise CcdlibError(f"clip {self.method} takes no nkeep, which is {self.nkeep}")

    @classmethod
    def from_settings(cls, settings: dict, frames: int) -> Clip:
        """The rule that a `combine` section of the config asks for.

        Parameters
        ----------
        settings : dict
            clip ("none", "sigma" or "minmax") and the numbers that go with it.
        frames : int
            How many there are: none of two values is an outlier of the other, and minmax must
            leave one.

        Returns
        -------
        Clip

        Examples
        --------
        >>> from ccdlib import Clip
        >>> Clip.from_settings({"clip": "minmax", "nlow": 1, "nhigh": 1}, frames=5).nhigh
        1
        """
        method = settings["clip"]
        if frames < 3 or (method == "minmax" and frames <= settings["nlow"] + settings["nhigh"]):
            return cls()
        return cls(method, **{name: settings[name] for name in _SETTINGS[method]})

    def cards(self) -> Iterator[tuple[str, str | float]]:
        """Yield keyword and value of the header cards that name a rule `from_settings`.

        Yields
        ------
        keyword : str
        value : str or float

        Examples
        --------
        >>> from ccdlib import Clip
        >>> dict(Clip("minmax", nlow=1, nhigh=2).cards())
        {'CLIPMETH': 'minmax', 'CLIPNLOW': 1, 'CLIPNHI': 2}
        """
        yield "CLIPMETH", self.method
        for name in _SETTINGS[self.method]:
            yield _KEYWORDS[name], getattr(self, name)
