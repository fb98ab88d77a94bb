"""What this process may use, and what ends with it."""

import subprocess
import sys
import time

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
