import signal
from types import SimpleNamespace

import pytest

from ccdlib.errors import CcdlibError
from ccdlib.run import begin_and_end
from ccdlib.run.begin_and_end import without_timers


@pytest.mark.parametrize(
    "jobs, seconds, kept",
    [(100, 1, False), (1000, 1, False), (5, 1, True), (100, 60, True), (6000, 60, False)],
)
def test_a_limit_that_the_user_sets_stays(jobs, seconds, kept):
    limit = SimpleNamespace(max_jobs=jobs, timespan=seconds)
    scheduler = SimpleNamespace(job_rate_limiter=limit)
    without_timers(scheduler)
    assert scheduler.job_rate_limiter is (limit if kept else None)


def test_no_limit_stays_none():
    scheduler = SimpleNamespace(job_rate_limiter=None)
    without_timers(scheduler)
    assert scheduler.job_rate_limiter is None


def test_ctrl_c_while_kernels_are_compiled_is_one_line(monkeypatch):
    """It does not reach the compiler, which would answer with a traceback, and ends it."""
    ended = []

    class Compiler:
        pid = 4711

        def __init__(self, command, start_new_session):
            assert start_new_session

        def wait(self, timeout=None):
            raise KeyboardInterrupt

    monkeypatch.setattr(begin_and_end.subprocess, "Popen", Compiler)
    monkeypatch.setattr(begin_and_end.os, "killpg", lambda *arguments: ended.append(arguments))
    with pytest.raises(CcdlibError, match="interrupted while the kernels were being compiled"):
        begin_and_end._compile_kernels()
    assert ended == [(4711, signal.SIGKILL)]
