"""What the report is about, read from what the jobs left on disk, whatever of it there is."""

import csv
import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from . import summary
from .dag import INDEX, MEMBERS, PLAN, RULES, Plan, kind_of, record_of
from .files import read_table
from .outliers import light_outliers, member_outliers

__all__ = ["Light", "Master", "Night", "Stop", "read_night"]


@dataclass(frozen=True)
class Stop:
    """Something that was not made: what, why, and whether the plan refused it or a job failed."""

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
        See `ccdlib.qa.master_record`.
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
        See `ccdlib.qa.frame_record`.
    odd : list of str
    """

    product: str
    frame: str
    facts: dict
    record: dict
    odd: list = field(default_factory=list)

    @property
    def exptime(self):
        return _number(self.facts.get("exptime"))

    @property
    def image(self):
        """Its first image, which stands for the frame in tables."""
        return self.record["images"][0]

    def total(self, flag):
        """Pixels with a flag, over all images."""
        return sum(image["flags"].get(flag, 0) for image in self.record["images"])

    @property
    def pixels(self):
        return sum(image["shape"][0] * image["shape"][1] for image in self.record["images"])


@dataclass(frozen=True)
class Night:
    """Everything that the sections draw on.

    Attributes
    ----------
    index, plan, members : list of dict
        Rows of the tables in results/.
    stops : list of Stop
    masters : list of Master
    lights : list of Light
    detectors : dict
        {name: list of amplifiers}.
    timings : dict
        {product: (seconds, rule)}.
    fresh : set of str
        Products that this run made.
    """

    index: list
    plan: list
    members: list
    stops: list
    masters: list
    lights: list
    detectors: dict
    timings: dict
    fresh: set

    def row(self, file):
        """Index row of a raw file, empty for one that is not in the index."""
        return self._by_file.get(file, {})

    @property
    def _by_file(self):
        return {row["file"]: row for row in self.index}

    def used(self, product):
        """{kind: plan row} of what a product was calibrated with."""
        return {
            row["kind"]: row
            for row in self.plan
            if row["product"] == product and row["status"] == "used" and row["master"]
        }


def _number(text):
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


def _record(product):
    path = record_of(product)
    if path is None or not Path(path).exists() or not Path(product).exists():
        return None
    return json.loads(Path(path).read_text())


def _job_file(folder, product, ending):
    """The log or benchmark that a product's job leaves."""
    kind = kind_of(product)
    calibrated = product.removeprefix("results/calibrated/")
    name = calibrated if kind == "calibrated" else Path(product).name
    return Path(folder, RULES[kind], name.rsplit(".", 1)[0] + ending)


def _failures(products):
    """Products that the plan wanted and that are not there, with the last line of their logs."""
    for product in products:
        if Path(product).exists():
            continue
        log = _job_file("logs", product, ".log")
        lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
        if lines and lines[-1] != "done":
            yield Stop(product, lines[-1], True)
        else:
            yield Stop(product, "not made: something that it needs failed, or the run ended", True)


def _timing(product):
    """(seconds, rule) of the job that made a product, None when it left no benchmark."""
    path = _job_file("benchmarks", product, ".tsv")
    rows = list(csv.DictReader(path.open(), delimiter="\t")) if path.exists() else []
    return (float(rows[-1]["s"]), RULES[kind_of(product)]) if rows else None


def _masters(products):
    found = []
    for product in products:
        kind = kind_of(product)
        record = _record(product) if kind in ("bias", "dark", "flat") else None
        if record:
            odd = member_outliers(kind, record["frames"])
            found.append(Master(product, kind, Path(product).stem, record, odd))
    return sorted(found, key=lambda master: (master.kind, master.name))


def _lights(members, index):
    by_frame = {row["frame"]: row for row in index}
    found = []
    for row in members:
        record = row["master"].startswith("results/calibrated/") and _record(row["master"])
        if record:
            facts = by_frame.get(row["frame"], {}) | {
                key: value for key, value in json.loads(row["facts"]).items() if value is not None
            }
            found.append(Light(row["master"], row["frame"], facts, record))
    found.sort(key=lambda light: (light.facts.get("date_obs") or "", light.frame))
    judged = [light for light in found if light.record["kind"] == "light"]
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


def time_of(row):
    """When an index row's frame was taken, None when its header does not say."""
    try:
        return datetime.fromisoformat(row.get("date_obs", "").removesuffix("Z"))
    except ValueError:
        return None


def _started():
    """When this run began, as its lock file says; None when there is none."""
    lock = Path(".ccdlib/lock")
    return lock.stat().st_mtime if lock.exists() else None


def read_night(keep):
    """Read the night in the working directory.

    Parameters
    ----------
    keep : list of str
        Types of frame that get a calibrated file.

    Returns
    -------
    Night
    """
    index, plan, members = (read_table(path) for path in (INDEX, PLAN, MEMBERS))
    products = list(Plan(plan, members).targets(keep))
    made = [product for product in products if Path(product).exists()]
    stops = [Stop(what, reason, False) for what, reason in summary.refusals(keep)]
    stops += _failures(products)
    detectors = {
        Path(product).stem: json.loads(Path(product).read_text())["amplifiers"]
        for product in made
        if product.startswith("results/detector/")
    }
    timings = {product: timing for product in made if (timing := _timing(product))}
    started = _started()
    fresh = {product for product in made if started and Path(product).stat().st_mtime >= started}
    return Night(
        index,
        plan,
        members,
        stops,
        _masters(made),
        _lights(members, index),
        detectors,
        timings,
        fresh,
    )
