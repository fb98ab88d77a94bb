"""Snakemake without the seconds that it takes to load: each run is a fork of one process.

The process has loaded Snakemake and the pipeline, and keeps a warm process for the jobs, as
`ccdlib watch` does before it forks its runs. There is one for each pytest process.
"""

import atexit
import functools
import json
import os
import signal
import socket
import subprocess
import sys

__all__ = ["can_fork", "run_forked"]

_SECONDS = 900
# pytest writes what it is at into its environment
_OWN = ("PYTEST_CURRENT_TEST",)


def _environment(given):
    return {key: value for key, value in given.items() if key not in _OWN}


# before a test changes it
_GIVEN = _environment(os.environ)


@functools.cache
def _process(scripts):
    """The channel to the process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            env=_GIVEN | {"PYTHONPATH": scripts},
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
    atexit.register(_end, ours, process)
    return ours


def _end(channel, process):
    channel.close()
    process.wait()


def can_fork(environment):
    """Whether a run in this environment is the same when it is forked.

    A variable may count when Python starts, or when a module is loaded.
    """
    return _environment(environment) == _GIVEN | {"PYTHONPATH": environment["PYTHONPATH"]}


def run_forked(arguments, folder, environment):
    """Run snakemake in a fork; its exit code, and what it and all that it started wrote."""
    channel = _process(environment["PYTHONPATH"])
    read, write = os.pipe()
    request = json.dumps([arguments, os.fspath(folder)]).encode()
    socket.send_fds(channel, [request], [write])
    os.close(write)
    with open(read, errors="replace") as stream:
        text = stream.read()
    return int(channel.recv(100)), text


def _serve(channel):
    """Fork a run for each request, until the channel is closed."""
    from ccdlib.run.forked_run import fork_run, load_run
    from snakemake_executor_plugin_warm.client import PRELOAD, keep_one

    keep_one(PRELOAD)
    load_run()
    while True:
        request, descriptors, *_ = socket.recv_fds(channel, 2**20, 1)
        if not request:
            return
        arguments, folder = json.loads(request)
        (output,) = descriptors

        def first(folder=folder, output=output):
            channel.close()
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.close(output)
            # as `python -m snakemake` has it
            sys.path[0] = folder
            # one that hangs
            signal.alarm(_SECONDS)

        pid = fork_run(arguments, folder, None, first)
        os.close(output)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        channel.send(str(code).encode())


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as own:
        _serve(own)
