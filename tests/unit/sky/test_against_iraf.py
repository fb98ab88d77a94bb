"""Illumination, fringes and sky flats beside those of IRAF's ccdred, made of the same lights."""

import numpy as np
import pytest
from iraf_sky import PROGRAM, IrafNight
from scipy.ndimage import gaussian_filter
from skies import READ_NOISE, fringes, gradient, make_sky

from ccdlib.products.product_files import read_product

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="IRAF (irafcl) is not installed")

TRUE, WAVES = gradient(0.03), fringes(0.02)
# IRAF's boxes are 5 pixels wide at the edges, and wider further in
INSIDE = np.s_[24:-24, 24:-24]


def _iraf(folder, sky):
    lights = [read_product(path).images[0].data for path in sky.paths]
    return IrafNight(folder / "iraf", lights, READ_NOISE)


def _relative(plane, true=1.0):
    """Less 1, over the truth; 0 in the median."""
    deviation = plane / true
    return deviation / np.median(deviation) - 1


@pytest.fixture(scope="module")
def even(tmp_path_factory):
    """Five lights under a gradient, and what IRAF combines them to."""
    folder = tmp_path_factory.mktemp("even")
    sky = make_sky(folder / "sky", 5, [1, 5], illumination=TRUE)
    night = _iraf(folder, sky)
    return sky, night, night.combined("combined", masked=True)


def test_the_illumination_is_nearer_to_the_truth(even):
    sky, night, combined = even
    product = read_product(sky.illumination())
    ours = product.images[0].data.astype(float)
    theirs = night.data(night.made("mkskycor", combined, "illum"))
    error, peer = _relative(ours, TRUE), _relative(theirs, TRUE)
    assert error.std() < peer.std()
    assert np.abs(error).max() < 0.5 * np.abs(peer).max()
    # away from the edges they differ by less than the error that ours quotes
    assert _relative(theirs, ours)[INSIDE].std() < product.header["SKYERR"]


def test_a_sky_flat_is_what_iraf_combines(even):
    sky, night, combined = even
    (image,) = read_product(sky.illumination("pixels")).images
    good = image.dq == 0
    ours, theirs = image.data[good], night.data(combined)[good]
    error, peer = _relative(ours, TRUE[good]), _relative(theirs, TRUE[good])
    said = np.sqrt(image.variance[good].mean(dtype=float))
    assert error.std() == pytest.approx(said, rel=0.02)
    # the same noise of the same lights is in both, but where only one takes a pixel for a source
    assert np.corrcoef(error, peer)[0, 1] > 0.75
    assert (error - peer).std() < 0.7 * said


def test_a_fringe_frame_is_irafs_after_the_same_kernel(tmp_path):
    sky = make_sky(tmp_path / "sky", 5, [1, 5, 2], illumination=TRUE, pattern=WAVES)
    product = read_product(sky.fringe(sky.illumination(fringe=True)))
    (image,) = product.images
    night = _iraf(tmp_path, sky)
    illum = night.made("mkskycor", night.combined("sky"), "illum")
    combined = night.combined("even", night.corrected("c", illum=illum))
    theirs = night.data(night.made("mkfringecor", combined, "fringe"))
    theirs /= np.median(night.data(combined))
    good = image.dq == 0
    smooth = gaussian_filter(theirs, product.header["SKYKERN"])
    assert (smooth - image.data)[good].std() < product.header["SKYERR"]
    # as it comes it has the noise of the mean of five lights, which is as large as the fringes
    assert (theirs - WAVES)[good].std() > 3 * (image.data - WAVES)[good].std()
