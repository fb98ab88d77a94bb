"""The tables of a run in a notebook."""

import doctest
import inspect

import pytest
from making import camera, config, data_frame_of, rows

import ccdlib
from ccdlib.index.index_tables import INDEX_TABLE, layouts_in, write_layouts
from ccdlib.plan import data_frames
from ccdlib.plan.night_plan import make_plan
from ccdlib.plan.plan_columns import PLAN_TABLE, write_members

NAMES = ("read_amplifiers", "read_index", "read_members", "read_plan")


@pytest.fixture
def work(tmp_path, monkeypatch):
    """The tables of a planned night."""
    monkeypatch.chdir(tmp_path)
    index = [*rows("bias", 3), *rows("dark", 3, 60), *rows("flat", 3, 5), *rows("light", 2, 30)]
    plan, members = make_plan(index, config(), camera(), {})
    write_layouts(layouts_in(index))
    INDEX_TABLE.write(data_frame_of(index))
    PLAN_TABLE.write(plan)
    write_members(members)
    return tmp_path


def test_the_tables_go_with_each_other(work):
    index, amplifiers = ccdlib.read_index(work), ccdlib.read_amplifiers(work)
    plan, members = ccdlib.read_plan(work), ccdlib.read_members(work)
    assert list(index.groupby("imagetyp", observed=True).size().sort_index()) == [3, 3, 3, 2]
    assert set(index.layout) == set(amplifiers.layout) == set(members.layout.dropna())
    dark = plan[(plan.kind == "dark") & plan["product"].str.contains("light0")].iloc[0]
    assert (dark.status, dark.scale) == ("used", 0.5)
    assert (members.master == dark.master).sum() == 3
    assert index.date_obs.dt.year.unique().tolist() == [2024]
    joined = index.merge(amplifiers, on="layout", suffixes=("", "_of_amplifier"))
    assert joined.gain_of_amplifier.tolist() == [2.0] * len(index)


def test_corrections_are_joined_to_the_index(work):
    (work / "fixes.csv").write_text(
        "file,filter,exptime,use,flat\nlight0.fits,R,31,,none\nlight1.fits,,,false,\n"
    )
    index = ccdlib.read_index(work, work / "fixes.csv").set_index("file")
    assert (index["filter"]["light0.fits"], index["filter"]["light1.fits"]) == ("R", "V")
    assert index.exptime["light0.fits"] == 31
    assert index.use.sum() == len(index) - 1
    assert not index.use["light1.fits"]
    assert index.flat.dropna().to_dict() == {"light0.fits": "none"}


def test_the_examples_in_the_docstrings_run():
    found = doctest.testmod(data_frames)
    assert found.failed == 0
    assert found.attempted > 20
    assert all(inspect.getdoc(getattr(ccdlib, name)) for name in NAMES)
    assert set(NAMES) == set(data_frames.__all__) <= set(ccdlib.__all__)
