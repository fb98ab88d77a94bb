"""What the terminal and a log file show of a run."""

import errno
import io
import logging
from types import SimpleNamespace

import pytest
from snakemake.exceptions import (
    RuleException,
    WorkflowError,
    format_error,
    format_exception_to_string,
)
from snakemake_interface_logger_plugins.common import LogEvent

import snakemake_logger_plugin_ccd as plugin
from ccdlib.plan.plan_columns import PLAN_TABLE, write_members


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets."""
    now = SimpleNamespace(time=100.0)
    monkeypatch.setattr(plugin.time, "monotonic", lambda: now.time)
    return now


def _handler(terminal=False, **given):
    settings = {"verbose": False, "dryrun": False, "debug_dag": False, "stdout": False} | given
    handler = plugin.LogHandler(common_settings=SimpleNamespace(**settings), settings=None)
    handler.stream, handler.overwrites = io.StringIO(), terminal
    return handler


def _send(handler, event, **facts):
    record = logging.makeLogRecord({"msg": "", "levelno": logging.INFO, "event": event} | facts)
    handler._handle(record)


def _run(handler, clock, rules, seconds=10.0, total=None):
    """Jobs that follow each other."""
    for number, rule in enumerate(rules, start=1):
        _send(handler, LogEvent.JOB_INFO, jobid=number, rule_name=rule)
        clock.time += seconds
        _send(handler, LogEvent.JOB_FINISHED, job_id=number)
        _send(handler, LogEvent.PROGRESS, done=number, total=total or len(rules))


def test_a_log_file_gets_whole_lines_now_and_then(clock):
    handler = _handler()
    _send(handler, LogEvent.RUN_INFO, stats={"calibrate_frame": 8, "total": 10})
    _run(handler, clock, ["combine_bias", "combine_flat", *["calibrate_frame"] * 8])
    lines = handler.stream.getvalue().splitlines()
    assert len(lines) == 6
    assert lines[1] == "3 of 10 steps, 1 of 8 frames calibrated, about 1 min 10 s left"
    assert lines[-1] == "10 of 10 steps, 8 of 8 frames calibrated, 1 min 40 s in all"
    assert "\r" not in handler.stream.getvalue()


def test_a_terminal_has_one_line_that_is_overwritten(clock):
    handler = _handler(terminal=True)
    _run(handler, clock, ["calibrate_frame"] * 4)
    text = handler.stream.getvalue()
    assert text.count("\n") == 1
    assert text.endswith("4 of 4 steps, 4 frames calibrated, 40 s in all\n")


def test_the_time_left_follows_the_last_jobs(clock):
    handler = _handler()
    _run(handler, clock, ["build_index"], seconds=600, total=101)
    _run(handler, clock, ["calibrate_frame"] * 100, seconds=1, total=150)
    assert handler._left() < 2.2 * 50


def test_frames_are_counted_once_there_is_a_plan(clock, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plugin, "_kept", lambda: ["light"])
    (tmp_path / "results/calibrated").mkdir(parents=True)
    (tmp_path / "results/calibrated/a.fits").touch()
    PLAN_TABLE.write([])
    kinds = {"calibrated/a": "light", "calibrated/b": "light", "calibrated/f": "flat"}
    write_members(
        {"master": f"results/{name}.fits", "imagetyp": kind, "layout": None}
        for name, kind in (kinds | {"masters/bias/x": "bias"}).items()
    )
    handler = _handler()
    _run(handler, clock, ["make_plan", "calibrate_frame"])
    assert "1 of 1 frames" in handler.stream.getvalue()


def test_a_failed_job_is_one_line_with_its_reason(clock, tmp_path):
    log = tmp_path / "a.log"
    log.write_text("Traceback\nflat.fits: the flat's median is -1 adu, a flat is positive\n")
    handler = _handler()
    _send(handler, LogEvent.JOB_ERROR, jobid=1, output=["results/a.fits"], log=[log])
    expected = (
        "failed: results/a.fits: flat.fits: the flat's median is -1 adu, a flat is positive\n"
    )
    assert handler.stream.getvalue() == expected


def test_of_a_killed_job_one_line_is_shown(clock):
    """Snakemake's own words on it come before the event of the failed job."""
    handler = _handler()
    text = 'RuleException:\nCalledProcessError in file "calibrate.smk", line 23:\ndied with SIGKILL'
    handler._handle(logging.makeLogRecord({"msg": text, "levelno": logging.ERROR}))
    _send(handler, LogEvent.JOB_ERROR, jobid=1, rule_name="a", output=["a.fits"], log=["no.log"])
    [line] = handler.stream.getvalue().splitlines()
    assert line.startswith(
        "failed: a.fits: the job was killed before it could say why; most likely"
    )


