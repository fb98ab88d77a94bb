"""A watch that is told to end ends, wherever it is just then."""

import os
import signal
import subprocess
import sys
import time

import pytest

from ccdlib.watch.ending import Ending, held, let_through

_NUMBERS = signal.SIGINT, signal.SIGTERM, signal.SIGHUP


@pytest.fixture
def ending():
    before = {number: signal.getsignal(number) for number in _NUMBERS}
    yield Ending()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", _NUMBERS)
def test_it_is_noted_and_wakes(ending, number):
    assert not ending.told
    ending.wait(0.01)
    os.kill(os.getpid(), number)
    assert ending.told
    began = time.monotonic()
    ending.wait(60)
    assert time.monotonic() - began < 30


def test_the_second_time_it_interrupts(ending):
    os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_the_end_of_a_child_wakes(ending):
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    began = time.monotonic()
    ending.wait(60, pid)
    assert time.monotonic() - began < 30
    os.waitpid(pid, 0)
    # one that has been waited for is none to wait for
    ending.wait(0.01, pid)


_AT_A_FORK = """
import os, signal
from ccdlib.watch.ending import Ending
ending = Ending()
# what is raised in such a hook is lost
os.register_at_fork(after_in_parent=lambda: os.kill(os.getpid(), signal.SIGTERM))
pid = os.fork()
if pid == 0:
    os._exit(0)
os.waitpid(pid, 0)
print(ending.told)
"""


def test_where_an_exception_would_be_lost_it_is_noted():
    done = subprocess.run(
        [sys.executable, "-c", _AT_A_FORK], capture_output=True, text=True, timeout=120
    )
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_a_child_ends_at_a_signal_that_came_before_it_was_ready(ending):
    with held():
        pid = os.fork()
        if pid == 0:
            os.kill(os.getpid(), signal.SIGTERM)
            let_through()
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGTERM
    assert not ending.told
