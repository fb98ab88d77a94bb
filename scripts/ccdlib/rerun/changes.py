"""What changed since a product was made, in words: from what its job was given then and now."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..config import flat_items
from ..files import read_table
from ..plain_text import cell
from .snakemake_internals import Reason, read_reason

__all__ = ["OUTDATED", "REASONS", "REMADE", "Causes", "differences", "note", "noted"]

# why each job of the last run ran, as it came
REASONS = "logs/reasons.csv"

# {product that says it was made by another recipe: the causes}
OUTDATED: dict[str, list[str]] = {}
# tables and pages that say that they were made of something else
REMADE: set[str] = set()

_SHOWN = 3
_LONGEST_VALUE = 40
# what has changed with one of the inputs that only say so
_SAYING = {
    ".ccdlib/listing": "the raw folder",
    ".ccdlib/planning": "what the plan depends on",
}


def _settings_differences(was, now):
    before, after = dict(flat_items(was)), dict(flat_items(now))
    for key in dict.fromkeys([*after, *before]):
        old, new = repr(before.get(key)), repr(after.get(key))
        if old == new:
            continue
        long = max(len(old), len(new)) > _LONGEST_VALUE
        yield f"{key} changed" if long else f"{key} was {old}, is {new}"


def _facts(member):
    """The facts of a raw frame, of each amplifier by itself."""
    facts = dict(member["facts"])
    for number, row in enumerate(facts.pop("amplifiers", ()), start=1):
        facts[f"amplifier {number}"] = row
    return facts


def _row_differences(was, now):
    if isinstance(was["masters"], list):
        yield "it was made by an earlier version of ccdlib"
        return
    before = {each["file"]: each for each in was["raw"]}
    after = {each["file"]: each for each in now["raw"]}
    for file in sorted({*before, *after}):
        old, new = before.get(file), after.get(file)
        if old is None or new is None:
            yield f"raw frame {file} {'was added' if old is None else 'is no longer used'}"
            continue
        if old["sha256"] != new["sha256"]:
            yield f"the content of {file} changed"
        for line in _settings_differences(_facts(old), _facts(new)):
            yield f"{file}: {line}"
    for kind in sorted({*was["masters"], *now["masters"]}):
        old, new = (each["masters"].get(kind) for each in (was, now))
        if old is None or new is None or old[0] != new[0]:
            yield f"{kind} was {old and old[0]}, is {new and new[0]}"
        elif old[1] != new[1]:
            yield f"{old[0]} changed"
    if was["dark_scale"] != now["dark_scale"]:
        yield f"dark scale was {was['dark_scale']:g}, is {now['dark_scale']:g}"


def _nearest(value, others):
    """The mapping among others that has most keys in common with one."""
    mappings = [each for each in others if isinstance(each, dict)]
    return max(mappings, key=lambda each: len(each.keys() & value.keys()), default={})


def differences(was: list, now: list, rule: str) -> Iterator[str]:
    """What differs between the params of a job then and now.

    Parameters
    ----------
    was, now : list
        The values of those that are not the same.
    rule : str

    Yields
    ------
    str
    """
    for value in now:
        if isinstance(value, dict) and "raw" in value:
            yield from _row_differences(_nearest(value, was) or value, value)
        elif isinstance(value, dict):
            yield from _settings_differences(_nearest(value, was), value)
        elif isinstance(value, bool):
            yield f"products.compress was {not value}, is {value}"
        elif isinstance(value, str):
            yield f"the code of {rule} changed"
        else:
            yield "the corrections changed" if rule == "make_plan" else "its settings changed"


class Causes:
    """Why each job of a run runs, in a few words instead of Snakemake's own.

    Snakemake prints params that changed whole: for a master, all that is known of its frames.
    Of a job that runs because another did, it is told why that one did.
    """

    def __init__(self) -> None:
        self._of: dict[str, list[str]] = {}

    def add(self, outputs: Sequence[str], reason: str, rule: str) -> str:
        """The causes of a job in one line; those of jobs that it needs were added before it.

        Parameters
        ----------
        outputs : list of str
        reason : str
            Snakemake's.
        rule : str

        Returns
        -------
        str
        """
        found = read_reason(reason)
        if outputs and outputs[0] in OUTDATED:
            causes = OUTDATED[outputs[0]]
            self._of |= dict.fromkeys(outputs, causes)
            return self._shown(causes)
        if found.is_missing:
            self._of |= {output: [f"{outputs[0]} was not there"] for output in outputs}
            return "it is not there"
        unknown = "what it tells of changed" if REMADE.intersection(outputs) else reason
        causes = list(dict.fromkeys(self._causes(found, rule) or [unknown]))
        self._of |= dict.fromkeys(outputs, causes)
        return self._shown(causes)

    @staticmethod
    def _shown(causes):
        more = [f"{len(causes) - _SHOWN} more"] if len(causes) > _SHOWN else []
        return "; ".join([*causes[:_SHOWN], *more])

    def _causes(self, found: Reason, rule: str) -> list[str]:
        if found.params:
            return list(differences(*found.params, rule))
        causes = []
        for file in found.inputs:
            causes += self._of.get(file, [f"{_SAYING.get(file, file)} changed"])
        return causes


def note(outputs: Sequence[str], reason: str) -> None:
    """Add why a job runs to those of this run.

    Parameters
    ----------
    outputs : list of str
        Of the job.
    reason : str
        In short.
    """
    path = Path(REASONS)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file, lineterminator="\n")
        if file.tell() == 0:
            writer.writerow(["product", "reason"])
        writer.writerows([cell(output), cell(reason)] for output in outputs[:1])


def noted() -> dict[str, str]:
    """{product: why it was made} of the last run that made anything."""
    rows = (row for row in read_table(REASONS) if {"product", "reason"} <= row.keys())
    return {row["product"]: row["reason"] for row in rows}
