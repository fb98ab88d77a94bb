"""Which nights have to be looked at or made, and why."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

from ..config import flat_items
from ..files import files_below, write_if_other
from ..kinds import KINDS
from ..plan.plan_tables import TABLES
from ..report.last_lines import plural
from ..rerun.code_digests import kind_digest, rule_digest
from ..state import digest_of, keep_json, kept_json, sealed, unsealed
from . import survey
from .folders import find_nights, is_as_it_was
from .loans import Loans
from .settings import Night, config_digest, share_of

__all__ = [
    *("KEYS", "RECORD", "TASK", "Archive", "code_of_nights", "products_of", "read_record"),
]

# what a night's job leaves, and what it is given
RECORD, TASK = "night.json", "task.json"
FORMAT = 1
# what a record has; one of an earlier state of the code may lack some
KEYS = frozenset(
    [
        "format",
        "key",
        "failed",
        "missing",
        "camera",
        "counts",
        "nights",
        "lent",
        "seconds",
        "versions",
        "lights",
        "refused",
        "odd",
        "words",
        "masters",
        "products",
    ]
)
_SETTINGS = ".ccdlib/settings"
_RULES = ("build_index", "make_plan", "reduce_night", "write_night", "write_report")
_LOST = "it is not made"


def code_of_nights() -> dict[str, str]:
    """{rule: digest of the code behind it} of all that makes a night."""
    kinds = {kind.rule: kind_digest(kind) for kind in KINDS.values()}
    return kinds | {name: rule_digest(name) for name in _RULES}


def read_record(name: str) -> dict[str, Any] | None:
    """What the job of a night left, None when there is nothing of this version."""
    found = unsealed(Path("nights", name, RECORD)) or {}
    return found if found.get("format") == FORMAT and found.keys() >= KEYS else None


def products_of(name: str) -> str:
    """A digest of what products, tables and pages a night has, their sizes and times of change.

    Copies keep these (``cp -a``, ``rsync -a``). Of a product that was edited, deleted, made with
    other settings in the night's own folder or restored from a backup they tell.
    """
    work = Path("nights", name)
    folders = [kind.folder for kind in KINDS.values()] + ["results/report"]
    files = [path for folder in folders for path in files_below(work / folder)]
    files += filter(os.path.isfile, (str(work / table) for table in TABLES))
    stats = {os.path.relpath(path, work): os.stat(path) for path in files}
    return digest_of({path: [each.st_size, each.st_mtime_ns] for path, each in stats.items()})


class Archive:
    """The nights of an archive and the state of each.

    Parameters
    ----------
    config : dict
        From `ccdlib.archives.settings.load`.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.nights: dict[str, Night] = find_nights(config)
        self.code = code_of_nights()
        self._survey_code = rule_digest("survey_night")
        self._digests: dict[str, str] = {}
        # what jobs are given, and whether it may be written: not by a dry run, nor by a run that
        # is refused, as another one may be at work
        self.tasks: dict[str, dict[str, Any]] = {}
        self._has_begun = False

    @cached_property
    def chosen(self) -> list[str]:
        """The nights of the share and of the pattern that are asked for."""
        only = self.config["only"]
        names = [name for name in self.nights if only is None or fnmatchcase(name, only)]
        return share_of(names, self.config["share"])

    # nights that have to be looked at -------------------------------------------------------

    @cached_property
    def to_look_at(self) -> dict[str, str]:
        """{night: why its survey has to be made}."""
        found = {name: self._why_look(night) for name, night in self.nights.items()}
        return {name: why for name, why in found.items() if why}

    def _why_look(self, night: Night) -> str | None:
        found = self.surveys.get(night.name)
        if found is None:
            return "new"
        if found["key"] != survey.key_of(night, self._survey_code):
            return "settings, corrections or code that the look at it depends on changed"
        if not found.get("whole", True):
            return "a file could not be read"
        changed = not is_as_it_was(night.folder, found["seen"], self.config["scan"])
        return "its folder, or a file in it, changed" if changed else None

    # nights that have to be made ------------------------------------------------------------

    def look_again(self) -> None:
        """Read the surveys once more, after jobs have made some."""
        for name in ("surveys", "loans", "to_make", "_not_looked_at"):
            self.__dict__.pop(name, None)

    @cached_property
    def surveys(self) -> dict[str, dict[str, Any]]:
        """{night: its survey} of those that have one."""
        found = {name: survey.read_survey(name) for name in self.nights}
        return {name: each for name, each in found.items() if each is not None}

    @cached_property
    def records(self) -> dict[str, dict[str, Any]]:
        """{night: what its job left} of those that were made, as this run found them."""
        return self.records_now()

    def records_now(self) -> dict[str, dict[str, Any]]:
        """The same, read anew: jobs of this run may have left others."""
        found = {name: read_record(name) for name in self.nights}
        return {name: each for name, each in found.items() if each is not None}

    @cached_property
    def loans(self) -> Loans:
        return Loans(self.nights, self.surveys, self.config["neighbours"])

    def key(self, name: str) -> dict[str, Any]:
        """What a night depends on: frames, settings, code and what it is lent."""
        loans = self.loans.of(name)
        keys = {each.lender: self._key_of_lender(each.lender) for each in self._all_lent(name)}
        return {
            "frames": self.surveys[name]["frames"],
            "config": self.config_digest(name),
            "code": self.code,
            "masters": {each.path: self.loans.recipe(each, keys) for each in loans},
        }

    def config_digest(self, name: str) -> str:
        """The digest of a night's settings; they are kept so that a run can tell what changed."""
        night = self.nights[name]
        given = json.dumps(
            {key: value for key, value in night.given.items() if key != "raw_dir"}, default=str
        )
        if given not in self._digests:
            digest, own = config_digest(night)
            if not Path(_SETTINGS, f"{digest}.json").exists():
                keep_json(Path(_SETTINGS, f"{digest}.json"), own)
            self._digests[given] = digest
        return self._digests[given]

    def _key_of_lender(self, name):
        return digest_of([self.config_digest(name), self.code])

    def _all_lent(self, name):
        """All loans that a night's masters depend on, those of its lenders too."""
        found, pending = set(), [name]
        while pending:
            new = [each for each in self.loans.of(pending.pop()) if each not in found]
            found.update(new)
            pending += [each.lender for each in new]
        return found

    @cached_property
    def to_make(self) -> dict[str, str]:
        """{night: why it has to be made}, of those chosen and of those that lend to them."""
        found = {name: self._why_make(name) for name in self.chosen}
        wanted = {name: why for name, why in found.items() if why}
        for lender in {each.lender for name in wanted for each in self._all_lent(name)}:
            if lender not in wanted and (why := self._why_make(lender)):
                wanted[lender] = why
        return dict(sorted(wanted.items()))

    def _why_make(self, name: str) -> str | None:
        found = self.surveys.get(name)
        if found is None or found["problem"] or name in self._not_looked_at:
            return None
        record, key = self.records.get(name), self.key(name)
        if record is None:
            return _LOST
        if record["failed"]:
            return "it failed"
        if record["missing"]:
            return "a master that it is lent was not there"
        parts = {part: record["key"].get(part) for part in key}
        if parts == key:
            as_left = record["products"] == products_of(name)
            return None if as_left else "its products are not as they were left"
        if parts["frames"] != key["frames"]:
            return "its frames changed"
        if parts["config"] != key["config"]:
            return self._settings_differ(parts["config"], key["config"])
        if parts["code"] != key["code"]:
            return _code_differs(parts["code"], key["code"])
        return "a master that it is lent changed"

    @cached_property
    def _not_looked_at(self) -> set[str]:
        """Those whose survey was outdated at the start and was not made since."""
        return {
            name
            for name in self.to_look_at
            if (found := self.surveys.get(name)) is None
            or not is_as_it_was(self.nights[name].folder, found["seen"])
        }

    def _settings_differ(self, before: str, now: str) -> str:
        was, given = (kept_json(Path(_SETTINGS, f"{each}.json")) for each in (before, now))
        if was is None or given is None:
            return "its settings changed"
        old, new = dict(flat_items(was)), dict(flat_items(given))
        differ = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
        shown = [f"{key} was {old.get(key)}, is {new.get(key)}" for key in differ[:2]]
        return "; ".join(shown) + (f" and {len(differ) - 2} more" if len(differ) > 2 else "")

    # what jobs are given --------------------------------------------------------------------

    def begin(self) -> None:
        """Write what jobs are given, now that nobody else is at work."""
        self._has_begun = True
        for name in self.tasks:
            self._write_task(name)

    def plan_task(self, name: str, cores: int) -> None:
        """Work out what the job of a night is given.

        Parameters
        ----------
        name : str
        cores : int
            Of the run; a night gets several where there are fewer nights than cores.
        """
        found, loans = self.surveys[name], self.loans.of(name)
        threads = max(cores // len(self.to_make), 1)
        self.tasks[name] = {
            "key": self.key(name),
            "settings": self.nights[name].given,
            "folder": self.nights[name].folder,
            "loans": [[each.kind, each.lender, each.path] for each in loans],
            "waits_for": sorted({each.lender for each in loans} & self.to_make.keys()),
            "threads": threads,
            "needs": {"mem_mb": found["mem_mb"] * threads, "runtime": found["runtime"]},
            "nights": found["nights"],
            "counts": found["counts"],
        }
        if self._has_begun:
            self._write_task(name)

    def _write_task(self, name):
        path = Path("nights", name, TASK)
        write_if_other(path, sealed(self.tasks[name], place=path))

    def summary(self) -> list[str]:
        """What is to be done and why, in a line for each reason."""
        return list(_summary(self))


def _code_differs(was: Mapping[str, str], now: Mapping[str, str]) -> str:
    rules = sorted(rule for rule in now if was.get(rule) != now[rule])
    return f"the code of {', '.join(rules)} changed"


def _reasons(of_nights: Iterable[str]) -> list[tuple[str, int]]:
    return Counter(of_nights).most_common()


def _summary(archive: Archive):
    chosen = len(archive.chosen)
    total = plural(len(archive.nights), "night")
    yield f"{total} in {archive.config['raw_dir']}" + (
        f", of which {chosen} are asked for" if chosen != len(archive.nights) else ""
    )
    for why, number in _reasons(archive.to_look_at.values()):
        yield f"{plural(number, 'night')} to look at: {why}"
    for why, number in _reasons(archive.to_make.values()):
        yield f"{plural(number, 'night')} to make: {why}"
    if not archive.to_make and not archive.to_look_at:
        yield f"{plural(chosen, 'night')} up to date"
