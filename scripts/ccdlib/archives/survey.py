"""What a night has and what it lacks, found once by its headers, before anything is reduced."""

import json
from contextlib import chdir
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..camera.amplifiers import amplifiers_from_rows, layout_of
from ..errors import CcdlibError, in_words
from ..index.folder_state import CACHE, EXCLUDE
from ..index.raw_index import Cache, build_index, cache_key
from ..kinds import KINDS, kind_of, masters, order_of
from ..plan.frames import Frame, frames_of, read_corrections
from ..plan.matching import Master
from ..plan.night_plan import make_plan, product_of
from ..plan.plan_tables import Plan
from ..plan.telescopes import with_telescopes
from ..rerun.code_digests import rule_digest
from ..state import digest_of, sealed, unsealed
from ..tables import rows_of
from .folders import look
from .settings import Night

__all__ = ["KEYS", "NAME", "key_of", "lacks_of", "masters_of", "read_survey", "survey"]

NAME = "survey.json"
_FORMAT = 1
# what any has, and one without a problem; one of an earlier state of the code may lack some
_ALWAYS = frozenset(("format", "key", "problem", "seen"))
KEYS = _ALWAYS.union(
    ["frames", "whole", "counts", "nights", "masters", "lacks", "layouts", "mem_mb", "runtime"]
)


def key_of(night: Night, code: str) -> str:
    """A digest of what a survey depends on beside the frames.

    Parameters
    ----------
    night : Night
    code : str
        Digest of the code of rule survey_night.
    """
    corrections = night.given.get("corrections")
    told = Path(corrections).read_text(errors="replace") if corrections else ""
    parts = [_FORMAT, night.plan_settings, night.camera, told, code, night.folder]
    return digest_of(parts)


def read_survey(name: str) -> dict[str, Any] | None:
    """The survey of a night, None when there is none of this version."""
    found = unsealed(Path("nights", name, NAME)) or {}
    if found.get("format") != _FORMAT or not found.keys() >= _ALWAYS:
        return None
    return found if found["problem"] or found.keys() >= KEYS else None


def survey(night: Night, workers: int) -> bytes:
    """Look at a night.

    Whatever is wrong with it is said in the survey, so that the other nights go on.

    Parameters
    ----------
    night : Night
    workers : int
        Processes to read headers with.

    Returns
    -------
    bytes
        The sealed file: what `look` found, key, frames (digest of names, contents and
        corrections), counts of types, nights, masters and lacks (see `masters_of`, `lacks_of`),
        mem_mb, runtime.
    """
    code = rule_digest("survey_night")
    found: dict[str, Any] = {"format": _FORMAT, "key": key_of(night, code), "problem": None}
    found["seen"] = {"folders": {}, "files": "", "settled": False}
    try:
        # from before the files are read: what came meanwhile is seen by the next run
        found["seen"] = look(night.folder)
        found |= _of_frames(night, workers)
    except (CcdlibError, OSError) as error:
        found["problem"] = " ".join(in_words(error).split())
    return sealed(found, None, night.work / NAME)


def _of_frames(night, workers):
    night.work.mkdir(parents=True, exist_ok=True)
    # so that the night's own run finds the headers read and the files hashed
    with chdir(night.work):
        cache = Cache(CACHE, cache_key(night.camera, rule_digest("build_index")))
        index, layouts = build_index(
            night.folder, night.camera, cache=cache, exclude=EXCLUDE, workers=workers
        )
    rows = [row | {"layout": layouts.get(row["layout"])} for row in rows_of(index)]
    files = {row["file"] for row in rows}
    table = night.given.get("corrections")
    corrections = read_corrections(table, files) if table else {}
    choices, members = make_plan(rows, night.plan_settings, night.camera, corrections)
    plan = Plan(choices, members)
    frames = {
        product_of(each.frame): each for each in with_telescopes(frames_of(rows, corrections))
    }
    return {
        "frames": digest_of([[(row["file"], row["sha256"]) for row in rows], corrections]),
        "whole": cache.is_whole,
        "counts": _counts(rows),
        "nights": sorted({row["night"] for row in rows if row["night"]}),
        "masters": list(_masters(members, plan, frames)),
        "lacks": list(_lacks(choices, frames)),
        "layouts": {each.layout.name: each.layout.rows for each in frames.values()},
        "mem_mb": max((plan.needs(path, 1)["mem_mb"] for path in plan.targets(())), default=500),
        "runtime": sum(plan.needs(path, 1)["runtime"] for path in plan.targets(("light",))),
    }


