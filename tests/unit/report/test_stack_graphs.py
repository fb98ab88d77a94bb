"""The graphs of a stack have its numbers."""

import math
from xml.etree import ElementTree

import pytest

from ccdlib.report.stack_graphs import graphs_of, width_of
from ccdlib.report.svgplot import arrows

_SVG = "{http://www.w3.org/2000/svg}"


def _light(number, **other):
    own = {"FRAME": f"light_{number}", "LEFT": "", "EXPTIME": 60.0, "FWHM": 3.0, "NOISE": 10.0}
    return own | {"SCALE": 1.0, "WEIGHT": 0.25} | other


def _record(**other):
    own = {
        "lights": [_light(number) for number in range(1, 5)],
        "reference": "light_1",
        "images": [{"unit": "electron"}],
        "depth": {"radius": 2.0, "pixels": 9.0, "scale": 0.5, "stack": 16.0, "light": 30.0},
        "residuals": {
            "shape": [100, 200],
            "stars": [[10, 20, 0.1, 0.0, 3], [50, 60, 0.0, -0.1, 3], [150, 90, 0.05, 0.0, 2]],
        },
        "stars": {"count": 9, "fwhm": 6.2},
    }
    return own | other


def test_each_graph_says_what_it_shows():
    residuals, widths, depth = graphs_of(_record())
    assert "each of 3 stars of the reference" in residuals
    assert "half are below 0.1 pixel" in residuals
    # smaller pixels: in those of the reference
    assert width_of(_record()) == pytest.approx(3.1)
    assert "the stack" in widths
    assert "five sigma of a star's flux: 80 electron in the stack, 150 in the reference" in depth
    # four alike are as deep as the root of their exposure time, and the stack a bit less
    assert "up to light_4: 2<" in depth
    assert "stack: 1.875<" in depth


def test_what_there_is_too_little_for_is_not_drawn():
    left = [_light(1), _light(2, LEFT="its sky is bright")]
    empty = {"shape": [100, 200], "stars": []}
    assert not list(graphs_of(_record(lights=left, residuals=empty)))
    dark = [_light(number, EXPTIME=0.0, FWHM=None) for number in range(1, 5)]
    assert len(list(graphs_of(_record(lights=dark)))) == 1
    # a stack that an earlier version made
    old = _record()
    del old["residuals"], old["stars"]
    assert not list(graphs_of(old))
    assert width_of(old) is None


def test_arrows_lie_where_the_numbers_are():
    root = ElementTree.fromstring(arrows([(50, 25, 0.5, 0.0)], (100, 200), 100, "what is left"))
    (arrow,) = [each for each in root.iter(f"{_SVG}path") if each.get("class") == "curve"] or [
        each for each in root.iter("path") if each.get("class") == "curve"
    ]
    first, last = (tuple(map(float, each.split())) for each in arrow.get("d")[1:].split("L"))
    width = 460 - 64 - 12
    # along the row only, a hundred times as long, in pixels of an image of 200 columns
    assert last[0] - first[0] == pytest.approx(50 / 200 * width, abs=0.2)
    assert last[1] == first[1]
    assert math.isclose(first[0], 64 + 50.5 / 200 * width, abs_tol=0.1)
