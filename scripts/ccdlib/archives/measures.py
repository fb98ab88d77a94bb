"""What is followed over years: bias level, noise, gain, dark current, lamps, bad pixels."""

from collections.abc import Callable, Iterable
from contextlib import chdir
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from ..errors import CcdlibError
from ..kinds import kind_of, record_of
from ..plan.plan_tables import Plan, read_plan
from ..products.product_files import read_product
from ..report.trends import bias_level, dark_current, level_of
from ..state import unsealed

__all__ = ["MEASURES", "measured"]

# what is measured
_KINDS = ("detector", "bias", "dark", "flat", "bad_pixels")
# {name: (title, unit)}, in the order of the page
MEASURES = {
    "bias_level": ("bias level", "adu"),
    "read_noise": ("read noise", "electron"),
    "bias_noise": ("noise of biases", "adu"),
    "gain": ("gain", "electron / adu"),
    "dark_current": ("dark current", "adu / s"),
    "flat_level": ("level of flats", "adu"),
    "bad_pixels": ("bad pixels", "fraction"),
}


def _middle(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(f"{median(known):.6g}") if known else None


def measured(work: Path) -> dict[str, Any]:
    """What the masters of a night's working directory tell.

    Parameters
    ----------
    work : path

    Returns
    -------
    dict
        masters: of each its product, kind, filter, exptime, temperature, binning and frames, and
        those of `MEASURES` that its kind tells.
    """
    with chdir(work):
        plan = read_plan()
        return {"masters": [_master(path, plan) for path in _made(plan)]}


def _made(plan: Plan) -> list[str]:
    products = plan.targets(())
    return [path for path in products if kind_of(path).name in _KINDS and Path(path).exists()]


def _master(path: str, plan: Plan) -> dict[str, Any]:
    kind = kind_of(path)
    frames = plan.members(path)
    facts = frames[0]["facts"] if frames else {}
    own = {name: facts.get(name) for name in ("filter", "exptime", "temperature", "binning")}
    found = {"product": path, "kind": kind.name, "frames": len(frames)} | own
    return found | _values(kind.name, path)


def _values(kind: str, path: str) -> dict[str, float | None]:
    if kind == "detector":
        amplifiers = (unsealed(path) or {}).get("amplifiers", [])
        return {name: _middle(each[name] for each in amplifiers) for name in ("gain", "read_noise")}
    if kind == "bad_pixels":
        return {"bad_pixels": _bad(path)}
    record = record_of(path)
    frames = (unsealed(record) or {}).get("frames", []) if record else []
    name, of_frame = _OF_FRAME[kind]
    found = {name: _middle(map(of_frame, frames))}
    return found | ({"bias_noise": _middle(map(_noise, frames))} if kind == "bias" else {})


def _noise(frame: dict) -> float | None:
    """The noise of a pixel of a bias, adu."""
    return frame["images"][0]["noise"]


_OF_FRAME: dict[str, tuple[str, Callable[[dict], float | None]]] = {
    "bias": ("bias_level", bias_level),
    "dark": ("dark_current", dark_current),
    "flat": ("flat_level", level_of),
}


def _bad(path: str) -> float | None:
    """The fraction of the pixels of a map that are bad."""
    try:
        images = read_product(path).images
    except (CcdlibError, OSError):
        # damaged since it was made: the night's next run says so
        return None
    return float(np.mean([np.mean(each.dq != 0) for each in images]))
