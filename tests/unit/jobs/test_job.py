"""A job runs the code that was hashed, and says in one line what is wrong."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from ccdlib.errors import CcdlibError
from ccdlib.jobs.job import job

SCRIPTS = Path(__file__).parents[3] / "scripts"


def _ended(tmp_path, error=None, scripts=SCRIPTS):
    """The log of a job that raises an error, and whether its body ran."""
    ran = []
    snakemake = SimpleNamespace(log=[str(tmp_path / "logs/a.log")], scriptdir=str(scripts))
    try:
        with job(snakemake):
            ran.append(True)
            if error:
                raise error
    except SystemExit as end:
        assert end.code == 1
    return (tmp_path / "logs/a.log").read_text().splitlines(), bool(ran)


@pytest.mark.parametrize(
    "error, last",
    [
        (None, "done"),
        (CcdlibError("a.fits: GAIN=0\nis not positive"), "a.fits: GAIN=0 is not positive"),
        (KeyboardInterrupt(), "interrupted"),
        (MemoryError("Unable to allocate 9 GiB"), "MemoryError: Unable to allocate 9 GiB"),
    ],
)
def test_the_last_line_of_the_log_says_how_it_ended(tmp_path, error, last):
    lines, ran = _ended(tmp_path, error)
    assert ran
    assert lines[-1] == last


def test_bad_input_has_no_traceback(tmp_path):
    assert len(_ended(tmp_path, CcdlibError("a.fits: empty file"))[0]) == 1


def test_another_ccdlib_than_the_one_that_was_hashed_is_refused(tmp_path):
    """The job's environment may have one of its own."""
    (tmp_path / "scripts/ccdlib").mkdir(parents=True)
    lines, ran = _ended(tmp_path, scripts=tmp_path / "scripts")
    assert not ran
    assert lines == [
        f"the job's environment has the ccdlib of {SCRIPTS.resolve() / 'ccdlib'}, the workflow's "
        f"is {tmp_path / 'scripts/ccdlib'}: pip install -e {tmp_path} there"
    ]
    assert _ended(tmp_path, scripts=tmp_path / "elsewhere/fetched") == (["done"], True)


def _job_with_log(path, error=None):
    with job(SimpleNamespace(log=[str(path)], scriptdir=str(SCRIPTS))):
        raise error or CcdlibError("a.fits: empty file")


def test_a_log_that_cannot_be_opened_ends_the_job_with_one_line(tmp_path):
    (tmp_path / "logs").write_text("in the way")
    message = r"logs/a.log: the log of a job cannot be written: (Not a directory|File exists)$"
    with pytest.raises(SystemExit, match=message):
        _job_with_log(tmp_path / "logs/a.log")


def test_a_log_is_not_written_through_a_link(tmp_path):
    (tmp_path / "raw.fits").write_text("pixels")
    (tmp_path / "a.log").symlink_to("raw.fits")
    with pytest.raises(SystemExit):
        _job_with_log(tmp_path / "a.log")
    assert (tmp_path / "raw.fits").read_text() == "pixels"
    assert (tmp_path / "a.log").read_text() == "a.fits: empty file\n"


def test_a_fifo_in_place_of_a_log_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.log")
    with pytest.raises(SystemExit):
        _job_with_log(tmp_path / "a.log")
    assert (tmp_path / "a.log").read_text() == "a.fits: empty file\n"


def test_what_a_full_disk_does_not_hold_is_told_on_the_terminal(capsys):
    with pytest.raises(SystemExit):
        _job_with_log("/dev/full")
    told = capsys.readouterr().err
    assert told == "/dev/full: cannot be written: No space left on device; a.fits: empty file\n"


def test_of_what_a_full_disk_does_not_hold_the_last_line_is_told(capsys):
    with pytest.raises(SystemExit):
        _job_with_log("/dev/full", OSError(28, "No space left on device", "b.json"))
    told = capsys.readouterr().err
    assert told == (
        "/dev/full: cannot be written: No space left on device; OSError: [Errno 28] No space left "
        "on device: 'b.json'\n"
    )
