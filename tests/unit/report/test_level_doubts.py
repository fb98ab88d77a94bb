"""A level that goes by another night is doubted after a run as `ccdlib init` doubts it."""

from making import config
from strange_nights import cards, exposure, write

from ccdlib.commands.init import start_folder
from ccdlib.config import load_camera
from ccdlib.index.folder_state import CACHE
from ccdlib.index.index_tables import INDEX_TABLE, read_layouts, read_rows, write_layouts
from ccdlib.index.raw_index import Cache, build_index
from ccdlib.plan.night_plan import make_plan
from ccdlib.plan.plan_columns import PLAN_TABLE, write_members
from ccdlib.report.last_lines import lines
from ccdlib.report.night import read_night
from ccdlib.report.verdict import verdict


def planned(raw):
    """Index and plan of a folder, written as a run writes them."""
    spec = load_camera("generic")
    table, layouts = build_index(raw, spec, cache=Cache(CACHE, "key"))
    write_layouts(layouts)
    INDEX_TABLE.write(table)
    rows = read_rows(INDEX_TABLE, INDEX_TABLE.path, read_layouts(), "")
    plan, members = make_plan(rows, config(), spec, {})
    PLAN_TABLE.write(plan)
    write_members(members)
    return rows


def test_the_last_lines_and_the_page_say_it_as_init_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    raw = tmp_path / "raw"
    for number in range(3):
        write(raw, f"dark{number}.fits", exposure("dark", number), cards("dark", number))
    for number, offset, night in ((8, 60, 3), (9, 0, 2)):
        card = cards("light", number, DATE__OBS=f"2024-03-0{night}T02:40:00")
        write(raw, f"light{number}.fits", exposure("dark", number) + offset, card)
    asked = [text for text in start_folder(raw, "work").open if text.startswith("level: ")]
    assert "light8.fits by 59 adu" in asked[0]
    planned(raw)
    assert [line for line in lines(["light"]) if line.startswith("level: ")] == asked
    assert "light8.fits by 59 adu" in verdict(read_night("2024-03-02", ["light"]))
    assert "level: " not in verdict(read_night("2024-03-01", ["light"]))


def test_a_night_of_its_own_level_is_not_looked_at(tmp_path, monkeypatch):
    """No file of the index's own notes is opened where nothing is of another night."""
    monkeypatch.chdir(tmp_path)
    raw = tmp_path / "raw"
    for kind in ("dark", "light"):
        write(raw, f"{kind}.fits", exposure(kind, 0) + 60 * (kind == "light"), cards(kind, 0))
    planned(raw)
    assert not [line for line in lines(["light"]) if line.startswith("level: ")]
