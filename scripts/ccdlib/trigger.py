"""Files whose content has Snakemake make a table again: its own records of jobs decide nothing.

They may be of another run than the table: where either of them was restored from a backup, or the
process that keeps them was killed while a job went on. So a job notes what its table was made of,
as a digest, and each start compares it with what the table would be made of now. The note is of
the tables as they were then: those of another run, brought back with all that was kept of them but
the note, are none of it.
"""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass

from .state import contents_of, keep, kept

__all__ = ["Trigger"]

# {path of a trigger: the digest that its table should have been made of}
_wanted: dict[str, str] = {}


@dataclass(frozen=True)
class Trigger:
    """An input of the job of a table.

    Attributes
    ----------
    path : str
    note : str
        Where it is kept what the table was made of.
    """

    path: str
    note: str

    def renew(self, digest: str) -> None:
        """Give it a content that it never had, unless the table was made of what `digest` tells.

        Then it gets the one it had when the table was made: Snakemake compares contents, and a dry
        run with other settings may have been in between.
        """
        _wanted[self.path] = digest
        was, then = self._noted()
        # none where it was damaged while the job was at work: Snakemake would pass over the job
        content = then if was == digest and then else f"{digest} {time.time_ns()}"
        if self._content() != content:
            keep(self.path, content.encode())

    def note_made(self, digest: str, tables: Iterable[str] = ()) -> None:
        """Note what the table was made of, once it is there; empty has it made again.

        Parameters
        ----------
        digest : str
        tables : iterable of str
            Those that were written, and those that they were made of.
        """
        told = json.dumps(contents_of(tables))
        keep(self.note, f"{digest}\n{self._content()}\n{told}".encode())

    def is_met(self) -> bool:
        """Whether the table was made of what `renew` was told of in this process."""
        was, _ = self._noted()
        return bool(was) and was == _wanted.get(self.path)

    def renew_unmet(self) -> None:
        """Have it newer than a table that a job of a killed run wrote since `renew`."""
        if self.path in _wanted and not self.is_met():
            keep(self.path, f"{_wanted[self.path]} {time.time_ns()}".encode())

    def _content(self):
        return (kept(self.path) or b"").decode()

    def _noted(self):
        """What the table was made of, and the content that the trigger had then."""
        # a note of an earlier state of the code has no tables
        digest, content, told, *_ = [*(kept(self.note) or b"").decode().split("\n"), "", ""]
        tables = json.loads(told or "null")
        return (digest, content) if tables == contents_of(tables or ()) else ("", "")
