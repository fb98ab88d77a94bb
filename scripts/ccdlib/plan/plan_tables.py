"""Plan and members as the workflow's rules ask for them."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter
from difflib import get_close_matches
from functools import cache, cached_property, lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import settings_of
from ..errors import CcdlibError
from ..files import files_below
from ..index.index_tables import AMPLIFIERS_TABLE, INDEX_TABLE, read_layouts, read_rows
from ..index.ready_masters import is_ready
from ..kinds import KINDS, kind_of, order_of
from ..products.recipes import recipe_of
from ..raw.frame_names import is_plain
from ..raw.raw_folder import resolve
from ..tables import OtherColumns
from .job_needs import memory_mb, runtime, stack_pixels, threads
from .night_plan import plan_files
from .plan_columns import MEMBERS_TABLE, PLAN_TABLE, facts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from ..kinds import Kind
    from ..raw.raw_folder import RawDir

__all__ = [
    *("AMPLIFIERS", "INDEX", "MEMBERS", "PLAN", "TABLES", "Plan", "file_stat"),
    "foresee",
    *("orphans_of", "read_plan", "recipe_keys"),
]

AMPLIFIERS, INDEX = AMPLIFIERS_TABLE.path, INDEX_TABLE.path
PLAN, MEMBERS = PLAN_TABLE.path, MEMBERS_TABLE.path
TABLES = INDEX, AMPLIFIERS, PLAN, MEMBERS
_STACKS = f"{KINDS['stack'].folder}/"
# what to do where a stack is asked for and the plan has none
_NO_STACKS = (
    "the plan has none: stack.by of the config says what the lights of a stack have in common, "
    "--config stack='{by: [object, filter]}'; [] turns stacks off"
)
# all that the DAG asks of the plan: reading the other columns of an archive's would take time
_PLAN_NAMES = ("product", "kind", "master", "status", "reason", "scale")


class Plan:
    """What is to be made, and from what.

    Parameters
    ----------
    plan, members : list of dict
        Rows of plan.csv and members.csv, these with their `Layout`.

    Raises
    ------
    CcdlibError
        If a path in them leads out of the results.
    """

    def __init__(
        self, plan: Iterable[Mapping[str, Any]], members: Sequence[Mapping[str, Any]]
    ) -> None:
        self.refused: dict[str, str] = {}
        self._skipped: dict[str, str] = {}
        self._calibrations: dict[str, dict[str, tuple[str, float | None]]] = {}
        self._members: dict[str, list[Mapping[str, Any]]] = {}
        _check_below(row[name] for row in plan for name in ("product", "master"))
        _check_below(row["master"] for row in members)
        for row in plan:
            if row["status"] == "refused":
                self.refused.setdefault(row["product"], row["reason"])
            elif row["status"] == "skipped" and row["kind"] == "frames":
                self._skipped[row["product"]] = row["reason"]
            # the second dark of a flat is of kind dark_2
            elif row["status"] == "used" and row["kind"].rstrip("_0123456789") in KINDS:
                own = row["master"], row["scale"]
                self._calibrations.setdefault(row["product"], {})[row["kind"]] = own
        self._ready = {row["master"]: row for row in members if is_ready(row["master"])}
        for row in members:
            if row["master"] not in self._ready:
                self._members.setdefault(row["master"], []).append(row)
        self._recipes = {path: row["sha256"] for path, row in self._ready.items()}

    def targets(self, keep: Collection[str], folder: str = "results/") -> Iterator[str]:
        """Products that are made by default: masters, detectors, and frames of the types kept.

        Parameters
        ----------
        keep : sequence of str
        folder : str
            Only those below it.
        """
        for product, rows in self._members.items():
            if product.startswith(folder) and (
                kind_of(product).name != "calibrated" or rows[0]["imagetyp"] in keep
            ):
                yield product

    def made_of(self, frame: str, keep: Collection[str]) -> list[str]:
        """The products that a raw frame goes into.

        Parameters
        ----------
        frame : str
            Its file, with or without folders, or its FRAME.
        keep : sequence of str
            See `targets`.
        """
        return [
            product
            for product in self.targets(keep)
            if any(
                frame in (row["file"], os.path.basename(row["file"]), row["frame"])
                for row in self._frames(product)
            )
        ]

    def orphans(self) -> dict[str, int]:
        """Products on disk that no frame leads to, see `orphans_of`."""
        return orphans_of(self._members)

    def why_no_stacks(self) -> str:
        """Why there is no stack in the plan: what it says of each that is not made."""
        reasons = self._skipped | self.refused
        told = [f"{path}: {why}" for path, why in reasons.items() if path.startswith(_STACKS)]
        more = f"; and {len(told) - 5} more" if len(told) > 5 else ""
        return "; ".join(told[:5]) + more or _NO_STACKS

    def _hint_of_stacks(self, asked):
        """What to ask for in place of a stack that is in no plan."""
        there = list(self.targets((), _STACKS))
        if not there:
            return self.why_no_stacks()
        return f"did you mean {(get_close_matches(asked, there, 1) or there)[0]}?"

    def sources(
        self, product: str, raw_dir: RawDir, ready_masters: RawDir | None = None
    ) -> dict[str, str | list[str]]:
        """{'raw': paths, 'ready': paths, kind: path}: the files that a product is made from.

        Parameters
        ----------
        product : str
        raw_dir : str or list of str
        ready_masters : str, list of str or None
            Folders of the ready masters, without which these are left out.

        Raises
        ------
        CcdlibError
            If the product is refused or not made, or no raw frame leads to it.
        """
        if product in self.refused:
            raise CcdlibError(f"{product} is refused: {self.refused[product]}")
        if product not in self._members:
            if product in self._skipped:
                raise CcdlibError(f"{product} is not made: {self._skipped[product]}")
            same = (each for each in self._members if Path(each).stem == Path(product).stem)
            hint = "".join(f"; did you mean {each}?" for each in islice(same, 1))
            if product.startswith(_STACKS):
                hint = f"; {self._hint_of_stacks(product)}"
            raise CcdlibError(f"{product}: no raw frame in results/index.csv leads to it{hint}")
        files = [resolve(raw_dir, row["file"]) for row in self._frames(product)]
        raw = [file for file in files if _may_be_input(file)]
        own = self.calibrations(product)
        names = [self._ready[path]["file"] for path in own.values() if is_ready(path)]
        ready = [resolve(ready_masters, name) for name in names] if ready_masters else []
        return {
            "raw": raw,
            "ready": [file for file in dict.fromkeys(ready) if _may_be_input(file)],
            **{kind: path for kind, path in own.items() if not is_ready(path)},
        }

    def params(self, product: str, keys: Mapping[str, str]) -> dict[str, Any]:
        """What a job needs to know of its rows: a change of any of it makes the product again.

        Parameters
        ----------
        product : str
        keys : dict
            See `recipe`.

        Returns
        -------
        dict
            raw: file, sha256 and facts of each frame; masters: {kind: [path, digest]};
            dark_scale; recipe.
        """
        own = sorted(self.calibrations(product).items())
        return {
            "raw": self.members(product),
            "masters": {kind: [path, self.recipe(path, keys)] for kind, path in own},
            "dark_scale": self.dark_scale(product),
            "recipe": self.recipe(product, keys),
        }

    def _frames(self, product):
        """The rows of a product's raw frames."""
        # the rows of a product that is made from masters alone only say which night it is of
        if not kind_of(product).made_of:
            return ()
        return self._members.get(product, ())

    def members(self, product: str) -> list[dict[str, Any]]:
        """The raw frames of a product: dicts with file, sha256 and facts."""
        return [
            {"file": row["file"], "sha256": row["sha256"], "facts": facts_of(row)}
            for row in self._frames(product)
        ]

    def calibrations(self, product: str) -> dict[str, str]:
        """{kind: path} of what a product is calibrated with; of ready masters what they are called.

        Their paths change with the folder that they lie in, see `ready_masters.locate`.
        """
        own = self._calibrations.get(product, {})
        return {kind: master for kind, (master, _) in own.items()}

    def dark_scale(self, product: str) -> float:
        """The factor on a product's dark."""
        _, scale = self._calibrations.get(product, {}).get("dark", (None, None))
        return 1.0 if scale is None else scale

    def needs(
        self, product: str, attempt: int, settings: Mapping[str, Any] | None = None
    ) -> dict[str, int]:
        """What a job asks the scheduler for, {mem_mb, runtime [minutes]}, more on each attempt.

        Parameters
        ----------
        product : str
        attempt : int
            From 1.
        settings : dict or None
            See `ccdlib.config.settings_of`; None, and products have the size of their frames.
        """
        rows = self._members.get(product, ())
        pixels = rows[0]["layout"].pixels if rows else 0
        if settings and "stack" in settings:
            pixels = max(pixels, stack_pixels(settings["stack"], pixels))
        return {
            "mem_mb": memory_mb(kind_of(product), pixels, len(rows), attempt),
            "runtime": runtime(pixels, len(rows), attempt),
        }

    def threads(self, kind: str, cores: int | None) -> int:
        """Threads for each job of a kind, see `job_needs.threads`."""
        return threads(self._numbers[kind], cores)

    @cached_property
    def _numbers(self) -> Counter[str]:
        """How many products there are of each kind."""
        return Counter(kind_of(product).name for product in self._members)

    def recipe(self, product: str, keys: Mapping[str, str]) -> str:
        """A digest of everything that goes into a product, raw bytes, settings and code.

        Parameters
        ----------
        product : str
        keys : dict
            {kind of the product: its settings and the digest of its code}.
        """
        if product not in self._recipes:
            parts = [
                keys[kind_of(product).name],
                [[row["file"], row["sha256"], facts_of(row)] for row in self._frames(product)],
                self.dark_scale(product),
                sorted(
                    (kind, self.recipe(path, keys))
                    for kind, path in self.calibrations(product).items()
                ),
            ]
            text = json.dumps(parts, sort_keys=True)
            self._recipes[product] = hashlib.sha256(text.encode()).hexdigest()[:16]
        return self._recipes[product]

    def outdated(self, keys: Mapping[str, str], masters_alone: bool = False) -> list[str]:
        """Products that are there and have to be made again.

        They were made by another recipe, do not say by which, or a master that they were made with
        is missing or outdated itself: whether it was whole when it was read is not known.

        Parameters
        ----------
        keys : dict
            See `recipe`.
        masters_alone : bool
            Whether to look at no frame and no stack.

        Returns
        -------
        list of str
        """
        sound: dict[str, bool] = {}
        found = []
        looked_at = (each for each in self._members if kind_of(each).serves or not masters_alone)
        for product in sorted(looked_at, key=order_of):
            there = os.path.exists(product)
            sound[product] = (
                there
                and all(sound.get(path, True) for path in self.calibrations(product).values())
                and recipe_of(product, remember=True) == self.recipe(product, keys)
            )
            if there and not sound[product]:
                found.append(product)
        return found


