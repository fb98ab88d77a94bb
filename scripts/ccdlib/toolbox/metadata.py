"""Writing the steps done to an image into its metadata."""

import numbers
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import config

if TYPE_CHECKING:
    from .ccddata import CCDData
    from .keywords import AddKeyword

__all__ = ["Conf", "conf", "log_step"]

# a FITS keyword of more than eight letters cannot have a value longer than its card
_SHORT_NAMES = {
    "ccd_process": "ccdproc",
    "cosmicray_lacosmic": "crlacos",
    "cosmicray_median": "crmedian",
    "create_deviation": "creatvar",
    "flat_correct": "flatcor",
    "gain_correct": "gaincor",
    "subtract_bias": "subbias",
    "subtract_dark": "subdark",
    "subtract_overscan": "suboscan",
    "transform_image": "tranim",
    "trim_image": "trimim",
    "wcs_project": "wcsproj",
}
_SHORTENED = "Shortened name for ccdproc command"


class Conf(config.ConfigNamespace):
    """Settings of the toolbox.

    Examples
    --------
    >>> import ccdlib
    >>> with ccdlib.conf.set_temp("as_ccdproc", True):
    ...     frames = [ccdlib.CCDData([[value]], unit="adu") for value in (1.0, 3.0)]
    ...     theirs = ccdlib.combine(frames).uncertainty.array.item()
    >>> ours = ccdlib.combine(frames).uncertainty.array.item()  # n - 1 in place of n
    >>> round(theirs, 3), round(ours, 3)
    (0.707, 1.0)
    """

    auto_logging = config.ConfigItem(
        True,
        "Whether each step writes its name and its arguments into the metadata of its result.",
        cfgtype="boolean",
        module="ccdlib",
    )
    as_ccdproc = config.ConfigItem(
        False,
        "Whether results are as ccdproc computes them, its faults included: see "
        "docs/differences.md.",
        cfgtype="boolean",
        module="ccdlib",
    )


conf = Conf()


def _plain(value):
    """A value as a header may hold it: no array, no path, no object's repr."""
    from astropy.units import Quantity, UnitBase

    from .keywords import Keyword

    if isinstance(value, Quantity) and value.isscalar:
        return f"{value.value} {value.unit}".strip()
    if value is None or isinstance(value, (numbers.Number, str, np.bool_, UnitBase)):
        return str(value)
    if isinstance(value, Keyword):
        return value.name
    if callable(value) and hasattr(value, "__name__"):
        return value.__name__
    return f"<{type(value).__name__}>"


def _write(meta, name, text):
    """Write a card; the name of a step goes by its short one."""
    from astropy.io.fits import Header

    short = _SHORT_NAMES.get(name, name)
    if short != name and isinstance(meta, Header):
        meta[f"HIERARCH {name.upper()}"] = (short, _SHORTENED)
    elif short != name:
        meta[name] = (short, _SHORTENED)
    meta[short] = text


def log_step(
    result: "CCDData", name: str, add_keyword: "AddKeyword", **arguments: object
) -> "CCDData":
    """Write a step into the metadata of its result.

    Parameters
    ----------
    result : CCDData
        New; it shares its metadata with nothing.
    name : str
        Name of the step.
    add_keyword : str, Keyword, dict, bool or None
        True writes name and arguments, unless `conf.auto_logging` is off; a text or Keyword
        is written with its value; a dict as it is; None and False write nothing.
    **arguments
        Arguments of the step; None stands for one that was not given.

    Returns
    -------
    CCDData
        `result`.
    """
    from .keywords import Keyword

    if add_keyword is True:
        if conf.auto_logging:
            given = {key: value for key, value in arguments.items() if value is not None}
            text = ", ".join(f"{key}={_plain(value)}" for key, value in given.items())
            _write(result.meta, name, text)
    elif isinstance(add_keyword, str):
        _write(result.meta, add_keyword, None)
    elif isinstance(add_keyword, Keyword):
        value: Any = add_keyword.value
        _write(result.meta, add_keyword.name, value.value if hasattr(value, "unit") else value)
    elif add_keyword:
        for key, value in add_keyword.items():
            _write(result.meta, key, value)
    return result
