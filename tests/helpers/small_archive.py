"""An archive of tiny nights, and the pipeline run on it as a user runs it."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import yaml

from ccdlib.simulate.exposures import DEMO, simulate_demo

__all__ = ["NIGHT", "Archive", "name_of", "simulate_night"]

PIPELINE = Path(__file__).parents[2]

# 30 frames
NIGHT = replace(
    DEMO,
    shape=(64, 64),
    stars=8,
    biases=5,
    darks=(3, 60.0),
    flats=DEMO.flats[:3],
    lights=(("V", 8, 60.0), ("R", 8, 60.0)),
    readout=5.0,
)


def name_of(number, night=NIGHT):
    """The name of the folder of the night so many days after the first."""
    return str((night.calibrations_from + timedelta(days=number)).date())


def simulate_night(raw, number, night=NIGHT, lacking=()):
    """Frames of the night so many days after the first.

    Parameters
    ----------
    raw : path
        The folder of all nights.
    number : int
    night : DemoNight
    lacking : iterable of str
        Beginnings of the names of frames to leave out, such as flat.
    """
    later = {
        key: getattr(night, key) + timedelta(days=number)
        for key in ("calibrations_from", "lights_from")
    }
    slow = {"bias_level": night.bias_level + 0.05 * number}
    own = replace(night, **later, **slow)
    for path in simulate_demo(Path(raw, name_of(number, night)), None, seed=number, night=own):
        if path.name.startswith(tuple(lacking)):
            path.unlink()


class Archive:
    """A folder of nights `raw`, and the working directory of an archive, `folder`."""

    def __init__(self, folder, raw, pipeline=PIPELINE, **settings):
        self.folder, self.raw, self.pipeline = Path(folder), Path(raw), Path(pipeline)
        self.folder.mkdir(parents=True, exist_ok=True)
        own = {"raw_dir": str(raw), "settings": {"camera": "demo"}} | settings
        (self.folder / "archive.yaml").write_text(yaml.safe_dump(own))

    def command(self, *arguments):
        """The command line of a run and its environment."""
        command = [sys.executable, "-m", "ccdlib.cli", "archive", "--cores", "2"]
        environment = os.environ | {"PYTHONPATH": str(self.pipeline / "scripts")}
        return [*command, *map(str, arguments)], environment

    def run(self, *arguments, code=0):
        """What a run prints; its exit code has to be this."""
        command, environment = self.command(*arguments)
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=900,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    def products(self):
        """{path below the folder: inode} of all products of all nights."""
        return {
            str(path.relative_to(self.folder)): path.stat().st_ino
            for path in self.folder.glob("nights/*/results/**/*.fits")
        }

    def runs(self):
        """{night: time of change of the record that its last job left}."""
        found = self.folder.glob("nights/*/night.json")
        return {path.parent.name: path.stat().st_mtime_ns for path in found}

    def tasks(self):
        """{night: what its job is given}."""
        found = self.folder.glob("nights/*/task.json")
        return {path.parent.name: path.read_bytes() for path in found}

    def made_by(self, *arguments, code=0):
        """The nights that a run made, and what it printed."""
        before = self.runs()
        text = self.run(*arguments, code=code)
        return {name for name, time in self.runs().items() if before.get(name) != time}, text
