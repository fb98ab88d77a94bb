"""Types of frames by weighed evidence: no card, name or folder is believed alone.

The frames of a folder are compared with each other: what all of them share tells nothing where
other evidence speaks against it. Pixels decide where nothing else tells, and are compared with what
the rest says. The rules of a camera file that says `typing: rules` come first.
"""

import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from ..camera.type_words import ASIDE, kind_of_name, kind_of_object, names_types_alone
from .pixel_evidence import LONGEST_BIAS, at_odds, seen_in

__all__ = ["BY_RULE", "DOUBTED", "PLAIN", "weigh"]

# how the evidence of a type that leads by little begins, and that of a light for want of any ends
BY_RULE = "rule of the camera file"
DOUBTED, PLAIN = "not sure: ", "nothing says bias, dark or flat"

# how much a word weighs, by where it stands
_WEIGHTS = {"card": 6, "name": 5, "folder": 4, "object": 4}
# programs call any exposure with an open shutter a light
_LIGHT_WEIGHT = 3
# a master or a stack tells it in its name or in a card: it has their types as well
_ASIDE_WEIGHT = 12
_EXPOSURE_WEIGHTS = {
    "exposed 0 s": {"bias": 6, "dark": -4, "light": -4, "lamp": -4},
    "exposed": {"bias": -5},
    "exposure below 0": {"dark": 6, "bias": -4},
}
_CALIBRATIONS = {"bias", "dark", "flat"}
_BLOCKED = re.compile(r"block(ed)?|dark|closed|opaque", re.IGNORECASE)
_BLOCKED_WEIGHTS = {"bias": 3, "dark": 3, "flat": -3, "light": -3, "lamp": -3}
# a program whose cards tell a type apart, and stars: free words of a target's name are no match
_STARRY_WEIGHT = 8
# a type needs more than this, and is sure when it leads by more than the next
_LEAST, _SURE = 2, 2
# frames from which on a value that all share tells nothing
_MANY = 3


@dataclass(frozen=True)
class _Clues:
    """What speaks for the type of a frame: words as (source, kind, text), exposure, filter, stack,
    whether OBJECT and the file's name hold other words than those of types, and its pixels as
    (kind, text, whether they show a sky with stars), once they are compared."""

    words: tuple[tuple[str, str | None, str], ...]
    exposure: str
    blocked: str
    stacked: str | None
    other_words: bool = False
    pixels: tuple[str | None, str, bool] | None = None

    def kind(self, source: str) -> str | None:
        return next(kind for name, kind, _ in self.words if name == source)


@dataclass(frozen=True)
class _Verdict:
    """The type by the evidence.

    Attributes
    ----------
    kind : str or None
        None where the evidence is at odds with itself.
    sure : bool
        Whether it leads clearly.
    plain : bool
        Whether no word speaks for it: it is a light for want of anything, or pixels decide.
    says : str
        The evidence.
    """

    kind: str | None
    sure: bool
    plain: bool
    says: str


def _folder_kind(folder):
    """The type that the nearest folder with such a word names, and its name."""
    for part in reversed(folder.split("/")):
        kind = kind_of_name(part)
        if kind:
            return kind, part
    return None, ""


def _exposure(exptime):
    if exptime is None:
        return ""
    if exptime < 0:
        return "exposure below 0"
    if exptime == 0:
        return "exposed 0 s"
    return "exposed" if exptime > LONGEST_BIAS else ""


def _clues(row):
    folder, name = posixpath.split(row["file"])
    folder_kind, folder = _folder_kind(folder)
    name_kind = kind_of_name(name)
    object_kind = kind_of_object(row["object"] or "")
    given = row["clues"]
    free = [(object_kind, row["object"] or ""), (name_kind, name.partition(".")[0])]
    return _Clues(
        (
            ("card", given["kind"], given["card"] or ""),
            ("name", name_kind, f"the file's name says {name_kind}"),
            ("folder", folder_kind, f"folder {folder}"),
            ("object", object_kind, f"OBJECT {row['object']!r}" if object_kind else ""),
        ),
        _exposure(row["exptime"]),
        row["filter"] if _BLOCKED.fullmatch(row["filter"] or "") else "",
        given["stacked"],
        not any(kind and names_types_alone(text) for kind, text in free),
    )


def _pixel_kinds(frames):
    """The types that pixels show beyond doubt: frames without light and evenly bright ones."""
    counts = Counter(each.pixels[0] for each in frames if each.pixels)
    shown = {kind for kind, count in counts.items() if count > 1 and kind}
    return shown if "flat" in shown and shown & {"bias", "dark"} else set()


def _empty_words(frames):
    """The sources that tell nothing: all frames share them, and others speak against them."""
    if len(frames) < _MANY:
        return set()
    kinds = {source: {each.kind(source) for each in frames} for source in _WEIGHTS}
    exposures = {each.exposure for each in frames}
    # some without exposure, some with: they are of two types
    by_exposure = {"bias"} if "exposed 0 s" in exposures and len(exposures) > 1 else set()
    by_exposure |= _pixel_kinds(frames)
    empty = set()
    for source, own in kinds.items():
        others = by_exposure.union(*(kinds[name] for name in kinds if name != source))
        # a dark of 0 s is a bias
        others -= {"bias"} if own == {"dark"} else set()
        if len(own) == 1 and None not in own and others - {None, "light"} - own:
            empty.add(source)
    if exposures == {"exposed 0 s"} and set().union(*kinds.values()) - {None, "bias", "dark"}:
        empty.add("exposure")
    return empty


