"""The report's graphs over the night, and what was measured against what was declared."""

from html import escape
from statistics import median

from . import svgplot
from .night import Night
from .page import figure, number, section, table

__all__ = ["bias_level", "dark_current", "detector_section", "level_of", "trends_section"]

_PLURAL = {"bias": "biases", "dark": "darks", "flat": "flats {}"}


def _series(name, rows):
    """A series of (time, value, label, marked); rows without time or value are left out."""
    rows = sorted(row for row in rows if row[0] is not None and row[1] is not None)
    return {
        "name": name,
        "x": [row[0] for row in rows],
        "y": [row[1] for row in rows],
        "labels": [row[2] for row in rows],
        "marked": [row[3] for row in rows],
    }


def _graph(series, ylabel, caption, lines=()):
    series = [each for each in series if each["x"]]
    if not series:
        return ""
    return figure(svgplot.points(series, "UT", ylabel, lines=lines, time=True), caption)


def _of_members(night, kind, value):
    """Series over the frames of all masters of a kind, one for each filter."""
    series: dict[str, list[tuple]] = {}
    for master in night.masters:
        if master.kind != kind:
            continue
        for frame, odd in zip(master.record["frames"], master.odd, strict=True):
            row = night.row(frame["file"])
            name = row.get("filter") or kind if kind == "flat" else kind
            series.setdefault(name, []).append(
                (row.get("date_obs"), value(frame), frame["file"], bool(odd))
            )
    return [_series(name, rows) for name, rows in series.items()]


def level_of(frame: dict) -> float | None:
    """The level of a frame of a master's record, adu, as its master has it."""
    return frame["images"][0]["level"]


def _first(values):
    return values[0] if values else None


def _read_noise(night):
    """Series of the noise of overscan pixels of every frame; none without overscan."""
    series: dict[str, list[tuple]] = {}
    frames = [
        (master.kind, frame["file"], _first(frame["read_noise"]))
        for master in night.masters
        for frame in master.record["frames"]
    ]
    for light in night.lights:
        found = [each["overscan"] for each in light.record["read_noise"]]
        frames.append((light.record["kind"], light.facts.get("file", ""), _first(found)))
    for kind, file, value in frames:
        series.setdefault(kind, []).append((night.row(file).get("date_obs"), value, file, False))
    return [each for each in (_series(*item) for item in series.items()) if each["x"]]


def _read_noise_graph(night):
    found = _read_noise(night)
    if found:
        return _graph(found, "noise of the overscan [adu]", "read noise of every frame")
    biases = _of_members(night, "bias", lambda frame: frame["images"][0]["noise"])
    return _graph(biases, "noise of a pixel [adu]", "read noise of each bias")


def bias_level(frame: dict) -> float | None:
    """The level of a frame of a master's record as it was read, overscan level and all, adu."""
    level = level_of(frame)
    overscan = _first(frame["overscan"]) or 0
    # a frame of which no pixel is good has no level
    return None if level is None else level + overscan


def dark_current(frame: dict) -> float | None:
    """Level over exposure time, adu / s; means nothing where a dark still holds its pedestal."""
    level = level_of(frame)
    return level / frame["exptime"] if frame["exptime"] and level is not None else None


def _darks(night):
    """Dark current where the pedestal is gone, else the level."""
    gone = all(
        "bias" in night.used(master.product) or any(master.record["frames"][0]["overscan"])
        for master in night.masters
        if master.kind == "dark"
    )
    if gone:
        series = _of_members(night, "dark", dark_current)
        return _graph(series, "level / exposure [adu / s]", "dark current")
    series = _of_members(night, "dark", level_of)
    return _graph(series, "level of darks [adu]", "darks, which still hold the bias level")


def _of_lights(night, value):
    series: dict[str, list[tuple]] = {}
    for light in night.lights:
        row = night.row(light.facts.get("file", ""))
        name = light.facts.get("filter") or light.record["kind"]
        series.setdefault(name, []).append(
            (row.get("date_obs"), value(light), light.frame, bool(light.odd))
        )
    return [_series(name, rows) for name, rows in series.items()]


def _temperatures(night):
    series: dict[str, list[tuple]] = {}
    for row in night.index:
        if row["temperature"] is not None:
            series.setdefault(row["imagetyp"] or "not used", []).append(
                (row["date_obs"], row["temperature"], row["file"], False)
            )
    return [_series(name, rows) for name, rows in sorted(series.items())]


