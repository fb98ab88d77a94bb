"""The files' times of change, as far as Snakemake looks at them.

What a product is made from is in its params, so the order of the products' times says
nothing. A copy of the working directory shuffles it, and a clock that was set back
turns it around; Snakemake would then make again what is up to date.
"""

import time
from collections.abc import Iterable
from pathlib import Path

from ..files import times_below
from ..kinds import KINDS
from ..products.recipes import set_time

__all__ = ["put_in_order"]

_SECOND = 10**9


def _limit(path, changed, latest):
    """Set a file's time of change to `latest` if it is later; return it, in ns."""
    if changed > latest:
        set_time(path, latest)
    return min(changed, latest)


def put_in_order(tables: Iterable[str | Path]) -> None:
    """Make no product newer than one made from it, and nothing newer than now.

    Parameters
    ----------
    tables : sequence of path
        Files whose own order is left as it is; those that do not exist are passed over.
    """
    # a second ago, so that what is written next is newer whatever the file system's clock
    latest = time.time_ns() - _SECOND
    for path in map(Path, tables):
        if path.exists():
            _limit(path, path.stat().st_mtime_ns, latest)
    for folder in ("results/report", *(kind.folder for kind in reversed(KINDS.values()))):
        records = folder.replace("results/", "results/qa/", 1)
        files = [found for each in (folder, records) for found in times_below(each)]
        latest = min([_limit(*found, latest) for found in files], default=latest)
