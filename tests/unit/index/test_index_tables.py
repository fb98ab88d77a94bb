"""The table of amplifiers: one layout for all frames that share it, and what refers to it."""

import pytest
from making import amplifier, data_frame_of, row

from ccdlib.camera.amplifiers import layout_of
from ccdlib.errors import CcdlibError
from ccdlib.index.index_tables import (
    INDEX_TABLE,
    layouts_in,
    read_layouts,
    read_rows,
    write_layouts,
)

LAYOUTS = {
    each.name: each
    for each in (
        layout_of([amplifier()]),
        layout_of([amplifier(data="[1:90,1:100]", overscan="[91:100,1:100]", gain=None)]),
        layout_of(
            [
                amplifier(data="[50:1,1:100]", image=0, match=True, corner="upper right",
                          crosstalk=(0.0, 1e-4), bad=("[3:3,1:50]", "[7:9,2:2]"),
                          linearity=("polynomial", 1e-6, -2.5e-12)),
                amplifier(data="[51:100,1:100]", image=0, crosstalk=(3e-5, 0.0),
                          linearity=("table", (0.0, 0.0), (1000.0, 1010.5))),
            ]
        ),
    )
}  # fmt: skip


@pytest.fixture
def path(tmp_path):
    write_layouts(LAYOUTS, tmp_path / "amplifiers.csv")
    return tmp_path / "amplifiers.csv"


def test_layouts_come_back_as_they_were(path):
    found = read_layouts(path)
    assert found == LAYOUTS
    for name, layout in LAYOUTS.items():
        assert found[name].amplifiers == layout.amplifiers
        assert found[name].rows == layout.rows
    assert not set("{}") & set(path.read_text())
    assert read_layouts(path.with_name("none.csv")) == {}


def test_layouts_that_differ_have_names_that_differ():
    assert len(LAYOUTS) == 3
    plain = layout_of([amplifier()])
    assert layout_of([amplifier(read_noise=9.0)]).name != plain.name
    assert layout_of([amplifier(read_noise=9.0)]).as_stacked == plain.as_stacked
    assert layout_of([amplifier(gain=1.0)]).as_stacked != plain.as_stacked


def test_amplifiers_that_are_not_those_of_their_layout_are_refused(path):
    text = path.read_text()
    path.write_text(text.replace(",2.0,8.0,", ",2.5,8.0,", 1))
    with pytest.raises(CcdlibError, match=r"amplifiers.csv: the amplifiers of layout .* are not"):
        read_layouts(path)
    path.write_text("\n".join(text.splitlines()[:-1]) + "\n")
    with pytest.raises(CcdlibError, match=r"amplifiers.csv: the amplifiers of layout .* are not"):
        read_layouts(path)


def test_a_layout_that_is_not_in_the_table_is_named(path, tmp_path):
    index = [row("a.fits", "bias"), row("b.fits", "bias", gain=7.0)]
    INDEX_TABLE.write(data_frame_of(index), tmp_path / "index.csv")
    lost = index[1]["layout"].name
    with pytest.raises(CcdlibError, match=rf"b.fits has the layout {lost}, which is not in .*ampl"):
        read_rows(INDEX_TABLE, tmp_path / "index.csv", layouts_in(index[:1]), path)
    assert read_rows(INDEX_TABLE, tmp_path / "index.csv", layouts_in(index), path) == index
