"""Ctrl-C before and while there is a plan: one word, no traceback, nothing left over."""

import subprocess

import pytest

# loaded by every process of a run: the first that opens a file interrupts all, as Ctrl-C does
INTERRUPT = """
import os, signal, sys, time

def interrupt(event, arguments):
    if event == "open" and str(arguments[0]).endswith(WHERE):
        try:
            os.close(os.open(MARK, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
        os.killpg(os.getpgrp(), signal.SIGINT)
        time.sleep(0.5)

sys.addaudithook(interrupt)
"""


@pytest.mark.parametrize(
    "where, told",
    [
        ("results/members.csv", "interrupted"),
        ("logs/build_index/index.log", "failed: results/index.csv: interrupted"),
        ("logs/make_plan/plan.log", "failed: results/plan.csv: interrupted"),
    ],
)
def test_ctrl_c_before_and_during_index_and_plan(raw, tmp_path, where, told):
    place = tmp_path / "place"
    place.mkdir()
    mark = place / "mark"
    text = f"WHERE, MARK = {where!r}, {str(mark)!r}\n{INTERRUPT}"
    (place / "sitecustomize.py").write_text(text)
    command, environment = raw.command()
    raw.folder.mkdir()
    done = subprocess.run(
        command,
        env=environment | {"PYTHONPATH": f"{raw.pipeline / 'scripts'}:{place}"},
        cwd=raw.folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        timeout=300,
    )
    assert mark.exists() and done.returncode
    assert told in done.stdout
    assert "Traceback" not in done.stdout and "memory" not in done.stdout
    assert not (raw.folder / "results/report/undated.html").exists()
    assert "nothing refused" in raw.run().text
