"""A small night, and the pipeline run on it as a user runs it."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from forked_snakemake import can_fork, run_forked

from ccdlib.simulate.exposures import DEMO

PIPELINE = Path(__file__).parents[2]

# 16 frames that still give every kind of product, two filters and two exposure times
NIGHT = replace(
    DEMO,
    shape=(64, 80),
    stars=12,
    biases=4,
    darks=(3, 120.0),
    flats=DEMO.flats[:3],
    lights=(("V", 2, 120.0), ("R", 1, 60.0)),
)

NAME = "2024-05-13_demo_112x64_1x1"
COLD = f"{NAME}_120s_-20C"
BIAS = f"masters/bias/{NAME}.fits"
DARK = f"masters/dark/{COLD}.fits"
FLAT_V, FLAT_R = (f"masters/flat/{NAME}_{name}.fits" for name in "VR")
BAD = f"masters/bad_pixels/{COLD}.fits"
BAD_V, BAD_R = (f"masters/bad_pixels/{COLD}+{NAME}_{name}.fits" for name in "VR")
DETECTOR = f"detector/{NAME}.json"
V1, V2, R1 = (f"calibrated/M13_{name}.fits" for name in ("V_001", "V_002", "R_001"))

LIGHTS = {V1, V2, R1}
MASTERS = {BIAS, DARK, FLAT_V, FLAT_R, BAD, BAD_V, BAD_R, DETECTOR}
INDEX = {"index.csv", "amplifiers.csv"}
TABLES = INDEX | {"plan.csv", "members.csv"}
PRODUCTS = LIGHTS | MASTERS

# what a rule says it does, and what it makes
_MESSAGES = {
    "frame": "calibrated/{}.fits",
    "master bias": "masters/bias/{}.fits",
    "master dark": "masters/dark/{}.fits",
    "master flat": "masters/flat/{}.fits",
    "bad pixels": "masters/bad_pixels/{}.fits",
    "gain and read noise": "detector/{}.json",
}


@dataclass(frozen=True)
class Run:
    """What a run of snakemake did.

    Attributes
    ----------
    code : int
        Exit code.
    text : str
        What the terminal showed.
    made, gone : set of str
        Files below results/ (without the report and its records) that are new or were
        replaced, and those no longer there; told by the files, not by the log.
    """

    code: int
    text: str
    made: set
    gone: set


class Work:
    """A working directory `folder` and the raw folder `raw` beside it.

    `prefix` is a command that each run is started with. A run that needs no start of its own is
    the fork of a process that has Snakemake loaded, unless `forks` is false.
    """

    def __init__(self, folder, raw, pipeline=PIPELINE):
        self.folder, self.raw, self.pipeline = Path(folder), Path(raw), Path(pipeline)
        self.config = {"camera": "demo"}
        self.prefix = []
        self.forks = True

    def files(self):
        """{product: inode} below results/, without report and its records."""
        found = {}
        for path in (self.folder / "results").rglob("*"):
            name = str(path.relative_to(self.folder / "results"))
            if path.is_file() and not name.startswith(("report/", "qa/")):
                found[name] = path.stat().st_ino
        return found

    def _keep(self):
        """Hard links to all products, so that no new file can get the inode of an old one."""
        kept = Path(tempfile.mkdtemp(dir=self.folder.parent))
        for number, name in enumerate(self.files()):
            os.link(self.folder / "results" / name, kept / str(number))
        return kept

    def content(self):
        """{product: bytes} of FITS and JSON below results/."""
        return {
            name: (self.folder / "results" / name).read_bytes()
            for name in self.files()
            if name.endswith((".fits", ".json"))
        }

    def command(self, *arguments, **config):
        """The command line and the environment of a run."""
        settings = {"raw_dir": self.raw} | self.config | config
        command = [*self.prefix, sys.executable, "-m", "snakemake"]
        command += ["--snakefile", self.pipeline / "Snakefile", "--cores", "2"]
        command += ["--directory", self.folder, *arguments, "--config"]
        command += [f"{key}={value}" for key, value in settings.items()]
        environment = os.environ | {"PYTHONPATH": str(self.pipeline / "scripts")}
        return list(map(str, command)), environment

    def run(self, *arguments, code=0, environment=None, cwd=None, **config):
        """Run snakemake and require its exit code."""
        self.folder.mkdir(exist_ok=True)
        before, kept = self.files(), self._keep()
        command, own = self.command(*arguments, **config)
        ended, text = self._ran(command, own | (environment or {}), cwd or self.folder)
        assert ended == code, text
        after = self.files()
        shutil.rmtree(kept)
        made = {name for name, state in after.items() if before.get(name) != state}
        return Run(ended, text, made, set(before) - set(after))

    def _ran(self, command, environment, folder):
        """Exit code and text of a command."""
        program = [sys.executable, "-m", "snakemake"]
        # a copy of the pipeline may be changed between two runs
        same = self.pipeline == PIPELINE and command[:3] == program
        if self.forks and same and can_fork(environment):
            return run_forked(command[3:], folder, environment)
        done = subprocess.run(
            command,
            env=environment,
            cwd=folder,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            errors="replace",
            timeout=900,
        )
        return done.returncode, done.stdout

    def planned(self, *arguments, **config):
        """The products that a dry run lists."""
        text = self.run("-n", *arguments, **config).text
        jobs = re.findall(rf"^Job \d+: ({'|'.join(_MESSAGES)}) (.*)$", text, re.MULTILINE)
        return {_MESSAGES[what].format(name) for what, name in jobs}


# compiled code that another worker is about to write
HALF_WRITTEN = shutil.ignore_patterns("*.tmp.*", "*.pyc.*")


def copied(work, folder):
    """A copy of a working directory and its raw folder, as `cp -a` makes it."""
    shutil.copytree(work.folder, folder / "work", symlinks=True)
    shutil.copytree(work.raw, folder / "raw", symlinks=True)
    return Work(folder / "work", folder / "raw", work.pipeline)


def change_pixel(path):
    """Change one pixel by one adu, size and mtime kept, as `rsync -t` or `cp -p` might."""
    stat = path.stat()
    content = bytearray(path.read_bytes())
    content[2880 * (len(content) // 2880) // 2 + 1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
