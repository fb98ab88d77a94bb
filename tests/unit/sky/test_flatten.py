"""Lights are flat, without fringes, and their sigmas are true."""

import numpy as np
import pytest
from skies import fringes, gradient, make_sky

from ccdlib.products.product_files import read_product

NIGHTS = {"few": 5, "some": 10, "many": 40}


def _pulls(sky, number, used):
    """Deviations from the truth in units of sigma, and the flattened light."""
    product = sky.flattened(number, **used)
    (image,) = product.images
    good = image.dq == 0
    return ((image.data - sky.truth[number])[good] / np.sqrt(image.variance[good])), product


def _case(sky, method, pattern):
    used = {"illumination": sky.illumination(method, fringe=pattern is not None)}
    if pattern is not None:
        used["fringe"] = sky.fringe(used["illumination"])
    return used


@pytest.mark.parametrize(
    ("number", "method", "waves"),
    [
        *((number, method, waves) for number in (5, 12) for method, waves in (("smooth", False),)),
        (5, "smooth", True),
        (5, "pixels", False),
        pytest.param(12, "smooth", True, marks=pytest.mark.slow),
        pytest.param(12, "pixels", False, marks=pytest.mark.slow),
        pytest.param(40, "smooth", True, marks=pytest.mark.slow),
        pytest.param(40, "pixels", False, marks=pytest.mark.slow),
    ],
)
def test_pulls_have_a_standard_deviation_of_one(tmp_path, number, method, waves):
    pattern = fringes(0.02) if waves else None
    sky = make_sky(
        tmp_path, number, [2, number], illumination=gradient(0.03), pattern=pattern, own=0.002
    )
    used = _case(sky, method, pattern)
    pulls = np.concatenate([_pulls(sky, at, used)[0] for at in range(min(number, 4))])
    assert abs(pulls.std() - 1) < 0.02
    assert abs(pulls.mean()) < 0.05


@pytest.mark.parametrize("number", [5, pytest.param(20, marks=pytest.mark.slow)])
def test_fringes_go_down_to_a_tenth(tmp_path, number):
    pattern = fringes(0.02)
    sky = make_sky(tmp_path, number, [3, number], illumination=gradient(0.03), pattern=pattern)
    used = _case(sky, "smooth", pattern)
    for at in range(3):
        _, product = _pulls(sky, at, used)
        (image,) = product.images
        good = image.dq == 0
        left = np.dot((image.data - sky.truth[at])[good], pattern[good])
        left /= np.dot(pattern[good], pattern[good])
        level = np.median(sky.truth[at])
        assert abs(left) < 0.1 * level
        header = product.header
        assert header["FRINAFT"] < header["FRINBEF"]
        assert header["FRINBEF"] == pytest.approx(0.02 * level, rel=0.2)


def test_fringes_that_are_not_there_are_not_subtracted(tmp_path):
    sky = make_sky(tmp_path, 5, 11)
    used = {"fringe": sky.fringe()}
    _, product = _pulls(sky, 0, used)
    before = read_product(sky.paths[0])
    assert product.header["FRINLACK"] == "less than their errors"
    assert np.array_equal(product.images[0].data, before.images[0].data)
    assert np.array_equal(product.images[0].variance, before.images[0].variance)


def test_a_pixel_without_illumination_is_flagged(tmp_path):
    from ccdlib import dq

    sky = make_sky(tmp_path, 5, 12)
    used = {"illumination": sky.illumination("pixels")}
    (flat,) = read_product(used["illumination"]).images
    _, product = _pulls(sky, 0, used)
    (image,) = product.images
    lost = flat.dq & dq.NO_CALIBRATION != 0
    assert lost.any()
    assert (image.dq[lost] & dq.NO_CALIBRATION != 0).all()
    assert product.header["ILLUFILE"] == "illumination"


def test_a_light_is_known_in_a_sky_flat_whatever_it_is_called(tmp_path):
    sky = make_sky(tmp_path, 5, 12)
    flat = sky.illumination("pixels")
    before = sky.flattened(0, illumination=flat)
    named = sky.paths[0].with_name("lumi\u00e8re du soir.fits")
    sky.paths[0] = sky.paths[0].rename(named)
    after = sky.flattened(0, illumination=flat)
    assert np.array_equal(after.images[0].variance, before.images[0].variance)
