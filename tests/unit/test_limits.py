"""What this process may use, and what ends with it."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from ccdlib.limits import TooLong, processor_time, tried_apart

OWNER = """
import os, signal
from concurrent.futures import ProcessPoolExecutor
from ccdlib.limits import end_with_parent
with ProcessPoolExecutor(2, None, end_with_parent, (os.getpid(),)) as pool:
    print(*{pool.submit(os.getpid).result() for _ in range(50)}, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def _lives(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_workers_end_with_a_killed_owner():
    """Without, they would wait for work for ever."""
    text = subprocess.run([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True).stdout
    workers = [int(word) for word in text.split()]
    assert workers
    until = time.monotonic() + 30
    while any(map(_lives, workers)) and time.monotonic() < until:
        time.sleep(0.02)
    assert not any(map(_lives, workers))


def test_a_block_that_takes_too_long_ends_and_one_that_waits_does_not():
    with pytest.raises(TooLong, match=r"more than 0.05 s of processor time"), processor_time(0.05):
        while True:
            pass
    with processor_time(0.05):
        time.sleep(0.2)
    # an endless pattern ends, and one that catches everything is told again
    with pytest.raises(TooLong), processor_time(0.05):
        try:
            re.fullmatch("(a|aa)+b", "a" * 60)
        except TooLong:
            while True:
                pass
    until = time.process_time() + 0.1
    while time.process_time() < until:
        pass


HELD = """
import os, signal
from concurrent.futures import ProcessPoolExecutor
from ccdlib.limits import interrupts_held, note_interrupts

def blocked(_):
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])

note_interrupts()
with ProcessPoolExecutor(2) as pool:
    with interrupts_held():
        answers = pool.map(blocked, range(20))
        os.killpg(0, signal.SIGINT)
        print(all(answers), flush=True)
    print("not reached")
"""


def test_an_interrupt_that_is_held_ends_its_process_in_one_word_and_no_worker():
    done = subprocess.run(
        [sys.executable, "-c", HELD], capture_output=True, text=True, start_new_session=True
    )
    assert (done.stdout, done.stderr) == ("True\n", "interrupted\n")
    assert done.returncode == -signal.SIGINT


def _endless():
    while True:
        pass


def _killed():
    os.kill(os.getpid(), signal.SIGSEGV)


def _fails():
    raise ValueError("no such thing\nin two lines")


@pytest.mark.parametrize(
    ("task", "wrong"),
    [
        (int, None),
        (_fails, "ValueError: no such thing"),
        (_killed, "crashed (Segmentation fault)"),
        (_endless, "takes more than 1 s"),
        (lambda: bytes(2**31), "MemoryError: no more memory"),
    ],
)
def test_what_is_tried_apart_does_no_harm(task, wrong):
    assert tried_apart(task, 1, 2**28) == wrong
