"""The content of the report, read from the files that the jobs left."""

import csv
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from ..kinds import kind_of, record_of
from ..lock import LOCK
from ..plan.nights import read_nights
from ..plan.plan_columns import MEMBERS_TABLE, PLAN_TABLE
from ..plan.plan_tables import PLAN, Plan
from ..quality.frame_pairs import scatter_of_picks
from ..quality.outliers import light_outliers, member_outliers
from ..quality.records import FORMAT
from ..state import unsealed
from . import last_lines

__all__ = ["Light", "Master", "Night", "Stacked", "Stop", "read_night", "record_left"]

_PLAN_LOG = Path("logs/make_plan/plan.log")


@dataclass(frozen=True)
class Stop:
    """A product that was not made: its name, why, and whether a job failed (else: refused)."""

    what: str
    reason: str
    failed: bool


@dataclass
class Master:
    """A master that was made.

    Attributes
    ----------
    product, kind, name : str
    record : dict
        See `ccdlib.quality.records.master_record`.
    odd : list of list of str
        Reasons for each of its frames.
    """

    product: str
    kind: str
    name: str
    record: dict
    odd: list


@dataclass
class Light:
    """A calibrated frame.

    Attributes
    ----------
    product, frame : str
    facts : dict
        Its row of the index.
    record : dict
        See `ccdlib.quality.records.frame_record`.
    odd : list of str
    pair : float or None
        Scatter of its difference from the light before, of the same kind, over their sigma.
    """

    product: str
    frame: str
    facts: dict
    record: dict
    odd: list = field(default_factory=list)
    pair: float | None = None

    @property
    def exptime(self) -> float | None:
        return _number(self.facts.get("exptime"))

    @property
    def image(self) -> dict:
        """The first image; tables show this one."""
        return self.record["images"][0]

    def total(self, flag: str) -> int:
        """Pixels with a flag, over all images."""
        return sum(image["flags"].get(flag, 0) for image in self.record["images"])

    @property
    def pixels(self) -> int:
        return sum(image["shape"][0] * image["shape"][1] for image in self.record["images"])


@dataclass
class Stacked:
    """A stack, an illumination or a fringe frame that was made.

    Attributes
    ----------
    product, name : str
    record : dict
        See `ccdlib.quality.records.stack_record` and `sky_record`.
    """

    product: str
    name: str
    record: dict


@dataclass(frozen=True)
class Night:
    """The data of all sections.

    Attributes
    ----------
    name : str
        Its date.
    index : list of dict
        Its rows of the index.
    plan, members : list of dict
        Rows of the tables in results/, of its products and the masters used for them.
    stops : list of Stop
    masters : list of Master
    lights : list of Light
    stacks, skies : list of Stacked
    flattened : dict
        {FRAME: record} of the flattened lights, see `ccdlib.quality.records.flattened_record`.
    detectors : dict
        {name: list of amplifiers}.
    timings : dict
        {product: (seconds, rule)}.
    fresh : set of str
        Products that this run made.
    """

    name: str
    index: list
    plan: list
    members: list
    stops: list
    masters: list
    lights: list
    stacks: list
    skies: list
    flattened: dict
    detectors: dict
    timings: dict
    fresh: set

    def row(self, file: str) -> dict:
        """Index row of a raw file, empty for one that is not in the index."""
        return self._by_file.get(file, {})

    @cached_property
    def _by_file(self):
        return {row["file"]: row for row in self.index}

    def used(self, product: str) -> dict[str, dict]:
        """{kind: plan row} of the masters that a product was calibrated with."""
        return self._used.get(product, {})

    @cached_property
    def _used(self):
        found: dict[str, dict[str, dict]] = {}
        for row in self.plan:
            if row["status"] == "used" and row["master"]:
                found.setdefault(row["product"], {})[row["kind"]] = row
        return found


# facts that two lights must share to be compared
_SAME = ("object", "filter", "exptime", "size", "binning")


def _number(text):
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


def record_left(product: str) -> dict[str, Any] | None:
    """The record that a product's job left; None if there is none of this version.

    Parameters
    ----------
    product : str
        Its path below the working directory, which is the present folder.
    """
    path = record_of(product)
    if path is None or not Path(path).exists() or not Path(product).exists():
        return None
    record = unsealed(path) or {}
    return record if record.get("format") == FORMAT else None


def _job_file(folder, product, ending):
    """The log or benchmark that a product's job leaves."""
    kind = kind_of(product)
    name = product.removeprefix(f"{kind.folder}/").removesuffix(kind.ending)
    return Path(folder, kind.rule, name + ending)


def _failures(products, outdated):
    """Yield a Stop for each product that is not made, or a missing plan, with the reason."""
    for product in products if Path(PLAN).exists() else [PLAN]:
        if product in outdated:
            reason = "not made again: something that it needs failed, or the run ended"
            yield Stop(product, f"{reason}; the file there is of an earlier run", True)
        if Path(product).exists():
            continue
        log = _PLAN_LOG if product == PLAN else _job_file("logs", product, ".log")
        lines = log.read_text(errors="replace").strip().splitlines() if log.is_file() else []
        if lines and lines[-1] != "done":
            yield Stop(product, lines[-1], True)
        else:
            yield Stop(product, "not made: something that it needs failed, or the run ended", True)