def orphans_of(planned: Collection[str]) -> dict[str, int]:
    """Products on disk that no frame leads to: it is gone, or they are refused by now.

    Parameters
    ----------
    planned : set of str
        Paths of the products that the plan has members of.

    Returns
    -------
    dict
        {path: time of change in ns}; with the time, so that the same ones in a later run
        are others to Snakemake.
    """
    found = sorted(path for kind in KINDS.values() for path in files_below(kind.folder))
    return {path: os.stat(path).st_mtime_ns for path in found if path not in planned}


def _check_below(paths):
    """Refuse paths that lead out of the results, wherever a table has them from."""
    for path in dict.fromkeys(filter(None, paths)):
        if not path.startswith(("results/", "ready/")) or ".." in path.split("/"):
            raise CcdlibError(f"{PLAN}: {path!r} is not below results/")


def _may_be_input(file):
    """Whether Snakemake can have a raw file as input; its hash is in params all the same."""
    if not is_plain(file):
        return False
    # a missing input ends the whole run instead of the one job; a product that is older than
    # its input fails, and cameras' clocks run ahead
    return os.path.exists(file) and os.stat(file).st_mtime <= time.time()


@lru_cache(maxsize=1)
def _read(plan, members, amplifiers, _stat):
    try:
        rows = read_rows(MEMBERS_TABLE, members, read_layouts(amplifiers), amplifiers)
        return Plan(PLAN_TABLE.rows(plan, _PLAN_NAMES), rows)
    except OtherColumns:
        # as good as none: what wrote them had other code, and they will be made again
        return Plan([], [])


