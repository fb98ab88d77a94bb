"""The watch: it looks for files, has rounds run for what is new, and keeps the live page."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from ..config import last_config
from ..errors import CcdlibError, in_words
from ..files import write_atomically
from ..index.folder_state import CACHE, EXCLUDE
from ..run.rounds import (
    ARRIVED,
    FOLDER,
    IMPROVED,
    forget_failures,
    left_to_improve,
    some_failed,
)
from ..state import kept_json
from .alarms import Alarms
from .arrivals import SEEN_ONCE, Arrivals, Away
from .night_so_far import Frame, NightSoFar
from .page import State, write_page
from .round import Round

__all__ = ["LINKS", "LOG", "Options", "Watch", "for_round", "known_files"]

LINKS = f"{FOLDER}/raw"
LOG, _FAILED_LOG = "logs/watch/round.log", "logs/watch/failed.log"
# seconds without a new file before what is there is made better
_SETTLED = 20.0
# seconds after which what failed is tried again, the first time and at most
_RETRY, _RETRY_AT_MOST = 30.0, 600.0
# seconds for which a round waits for files that are being written again
_REWRITTEN = 5.0
# seconds between two pages
_PAGE = 5.0
# what a run says when something went wrong without a job that failed
_FAILED = "failed: "


@dataclass(frozen=True)
class Options:
    """What the command line gave.

    Attributes
    ----------
    raw_dir, work, typed_in : str
        Absolute: raw folder, working directory, and where the command was typed.
    arguments : list of str
        Those of snakemake, with its Snakefile and cores.
    every : float
        Seconds between two looks.
    bell : bool
    """

    raw_dir: str
    work: str
    typed_in: str
    arguments: list[str]
    every: float = 0.5
    bell: bool = False


def for_round(options: Options, raw_dir: str, target: str | None) -> list[str]:
    """The arguments of snakemake for a round, or for a whole run.

    Parameters
    ----------
    options : Options
    raw_dir : str
        The raw folder of the run.
    target : str or None
        None for the default one.
    """
    own = _with_config(f"raw_dir={_as_yaml(raw_dir)}", options.arguments)
    return [*([target] if target else []), *own, "--directory", options.work]


def _with_config(given: str, arguments: Sequence[str]) -> list[str]:
    """Arguments with a key more, behind the --config that they have: only one can be."""
    for place, each in enumerate(arguments):
        name, equals, value = each.partition("=")
        if name in ("--config", "-C"):
            rest = [*([value] if equals else []), *arguments[place + 1 :]]
            return [*arguments[:place], name, given, *rest]
    return [*arguments, "--config", given]


def _as_yaml(path: str) -> str:
    """A path as snakemake, for which it is YAML, takes it for what it is."""
    try:
        if yaml.safe_load(path) == path == path.strip("'\""):
            return path
    except yaml.YAMLError:
        pass
    # quotes at the ends would be taken off
    quoted = yaml.safe_dump(path, default_style='"', width=float("inf")).strip()
    return f" {quoted} "


@dataclass
class _Retry:
    """When what failed is tried again."""

    at: float | None = None
    pause: float = _RETRY

    def failed(self, now: float) -> None:
        self.at = now + self.pause
        self.pause = min(2 * self.pause, _RETRY_AT_MOST)

    def over(self) -> None:
        self.at, self.pause = None, _RETRY


class Watch:
    """Looks for files and runs rounds until it is interrupted.

    It works in the working directory, which is the present one.

    Parameters
    ----------
    options : Options
    tell : callable
        Is given each line for the terminal.
    in_fork : callable
        Called first in the process of each round.
    clock : callable
        Seconds that never run back.
    """

    def __init__(
        self,
        options: Options,
        tell: Callable[[str], None],
        in_fork: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.options, self.tell, self.in_fork, self.clock = options, tell, in_fork, clock
        folders = [os.path.join(options.work, name) for name in [*EXCLUDE, ".ccdlib"]]
        self.arrivals = Arrivals(options.raw_dir, Path(LINKS), folders, known_files(), clock)
        self.night = NightSoFar(_kept_types())
        self.alarms = Alarms(options.bell)
        self.round: Round | None = None
        self.retry = _Retry()
        self.troubles: dict[str, str] = {}
        self._target = ARRIVED
        self._told: set[str] = set()
        self._calibrations: dict[str, int] = {}
        self._held_since: float | None = None
        # something may have arrived, or failed, since the watch before
        self._may_improve = True
        self._was_left: int | None = None
        self._page_at, self._has_ended = 0.0, False
        # what was made and told by a watch before is not told again
        with suppress(CcdlibError):
            self.alarms.of(self.night, self.night.update(), silent=True)
            self._calibrations = self.night.calibrations

    def step(self) -> None:
        """Look once, and do what is to be done about it.

        A full disk, or what is in the way of the watch's own files, does not end the night: it is
        told, and tried again at the next look.
        """
        try:
            self.arrivals.look()
            self._over("away")
        except Away as away:
            self._trouble("away", f"{away}; looking for it again")
        try:
            self._act()
            self._over("own files")
        except (CcdlibError, OSError) as error:
            self._trouble("own files", in_words(error))
        if self.clock() >= self._page_at:
            self._write_page()

    def _act(self) -> None:
        if self.round is not None and self.round.ended():
            self._conclude(self.round)
        if self.round is None:
            self._start_what_is_due()

    def stop(self) -> None:
        """End the round at work, and say on the page that nobody watches any more."""
        if self.round is not None:
            self.round.stop()
            self.round = None
        self._has_ended = True
        self._read()

    def _start_what_is_due(self) -> None:
        now = self.clock()
        if "away" in self.troubles:
            return
        if self.retry.at is not None and now >= self.retry.at:
            forget_failures()
            self._start(ARRIVED)
            self.retry.at = None
        elif (self.arrivals.news or self.arrivals.gone) and not self._held(now):
            self._start(ARRIVED)
        elif self._may_improve and self._settled(now):
            self._start(IMPROVED)

    def _held(self, now: float) -> bool:
        """Whether to wait, for a moment, for files that are linked and are being written again."""
        if not self.arrivals.changing:
            self._held_since = None
            return False
        self._held_since = now if self._held_since is None else self._held_since
        return now - self._held_since < _REWRITTEN

    def _settled(self, now: float) -> bool:
        latest = self.arrivals.latest
        return latest is None or now - latest >= _SETTLED

    def _start(self, target: str) -> None:
        if target == ARRIVED:
            self.arrivals.link()
        # without a frame there is nothing to run
        if self.arrivals.complete:
            self._target = target
            links = os.path.join(self.options.work, LINKS)
            arguments = for_round(self.options, links, target)
            self.round = Round(arguments, self.options.typed_in, LOG, self.in_fork)

    def _conclude(self, ended: Round) -> None:
        """What a round made is read and told; what failed is tried again later."""
        self.round = None
        if ended.status:
            self._failed(ended)
        elif not some_failed():
            self.retry.over()
            self._over("round")
        if self._target == ARRIVED:
            self._may_improve, self._was_left = True, None
        else:
            left = left_to_improve()
            # what cannot be made better is tried once
            self._may_improve = left > 0 and (self._was_left is None or left < self._was_left)
            self._was_left = left
        self._read()
        if ended.status:
            write_atomically(_FAILED_LOG, Path(LOG).read_bytes())

    def _failed(self, ended: Round) -> None:
        lines = ended.lines()
        failures = [line for line in lines if line.startswith(_FAILED)]
        # without any, something else ended the run: its last line says what, if it could
        told = failures or [_how_it_ended(ended, lines)]
        for line in told:
            if line not in self._told:
                self._told.add(line)
                self.tell(line)
        self.troubles["round"] = told[-1]
        self.retry.failed(self.clock())

    def _read(self) -> None:
        """Bring the numbers up to date, tell them, write the page."""
        self.night.keep = _kept_types()
        try:
            new = self.night.update()
        except CcdlibError as error:
            # a table that is being made again
            self._trouble("tables", str(error))
            return
        self._over("tables")
        if self.night.calibrations != self._calibrations:
            self._calibrations = self.night.calibrations
            found = ", ".join(f"{count} {kind}" for kind, count in self._calibrations.items())
            self.tell(f"{found} so far")
        for frame in new:
            self.tell(_line(frame))
        for line in self.alarms.of(self.night, new):
            self.tell(line)
        self._write_page()

    def _trouble(self, name: str, text: str) -> None:
        """Tell a trouble when it begins."""
        if name not in self.troubles:
            self.tell(text)
        self.troubles[name] = text

    def _over(self, name: str) -> None:
        if self.troubles.pop(name, None) and name == "away":
            self.tell(f"{self.options.raw_dir} is there again")

    def _write_page(self) -> None:
        self._page_at = self.clock() + _PAGE
        latest = self.arrivals.latest
        since = None if latest is None else self.clock() - latest
        arriving = {name: why for name, why in self.arrivals.arriving.items() if why != SEEN_ONCE}
        state = State(self._doing(), since, list(self.troubles.values()), arriving)
        try:
            write_page(self.night, state, datetime.now(UTC))
            self._over("page")
        except OSError as error:
            self._trouble("page", f"the live page cannot be written: {error}")

    def _doing(self) -> str:
        if self._has_ended:
            return "the watch has ended"
        if "away" in self.troubles:
            return "waiting for the raw folder"
        if self.round is None:
            return "waiting for frames"
        return (
            "calibrating" if self._target == ARRIVED else "making frames again that can be better"
        )


def _how_it_ended(ended: Round, lines: list[str]) -> str:
    """What is told of a round without a job that failed."""
    if ended.status is not None and ended.status < 0:
        return f"{_FAILED}the round was killed by signal {-ended.status}"
    last = [line for line in lines if line.strip()][-1:]
    return last[0] if last else f"{_FAILED}the round ended with code {ended.status}"


def _line(frame: Frame) -> str:
    """A frame that was made, in one line."""
    facts: list[Any] = [frame.name, frame.kind, frame.object, frame.filter]
    parts = [" ".join(str(fact) for fact in facts if fact)]
    if frame.exptime is not None:
        parts.append(f"{frame.exptime:g} s")
    if frame.background is not None:
        parts.append(f"sky {frame.background:.4g} {frame.unit}")
    if frame.fwhm is not None:
        parts.append(f"FWHM {frame.fwhm:.2f} pixels")
    return ", ".join(parts)


def known_files() -> dict[str, list[int]]:
    """{name: stat} of the files that are in the index."""
    found = kept_json(CACHE) or {}
    return {name: entry["stat"] for name, entry in found.get("files", {}).items()}


def _kept_types() -> list[str]:
    """Types of frame that get a calibrated file; before the first round it is not known which."""
    try:
        return last_config()["products"]["keep"]
    except CcdlibError:
        return ["light"]
