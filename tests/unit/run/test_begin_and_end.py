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