def _word_evidence(clues, empty, count):
    """(kind, weight, text) of each word."""
    for source, kind, text in clues.words:
        if kind is None:
            continue
        if source in empty:
            yield kind, 0, f"{text} as in all {count}, which says nothing"
        elif kind in ASIDE:
            yield kind, _ASIDE_WEIGHT, text
        else:
            yield kind, _LIGHT_WEIGHT if kind == "light" else _WEIGHTS[source], text


def _is_starry_light(clues, sums, carded):
    """Whether a light, by card and pixels, is called Flat Rock: other words lead to a type that
    the program has a value of its own for."""
    leads = max(sums, key=sums.__getitem__, default=None)
    is_light = clues.kind("card") == "light" and clues.pixels and clues.pixels[2]
    return bool(is_light and leads in carded & _CALIBRATIONS)


def _is_starry_target(clues, sums):
    """Whether a target is called Flat Rock, and no card or folder says that it is a flat."""
    said = {source for source, kind, _ in clues.words if kind == "flat"}
    starry = clues.pixels and clues.pixels[2] and clues.other_words
    return bool(starry and said and said <= {"object", "name"} and set(+sums) == {"flat"})


def _verdict(clues, empty, named, carded, count):
    """The type of a frame among `count` frames of its camera."""
    words = list(_word_evidence(clues, empty, count))
    says = [text for _, _, text in words]
    if clues.pixels and not (
        clues.stacked or clues.blocked or any(weight for _, weight, _ in words)
    ):
        return _by_pixels(clues, named, says)
    sums: Counter[str] = Counter()
    for kind, weight, _ in words:
        sums[kind] += weight
    if clues.stacked:
        sums["stack"] += _ASIDE_WEIGHT
        says.append(clues.stacked)
    any_word = bool(+sums)
    if clues.exposure and "exposure" not in empty:
        sums.update(_EXPOSURE_WEIGHTS[clues.exposure])
        says.append(clues.exposure)
    if clues.blocked:
        sums.update(_BLOCKED_WEIGHTS)
        says.append(f"filter {clues.blocked!r}")
    if _is_starry_light(clues, sums, carded):
        sums["light"] += _STARRY_WEIGHT
        says.append(clues.pixels[1])
    elif _is_starry_target(clues, sums):
        # a flat that is taken for a light spoils no master
        sums["light"] = sums["flat"] + 1
        says.append(clues.pixels[1])
    (kind, best), (_, second) = [*sums.most_common(2), ("light", 0), ("light", 0)][:2]
    if best <= _LEAST:
        return _unnamed(clues, sums, any_word, says)
    if kind == "dark" and clues.exposure == "exposed 0 s":
        kind = "bias"
    return _Verdict(kind, best - second > _SURE, False, "; ".join(says))


def _by_pixels(clues, named, says):
    """The verdict where no word tells anything.

    Where words name the calibration frames beside it, a frame of no name is a light.
    """
    kind, text, _ = clues.pixels
    kind = "light" if named and clues.exposure != "exposed 0 s" else kind
    unread = _unread(clues)
    says = [*says, unread or "no word names its type", *filter(None, [clues.exposure, text])]
    return _Verdict(kind, kind is not None and not unread, True, "; ".join(says))


def _unread(clues):
    """What the card about the type says, where its words are not known."""
    card = next(text for source, kind, text in clues.words if source == "card")
    return f"{card} names no known type" if card and clues.kind("card") is None else ""


def _unnamed(clues, sums, any_word, says):
    """The verdict where no type has enough for it."""
    unread = _unread(clues)
    says = [unread, *says] if unread else says
    if any_word and max(sums.values()) <= _LEAST and "light" not in +sums:
        return _Verdict(None, False, False, "; ".join(says))
    says.append(PLAIN)
    return _Verdict("light", not unread, True, "; ".join(says))


def _typed(row, kind, verdict):
    # two who say the same need no lead
    doubt = "" if verdict.sure or kind == row["imagetyp"] else DOUBTED
    if kind in ASIDE:
        reason = f"{row['file']}: set aside, {kind}: {verdict.says}"
        return row | {"imagetyp": None, "status": "aside", "reason": reason}
    reason = row["reason"] if row["status"] == "ok" else row["clues"].get("remark")
    return row | {
        "imagetyp": kind,
        "status": "ok",
        "reason": reason,
        "evidence": f"{doubt}{verdict.says}",
    }


