import os
import sys
from types import SimpleNamespace

import pytest

from ccdlib.errors import CcdlibError
from ccdlib.rerun.snakemake_internals import is_told_to_end
from ccdlib.run import begin_and_end


@pytest.fixture
def compiler(monkeypatch, tmp_path):
    """Compiling takes a minute; the file into which the compiler writes its number."""
    path = tmp_path / "number"
    code = f"import os, time; open({str(path)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    monkeypatch.setattr(begin_and_end, "COMPILE", (sys.executable, "-c", code))
    return path


def _is_gone(compiler):
    try:
        os.kill(int(compiler.read_text()), 0)
    except ProcessLookupError:
        return True
    return False


def test_ctrl_c_while_kernels_are_compiled_is_one_line(monkeypatch, compiler):
    """It does not reach the compiler, which would answer with a traceback, and ends it."""

    def wait(process):
        if compiler.exists() and compiler.read_text():
            raise KeyboardInterrupt

    monkeypatch.setattr(begin_and_end, "_ended", wait)
    with pytest.raises(CcdlibError, match="interrupted while the kernels were being compiled"):
        begin_and_end._compile_kernels(lambda: False)
    assert _is_gone(compiler)


def test_sigterm_while_kernels_are_compiled_is_not_waited_with(compiler):
    """Snakemake notes it, to heed it between jobs."""
    scheduler = SimpleNamespace(_user_kill=None)

    def told():
        if compiler.exists() and compiler.read_text():
            scheduler._user_kill = "graceful"
        return is_told_to_end(SimpleNamespace(scheduler=scheduler))

    with pytest.raises(CcdlibError, match="interrupted while the kernels were being compiled"):
        begin_and_end._compile_kernels(told)
    assert _is_gone(compiler)


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