def _timing(product):
    """(seconds, rule) of the job that made a product, None when it left no benchmark."""
    path = _job_file("benchmarks", product, ".tsv")
    text = path.read_text(errors="replace") if path.is_file() else ""
    try:
        rows = list(csv.DictReader(text.splitlines(), delimiter="\t"))
        return (float(rows[-1]["s"]), kind_of(product).rule)
    except (csv.Error, IndexError, KeyError, TypeError, ValueError):
        # it only says how long the job took
        return None


def _masters(products):
    found = []
    for product in products:
        kind = kind_of(product)
        record = record_left(product) if kind.serves else None
        if record:
            odd = member_outliers(kind.name, record["frames"])
            found.append(Master(product, kind.name, Path(product).stem, record, odd))
    return sorted(found, key=lambda master: (master.kind, master.name))


def _recorded(products, *kinds):
    """Those among some products that are of some kinds and have a record."""
    own = (each for each in products if kind_of(each).name in kinds)
    records = ((product, record_left(product)) for product in own)
    return [Stacked(product, Path(product).stem, record) for product, record in records if record]


def _compare_consecutive(lights):
    """Set `pair` of each light that follows one of the same object, filter and exposure time."""
    latest: dict[tuple, Light] = {}
    for light in lights:
        facts = light.facts
        key = tuple(facts.get(name) for name in _SAME)
        before = latest.get(key)
        if before is not None:
            picks = zip(before.record["images"], light.record["images"], strict=False)
            ratios = [scatter_of_picks(one["pick"], other["pick"]) for one, other in picks]
            known = [ratio for ratio in ratios if ratio is not None]
            light.pair = sum(known) / len(known) if known else None
        latest[key] = light


def _lights(members, index, spectra):
    by_frame = {row["frame"]: row for row in index}
    found = []
    for row in members:
        if kind_of(row["master"]).name != "calibrated":
            continue
        record = record_left(row["master"])
        if record:
            own = {key: value for key, value in row.items() if value is not None}
            facts = by_frame.get(row["frame"], {}) | own
            if spectra:
                _without_stars(record)
            found.append(Light(row["master"], row["frame"], facts, record))
    found.sort(key=lambda light: (light.facts.get("date_obs") or datetime.min, light.frame))
    judged = [light for light in found if light.record["kind"] == "light"]
    _compare_consecutive(judged)
    reasons = light_outliers(
        [
            {
                "object": light.facts.get("object"),
                "filter": light.facts.get("filter"),
                "exptime": light.exptime,
                "background": light.image["median"],
                "pull": light.image["pull"],
                "stars": light.image.get("stars"),
            }
            for light in judged
        ]
    )
    for light, odd in zip(judged, reasons, strict=True):
        light.odd = odd
    return found


def _flattened(members, made):
    """{FRAME: record} of the flattened lights."""
    names = {row["master"]: row["frame"] for row in members}
    return {names[each.product]: each.record for each in _recorded(made, "flattened")}


def _without_stars(record):
    """A spectrum has lines where an image has stars: they tell of no focus and no clouds."""
    for image in record["images"]:
        image.pop("stars", None)


def _started():
    """The start of this run by its lock file, s; None without one."""
    lock = Path(LOCK)
    return lock.stat().st_mtime if lock.exists() else None


def _with_masters(plan, products):
    """Products and all masters that they are calibrated with, of any night."""
    used: dict[str, list[str]] = {}
    for row in plan:
        if row["status"] == "used" and row["master"]:
            used.setdefault(row["product"], []).append(row["master"])
    found, pending = set(), list(products)
    while pending:
        product = pending.pop()
        if product not in found:
            found.add(product)
            pending += used.get(product, ())
    return found


def _stops(nights, name, keep, products, outdated):
    """Yield the refusals and failures of a night."""
    files = {row["file"] for row in nights.rows[name]}
    for what, reason in last_lines.refusals(keep):
        if what in files or (what.startswith("results/") and nights.of_product(what) == name):
            yield Stop(what, reason, False)
    yield from _failures(products, outdated)


def read_night(
    name: str, keep: Collection[str], outdated: Collection[str] = (), spectra: bool = False
) -> Night:
    """Read a night from the working directory.

    Parameters
    ----------
    name : str
        Its date, a key of `Nights.rows`.
    keep : list of str
        Types of frame that get a calibrated file.
    outdated : set of str
        Products on the disk that the run was to make again and did not.
    spectra : bool
        Whether its lights are spectra, in which no stars are looked at.

    Returns
    -------
    Night
    """
    nights = read_nights()
    plan, members = PLAN_TABLE.rows(), MEMBERS_TABLE.rows()
    targets = Plan(plan, members).targets(keep)
    products = [product for product in targets if nights.of_product(product) == name]
    shown = _with_masters(plan, products)
    made = [each for each in products if Path(each).exists() and each not in outdated]
    there = set(made)
    detectors = {
        Path(product).stem: (unsealed(product) or {}).get("amplifiers", [])
        for product in made
        if product.startswith("results/detector/")
    }
    timings = {product: timing for product in made if (timing := _timing(product))}
    started = _started()
    fresh = {product for product in made if started and Path(product).stat().st_mtime >= started}
    return Night(
        name,
        nights.rows[name],
        [row for row in plan if row["product"] in shown],
        [row for row in members if row["master"] in shown],
        list(_stops(nights, name, keep, products, outdated)),
        _masters(made),
        _lights([row for row in members if row["master"] in there], nights.rows[name], spectra),
        _recorded(made, "stack"),
        _recorded(made, "illumination", "fringe"),
        _flattened(members, made),
        detectors,
        timings,
        fresh,
    )