def _cosmic_rays(night):
    """Cosmic-ray pixels against exposure time, one series a filter."""
    series: dict[str, dict[str, list]] = {}
    for light in night.lights:
        if light.record["kind"] == "light" and light.exptime:
            each = series.setdefault(
                light.facts.get("filter") or "light",
                {"x": [], "y": [], "labels": [], "marked": []},
            )
            each["x"].append(light.exptime)
            each["y"].append(light.total("COSMIC_RAY") / (light.pixels / 1e6))
            each["labels"].append(light.frame)
            each["marked"].append(bool(light.odd))
    if not series:
        return ""
    graph = svgplot.points(
        [each | {"name": name} for name, each in series.items()],
        "exposure time [s]",
        "cosmic-ray pixels per Mpixel",
    )
    return figure(
        graph, "cosmic rays grow with exposure time; pixels that do not are something else"
    )


def _pair(frame):
    values = [image["pair"] for image in frame["images"] if image.get("pair") is not None]
    return sum(values) / len(values) if values else None


def _pairs(night):
    """Series of the differences of consecutive frames over their sigma."""
    lights = [
        series | {"name": f"lights {series['name']}"}
        for series in _of_lights(night, lambda light: light.pair)
    ]
    masters = [
        series | {"name": _PLURAL[kind].format(series["name"])}
        for kind in ("bias", "dark", "flat")
        for series in _of_members(night, kind, _pair)
    ]
    return [series for series in lights + masters if series["x"]]


def _consecutive(night):
    """The uncertainty check: the graph, with its origin and meaning in words."""
    series = _pairs(night)
    if not series:
        return ""
    found = ", ".join(
        f"{median(each['y']):.3f} ({len(each['y'])} {escape(each['name'])})" for each in series
    )
    instead = (
        ""
        if any(each["name"].startswith("lights") for each in series)
        else " No two lights here are of the same object, filter and exposure time, so the frames "
        "of the masters stand for them."
    )
    caption = (
        "uncertainty check: each frame less the one before it of the same object, filter and "
        "exposure time, over the sigma of the two, without what both share through their masters. "
        f"1 where sigma is true, more where it is too small. Medians: {found}.{instead}"
    )
    return _graph(series, "scatter of differences / sigma", caption, [(1.0, "true sigma")])


def trends_section(night: Night) -> str:
    """Graphs against time; empty when there is nothing to draw.

    Parameters
    ----------
    night : Night

    Returns
    -------
    str
        HTML.
    """
    lights = _of_lights(night, lambda light: light.image["median"])
    unit = night.lights[0].image["unit"] if night.lights else ""
    graphs = [
        _graph(_of_members(night, "bias", bias_level), "level of biases [adu]", "bias level"),
        _read_noise_graph(night),
        _darks(night),
        _graph(_of_members(night, "flat", level_of), "level of flats [adu]", "flats"),
        _graph(lights, f"background [{unit}]", "sky of each calibrated frame"),
        _graph(_temperatures(night), "temperature [C]", "temperature of the detector"),
        _consecutive(night),
        _cosmic_rays(night),
    ]
    body = "".join(graphs)
    if not body:
        return ""
    lead = "Frames that stand out are ringed. Point at a mark for its name and value."
    return section("Over the night", f'<div class="grid-of wide">{body}</div>', "trends", lead)


def _against(value, error, declared):
    """Cells: measured value with its error, declared value, relative difference."""
    text = "not measured" if value is None else f"{value:.4f} &plusmn; {error:.4f}"
    if value is None and declared is not None:
        return [text, number(declared), ""]
    if declared is None:
        return [text, "not declared", ""]
    return [text, number(declared), f"{(value / declared - 1):+.1%}"]


def detector_section(night: Night) -> str:
    """Gain and read noise measured against declared; empty when they were not measured.

    Parameters
    ----------
    night : Night

    Returns
    -------
    str
        HTML.
    """
    rows: list[list[str]] = []
    marked = set()
    for name, amplifiers in night.detectors.items():
        for place, amp in enumerate(amplifiers, start=1):
            gain = _against(amp["gain"], amp["gain_error"], amp["declared_gain"])
            noise = _against(amp["read_noise"], amp["read_noise_error"], amp["declared_read_noise"])
            declared = amp["declared_gain"]
            if declared and amp["gain"] and abs(amp["gain"] / declared - 1) > 0.1:
                marked.add(len(rows))
            pairs = f"{amp['bias_pairs']} + {amp['flat_pairs']}"
            rows.append([escape(name), str(place), *gain, *noise, pairs])
    if not rows:
        return ""
    columns = [
        "detector",
        "amplifier",
        "gain measured [e/adu]",
        "declared",
        "difference",
        "read noise measured [e]",
        "declared",
        "difference",
        "pairs: bias + flat",
    ]
    lead = (
        "Measured from the night's own pairs of biases and flats. Marked where gain differs by "
        "more than 10 %: check the camera file, or set detector.gain to measure."
    )
    return section(
        "Detector", table(columns, rows, name="detector", marked=marked), "detector", lead
    )
