"""What an observer wants on the terminal: one line of progress, and each error.

With --verbose or in a dry run Snakemake's own messages are shown.
"""

import logging
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections import deque
from pathlib import Path
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from ccdlib.limits import note_interrupts, was_interrupted
from ccdlib.plain_text import shown
from ccdlib.rerun import snakemake_internals as internals

__all__ = ["LogHandler"]

# seconds between two lines of progress where lines cannot be overwritten
_PAUSE = 20
# the time left is estimated from this many of the last jobs
_RECENT = 30
_FRAME_RULE, _FRAMES = "calibrate_frame", "results/calibrated/"


class LogHandler(LogHandlerBase):
    """The handler behind ``logger: ccd`` in profiles/default."""

    def __post_init__(self) -> None:
        # before the Snakefile is read
        note_interrupts()
        # on a full disk Snakemake's log file would answer each line with a traceback
        logging.raiseExceptions = False
        settings = self.common_settings
        self.everything = settings.verbose or settings.dryrun or settings.debug_dag
        self.stream = sys.stdout if settings.stdout else sys.stderr
        # an editor or a notebook may pretend to be a terminal
        self.overwrites = self.stream.isatty() and os.environ.get("TERM") != "dumb"
        self.rules: dict[int, str] = {}
        self.started: float | None = None
        self.last_shown, self.width = 0.0, 0
        self.done = self.total = self.frames_done = self.frames = 0
        self.finished: deque[float] = deque(maxlen=_RECENT)
        self.reported: set[int] = set()
        self.causes: Any = None
        self.is_homeless = False
        self.of_no_log: str | None = None

    writes_to_stream = True
    writes_to_file = False
    has_filter = False
    has_formatter = False
    needs_rulegraph = False

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if getattr(record, "event", None) == LogEvent.JOB_INFO:
                self._explain(record)
            if self._shown_whole(record):
                self._say(self.format(record))
            else:
                self._handle(record)
        except Exception:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Show what is wrong with this handler itself, whatever the others are told to do."""
        traceback.print_exc()

    def _shown_whole(self, record):
        """Whether to show Snakemake's own words; errors are shortened in a dry run too."""
        plain = record.levelno >= logging.ERROR and not self.common_settings.verbose
        return self.everything and not plain

    def _explain(self, record):
        """Shorten the reason of a job, and keep it for the report."""
        from ccdlib.rerun.changes import Causes, note

        self.causes = self.causes or Causes()
        record.reason = self.causes.add(record.output, record.reason, record.rule_name)
        if not self.common_settings.dryrun:
            note(record.output, record.reason)

    def _say(self, text):
        if text and text != "None":
            self._clear()
            self.stream.write(shown(text.rstrip(), but="\n\t") + "\n")
            self.stream.flush()

    def _clear(self):
        if self.width:
            self.stream.write("\r" + " " * self.width + "\r")
            self.width = 0

    def _handle(self, record):
        event = getattr(record, "event", None)
        if event == LogEvent.JOB_INFO:
            self.rules[record.jobid] = record.rule_name
            self.started = self.started or time.monotonic()
        elif event == LogEvent.RUN_INFO:
            self.frames = record.stats.get(_FRAME_RULE, 0)
        elif event == LogEvent.JOB_FINISHED:
            self._finished(self.rules.get(record.job_id))
        elif event == LogEvent.PROGRESS:
            self.done, self.total = record.done, record.total
            self._progress()
        elif event == LogEvent.JOB_ERROR:
            self._failed(record)
        elif getattr(record, "ccd", False):
            self._say(record.getMessage())
        elif record.levelno >= logging.ERROR:
            self._error(record)
        elif record.levelno >= logging.WARNING:
            self._say(str(record.getMessage()))
        elif internals.is_outcome(str(record.msg)):
            self._say(str(record.msg))
        elif internals.is_nothing_to_do(str(record.msg)):
            self._say("nothing to do: all that was asked for is there and up to date")
            for line in _last_lines():
                self._say(line)

    def _finished(self, rule):
        self.finished.append(time.monotonic())
        self.frames_done += rule == _FRAME_RULE
        # before there is a plan, Snakemake does not know how many frames there will be
        if rule == "make_plan":
            self.frames = max(self.frames, _frames_to_make())

    def _left(self):
        """Seconds left at the pace of the last jobs; the first jobs are of other kinds."""
        if len(self.finished) > 2:
            pace = (self.finished[-1] - self.finished[0]) / (len(self.finished) - 1)
        else:
            pace = (time.monotonic() - (self.started or time.monotonic())) / max(self.done, 1)
        return pace * (self.total - self.done)

    def _line(self, now):
        of_all = f"{self.frames_done} of {self.frames}"
        frames = of_all if self.frames >= self.frames_done else str(self.frames_done)
        parts = [f"{self.done} of {self.total} steps"]
        if self.frames_done or self.frames:
            parts.append(f"{frames} frames calibrated")
        if self.done == self.total:
            parts.append(f"{_duration(now - (self.started or now))} in all")
        else:
            parts.append(f"about {_duration(self._left())} left")
        return ", ".join(parts)

    def _progress(self):
        now = time.monotonic()
        finished = self.done == self.total
        if not self.overwrites and not finished and now - self.last_shown < _PAUSE:
            return
        self.last_shown = now
        text = self._line(now)
        if not self.overwrites or finished:
            self._say(text)
            return
        self._clear()
        # a line that wraps could not be overwritten
        text = text[: shutil.get_terminal_size().columns - 1]
        self.stream.write(text)
        self.stream.flush()
        self.width = len(text)

    def _failed(self, record):
        """One line for a failed job: what it was making, and the last line of its log."""
        product = record.output[0] if record.output else record.rule_name
        self.reported.add(record.jobid)
        self._say(f"failed: {product}: {self._why(record.log)}")

    def _why(self, logs):
        """Why a job failed; what no log tells, Snakemake has told before it."""
        why, self.of_no_log = self.of_no_log, None
        return why or _last_line(logs)

    def _error(self, record):
        text = str(record.getMessage())
        if why := internals.why_not_started(text):
            self.of_no_log = f"the job could not be started: {why}"
            return
        if why := internals.why_not_measured(text):
            self.of_no_log = f"its benchmark cannot be written: {why}"
            return
        if not _has_folder():
            text = "the working directory was deleted while this run was at work in it"
            # Snakemake's own words are of the first file that it misses
            if self.is_homeless:
                return
            self.is_homeless = True
        exception = getattr(record, "exception", "")
        if not internals.is_echo(text, exception, bool(self.reported)):
            self._say(internals.in_a_few_words(text))


