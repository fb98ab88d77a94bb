"""The run of a night, started by its job."""

import os
import signal
import subprocess
import sys
import time

import pytest

from ccdlib.archives import reduce
from ccdlib.errors import CcdlibError

# a job with a run for each word, one after the other
_JOB = """
import os, sys
from ccdlib.archives import reduce
os.environ["SNAKEMAKE_PROFILE"] = "one of the archive, which is not there"
for words in sys.argv[2:]:
    print(reduce._run_of(words.split(), sys.argv[1]))
"""
FORKED, STARTED = (_JOB.replace("_run_of", name) for name in ("_forked", "_started"))


@pytest.mark.parametrize("script", [FORKED, STARTED], ids=["a fork", "a process of its own"])
def test_exit_code_and_lines_of_a_run_are_those_of_snakemake(tmp_path, script):
    log = tmp_path / "night.log"
    log.write_text("a line of the job\n")
    command = [sys.executable, "-c", script, str(log), "--version", "--no-such-option"]
    done = subprocess.run(command, text=True, capture_output=True, timeout=300)
    assert done.stdout.split() == ["0", "2"], done.stderr
    text = log.read_text()
    assert text.startswith("a line of the job\n9.")
    assert "unrecognized arguments: --no-such-option" in text


def test_what_a_night_is_lent_is_linked_in_no_folder_of_others(tmp_path):
    """What was there stayed, and would have been lent."""
    other = tmp_path / "other"
    other.mkdir()
    (tmp_path / reduce.LENT).symlink_to(other)
    with pytest.raises(CcdlibError, match="lent is a link, where a folder should be: move it away"):
        reduce._link(tmp_path, [])
    (tmp_path / reduce.LENT).unlink()
    (tmp_path / reduce.LENT).write_text("")
    with pytest.raises(CcdlibError, match="lent is a file, where a folder should be: move it away"):
        reduce._link(tmp_path, [])


def test_a_process_with_threads_is_not_forked(monkeypatch):
    monkeypatch.setattr(os, "listdir", lambda folder: ["1"])
    assert reduce._may_fork() == (sys.platform == "linux")
    monkeypatch.setattr(os, "listdir", lambda folder: ["1", "2"])
    assert not reduce._may_fork()


_SNAKEFILE = """
rule all:
    run:
        import os, time
        print("at work:", os.getpid(), flush=True)
        time.sleep(300)
"""


def test_with_the_job_ends_its_run(tmp_path):
    (tmp_path / "Snakefile").write_text(_SNAKEFILE)
    log = tmp_path / "night.log"
    command = [sys.executable, "-c", FORKED, str(log), "--cores 1"]
    job = subprocess.Popen(command, cwd=tmp_path, start_new_session=True)
    try:
        at_work = _waited_for(lambda: _numbers(log))
        children = _children(job.pid)
        # Snakemake, and the process that its jobs would be forks of
        assert len(children) == 2
    finally:
        job.kill()
        job.wait()
        for number in _numbers(log):
            os.kill(number, signal.SIGKILL)
    assert at_work
    _waited_for(lambda: not any(map(_is_alive, children)))


def _numbers(log):
    lines = log.read_text().splitlines() if log.exists() else []
    return [int(line.split()[-1]) for line in lines if line.startswith("at work:")]


def _children(number):
    with open(f"/proc/{number}/task/{number}/children") as file:
        return [int(each) for each in file.read().split()]


def _is_alive(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{number}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"


def _waited_for(what):
    until = time.monotonic() + 120
    while time.monotonic() < until:
        if found := what():
            return found
        time.sleep(0.1)
    raise AssertionError("nothing came of it")
