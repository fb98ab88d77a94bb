"""Which darks, or biases, belong together: conditions that waver about a setting."""

from __future__ import annotations

from math import ceil, log10
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .frames import Frame

__all__ = ["bias_groups", "dark_groups"]

# temperatures further apart than this share of match.temperature are two settings
_STEP = 0.2


def _runs(values, near):
    """Sorted distinct values, cut where two neighbours are not near each other."""
    runs: list[list[float]] = []
    for value in sorted(set(values)):
        if runs and near(runs[-1][-1], value):
            runs[-1].append(value)
        else:
            runs.append([value])
    return runs


def _labels(values, near, cell, label):
    """{value: label of its group}.

    A group is a run of neighbouring values that lie near each other as a whole; a longer one
    is a drift, and cut along a fixed grid, so that no frame more moves the cuts. It is
    called after its first member in the order of `values`: one that is taken later changes
    no name.
    """
    found = {}
    for run in _runs(values, near[0]):
        drift = not near[1](run[0], run[-1])
        for each in run:
            found[each] = (run[0], cell(each) if drift else None)
    named: dict[tuple, float] = {}
    for value in values:
        named.setdefault(found[value], label(value))
    return {value: named[group] for value, group in found.items()}


def _exposures(times, tolerance):
    digits = 3 if tolerance >= 0.01 else 15 if tolerance == 0 else 1 + ceil(-log10(tolerance))

    def near(first, second):
        return second - first <= tolerance * abs(second)

    def rounded(time):
        return float(f"{time:.{digits}g}")

    return _labels(times, (near, near), rounded, rounded)


def _temperatures(values, width):
    step = width * _STEP
    return _labels(
        values,
        (lambda one, two: two - one <= step, lambda one, two: two - one <= width),
        lambda value: round(value / width),
        lambda value: round(value / step) * step,
    )


def _known(frames, name):
    return [value for value in (getattr(frame, name) for frame in frames) if value is not None]


def bias_groups(frames: Sequence[Frame], match: dict) -> dict[str, float | None]:
    """The temperature that each bias's group is called after; None for that of the first frame.

    Parameters
    ----------
    frames : list of Frame
        Biases of one night whose facts agree.
    match : dict
        The config's section: temperature.

    Returns
    -------
    dict
        {file: degrees or None}. Temperatures are two settings where a gap of more than
        match.temperature lies between them; a drift is no gap. The name of the group that the
        earliest frame is in holds no temperature, so that a later one changes no name.
    """

    def near(one, two):
        return two - one <= match["temperature"]

    ordered = sorted(frames, key=lambda frame: (str(frame.date), frame.file))
    runs = _runs(_known(ordered, "temperature"), near)
    run_of = {value: number for number, run in enumerate(runs) for value in run}
    first = next((run_of[value] for value in _known(ordered, "temperature")), None)
    found: dict[str, float | None] = {}
    for frame in ordered:
        own = first if frame.temperature is None else run_of[frame.temperature]
        label = None if own == first or own is None else round(runs[own][0])
        found[frame.file] = label
    return found


def dark_groups(
    frames: Sequence[Frame], match: dict
) -> dict[str, tuple[float | None, float | None]]:
    """The exposure time and the temperature that each dark's group is called after.

    Parameters
    ----------
    frames : list of Frame
        Darks of one night whose facts agree, in order of their names.
    match : dict
        The config's section: exposure and temperature.

    Returns
    -------
    dict
        {file: (s, degrees)}, None for what is not known. Exposure times belong together
        when they differ by no more than match.exposure, temperatures when no gap between
        neighbours is larger than a fifth of match.temperature and all lie within it.
    """
    exposures = _exposures(_known(frames, "exptime"), match["exposure"])
    by_exposure: dict[float | None, list[Frame]] = {}
    for frame in frames:
        by_exposure.setdefault(exposures.get(frame.exptime), []).append(frame)
    found: dict[str, tuple[float | None, float | None]] = {}
    for exposure, own in by_exposure.items():
        temperatures = _temperatures(_known(own, "temperature"), match["temperature"])
        found |= {frame.file: (exposure, temperatures.get(frame.temperature)) for frame in own}
    return found
