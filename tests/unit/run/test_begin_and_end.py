import signal

import pytest

from ccdlib.errors import CcdlibError
from ccdlib.run import begin_and_end


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


def test_a_page_that_cannot_be_written_does_not_keep_what_was_refused_untold(monkeypatch, tmp_path):
    from ccdlib.report import write

    def fail(*arguments):
        raise OverflowError("date value out of range")

    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / begin_and_end.INDEX).write_text("")
    monkeypatch.setattr(write, "write_all", fail)
    told = begin_and_end._report({}, False, set())
    assert told == ["the report cannot be written: OverflowError: date value out of range"]