def _has_folder():
    """Whether the working directory is still there."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True


def _kept():
    """Types of frame that the run makes by default."""
    from ccdlib.config import last_config

    return last_config()["products"]["keep"]


def _frames_to_make():
    """Number of planned frames without a file; existing ones may be made again too."""
    from ccdlib.plan.plan_tables import read_plan

    frames = [name for name in read_plan().targets(_kept()) if name.startswith(_FRAMES)]
    return sum(not Path(name).exists() for name in frames)


def _last_lines():
    """The last lines of the run before, repeated when there is nothing to do."""
    from ccdlib.report import last_lines

    return last_lines.lines(_kept()) if Path("results/plan.csv").exists() else []


def _duration(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _last_line(logs):
    for path in logs or ():
        if Path(path).is_file():
            lines = Path(path).read_text(errors="replace").strip().splitlines()
            if lines and lines[-1] != "done":
                return lines[-1]
    if was_interrupted():
        return "interrupted"
    for path in logs or ():
        if why := _why_unwritable(path):
            return f"its log {path} cannot be written: {why}"
    return (
        "the job was killed before it could say why; most likely memory ran out: "
        "fewer --cores leave more to each; --retries 1 tries again"
    )


def _why_unwritable(path):
    """Why a job could not write its log, None if it could have."""
    folder = Path(path).parent
    try:
        if Path(path).exists():
            open(path, "a").close()
        else:
            tempfile.TemporaryFile(dir=folder).close()
        return None if shutil.disk_usage(folder).free else "no space left on its disk"
    except FileNotFoundError:
        # killed before it had one
        return None
    except OSError as error:
        return error.strerror