def test_of_a_job_that_a_full_disk_kept_from_starting_that_is_said(clock, tmp_path):
    """Snakemake writes its script; the job was said to be out of memory, below a traceback."""
    log = tmp_path / "a.log"
    log.write_text("what the run before said")
    handler = _handler()
    try:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as error:
            told = format_error(error, 60, snakefile="masters.smk", show_traceback=True)
            raise RuleException(told) from None
    except RuleException as error:
        text = format_error(error, None)
    handler._handle(logging.makeLogRecord({"msg": text, "levelno": logging.ERROR}))
    for name in ("a.fits", "b.fits"):
        _send(handler, LogEvent.JOB_ERROR, jobid=1, rule_name="a", output=[name], log=[log])
    assert handler.stream.getvalue().splitlines() == [
        "failed: a.fits: the job could not be started: No space left on device",
        "failed: b.fits: what the run before said",
    ]


def test_of_a_benchmark_that_a_full_disk_kept_from_being_written_that_is_said(clock):
    """The job was said to be out of memory, below a line that named no file."""
    handler = _handler()
    text = format_error(WorkflowError(OSError(errno.ENOSPC, "No space left on device")), None)
    handler._handle(logging.makeLogRecord({"msg": text, "levelno": logging.ERROR}))
    _send(handler, LogEvent.JOB_ERROR, jobid=1, rule_name="a", output=["a.fits"], log=[])
    assert handler.stream.getvalue().splitlines() == [
        "failed: a.fits: its benchmark cannot be written: No space left on device"
    ]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, "No space left", "a/b"), "No space left: 'a/b'"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error (in fail of Snakemake)"),
    ],
)
def test_a_disk_that_fails_where_snakemake_writes_is_one_line(error, told):
    """It was a traceback of Snakemake."""

    def fail():
        raise error

    try:
        fail()
    except OSError as found:
        text = format_exception_to_string(found)
    handler = _handler()
    handler._handle(logging.makeLogRecord({"msg": text, "levelno": logging.ERROR}))
    assert handler.stream.getvalue() == f"{told}\n"


def test_of_a_job_that_could_not_write_its_log_that_is_said(clock, tmp_path):
    (tmp_path / "logs").write_text("in the way")
    handler, log = _handler(), tmp_path / "logs/a.log"
    _send(handler, LogEvent.JOB_ERROR, jobid=1, rule_name="a", output=["a.fits"], log=[log])
    told = f"failed: a.fits: its log {log} cannot be written: Not a directory\n"
    assert handler.stream.getvalue() == told


def test_a_dry_run_shows_a_mistake_without_its_place_in_the_code(clock):
    """Everything else of a dry run is as Snakemake words it."""
    handler = _handler(dryrun=True)
    text = 'WorkflowError in file "c", line 17:\nstrict=maybe is not allowed\n  File "c", line 17'
    handler.emit(logging.makeLogRecord({"msg": text, "levelno": logging.ERROR}))
    assert handler.stream.getvalue() == "strict=maybe is not allowed\n"


@pytest.mark.parametrize("text", ["Report created.", "Unlocked working directory."])
def test_what_report_and_unlock_end_with_is_shown(clock, text):
    handler = _handler()
    handler.emit(logging.makeLogRecord({"msg": text, "levelno": logging.INFO}))
    assert handler.stream.getvalue() == text + "\n"


def test_a_log_file_of_snakemake_on_a_full_disk_says_nothing(monkeypatch, capsys):
    """The terminal tells it; a fault of the handler itself is shown."""
    monkeypatch.setattr(logging, "raiseExceptions", True)

    def write(text):
        raise OSError(28, "No space left on device")

    handler, full = _handler(), logging.StreamHandler(SimpleNamespace(write=write))
    full.handle(logging.makeLogRecord({"msg": "a job failed"}))
    assert capsys.readouterr().err == ""
    handler.emit(SimpleNamespace(levelno=logging.INFO))
    assert "AttributeError" in capsys.readouterr().err


def test_a_log_that_is_a_folder_is_said_to_be_one(clock, tmp_path):
    handler = _handler()
    (tmp_path / "a.log").mkdir()
    _send(handler, LogEvent.JOB_ERROR, jobid=1, output=["a"], log=[str(tmp_path / "a.log")])
    assert "a.log cannot be written: Is a directory" in handler.stream.getvalue()


def test_a_working_directory_that_is_gone_is_one_line(clock, tmp_path, monkeypatch):
    """Snakemake's words are a traceback to the first file that it misses."""
    handler = _handler()
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    for text in ("Traceback: No such file or directory: 'logs'", "and more"):
        _send(handler, None, levelno=logging.ERROR, msg=text)
    monkeypatch.chdir(tmp_path)
    assert handler.stream.getvalue() == (
        "the working directory was deleted while this run was at work in it\n"
    )
