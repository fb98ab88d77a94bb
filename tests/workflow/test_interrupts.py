"""Ctrl-C before and while there is a plan: one word, no traceback, nothing left over."""

import signal
import subprocess
import sys

import pytest
from small_night import Work

# loaded by every process of a run: the first that opens a file interrupts all, as Ctrl-C does
INTERRUPT = """
import os, signal, sys, time

def interrupt(event, arguments):
    if event == "open" and WHERE in str(arguments[0]):
        try:
            os.close(os.open(MARK, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
        os.killpg(os.getpgrp(), signal.SIGINT)
        time.sleep(0.5)

sys.addaudithook(interrupt)
"""


def _interrupted(work, folder, command, where):
    """What a command says that is interrupted where it opens a file, and how it ends."""
    mark = folder / "mark"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(f"WHERE, MARK = {where!r}, {str(mark)!r}\n{INTERRUPT}")
    _, environment = work.command()
    work.folder.mkdir(exist_ok=True)
    done = subprocess.run(
        command,
        env=environment | {"PYTHONPATH": f"{work.pipeline / 'scripts'}:{folder}"},
        cwd=work.folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        timeout=300,
    )
    assert mark.exists() and done.returncode, done.stdout
    assert "Traceback" not in done.stdout and "memory" not in done.stdout
    return done.stdout, done.returncode


@pytest.mark.parametrize(
    "where, told",
    [
        ("results/members.csv", "interrupted"),
        ("logs/build_index/index.log", "failed: results/index.csv: interrupted"),
        ("logs/make_plan/plan.log", "failed: results/plan.csv: interrupted"),
        # the DAG grows by what the new plan holds
        ("/.calibrate_frame.py.", "interrupted"),
    ],
)
def test_ctrl_c_before_and_during_index_and_plan(raw, tmp_path, where, told):
    text, _ = _interrupted(raw, tmp_path / "place", raw.command()[0], where)
    assert told in text
    assert not (raw.folder / "results/report/undated.html").exists()
    assert "nothing refused" in raw.run().text


@pytest.mark.parametrize(
    "where",
    [
        # the Snakefile is read, the DAG is built
        *("workflow/rules/report.smk", "/.write_report.py."),
    ],
)
def test_ctrl_c_before_the_first_job(raw, tmp_path, where):
    text, code = _interrupted(raw, tmp_path / "place", raw.command()[0], where)
    assert text.splitlines()[-1] == "interrupted"
    assert code in (1, 130, -signal.SIGINT)
    assert not (raw.folder / "results").exists()


@pytest.mark.parametrize(
    "command, where",
    [
        # snakemake itself is loaded, and reads the profile
        (("run", "-n", "--cores", "1"), "/snakemake/__pycache__/dag."),
        (("run", "-n", "--cores", "1"), "profiles/default/config.yaml"),
        # the subcommand is loaded, and at work
        (("init", "RAW", "--directory", "WORK"), "/commands/"),
        (("init", "RAW", "--directory", "WORK"), "M13_V_001.fits"),
        (("why", "results/calibrated/M13_V_001.fits"), "results/plan.csv"),
        (("verify", "results/calibrated/M13_V_001.fits"), "flat_V_001.fits"),
    ],
)
def test_ctrl_c_in_a_command(reduced, tmp_path, command, where):
    words = {"RAW": str(reduced.raw), "WORK": str(tmp_path / "work")}
    # a command that looks at products is given in their folder, one that makes some is not
    looks = command[0] in ("why", "verify")
    work = reduced if looks else Work(tmp_path / "elsewhere", reduced.raw)
    command = [sys.executable, "-m", "ccdlib.cli", *(words.get(word, word) for word in command)]
    text, code = _interrupted(work, tmp_path / "place", command, where)
    assert text.splitlines()[-1] == "interrupted"
    assert code in (1, 130, -signal.SIGINT)
    assert not (tmp_path / "work").exists()
    assert looks or not (work.folder / "results").exists()
