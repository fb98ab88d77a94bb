"""Lights from a window that crosses the amplifiers of a chip, with masters of the whole chip."""

import numpy as np
import pytest
import yaml
from strange_nights import GAIN, NOISE, SHAPE, Reduced, cards, exposure, write

from ccdlib.config import load_camera

HEIGHT, WIDTH = SHAPE
BORDER = WIDTH // 2
BINNED = {"XBINNING": 1, "YBINNING": 1}
QUIET = {"cosmic_rays": {"method": "none"}}


@pytest.fixture
def camera(tmp_path):
    """Two amplifiers side by side, of other gains, whose sections count the chip's pixels."""
    spec = {key: load_camera("generic")[key] for key in ("description", "facts", "types")}
    edges = (1, BORDER), (BORDER + 1, WIDTH)
    spec["amplifiers"] = [
        {"data": f"[{x1}:{x2},1:{HEIGHT}]", "coordinates": "chip", "window": "CCDSEC"}
        for x1, x2 in edges
    ]
    spec["detector"] = {"gain": [GAIN, 1.3 * GAIN], "read_noise": [NOISE, 1.3 * NOISE]}
    path = tmp_path / "camera.yaml"
    path.write_text(yaml.safe_dump(spec))
    return str(path)


def night(raw, y0, y1, x0, x1):
    """Whole calibration frames, and a light from a window."""
    for kind in ("bias", "dark", "flat"):
        for number in range(3):
            head = cards(kind, number, CCDSEC=f"[1:{WIDTH},1:{HEIGHT}]", **BINNED)
            write(raw, f"{kind}{number}.fits", exposure(kind, number), head)
    head = cards("light", 0, CCDSEC=f"[{x0 + 1}:{x1},{y0 + 1}:{y1}]", **BINNED)
    write(raw, "light0.fits", exposure("light", 0)[y0:y1, x0:x1], head)
    return raw


def test_pixels_are_those_of_the_same_frame_taken_whole(tmp_path, camera):
    window = 10, HEIGHT - 6, BORDER - 25, BORDER + 14
    cut = slice(*window[:2]), slice(*window[2:])
    own = Reduced(night(tmp_path / "raw", *window), tmp_path / "own", camera, **QUIET)
    all_of_it = night(tmp_path / "whole", 0, HEIGHT, 0, WIDTH)
    _, whole = Reduced(all_of_it, tmp_path / "all", camera, **QUIET).light()
    header, image = own.light()
    section = f"[{window[2] + 1}:{window[3]},{window[0] + 1}:{window[1]}]"
    for kind in ("BIAS", "DARK", "FLAT", "BPM"):
        assert header[f"{kind}CUT"] == section
    np.testing.assert_array_equal(image.data, whole.data[cut])
    np.testing.assert_array_equal(image.dq, whole.dq[cut])
    # what is expected of a pixel asks the neighbours, which an edge lacks
    inside = slice(8, -8), slice(8, -8)
    np.testing.assert_array_equal(image.variance[inside], whole.variance[cut][inside])


def test_a_window_without_one_of_the_amplifiers_is_refused_in_words(tmp_path, camera):
    raw = night(tmp_path / "raw", 10, HEIGHT - 6, 2, BORDER - 9)
    reason = Reduced(raw, tmp_path / "own", camera).index["light0.fits"]["reason"]
    assert f"section [{BORDER + 1}:{WIDTH},1:{HEIGHT}] has no pixel in the image of" in reason
