"""A job's script that says what it finds: the same for a fork as for a Python of its own."""

import sys

NAMES = sorted(globals())
# Snakemake starts a script through a shell, which counts itself and names its command
_OF_BASH = {"_", "SHLVL", "OLDPWD"}
# `import snakemake` puts it at the end, which is before the folders of the preamble in a fork
_DEPLOYMENTS = ".snakemake/pip-deployments"

import gc  # noqa: E402
import json  # noqa: E402
import locale  # noqa: E402
import logging  # noqa: E402
import os  # noqa: E402
import re  # noqa: E402
import signal  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
import warnings  # noqa: E402


def _plain(text):
    """Without what differs from run to run: random names, addresses."""
    text = re.sub(r"/tmp\w{8}(?=[./])", "/tmpX", str(text))
    return re.sub(r"0x[0-9a-f]+|pipe:\[\d+\]", "X", text)


def _all(values):
    return [_plain(value) for value in values]


def _status():
    """What the kernel says of signals, umask and privileges."""
    wanted = ("Umask", "SigBlk", "SigIgn", "SigCgt", "ShdPnd", "Cap", "NoNewPrivs", "Seccomp")
    with open("/proc/self/status") as file:
        return [line for line in file if line.startswith(wanted)]


def look():
    """What a script may notice of the process that it is in."""
    catchable = set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}
    descriptors = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
    return {
        "names": NAMES,
        "path": _all(path for path in sys.path if path != _DEPLOYMENTS),
        "deployments": sys.path.count(_DEPLOYMENTS),
        "arguments": _all([*sys.argv, *sys.orig_argv]),
        "file": _all(
            [__file__, globals()["__real_file__"], __name__, __spec__, __package__, __builtins__]
        ),
        "main": sys.modules["__main__"].__dict__ is globals(),
        "loader": str(type(__loader__)),
        "flags": str(sys.flags),
        "folder": os.getcwd(),
        "environment": {name: os.environ[name] for name in set(os.environ) - _OF_BASH},
        "temporary": tempfile.gettempdir(),
        "signals": {each.name: str(signal.getsignal(each)) for each in catchable},
        "blocked": str(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "status": _status(),
        "descriptors": _all(map(os.readlink, filter(os.path.exists, descriptors))),
        "streams": _all([sys.stdin, sys.stdout, sys.stderr, sys.excepthook]),
        "threads": len(os.listdir("/proc/self/task")),
        "logging": [_all(logging.getLogger().handlers), logging.getLogger().level],
        "warnings": _all(warnings.filters),
        "waste": [gc.isenabled(), gc.get_threshold()],
        "locale": locale.setlocale(locale.LC_ALL),
        "zone": time.tzname,
        "limits": [sys.getrecursionlimit(), sys.getswitchinterval()],
    }


with open(snakemake.output[0], "w") as out:
    json.dump(look(), out, indent=1)
