"""The first thing on the page: is the night good, what was left out, and what to do about it."""

from html import escape

from .report_page import section, table
from .summary import detector_warnings, left_out, plural, undated, unfit_masters

__all__ = ["summarise", "verdict"]

# words of a reason: what a person can do about it
_ADVICE = (
    ("no flat frame", "Take flats of this filter, or set missing.flat to skip."),
    ("no master flat", "See why each flat does not fit; match.* sets what must agree."),
    ("no bias frame", "Take biases, or set missing.bias to skip if the overscan is enough."),
    ("no dark frame", "Take darks, or set missing.dark to skip."),
    ("no master", "See why each one does not fit; match.* sets what must agree."),
    ("frames wants", "Name a master of results/plan.csv in the table of `frames`."),
    ("min_frames", "Take more frames, or lower combine.min_frames."),
    ("share the name", "Put the fact in which they differ into match.facts."),
    (
        "need different masters",
        "Its frames differ too much: leave some out (use: false).",
    ),
    ("no typing rule", "Give its imagetyp in the table of `frames`, or a rule in the camera file."),
    ("same content", "Nothing is lost; delete one of the two to be rid of this line."),
    ("same FRAME", "Rename one of the files."),
    ("truncated", "Copy the file again from where it was taken."),
    ("empty file", "Copy the file again from where it was taken."),
    ("not a FITS", "Move it out of the raw folder."),
    ("no image in it", "Move it out of the raw folder."),
    ("cannot be read", "Copy the file again, or move it out of the raw folder."),
    ("pedestal", "Take biases, or give the overscan section in the camera file."),
    ("gain or read noise is neither", "Give detector.gain and detector.read_noise."),
    ("noise model", "Look at its frames below, or check detector.gain and detector.read_noise."),
    ("saturated", "Take the frame out in the table of `frames` (use: false), or expose shorter."),
    ("a flat is positive", "Take the flat out in the table of `frames` (use: false)."),
    ("changed since", "Run again: the index will see the new content."),
    ("gone since", "Run again: the index will see that it is gone."),
    ("exptime", "Give its exptime in the table of `frames`."),
    ("section", "The section cards do not describe this image: see docs/camera.md, amplifiers."),
    ("overscan", "The overscan section is not that of this image: see docs/camera.md, amplifiers."),
    ("is not a", "Correct it in the table of `frames`, or name another card in the camera file."),
    ("card", "Name the card that says so in the camera file: see docs/camera.md."),
    ("shape", "Frames of another size or binning do not mix: put them into another folder."),
    ("something that it needs failed", "Mend the failure above it and run again."),
    ("killed", "The machine ran out of memory or the run was ended: run again."),
)
_OTHERWISE = "`ccdlib why` says what it is made from; its log in logs/ has the details."


def _advice(reason):
    return next((advice for words, advice in _ADVICE if words in reason), _OTHERWISE)


def _odd_frames(night):
    """(frame, of what, reasons) of everything that stands out."""
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
    """What to know that is no refusal, a line each."""
    yield from left_out(night.plan, {light.product for light in night.lights})
    for name, amplifiers in night.detectors.items():
        yield from detector_warnings(name, amplifiers)
    yield from undated(night.index)
    yield from unfit_masters()


def summarise(night):
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
        "refused": sum(not stop.failed for stop in night.stops),
        "failed": sum(stop.failed for stop in night.stops),
        "odd": sum(1 for _ in _odd_frames(night)),
    }
    parts = [f"{plural(found['lights'], 'light')} calibrated"]
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


def verdict(night):
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
                escape(_advice(stop.reason)),
            ]
            for stop in sorted(night.stops, key=lambda stop: not stop.failed)
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
