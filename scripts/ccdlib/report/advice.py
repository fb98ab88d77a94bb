"""What a person can do about a refusal."""

import re
from collections.abc import Iterable

from ..config import last_config
from ..errors import CcdlibError

__all__ = ["advice", "lacking_kinds", "missing_value"]

_MOVE_OUT = "Move it out of the raw folder."
_COPY_AGAIN = "Copy the file again from where it was taken."
_ONE_OF_TWO = "Nothing is lost; delete one of the two to be rid of this line."
_TYPE = "Give its imagetyp in the table of `corrections`"
_SECTIONS = "to describe this image: see docs/camera.md, amplifiers."
_FITS = "See in results/plan.csv why each {0} does not fit (match.* sets what must agree), or {1}"

# pattern of a reason: what to do. A refusal may quote the one that caused it and so have the words
# of both; causes come first
ADVICE = (
    # of the plan; what lacks least is named first
    (
        r"no master \w+ fits \([^;]*days away, at most",
        "Take new ones, or let older ones serve: match.max_age in the config is the largest age in "
        "days.",
    ),
    (
        "cannot be scaled",
        "Take biases, or darks of this exposure time (dark-flats for the flats).",
    ),
    ("min_frames", "Take more frames, or lower combine.min_frames."),
    (
        "filter [^,;()]+, the frame has none|filter none, the frame has |filter none in ",
        "Write the missing filter into the table of `corrections` (columns file and filter; a word "
        "such as clear where there was none).",
    ),
    ("corrections want", "Name a master of results/plan.csv in the table of `corrections`."),
    (
        "was done already",
        "Take the frames as they left the camera, or write done=none for them in the table of "
        "`corrections`.",
    ),
    (
        "no card says what; write done",
        "Write in the column done of the table of `corrections` what was subtracted from it, or "
        "none.",
    ),
    (
        "share the name",
        "Put the fact in which they differ into match.facts, or take the frames of one group out "
        "in the table of `corrections` (use: false).",
    ),
    (
        "capitals do not count",
        "Rename one (a filter in the table of `corrections`), or have the results on another disk.",
    ),
    (
        "removes its pedestal",
        "Take biases, or give the overscan section in the camera file.",
    ),
    ("dark holds its pedestal", "Have the master made again by this pipeline, or go without it."),
    (
        "exptime=.*positive exposure|facts.exptime",
        "Give its exptime in the table of `corrections`.",
    ),
    (
        "no bias frame",
        "Take biases, or if the overscan is enough: --config 'missing={bias: skip}'.",
    ),
    ("no dark frame", "Take darks, or go without: --config 'missing={dark: skip}'."),
    ("no flat frame", "Take flats, or go without: --config 'missing={flat: skip}'."),
    (
        "no master bias",
        _FITS.format("bias", "if the overscan is enough: --config 'missing={bias: skip}'."),
    ),
    (
        "no master dark",
        _FITS.format("dark", "go without: --config 'missing={dark: skip}'."),
    ),
    (
        r"telescope [^;()]+, the frame has",
        "Take flats with this telescope; where it is the same one, give its frames the name of the "
        "flat in the table of `corrections` (columns file and flat).",
    ),
    (
        "no master flat.*filter [^,;()]+, the frame has",
        "Where the header is wrong, give the filter in the table of `corrections` (columns file "
        "and filter); else take flats of it, or go without: --config 'missing={flat: skip}'.",
    ),
    (
        "no master flat",
        _FITS.format("flat", "go without: --config 'missing={flat: skip}'."),
    ),
    # of types
    (
        "but the camera file is for",
        "Give these frames a camera file of their own (`ccdlib init` proposes one), or correct "
        "`recognise` in this one.",
    ),
    ("no typing rule", f"{_TYPE}, or a rule in the camera file."),
    ("its type is not clear", f"{_TYPE}."),
    ("but its pixels", f"{_TYPE}: what it is, or again what its card says."),
    # of one exposure
    (
        "though their headers differ",
        "Delete the one whose header is wrong, or correct the one that is used in the table of "
        "`corrections`.",
    ),
    ("packed: used once", _ONE_OF_TWO),
    ("same content", _ONE_OF_TWO),
    ("same pixels", _ONE_OF_TWO),
    ("same FRAME", "Rename one of the files."),
    # of files
    ("changed since", "Run again: the index will see the new content."),
    ("while it was read", "Run again, when nothing writes to the folder."),
    ("it is being written", "Run again, when nothing writes to the folder."),
    ("gone since", "Run again: the index will see that it is gone."),
    ("of memory, this machine has", "Reduce it on a machine with more memory."),
    ("truncated|empty file|a header without END|behind its last HDU", _COPY_AGAIN),
    (
        "cannot be (read|unpacked)|is not an integer|is not a number|is not one of|is negative",
        "Copy the file again, or move it out of the raw folder.",
    ),
    (
        "not a FITS|no image in it|not a regular file|not a raw frame|no raw frame has more|"
        "an image of a frame has at most|unpacks? to |a frame has two|can be [0-9]+$",
        _MOVE_OUT,
    ),
    (
        "these are fractions|have wrapped round",
        "Take the frame as the camera's program wrote it.",
    ),
    # of the camera file
    ("is not a binning", "Name the card of the binning in the camera file (facts.binning)."),
    (r"section|overscan|data \[", f"Change the camera file {_SECTIONS}"),
    ("amplifier|place ", f"Change the amplifiers of the camera file {_SECTIONS}"),
    ("no card", "Name the card that says so in the camera file: see docs/camera.md."),
    # of pixels
    ("colour sensor", "Follow docs/camera.md, colour sensors."),
    (
        "noise model",
        "Look at its frames in the report, take those out that do not belong to it (use: false in "
        "the table of `corrections`), or check detector.gain and detector.read_noise.",
    ),
    (
        "noise of its flats falls",
        "Use the flats as they left the camera, or go without: take them out in the table of "
        "`corrections` (use: false).",
    ),
    (
        "saturated",
        "Take the frame out in the table of `corrections` (use: false), or expose shorter.",
    ),
    (
        "hot pixels of its dark",
        "Compare it with its dark: name another in the table of `corrections` (column dark; none "
        "where a program took hot pixels out), or correct its exptime there.",
    ),
    (
        "a flat is positive|cannot be normalised|all of it is flagged",
        "Take the frame out in the table of `corrections` (use: false).",
    ),
    (
        "shape",
        "Give a bad-pixel map of the frames' size; frames of another size belong into another "
        "folder.",
    ),
    # of the run
    ("something that it needs failed", "Mend the failure above it and run again."),
    ("No space left", "Free some space on the disk of the results and run again."),
    ("interrupted", "Run again: what is missing is made."),
    ("killed", "The machine ran out of memory or the run was ended: run again."),
)
_OTHERWISE = "`ccdlib why` says what it is made from; its log in logs/ has the details."


