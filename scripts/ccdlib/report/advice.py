"""What a person can do about a refusal."""

import re

from ..config import last_config
from ..errors import CcdlibError

__all__ = ["advice"]

# pattern of a reason: what to do. A refusal may quote the one that caused it and so have the words
# of both; causes come first
_ADVICE = (
    (
        "cannot be scaled",
        "Take biases, or darks of this exposure time (dark-flats for the flats).",
    ),
    ("min_frames", "Take more frames, or lower combine.min_frames."),
    (
        "filter [^,;()]+, the frame has none|filter none, the frame has ",
        "Write the missing filter into the table of `corrections` (columns file and filter).",
    ),
    ("no flat frame", "Take flats, or go without: --config 'missing={flat: skip}'."),
    (
        "no master flat",
        "See in results/plan.csv why each flat does not fit (match.* sets what must agree), or go "
        "without: --config 'missing={flat: skip}'.",
    ),
    (
        "no bias frame",
        "Take biases, or if the overscan is enough: --config 'missing={bias: skip}'.",
    ),
    ("no dark frame", "Take darks, or go without: --config 'missing={dark: skip}'."),
    (
        "no master bias",
        "See in results/plan.csv why each bias does not fit (match.* sets what must agree), or if "
        "the overscan is enough: --config 'missing={bias: skip}'.",
    ),
    (
        "no master dark",
        "See in results/plan.csv why each dark does not fit (match.* sets what must agree), or go "
        "without: --config 'missing={dark: skip}'.",
    ),
    ("corrections want", "Name a master of results/plan.csv in the table of `corrections`."),
    (
        "was done already",
        "Take the frames as they left the camera, or write done=none for them in the table of "
        "`corrections`.",
    ),
    (
        "but the camera file is for",
        "Give these frames a camera file of their own (`ccdlib init` proposes one), or correct "
        "`recognise` in this one.",
    ),
    ("share the name", "Put the fact in which they differ into match.facts."),
    (
        "no typing rule",
        "Give its imagetyp in the table of `corrections`, or a rule in the camera file.",
    ),
    ("its type is not clear", "Give its imagetyp in the table of `corrections`."),
    (
        "but its pixels",
        "Give its imagetyp in the table of `corrections`: what it is, or again what its card says.",
    ),
    (
        "though their headers differ",
        "Delete the one whose header is wrong, or correct the one that is used in the table of "
        "`corrections`.",
    ),
    ("packed: used once", "Nothing is lost; delete one of the two to be rid of this line."),
    ("same content", "Nothing is lost; delete one of the two to be rid of this line."),
    ("same pixels", "Nothing is lost; delete one of the two to be rid of this line."),
    ("same FRAME", "Rename one of the files."),
    ("an image of a frame has at most", "Move it out of the raw folder."),
    ("unpacks to more", "Move it out of the raw folder."),
    ("of memory, this machine has", "Reduce it on a machine with more memory."),
    ("truncated", "Copy the file again from where it was taken."),
    ("empty file", "Copy the file again from where it was taken."),
    (
        "capitals do not count",
        "Rename one (a filter in the table of `corrections`), or have the results on another disk.",
    ),
    ("not a FITS", "Move it out of the raw folder."),
    ("no image in it", "Move it out of the raw folder."),
    ("cannot be read", "Copy the file again, or move it out of the raw folder."),
    ("pedestal", "Take biases, or give the overscan section in the camera file."),
    ("colour sensor", "Follow docs/camera.md, colour sensors."),
    ("noise model", "Look at its frames below, or check detector.gain and detector.read_noise."),
    (
        "saturated",
        "Take the frame out in the table of `corrections` (use: false), or expose shorter.",
    ),
    ("a flat is positive", "Take the flat out in the table of `corrections` (use: false)."),
    ("changed since", "Run again: the index will see the new content."),
    ("while it was read", "Run again, when nothing writes to the folder."),
    ("it is being written", "Run again, when nothing writes to the folder."),
    ("gone since", "Run again: the index will see that it is gone."),
    ("exptime", "Give its exptime in the table of `corrections`."),
    ("section", "The section cards do not describe this image: see docs/camera.md, amplifiers."),
    ("overscan", "The overscan section is not that of this image: see docs/camera.md, amplifiers."),
    (
        "is not a",
        "Correct it in the table of `corrections`, or name another card in the camera file.",
    ),
    ("card", "Name the card that says so in the camera file: see docs/camera.md."),
    ("shape", "Frames of another size or binning do not mix: put them into another folder."),
    ("something that it needs failed", "Mend the failure above it and run again."),
    ("No space left", "Free some space on the disk of the results and run again."),
    ("space on disk", "Free some space on the disk of the results and run again."),
    ("interrupted", "Run again: what is missing is made."),
    ("killed", "The machine ran out of memory or the run was ended: run again."),
)
_OTHERWISE = "`ccdlib why` says what it is made from; its log in logs/ has the details."


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
    text = next((text for words, text in _ADVICE if re.search(words, reason)), _OTHERWISE)
    return _SKIP.sub(_with_what_was_given, text)
