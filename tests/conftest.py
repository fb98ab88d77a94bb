import subprocess
import sys

from hypothesis import settings

# the machine's load must not decide whether a test passes
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


def pytest_configure(config):
    """Compile the kernels once, before each worker and each run of a test would do it."""
    if not hasattr(config, "workerinput") and not config.option.collectonly:
        # where this fails, so do the tests that use them
        subprocess.run([sys.executable, "-m", "ccdlib.run.compile_kernels"], check=False)