# pattern of a reason: the column of the table of corrections in which a value mends it
_MISSING = {"filter [^,;()]+, the frame has none": "filter", "exptime=None(?! in )": "exptime"}
# the same where the frames of a master lack it, whose kind is in the path that is quoted
_LACKING = {"filter none in ": "filter", "exptime=None in ": "exptime"}
_MASTER = re.compile(r"results/masters/(\w+)/[^:;]*: ")
_NO_FILTER = re.compile(r"no master (\w+) fits \(.*: filter none, the frame has ")
_SKIP = re.compile(r"missing=\{(\w+): skip\}")


def _given():
    """Kinds that the last run went without because its config says so."""
    try:
        return [kind for kind, what in last_config()["missing"].items() if what == "skip"]
    except CcdlibError:
        return []


def _with_what_was_given(found):
    """The whole of `missing`: who follows one line of advice after the other gives all of them."""
    kinds = dict.fromkeys([*_given(), found[1]])
    return f"missing={{{', '.join(f'{kind}: skip' for kind in kinds)}}}"


def advice(reason: str) -> str:
    """One sentence for a reason of index, plan or log.

    What it says of `missing` has what the last run in this folder was given, too.

    Examples
    --------
    >>> advice("a.fits: empty file")
    'Copy the file again from where it was taken.'
    """
    text = next((text for words, text in ADVICE if re.search(words, reason)), _OTHERWISE)
    return _SKIP.sub(_with_what_was_given, text)


def lacking_kinds(reasons: Iterable[str]) -> dict[str, set[str]]:
    """{column of the table of corrections: kinds of master whose frames need a value in it}.

    Examples
    --------
    >>> lacking_kinds(["no dark (results/masters/dark/a.fits: exptime=None in b.fits)"])
    {'exptime': {'dark'}}
    """
    found: dict[str, set[str]] = {}
    for reason in reasons:
        if other := _NO_FILTER.search(reason):
            found.setdefault("filter", set()).add(other[1])
        for master in _MASTER.finditer(reason):
            for words, column in _LACKING.items():
                if reason.startswith(words, master.end()):
                    found.setdefault(column, set()).add(master[1])
    return found


def missing_value(reason: str) -> str | None:
    """The column of the table of corrections that a refused frame needs a value in, or None."""
    return next((column for words, column in _MISSING.items() if re.search(words, reason)), None)
