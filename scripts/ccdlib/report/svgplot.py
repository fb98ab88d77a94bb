"""Graphs as SVG text that takes the page's own colours, light or dark, screen or paper.

Series differ in shape as well as in colour. Colours are the page's CSS variables --c0 to --c5.
Not drawn with matplotlib: a page has a histogram for each product, and there one takes 0.2 s
and 13 kB where it takes 0.2 ms and 1 kB here (docs/report.md).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from itertools import pairwise

__all__ = ["arrows", "bars", "points", "ticks"]

_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 12, 46
_EPOCH = datetime(2000, 1, 1)
# seconds on each side of a single moment
_ALONE = 600.0
_DAY = 86400.0


@dataclass(frozen=True)
class _Axes:
    """The places of values on a graph."""

    xlim: tuple
    ylim: tuple
    width: int = 460
    height: int = 270
    # whether a time is told by its date alone
    dates: bool = False

    @property
    def right(self):
        return self.width - _RIGHT

    @property
    def bottom(self):
        return self.height - _BOTTOM

    def x(self, value):
        low, high = self.xlim
        return _LEFT + (value - low) / (high - low) * (self.right - _LEFT)

    def y(self, value):
        low, high = self.ylim
        return _TOP + (high - value) / (high - low) * (self.bottom - _TOP)


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers between two limits, 1, 2 or 5 times a power of ten apart."""
    if not high > low:
        return [low]
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def _time_ticks(low, high):
    steps = (10, 30, 60, 300, 600, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
    step = next(step for step in steps if (high - low) / step <= 6)
    first = math.ceil(low / step)
    return [number * step for number in range(first, math.floor(high / step) + 1)]


def _date_ticks(low, high):
    """The first of months or years, or days evenly apart, at most seven."""
    first, last = (_EPOCH + timedelta(seconds=value) for value in (low, high))
    days = (last - first).days
    if days < 120:
        step = next(step for step in (1, 2, 7, 14, 28) if days / step <= 6)
        start = math.ceil(low / _DAY)
        return [day * _DAY for day in range(start, math.floor(high / _DAY) + 1, step)]
    months = next((step for step in (1, 2, 3, 6, 12) if days / 30.4 / step <= 6), 0)
    months = months or 12 * math.ceil(days / 365 / 6)
    number = first.year * 12 + first.month
    number += -number % months
    found = []
    while (moment := datetime(*divmod(number, 12)[:1], number % 12 + 1, 1)) <= last:
        found.append((moment - _EPOCH).total_seconds())
        number += months
    return found


def _label(value, time, seconds=False, dates=False):
    if time and dates:
        return (_EPOCH + timedelta(seconds=value)).strftime("%Y-%m-%d")
    if time:
        clock = "%H:%M:%S" if seconds else "%H:%M"
        return (_EPOCH + timedelta(seconds=value)).strftime(clock)
    return f"{value:.6g}"


def _limits(values, include=(), time=False):
    finite = [value for value in [*values, *include] if value is not None and math.isfinite(value)]
    if not finite:
        return 0.0, 1.0
    low, high = min(finite), max(finite)
    # margin around a single value; for a time it does not follow the value
    alone = _ALONE if time else abs(high) * 0.05 or 1.0
    margin = (high - low) * 0.06 or alone
    return low - margin, high + margin


def _grid(axes, time, log):
    """Lines and numbers of both axes."""
    dates = axes.dates or (time and axes.xlim[1] - axes.xlim[0] > 6 * _DAY)
    of_time = _date_ticks if dates else _time_ticks
    marks = of_time(*axes.xlim) if time else ticks(*axes.xlim)
    seconds = time and any(value % 60 for value in marks)
    for value in marks:
        x = axes.x(value)
        # at the edge a label would be cut off
        anchor = "middle" if x < axes.right - 18 else "end"
        yield f'<path class="grid" d="M{x:.1f} {_TOP}V{axes.bottom}"/>'
        yield (
            f'<text x="{x:.1f}" y="{axes.bottom + 16}" text-anchor="{anchor}">'
            f"{_label(value, time, seconds, dates)}</text>"
        )
    for value in ticks(*axes.ylim):
        y = axes.y(value)
        # only whole powers of ten are labelled
        if log and value != int(value):
            continue
        name = f"{10**value:.6g}" if log else _label(value, False)
        yield f'<path class="grid" d="M{_LEFT} {y:.1f}H{axes.right}"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{name}</text>'


def _frame(axes, xlabel, ylabel, body, title, time=False, log=False):
    """Axes around a graph's body."""
    center, middle = (_LEFT + axes.right) / 2, (_TOP + axes.bottom) / 2
    return (
        f'<svg class="plot" viewBox="0 0 {axes.width} {axes.height}" role="img" '
        f'style="max-width:{axes.width * 1.13:.0f}px" '
        f'aria-label="{escape(title, quote=True)}"><title>{escape(title)}</title>'
        + "".join(_grid(axes, time, log))
        + body
        + f'<path class="axis" d="M{_LEFT} {_TOP}V{axes.bottom}H{axes.right}"/>'
        f'<text class="name" x="{center}" y="{axes.height - 8}" text-anchor="middle">'
        f'{escape(xlabel)}</text><text class="name" transform="translate(13 {middle}) rotate(-90)" '
        f'text-anchor="middle">{escape(ylabel)}</text></svg>'
    )


def _marker(number, x, y):
    """One of six shapes of the same size."""
    shapes = (
        f"M{x - 4:.1f} {y:.1f}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0",
        f"M{x - 3.6:.1f} {y - 3.6:.1f}h7.2v7.2h-7.2z",
        f"M{x:.1f} {y - 5:.1f}l4.6 8.4h-9.2z",
        f"M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z",
        f"M{x:.1f} {y + 5:.1f}l4.6 -8.4h-9.2z",
        f"M{x - 5:.1f} {y - 1.5:.1f}h3.5v-3.5h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5z",
    )
    return shapes[number % len(shapes)]


def _legend(names):
    """A line of text above a graph: the page sets it, so that it wraps."""
    if len(names) < 2:
        return ""
    items = "".join(
        f'<span><svg viewBox="0 0 12 12"><path class="c{number % 6}" '
        f'd="{_marker(number, 6, 6)}"/></svg>{escape(name)}</span>'
        for number, name in enumerate(names)
    )
    return f'<p class="legend">{items}</p>'


def points(
    series: Sequence[dict],
    xlabel: str,
    ylabel: str,
    *,
    lines: Iterable[tuple[float, str]] = (),
    curve: Sequence[tuple[float, float]] = (),
    time: bool = False,
    dates: bool = False,
) -> str:
    """Points against time or a number.

    Parameters
    ----------
    series : list of dict
        name; x (numbers, or datetimes with `time`), y; labels, shown on touch; and optionally
        marked, booleans of points to ring.
    xlabel, ylabel : str
        With units.
    lines : list of (float, str)
        Horizontal lines and their meaning.
    curve : list of (float, float)
        Places that a line is drawn through.
    time, dates : bool
        Whether x are datetimes, and whether these are days without a time.

    Returns
    -------
    str
        HTML.
    """
    if time:
        series = [
            each | {"x": [(x - _EPOCH).total_seconds() for x in each["x"]]} for each in series
        ]
    xs, ys = ([value for each in series for value in each[key]] for key in ("x", "y"))
    lines = list(lines)
    limits = _limits(xs, time=time), _limits(ys, [value for value, _ in lines])
    axes = _Axes(*limits, dates=dates)
    body = []
    if curve:
        path = "L".join(f"{axes.x(x):.1f} {axes.y(y):.1f}" for x, y in curve)
        body.append(f'<path class="curve" d="M{path}"/>')
    for value, meaning in lines:
        y = axes.y(value)
        body.append(f'<path class="line" d="M{_LEFT} {y:.1f}H{axes.right}"/>')
        body.append(
            f'<text x="{axes.right - 4}" y="{y - 4:.1f}" text-anchor="end">{escape(meaning)}</text>'
        )
    for number, each in enumerate(series):
        body += _points_of(each, number, axes)
    legend = _legend([each["name"] for each in series])
    title = f"{ylabel} against {xlabel}"
    return legend + _frame(axes, xlabel, ylabel, "".join(body), title, time)


def _points_of(series, number, axes):
    marked = series.get("marked") or [False] * len(series["x"])
    rows = zip(series["x"], series["y"], series["labels"], marked, strict=True)
    for x, y, label, ringed in rows:
        if y is None or not math.isfinite(y):
            continue
        px, py = axes.x(x), axes.y(y)
        if ringed:
            yield f'<circle class="ring" cx="{px:.1f}" cy="{py:.1f}" r="9"/>'
        yield (
            f'<path class="c{number % 6}" d="{_marker(number, px, py)}">'
            f"<title>{escape(label)}: {y:.6g}</title></path>"
        )


def arrows(
    vectors: Sequence[Sequence[float]], shape: tuple[int, int], times: float, name: str
) -> str:
    """Small vectors over an image, drawn many times as long as they are.

    Parameters
    ----------
    vectors : list of (x, y, dx, dy)
        Where each begins, and how far it goes, in pixels.
    shape : tuple of int
        Rows and columns of the image.
    times : float
        By which they are drawn longer.
    name : str
        What they are, for those who do not see it.

    Returns
    -------
    str
        HTML.
    """
    rows, columns = shape
    width = 460
    height = round((width - _LEFT - _RIGHT) * rows / columns) + _TOP + _BOTTOM
    axes = _Axes((-0.5, columns - 0.5), (-0.5, rows - 0.5), width, height)
    body = []
    for x, y, dx, dy in vectors:
        first, last = (axes.x(x), axes.y(y)), (axes.x(x + times * dx), axes.y(y + times * dy))
        body.append(
            f'<path class="c0" d="{_dot(*first)}"/>'
            f'<path class="curve" d="M{first[0]:.1f} {first[1]:.1f}L{last[0]:.1f} {last[1]:.1f}">'
            f"<title>{x:.0f}, {y:.0f}: {dx:.3f}, {dy:.3f} pixel</title></path>"
        )
    return _frame(axes, "column", "row", "".join(body), name)


def _dot(x, y):
    return f"M{x - 1.5:.1f} {y:.1f}a1.5 1.5 0 1 0 3 0a1.5 1.5 0 1 0 -3 0"


def bars(
    edges: Sequence[float],
    counts: Sequence[float],
    xlabel: str,
    ylabel: str,
    *,
    curve: Sequence[float] | None = None,
    log: bool = False,
    title: str = "",
) -> str:
    """A histogram.

    Parameters
    ----------
    edges : list of float
        One more than counts.
    counts : list of float
    curve : list of float or None
        Expected counts, drawn as a line.
    log : bool
        Logarithmic counts; empty bins are left out.

    Returns
    -------
    str
        HTML.
    """

    def height(count):
        return math.log10(max(count, 0.5)) if log else count

    top = max([height(count) for count in [*counts, *(curve or [])]], default=1)
    floor = math.log10(0.5) if log else 0.0
    axes = _Axes((edges[0], edges[-1]), (floor, (top or 1.0) * 1.05), 320, 220)
    base = axes.y(floor)
    path = f"M{axes.x(edges[0]):.1f} {base:.1f}"
    for left, right, count in zip(edges[:-1], edges[1:], counts, strict=True):
        path += f"L{axes.x(left):.1f} {axes.y(height(count)):.1f}H{axes.x(right):.1f}"
    body = f'<path class="fill" d="{path}V{base:.1f}z"/>'
    if curve:
        centers = [(left + right) / 2 for left, right in pairwise(edges)]
        steps = "L".join(
            f"{axes.x(x):.1f} {axes.y(max(height(y), floor)):.1f}"
            for x, y in zip(centers, curve, strict=True)
        )
        body += f'<path class="curve" d="M{steps}"/>'
    return _frame(axes, xlabel, ylabel, body, title or f"histogram of {xlabel}", log=log)