def _counts(rows):
    found: dict[str, int] = {}
    for row in rows:
        kind = row["imagetyp"] if row["status"] == "ok" else row["status"]
        found[kind] = found.get(kind, 0) + 1
    return found


def _plain(frame: Frame, date: datetime | None) -> dict[str, Any]:
    """What `_frame` makes a frame of again: all by which masters are chosen for it."""
    names = ("kind", "night", "exptime", "temperature")
    own = {name: getattr(frame, name) for name in names}
    facts = frame.facts | {"object": None}
    return own | {
        "facts": facts,
        "layout": frame.layout.name,
        "date": date.isoformat() if date else None,
    }


def _masters(members, plan, frames):
    """Each master that the night makes of its own frames, with the facts by which it is chosen."""
    own: dict[str, list[Frame]] = {}
    for row in members:
        if row["master"].startswith("results/") and kind_of(row["master"]) in masters():
            own.setdefault(row["master"], []).append(frames[product_of(row["frame"])])
    keys = dict.fromkeys(KINDS, "")
    for path, its in own.items():
        date = Master("", "", tuple(its)).date
        yield {
            "product": path,
            "recipe": plan.recipe(path, keys),
            "frame": _plain(its[0], date),
        }


def _lacks(choices, frames):
    """(kind, frame) of what frames were left without, each once for frames that are alike."""
    kinds = {kind.name for kind in masters()}
    told = set()
    for row in choices:
        frame, kind = frames.get(row["product"]), row["kind"]
        if frame is None or kind not in kinds or row["status"] == "used" or kind in frame.pins:
            continue
        if kind in frame.done_steps or (kind, frame.alike) in told:
            continue
        told.add((kind, frame.alike))
        yield {"kind": kind, "frame": _plain(frame, frame.date)}


def _frame(plain, layouts):
    date = plain["date"]
    return Frame(
        frame="",
        file="",
        sha256="",
        kind=plain["kind"],
        night=plain["night"] or "undated",
        exptime=plain["exptime"],
        temperature=plain["temperature"],
        date=datetime.fromisoformat(date) if date else None,
        facts=plain["facts"],
        layout=_layout(json.dumps(layouts[plain["layout"]])),
    )


# thousands of nights share a few
@lru_cache(maxsize=1000)
def _layout(rows):
    return layout_of(amplifiers_from_rows(json.loads(rows)))


def masters_of(found: dict[str, Any]) -> list[tuple[Master, str]]:
    """The masters that a surveyed night makes of its own frames, as the plan knows masters.

    Parameters
    ----------
    found : dict
        From `read_survey`.

    Returns
    -------
    list of (Master, str)
        Each with a digest of its frames and of how they are calibrated.
    """
    made = []
    for each in sorted(found.get("masters", ()), key=lambda each: order_of(each["product"])):
        kind, frame = kind_of(each["product"]).name, _frame(each["frame"], found["layouts"])
        name = Path(each["product"]).name.removesuffix(KINDS[kind].ending)
        own = {"exptime": frame.exptime, "temperature": frame.temperature}
        made.append((Master(kind, name, (frame,), **own), each["recipe"]))
    return made


def lacks_of(found: dict[str, Any]) -> list[tuple[str, Frame]]:
    """(kind of master, frame) of what some frames of a surveyed night have none of."""
    lacks = found.get("lacks", ())
    return [(each["kind"], _frame(each["frame"], found["layouts"])) for each in lacks]
