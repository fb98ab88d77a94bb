"""What the skies of lights share, by few blocks of each."""

import numpy as np
import pytest

from ccdlib import dq
from ccdlib.frame.image import Image
from ccdlib.quality.sky_blocks import shared_structure, sky_blocks

SHAPE = (160, 160)


def _light(rng, size=0.05):
    sky = 500 * (1 + size * np.linspace(-0.5, 0.5, SHAPE[1]))
    data = rng.normal(np.broadcast_to(sky, SHAPE), 10).astype(np.float32)
    return Image(data, np.full(SHAPE, 100, np.float32), np.zeros(SHAPE, np.uint16), "electron")


def test_a_light_that_is_saturated_does_not_hide_what_the_others_share():
    rng = np.random.default_rng(2)
    lights = [_light(rng) for _ in range(5)]
    expected = shared_structure([sky_blocks(each) for each in lights[:3]])
    # all over, and in one block
    lights[3].dq[:] = dq.SATURATED
    lights[4].dq[60:80, 60:80] = dq.SATURATED
    found = shared_structure([sky_blocks(each) for each in lights])
    assert found == expected
    # the blocks are at -2.5 to 2.5 eighths of the gradient: half of them are 1.5 off or more
    assert found[0] == pytest.approx(1.4826 * 1.5 / 8 * 0.05, rel=0.1)
    assert shared_structure([sky_blocks(each) for each in lights[2:]]) is None
    assert shared_structure([sky_blocks(each) for each in lights[3:]]) is None
