"""How gain and read noise are measured: paths and values in, a JSON file on disk."""

import json

from ..files import write_atomically
from ..master.gain_read_noise import measure_detector
from ..quality.member_statistics import Member
from .inputs import checked_path

__all__ = ["write_detector"]


def write_detector(output, raw_dir, members, overscan):
    """Measure gain and read noise from the night's biases and flats and write them as JSON."""
    frames = [
        Member(checked_path(raw_dir, member), member["file"], member["facts"]) for member in members
    ]
    found = measure_detector(frames, overscan)
    write_atomically(output, (json.dumps({"amplifiers": found}, indent=1) + "\n").encode())
