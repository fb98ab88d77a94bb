"""The first thing on the page: is the night good, what was left out, and what to do about it."""

from html import escape
from typing import Any

from .advice import advice
from .last_lines import (
    detector_warnings,
    few_frames,
    header_remarks,
    lacking_maps,
    left_frames,
    left_lights,
    left_out,
    left_stacks,
    noise_notes,
    plural,
    type_notes,
    unfit_masters,
    without_sky,
)
from .level_doubts import level_notes
from .night import Night
from .page import section, table
from .sky import uneven_skies

__all__ = ["summarise", "verdict"]


def _odd_frames(night):
    """Yield (frame, link to its product, reasons) of each frame that stands out."""
    for master in night.masters:
        for frame, reasons in zip(master.record["frames"], master.odd, strict=True):
            if reasons:
                where = (
                    f'<a href="#{escape(master.product)}">{master.kind} {escape(master.name)}</a>'
                )
                yield frame["file"], where, reasons
    for light in night.lights:
        if light.odd:
            yield light.frame, f'<a href="#{escape(light.product)}">light</a>', light.odd


def _notes(night):
    """Yield a line for each remark that is not a refusal."""
    products = {light.product for light in night.lights}
    yield from left_out(night.plan, products)
    yield from noise_notes(night.plan, products)
    yield from few_frames(night.plan, products)
    yield from left_stacks(night.plan)
    yield from left_frames(night.plan)
    yield from left_lights(each.product for each in [*night.skies, *night.stacks])
    yield from without_sky(night.plan)
    yield from lacking_maps(night.plan)
    yield from level_notes(night.plan, night.members)
    yield from uneven_skies(night)
    for name, amplifiers in night.detectors.items():
        yield from detector_warnings(name, amplifiers)
    yield from header_remarks(night.index)
    yield from type_notes(night.index)
    yield from unfit_masters()


def summarise(night: Night) -> dict[str, Any]:
    """The night in numbers and one sentence.

    Parameters
    ----------
    night : Night

    Returns
    -------
    dict
        lights, refused, failed, odd (numbers); words; good, whether all is well.
    """
    found = {
        "lights": sum(light.record["kind"] == "light" for light in night.lights),
        "refused": len({stop.what for stop in night.stops if not stop.failed}),
        "failed": sum(stop.failed for stop in night.stops),
        "odd": sum(1 for _ in _odd_frames(night)),
    }
    lamps = sum(light.record["kind"] == "lamp" for light in night.lights)
    also = f" and {plural(lamps, 'frame')} of lamps" if lamps else ""
    parts = [f"{plural(found['lights'], 'light')}{also} calibrated"]
    if found["refused"]:
        parts.append(f"{found['refused']} refused")
    if found["failed"]:
        parts.append(f"{found['failed']} not made because a job failed")
    if found["odd"]:
        parts.append(f"{plural(found['odd'], 'frame')} to look at")
    if not night.index:
        words = "No raw frame was indexed."
    elif len(parts) == 1:
        words = f"{parts[0]}: nothing refused, nothing failed, no frame stands out."
    else:
        words = ", ".join(parts) + "."
    return found | {"words": words, "good": len(parts) == 1 and found["lights"] > 0}


def _first_causes(stop):
    """Failures before what they stopped, and both before refusals."""
    return not stop.failed, "something that it needs failed" in stop.reason


def verdict(night: Night) -> str:
    """The section of the page.

    Parameters
    ----------
    night : Night

    Returns
    -------
    str
        HTML.
    """
    odd = list(_odd_frames(night))
    found = summarise(night)
    body = f'<p class="verdict {"good" if found["good"] else "bad"}">{escape(found["words"])}</p>'
    if night.stops:
        rows = [
            [
                escape(stop.what),
                "failed" if stop.failed else "refused",
                escape(stop.reason.removeprefix(f"{stop.what}: ")),
                escape(advice(stop.reason)),
            ]
            for stop in sorted(night.stops, key=_first_causes)
        ]
        body += "<h3>Not made</h3>" + table(
            ["what", "state", "why", "what to do"], rows, name="refused and failed", text=(0, 2, 3)
        )
    if odd:
        rows = [[escape(frame), where, escape("; ".join(why))] for frame, where, why in odd]
        body += "<h3>Frames that stand out</h3>" + table(
            ["frame", "in", "what is odd about it"], rows, name="odd frames", text=(2,)
        )
    body += "".join(f'<p class="quiet">{escape(line)}</p>' for line in _notes(night))
    return section("Verdict", body, "verdict")