def file_stat(path: str | Path) -> tuple[int, int] | None:
    """Time of change and size of a file, by which a change shows; None when it is not there."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size


def read_plan(
    plan: str = PLAN,
    members: str = MEMBERS,
    amplifiers: str = AMPLIFIERS,
    must_exist: bool = False,
) -> Plan:
    """The `Plan` in its tables, read again only when they changed; empty without them.

    Raises
    ------
    CcdlibError
        If they must exist, for batches that work on one plan at the same time, and do not; and
        if they do not go with each other.
    """
    if must_exist and not os.path.exists(plan):
        raise CcdlibError(f"{plan} is missing: run the target masters before --batch")
    # asked twice a product: what changes the amplifiers makes a new plan, so these two tell
    return _read(plan, members, amplifiers, (file_stat(plan), file_stat(members)))


def foresee(corrections: str | None, settings: dict, ready: str | None = None) -> Plan:
    """The `Plan` that would come of the index, worked out once without writing it.

    Parameters
    ----------
    corrections : str or None
        Path of the user's corrections.
    settings : dict
        From `ccdlib.config.plan_settings`.
    ready : str or None
        Path of the table of ready masters.
    """
    return _foresee(corrections, json.dumps(settings), ready)


@cache
def _foresee(corrections, settings, ready):
    return Plan(*plan_files(INDEX, AMPLIFIERS, corrections, json.loads(settings), ready))


def recipe_keys(config: dict, code: Callable[[Kind], str]) -> dict[str, str]:
    """{kind of product: its settings and the digest of its code}, for `Plan.recipe`.

    Parameters
    ----------
    config : dict
    code : callable
        Digest of the code behind a kind.
    """
    return {
        kind.name: json.dumps([settings_of(config, kind), code(kind)], sort_keys=True)
        for kind in KINDS.values()
    }
