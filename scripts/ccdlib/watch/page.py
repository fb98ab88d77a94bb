"""The live page: one file that asks for itself again, red on black, without any script."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from pathlib import Path

from ..files import write_atomically
from ..plain_text import shown
from ..report import svgplot
from ..report.page import figure, number
from ..report.pictures import picture_of_record
from .alarms import alarms_of
from .night_so_far import Bias, Frame, NightSoFar

__all__ = ["PAGE", "State", "live_page", "write_page"]

PAGE = "results/report/live.html"
# seconds after which a browser asks for it again
_AGAIN = 5
# frames in the graphs, and lines in a list: a phone loads it each few seconds
_MOST_FRAMES, _MOST_LINES = 300, 12
# nothing on the page can run, whatever a header says
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@dataclass(frozen=True)
class State:
    """What the watch is doing.

    Attributes
    ----------
    doing : str
    since : float or None
        Seconds since a file last became complete.
    troubles : list of str
        What went wrong and is not over.
    arriving : dict
        {file: what it lacks} of the files that are not complete.
    """

    doing: str
    since: float | None
    troubles: list[str] = field(default_factory=list)
    arriving: dict[str, str] = field(default_factory=dict)


def _text(words: object) -> str:
    return escape(shown(str(words)), quote=True)


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "no frame yet"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    clock = f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
    return f"{clock} since the last frame"


def _facts(pairs: Iterable[tuple[str, str]]) -> str:
    items = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in pairs)
    return f"<dl>{items}</dl>"


def _listed(lines: Sequence[str], kind: str = "") -> str:
    """The last lines of a list; how many more there are is told."""
    more = len(lines) - _MOST_LINES
    items = "".join(f"<li>{_text(line)}</li>" for line in lines[-_MOST_LINES:])
    told = f'<p class="quiet">and {more} before</p>' if more > 0 else ""
    return f'<ul class="{kind}">{items}</ul>{told}'


def _percent(value: float | None) -> str:
    return "&ndash;" if value is None else f"{value:.0%}"


def _last(night: NightSoFar) -> str:
    """The frame that was made last, with its picture and its numbers."""
    if not night.frames:
        return ""
    frame = next(reversed(night.frames.values()))
    facts = [frame.kind, frame.object, frame.filter, f"{number(frame.exptime)} s"]
    named = " ".join(_text(fact) for fact in facts if fact).replace("&amp;ndash;", "&ndash;")
    moment = f"{frame.date_obs:%H:%M:%S} UT" if frame.date_obs else "no date"
    numbers = [
        (f"sky [{_text(frame.unit)}/s]", number(frame.sky, 3)),
        (f"noise [{_text(frame.unit)}]", number(frame.noise, 3)),
        ("FWHM [pixel]", number(frame.fwhm, 3)),
        ("long / wide", number(frame.elongation, 3)),
        ("transparency", _percent(frame.transparency)),
        ("stars", str((frame.stars or {}).get("count", "&ndash;"))),
        ("saturated", f"{frame.saturated:.3%}"),
        ("noise / sigma", number(frame.pull, 3)),
    ]
    picture = ""
    if night.last_record:
        picture = picture_of_record(night.last_record["images"][0], shown(frame.name))
    alarms = list(alarms_of(frame))
    return (
        f'<section id="last"><h2>last frame</h2><h1>{_text(frame.name)}</h1>'
        f"<p>{named}, {moment}</p>{_listed(alarms, 'bad') if alarms else ''}"
        f'<div class="last"><div>{picture}</div>'
        f"{_facts(numbers)}</div></section>"
    )


def _graph(
    frames: Sequence[Frame] | Sequence[Bias],
    value: Callable[..., float | None],
    name: Callable[..., str],
    ylabel: str,
    lines: Iterable[tuple[float, str]] = (),
) -> str:
    """Values against time, one series a name; empty without any."""
    series: dict[str, dict] = {}
    for frame in frames:
        found = value(frame)
        if found is None or frame.date_obs is None:
            continue
        own = series.setdefault(
            name(frame), {"name": shown(name(frame)), "x": [], "y": [], "labels": [], "marked": []}
        )
        own["x"].append(frame.date_obs)
        own["y"].append(found)
        own["labels"].append(shown(frame.name))
        own["marked"].append(bool(getattr(frame, "odd", ())))
    if not series:
        return ""
    return figure(svgplot.points(list(series.values()), "UT", ylabel, lines=lines, time=True), "")


def _graphs(night: NightSoFar) -> str:
    in_time = sorted(
        (frame for frame in night.frames.values() if frame.date_obs is not None),
        key=lambda frame: frame.date_obs or datetime.min,
    )
    lights = [frame for frame in in_time if frame.kind == "light"][-_MOST_FRAMES:]
    biases = night.biases[-_MOST_FRAMES:]

    def series(frame: Frame) -> str:
        return frame.filter or frame.kind

    def bias(frame: Bias) -> str:
        return "bias"

    unit = lights[-1].unit if lights else ""
    graphs = [
        _graph(lights, lambda frame: frame.fwhm, series, "FWHM [pixel]"),
        _graph(lights, lambda frame: frame.sky, series, f"sky [{unit}/s]"),
        _graph(lights, lambda frame: frame.transparency, series, "transparency", [(1.0, "first")]),
        _graph(lights, lambda frame: frame.elongation, series, "long / wide", [(1.0, "round")]),
        _graph(lights, lambda frame: 100 * frame.saturated, series, "saturated [%]"),
        _graph(biases, lambda frame: frame.level, bias, "level of biases [adu]"),
        _graph(biases, lambda frame: frame.noise, bias, "noise of biases [adu]"),
    ]
    body = "".join(graphs)
    return (
        f'<section><h2>over the night</h2><div class="graphs">{body}</div></section>'
        if body
        else ""
    )


def live_page(night: NightSoFar, state: State, now: datetime) -> str:
    """The page.

    Parameters
    ----------
    night : NightSoFar
    state : State
    now : datetime
        Of the machine's clock, in UT; shown, and compared with nothing.

    Returns
    -------
    str
        HTML.
    """
    style = (Path(__file__).parent / "live.css").read_text(encoding="utf-8")
    refused = [f"{what}: {why}" for what, why in night.refused]
    parts = [
        f'<header><p class="since">{_duration(state.since)}</p><p>{_text(state.doing)}</p>'
        f'<p class="quiet">{len(night.frames)} calibrated, written at {now:%H:%M:%S} UT</p>'
        f"{_listed(state.troubles, 'bad') if state.troubles else ''}</header>",
        _last(night),
        _graphs(night),
    ]
    if refused:
        parts.append(f"<section><h2>refused: {len(refused)}</h2>{_listed(refused)}</section>")
    if state.arriving:
        lines = [f"{name}: {why or 'ends in zeros'}" for name, why in state.arriving.items()]
        parts.append(f"<section><h2>not complete yet</h2>{_listed(lines)}</section>")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f'<meta http-equiv="refresh" content="{_AGAIN}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="only dark"><link rel="icon" href="data:,">'
        f"<title>the night so far</title><style>{style}</style></head><body>"
        + "".join(parts)
        + "</body></html>\n"
    )


def write_page(night: NightSoFar, state: State, now: datetime) -> None:
    """Write the page into the report's folder, whole or not at all."""
    write_atomically(PAGE, live_page(night, state, now).encode("utf-8", "surrogateescape"))
