"""A stack of many frames keeps to the memory it is given, whatever the files are packed in."""

import gzip
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from making import amplifier, config

from ccdlib.camera.amplifiers import amplifiers_to_rows
from ccdlib.config import settings_of
from ccdlib.kinds import KINDS
from ccdlib.plan.job_needs import memory_mb
from ccdlib.raw.raw_folder import sha256

FRAMES, SHAPE, OVERSCAN = 200, (1040, 2064), 16
# address space that a process maps and never touches: shared libraries, stacks of threads
UNTOUCHED_MB = 600
CHILD = """
import json, resource, sys
job = json.load(open(sys.argv[1]))
limit = job.pop("limit_mb") * 10**6
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
from ccdlib.jobs.combine_frames import make
from ccdlib.jobs.task import Task
make(Task(**job))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000)
"""


def frames(folder, packed):
    """Two hundred names of ten different frames."""
    rng = np.random.default_rng(5)
    amp = amplifier(SHAPE, "[1:2048,1:1040]", "[2049:2064,1:1040]", gain=2.0, read_noise=8.0)
    facts = {"amplifiers": amplifiers_to_rows([amp]), "imagetyp": "bias", "exptime": 0.0}
    members = []
    for number in range(10):
        path = folder / f"b{number}.fits"
        pixels = np.rint(rng.normal(1000, 4, SHAPE)).astype(np.uint16)
        fits.PrimaryHDU(pixels).writeto(path)
        if packed:
            with path.open("rb") as plain, gzip.open(f"{path}.gz", "wb", 1) as out:
                shutil.copyfileobj(plain, out)
            path = Path(f"{path}.gz")
        members.append({"file": path.name, "sha256": sha256(path), "facts": facts})
    return members * (FRAMES // 10)


def made(folder, members, name, memory, threads):
    """The bytes of a master that is made under a hard limit, and the peak of memory in MB."""
    job = {
        "output": str(folder / name),
        "raw_dir": str(folder),
        "frames": members,
        "masters": {},
        "settings": settings_of(config(), KINDS["bias"]),
        "limits": {"memory_mb": memory, "threads": threads},
        "limit_mb": memory + UNTOUCHED_MB,
    }
    (folder / "job.json").write_text(json.dumps(job))
    command = [sys.executable, "-c", CHILD, str(folder / "job.json")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return (folder / name).read_bytes(), int(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("packed", [False, True])
def test_two_hundred_frames_under_a_hard_limit(tmp_path, packed):
    members = frames(tmp_path, packed)
    memory = memory_mb(KINDS["bias"], 2048 * 1040, FRAMES, 1)
    # the values of all frames as float32
    assert memory < FRAMES * SHAPE[0] * SHAPE[1] * 4 / 1e6
    tight, peak = made(tmp_path, members, "m.fits", memory, 1)
    assert peak <= memory
    roomy, _ = made(tmp_path, members, "m.fits", 3 * memory, 2)
    assert roomy == tight
