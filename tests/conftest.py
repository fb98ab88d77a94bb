import signal
import subprocess
import sys

import pytest
from hypothesis import settings

# the machine's load must not decide whether a test passes
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
# in the background of a shell Ctrl-C is ignored, and it would be by all that the tests start
signal.signal(signal.SIGINT, signal.default_int_handler)

# their nights, their browser or their cluster are made once, by the one worker that takes them all
WHOLE = tuple(f"tests/workflow/test_{name}.py" for name in ("ready_masters", "report", "slurm"))


def pytest_configure(config):
    """Compile the kernels once, before each worker and each run of a test would do it."""
    if not hasattr(config, "workerinput") and not config.option.collectonly:
        # where this fails, so do the tests that use them
        subprocess.run([sys.executable, "-m", "ccdlib.run.compile_kernels"], check=False)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """A test goes to the worker that is free, a module of `WHOLE` to one worker.

    xdist 3.8 has marks for this (xdist_group), which do nothing with pytest 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Scheduler(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            module = nodeid.split("::")[0]
            return module if module in WHOLE else nodeid

    return Scheduler(config, log)
