"""``python -m ccdlib.watch.start``: the process of `ccdlib watch`."""

import json
import os
import sys
import time
from pathlib import Path
from typing import TextIO

from .. import lock
from ..errors import CcdlibError, in_words
from ..index.folder_state import EXCLUDE
from ..plain_text import shown
from ..plan.plan_tables import PLAN, read_plan
from ..run.rounds import FOLDER, made_masters, remove_unused
from ..run.start import keep_caches
from .arrivals import SEEN_ONCE, Arrivals
from .ending import Ending
from .loop import LINKS, LOG, Options, Watch, for_round, known_files
from .round import Loaded, Round
from .serve import Serving

__all__ = ["main", "watch", "whole_night"]

_LOCK = f"{FOLDER}/lock"
_REPORT = "results/report"
_INTERRUPTED = 130


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {shown(text)}", flush=True)


def watch(options: Options, port: int | None) -> int:
    """Watch until Ctrl-C or the end of the terminal.

    Parameters
    ----------
    options : Options
    port : int or None
        Where the pages are served.

    Returns
    -------
    int
        Exit code.

    Raises
    ------
    CcdlibError
        If another watch is at work in the working directory.
    """
    ending, held = Ending(), _hold(options.work)
    pages = Serving(_REPORT, port, _say, held.close) if port is not None else None

    def in_fork():
        held.close()
        if pages:
            pages.close()

    try:
        loaded = Loaded()
        own = Watch(options, _say, in_fork)
        _say(f"watching {options.raw_dir}; Ctrl-C ends it")
        _go_on(own, loaded, ending, pages)
    except KeyboardInterrupt:
        # told twice
        pass
    finally:
        if pages:
            pages.stop()
    if ending.told:
        _say("interrupted: ccdlib watch --final makes what is missing, and the report")
        return _INTERRUPTED
    _say("the code of ccdlib changed: starting anew")
    held.close()
    os.chdir(options.typed_in)
    os.execv(sys.executable, [sys.executable, "-m", "ccdlib.watch.start", *sys.argv[1:]])


def _go_on(own: Watch, loaded: Loaded, ending: Ending, pages: Serving | None) -> None:
    """Look until told to end, or until the code is no longer what this process has imported."""
    try:
        while not ending.told:
            if own.round is None:
                loaded.look()
                if loaded.is_stale:
                    return
            own.step()
            if pages:
                pages.look()
            ending.wait(own.options.every, own.round.pid if own.round else None)
    finally:
        own.stop()


def _hold(work: str) -> TextIO:
    """Work in the working directory, alone."""
    os.makedirs(work, exist_ok=True)
    os.chdir(work)
    return lock.hold(_say, path=_LOCK, what="watch")


def whole_night(options: Options) -> int:
    """Run the workflow once over the raw folder itself, report and all, when its files are whole.

    Returns
    -------
    int
        Exit code.

    Raises
    ------
    CcdlibError
        If a watch is at work in the working directory, or the raw folder cannot be read.
    """
    ending = Ending()
    with _hold(options.work) as held:
        _wait_for_files(options, ending)
        if not ending.told:
            Loaded()
            _remove_unused(options, held, ending)
        if ending.told:
            _say("interrupted")
            return _INTERRUPTED
        run = Round(for_round(options, options.raw_dir, None), options.typed_in, None, held.close)
        run.wait(ending)
        if ending.told:
            return _INTERRUPTED
        return run.status if run.status is not None and run.status >= 0 else 1


def _remove_unused(options: Options, held: TextIO, ending: Ending) -> None:
    """Remove the masters of the evening that are none of the whole night's."""
    if not made_masters():
        return
    run = Round(for_round(options, options.raw_dir, PLAN), options.typed_in, LOG, held.close)
    run.wait(ending)
    # what ends it ends the run that follows, which tells it
    if run.status == 0 and (removed := remove_unused(read_plan())):
        _say(f"removed, as nothing is made with them any more: {', '.join(removed)}")


def _wait_for_files(options: Options, ending: Ending) -> None:
    """Wait for files that are being written, as long as the watch would."""
    folders = [os.path.join(options.work, name) for name in [*EXCLUDE, ".ccdlib"]]
    arrivals = Arrivals(options.raw_dir, Path(LINKS), folders, known_files())
    told: set[str] = set()
    while not ending.told:
        arrivals.look()
        lacking = {name for name, why in arrivals.arriving.items() if why != SEEN_ONCE}
        for name in sorted(lacking - told):
            _say(f"waiting for {name}, which is not complete: {arrivals.arriving[name]}")
        told |= lacking
        if not arrivals.arriving:
            return
        ending.wait(options.every)


def main(text: str) -> int:
    """Watch, or run once, as the arguments that `ccdlib watch` packed say.

    Parameters
    ----------
    text : str
        JSON of the fields of `Options`, and `port` and `final`.

    Returns
    -------
    int
        Exit code.
    """
    given = json.loads(text)
    port, final = given.pop("port"), given.pop("final")
    options = Options(**given)
    line = keep_caches(["--directory", options.work])
    if line:
        _say(line)
    try:
        return whole_night(options) if final else watch(options, port)
    except KeyboardInterrupt:
        # told twice, or before it notes it
        print("ccdlib watch: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except (CcdlibError, OSError) as error:
        print(f"ccdlib watch: {shown(in_words(error))}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
