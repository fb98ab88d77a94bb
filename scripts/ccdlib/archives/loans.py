"""Which night lends which masters to which: to frames that have none of their own night.

A night that lends may lack something itself and be lent it by another. Masters depend on those of
kinds before theirs alone, so that they have an order; nights get one by never letting a night
borrow from one that already depends on it.
"""

import hashlib
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..kinds import KINDS, masters
from ..plan.matching import Master, facts_agree
from ..plan.near_masters import span
from ..tables import Table
from .settings import Night
from .survey import lacks_of, masters_of

__all__ = ["LOANS_TABLE", "Loan", "Loans", "rows_of_loans"]

LOANS_TABLE = Table(
    "archive/loans.csv",
    {"night": "text", "kind": "category", "lender": "text", "master": "text"},
)
_ORDER = [kind.name for kind in masters()]


@dataclass(frozen=True)
class Loan:
    """A master that a night is lent.

    Attributes
    ----------
    kind, lender, name : str
        Kind of master, name of the night that makes it, and its own.
    """

    kind: str
    lender: str
    name: str

    @property
    def path(self) -> str:
        """Where it is, below the archive's folder."""
        return f"nights/{self.lender}/{KINDS[self.kind].path(self.name)}"


@dataclass
class _Shelf:
    """The masters of a kind that nights of one pattern make, by their date."""

    dates: list[tuple[datetime, str, str]] = field(default_factory=list)
    own: dict[tuple[str, str], Master] = field(default_factory=dict)

    def add(self, lender: str, master: Master) -> None:
        if master.date is not None:
            insort(self.dates, (master.date, lender, master.name))
            self.own[lender, master.name] = master

    def near(self, moment: datetime, days: float) -> list[tuple[str, Master]]:
        """(lender, master) within so many days, the nearest first."""
        earliest, latest = span(moment, days)
        first = bisect_left(self.dates, (earliest, "", ""))
        last = bisect_left(self.dates, (latest, "\uffff", ""))
        found = sorted(self.dates[first:last], key=lambda each: (abs(each[0] - moment), each))
        return [(lender, self.own[lender, name]) for _, lender, name in found]


class Loans:
    """What each night of an archive is lent.

    Parameters
    ----------
    nights : dict
        {name: Night}.
    surveys : dict
        {name: survey}, from `ccdlib.archives.survey.read_survey`.
    most : int
        Masters that a night is lent of a kind for frames that are alike, at most.
    """

    def __init__(
        self, nights: Mapping[str, Night], surveys: Mapping[str, dict[str, Any]], most: int
    ) -> None:
        self._nights, self._surveys, self._most = nights, surveys, most
        self._shelves: dict[tuple[str, str], _Shelf] = {}
        self._recipes: dict[tuple[str, str, str], str] = {}
        self._of: dict[str, list[Loan]] = {}
        borrowers = [name for name, found in surveys.items() if found.get("lacks")] if most else []
        if borrowers:
            self._fill()
        for name in sorted(borrowers):
            self._of[name] = self._lent_to(name)

    def _fill(self):
        for name, found in self._surveys.items():
            for master, recipe in masters_of(found):
                key = self._nights[name].pattern, master.kind
                self._shelves.setdefault(key, _Shelf()).add(name, master)
                self._recipes[name, master.kind, master.name] = recipe

    def _lent_to(self, name):
        night, lent = self._nights[name], []
        match = night.config["match"]
        for kind, frame in lacks_of(self._surveys[name]):
            shelf = self._shelves.get((night.pattern, kind))
            if shelf is None or frame.date is None:
                continue
            fit = (
                Loan(kind, lender, master.name)
                for lender, master in shelf.near(frame.date, match["max_age"])
                if lender != name
                and all(frame.facts[each] == master.facts[each] for each in KINDS[kind].same)
                and facts_agree(frame, master, match)
            )
            # of lenders that would wait for this night, none
            free = (loan for loan in fit if not self._depends(loan.lender, name))
            lent += [loan for loan, _ in zip(free, range(self._most), strict=False)]
        return sorted(dict.fromkeys(lent), key=lambda each: (_ORDER.index(each.kind), each.path))

    def _depends(self, name, on):
        """Whether a night is lent something by another one, or by one that is."""
        seen, pending = set(), [name]
        while pending:
            each = pending.pop()
            if each == on:
                return True
            if each not in seen:
                seen.add(each)
                pending += {loan.lender for loan in self._of.get(each, ())}
        return False

    def of(self, name: str) -> list[Loan]:
        """What a night is lent, in the order of the kinds."""
        return self._of.get(name, [])

    def recipe(self, loan: Loan, keys: Mapping[str, str]) -> str:
        """A digest of all that goes into a master that is lent.

        Parameters
        ----------
        loan : Loan
        keys : dict
            {night: digest of its settings and of the code}.
        """
        before = _ORDER[: _ORDER.index(loan.kind)]
        borrowed = [self.recipe(each, keys) for each in self.of(loan.lender) if each.kind in before]
        own = self._recipes[loan.lender, loan.kind, loan.name]
        text = "\n".join([own, keys[loan.lender], *borrowed])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def rows_of_loans(names: Iterable[str], loans: Loans) -> Iterator[dict[str, str]]:
    """The rows of `LOANS_TABLE`."""
    for name in names:
        for loan in loans.of(name):
            yield {"night": name, "kind": loan.kind, "lender": loan.lender, "master": loan.path}