def _decided(row, clues, verdict, empty, rules_first):
    """A row with its type: by the camera file's rule, or by the evidence."""
    rule = row["imagetyp"]
    if rule is not None and rules_first:
        return row | {"evidence": BY_RULE}
    card = row["clues"]["card"]
    if rule is None and rules_first and card and clues.kind("card") is None and verdict.plain:
        # a camera file that lists the values of its card does not know this one
        return row
    if rule is not None and (verdict.kind is None or verdict.plain) and "card" not in empty:
        return row | {"evidence": BY_RULE}
    if verdict.kind is None:
        reason = (
            f"{row['file']}: its type is not clear: {verdict.says}; give its imagetyp in the "
            f"table of `corrections`"
        )
        return row | {"status": "unknown", "reason": reason}
    return _typed(row, verdict.kind, verdict)


def _one_type(rows):
    """Whether rules gave all frames of a camera one type, so that they tell nothing."""
    types = {row["imagetyp"] for row in rows}
    return len(rows) >= _MANY and len(types) == 1 and None not in types


def _named(frames, empty):
    """The types of calibration frames that words name."""
    words = {word[:2] for clues in set(frames) for word in clues.words}
    return {kind for source, kind in words if source not in empty} & _CALIBRATIONS


def _verdicts(frames):
    """The verdict on each frame, and the sources that tell nothing."""
    empty = _empty_words(frames)
    named, carded = _named(frames, empty), {clues.kind("card") for clues in frames}
    found: dict[_Clues, _Verdict] = {}
    for clues in frames:
        if clues not in found:
            found[clues] = _verdict(clues, empty, named, carded, len(frames))
    return [found[clues] for clues in frames], empty


def _with_pixels(rows, frames):
    """The clues with what the pixels say, beside the frames whose type is sure without them."""
    verdicts, _ = _verdicts(frames)
    known = [each.kind if each.sure and not each.plain else None for each in verdicts]
    seen = seen_in(rows, known)
    found = [
        clues if each is None else replace(clues, pixels=(each.kind, each.text, each.starry))
        for clues, each in zip(frames, seen, strict=True)
    ]
    return found, seen


def _compared_with_pixels(row, clues, seen, named, rules_first):
    """A typed row, asked about or doubted where its pixels are not of its type."""
    if row["status"] != "ok" or seen is None:
        return row
    kind, words = row["imagetyp"], {kind for _, kind, _ in clues.words}
    odd = at_odds(kind, seen, "light" in words and kind not in words)
    if odd is not None:
        text = f"{kind} ({row['evidence']}), but {odd}"
        if rules_first:
            before = f"{row['reason']}; " if row["reason"] else f"{row['file']}: "
            return row | {"reason": f"{before}{text}"}
        reason = f"{row['file']}: {text}; give its imagetyp in the table of `corrections`"
        return row | {"imagetyp": None, "status": "unknown", "reason": reason}
    other = kind == "light" and seen.kind in _CALIBRATIONS - named
    if other and not rules_first and not row["evidence"].startswith(DOUBTED):
        return row | {"evidence": f"{DOUBTED}{row['evidence']}; {seen.text} as in a {seen.kind}"}
    # only free words call it a flat
    other = kind == "flat" and seen.starry and clues.kind("card") != "flat"
    if other and not rules_first and not row["evidence"].startswith(DOUBTED):
        return row | {"evidence": f"{DOUBTED}{row['evidence']}; {seen.text} as in a light"}
    return row


def _weigh_camera(rows, rules_first):
    """The rows of one camera with their types."""
    frames, seen = _with_pixels(rows, [_clues(row) for row in rows])
    verdicts, empty = _verdicts(frames)
    named = _named(frames, empty)
    one_type = rules_first and _one_type(rows)
    for row, clues, verdict, own in zip(rows, frames, verdicts, seen, strict=True):
        # where the rules tell nothing, what is clear is believed
        doubted = one_type and verdict.sure and (not verdict.plain or "card" in empty)
        typed = _decided(row, clues, verdict, empty, rules_first and not doubted)
        yield _compared_with_pixels(typed, clues, own, named, rules_first)


def weigh(rows: Iterable[dict[str, Any]], camera: dict) -> list[dict[str, Any]]:
    """Give the frames of a folder their types.

    Parameters
    ----------
    rows : iterable of dict
        Rows of `raw_index.index_file`, with their `clues`.
    camera : dict
        A validated camera file. With ``typing: rules`` a rule that fits decides, unless the
        rules give all frames of the folder one type; with ``typing: evidence`` its rules are
        what is left where the evidence tells nothing.

    Returns
    -------
    list of dict
        The same rows with imagetyp, `evidence` (what the type comes from; "not sure" where it
        leads by little), status and reason. Status ``aside`` is for frames that are no part of
        the night's work, ``unknown`` for those whose evidence is at odds.
    """
    rows = list(rows)
    own = defaultdict(list)
    for number, row in enumerate(rows):
        if row["status"] in ("ok", "unknown") and row["clues"]:
            own[row["camera"]].append(number)
    rules_first = camera.get("typing", "rules") == "rules"
    for numbers in own.values():
        typed = _weigh_camera([rows[number] for number in numbers], rules_first)
        for number, row in zip(numbers, typed, strict=True):
            rows[number] = row
    return rows
