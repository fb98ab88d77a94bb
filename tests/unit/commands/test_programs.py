"""What `ccdlib init` makes of the headers of each acquisition program and observatory."""

import pytest
from programs import PROGRAMS, write

from ccdlib.commands.init import start_folder
from ccdlib.config import load_camera
from ccdlib.index.raw_index import Cache, build_index


@pytest.mark.parametrize("name", PROGRAMS)
def test_types_facts_and_a_plan_for_all_lights(name, tmp_path):
    program = PROGRAMS[name]
    written = write(tmp_path / "raw", program)
    start = start_folder(tmp_path / "raw", tmp_path)
    camera = start.camera if "/" not in start.camera else str(tmp_path / start.camera)
    index, _ = build_index(
        tmp_path / "raw", load_camera(camera), cache=Cache(tmp_path / "cache.json", "key")
    )
    found = dict(zip(index["file"], index["imagetyp"], strict=True))
    assert found == written, start.open
    light = index[index["imagetyp"] == "light"].iloc[0]
    assert {fact: light[fact] for fact in program.facts} == pytest.approx(program.facts)
    assert "a run would calibrate 2 of 2 lights" in start.notes, start.open
