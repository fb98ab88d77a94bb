"""What lights have in common is found, to the error that is said."""

import numpy as np
import pytest
from skies import SHAPE, fringes, gradient, make_sky

from ccdlib import dq
from ccdlib.errors import CcdlibError
from ccdlib.frame.image import Image
from ccdlib.products.check_stored import check_stored
from ccdlib.products.product_files import read_product, write_product
from ccdlib.raw.card_list import CardList
from ccdlib.sky.illumination import common_illumination
from ccdlib.statistics.mesh import Levels


def _levels(number, true, rng, noise=0.002, own=0.0):
    """Levels of lights over a mesh, each with a gradient of its own."""
    x = np.linspace(-0.5, 0.5, true.shape[1])[None, :]
    for _ in range(number):
        sky = rng.uniform(100, 1000)
        light = sky * true * (1 + own * rng.normal() * x)
        light = light + rng.normal(0, noise * sky, true.shape)
        yield Levels(light, np.full(true.shape, (noise * sky) ** 2))


@pytest.mark.parametrize(("number", "own"), [(5, 0.0), (5, 0.01), (20, 0.01), (40, 0.0)])
def test_error_of_the_mean_of_lights_with_gradients_of_their_own(number, own):
    rng = np.random.default_rng([number, int(own * 1000)])
    true = gradient(0.03, (24, 24))
    true /= np.median(true)
    pulls, gradients = [], []
    for _ in range(40):
        found = common_illumination(list(_levels(number, true, rng, own=own)))
        pulls.append(((found.mesh.value - true) / np.sqrt(found.mesh.variance)).ravel())
        gradients.append(found.gradient)
    # lights' gradients are the same in all blocks of one night, so 40 nights tell it to a tenth
    # an error that is small beside the noise of its own estimate is said to be larger than it is
    assert (0.75 if own else 0.3) < np.concatenate(pulls).std() < 1.2
    # that of x with a standard deviation of own is own / sqrt(12) in the root mean square
    assert np.mean(gradients) == pytest.approx(own / np.sqrt(12), rel=0.15, abs=5e-4)


def test_a_light_full_of_nebula_does_not_count():
    rng = np.random.default_rng(8)
    true = gradient(0.03, (24, 24))
    lights = list(_levels(6, true, rng))
    y, x = np.mgrid[:24, :24]
    lights[2].level[:] *= 1 + 0.5 * np.exp(-((x - 12) ** 2 + (y - 9) ** 2) / 30)
    found = common_illumination(lights)
    assert np.abs(found.mesh.value / true - 1).max() < 0.006


@pytest.mark.parametrize("number", [5, 12])
def test_a_gradient_of_three_percent_to_a_fifth(tmp_path, number):
    true = gradient(0.03)
    sky = make_sky(tmp_path, number, [1, number], illumination=true)
    product = read_product(sky.illumination())
    (image,) = product.images
    error = image.data / true - 1
    assert np.abs(error).max() < 0.002
    assert error.std() < 1.2 * product.header["SKYERR"]
    assert product.header["SKYRMS"] == pytest.approx(true.std(), rel=0.1)
    assert product.header["IMAGETYP"] == "illumination"
    assert product.header["SKYPOINT"] >= 3
    assert check_stored(tmp_path / "illumination.fits") == []


def test_a_cut_file_is_damaged(tmp_path):
    from astropy.io import fits

    path = make_sky(tmp_path, 4, 6).illumination()
    with fits.open(path) as hdus:
        end = hdus["FRAMES"].fileinfo()["hdrLoc"]
    content = path.read_bytes()
    path.write_bytes(content[:end])
    assert check_stored(path) == ["ends with DQ instead of FRAMES"]


def test_lights_that_are_not_dithered_are_refused(tmp_path):
    sky = make_sky(tmp_path, 6, 3, dither=0.3)
    with pytest.raises(CcdlibError, match="6 lights show their stars on the same pixels, at 1 po"):
        sky.illumination()


@pytest.mark.parametrize(
    ("level", "uneven", "pattern"),
    [(20_000.0, gradient(0.3), None), (50_000.0, None, fringes(0.03))],
)
def test_what_is_uneven_in_all_lights_is_no_star(tmp_path, level, uneven, pattern):
    sky = make_sky(tmp_path, 5, 3, level=level, illumination=uneven, pattern=pattern)
    product = read_product(sky.illumination(fringe=pattern is not None))
    assert product.header["SKYPOINT"] == 5
    true = 1 if uneven is None else uneven
    error = product.images[0].data / true - 1
    assert np.abs(error).max() < 0.01
    still = make_sky(tmp_path / "still", 5, 3, level=level, illumination=uneven, dither=0.3)
    with pytest.raises(CcdlibError, match="show their stars on the same pixels"):
        still.illumination()


def test_a_strip_of_one_row_of_blocks_has_its_gradient(tmp_path):
    shape = (24, 800)
    true = gradient(0.05, shape)
    sky = make_sky(tmp_path, 6, 3, level=2000, illumination=true, shape=shape)
    product = read_product(sky.illumination())
    # nothing is known of how it goes within the one block across
    along = product.images[0].data.mean(axis=0) / true.mean(axis=0)
    assert (along / np.median(along)).std() < 2 * product.header["SKYERR"]


def test_a_sky_without_light_is_left_out_or_refused(tmp_path):
    bright, dark = make_sky(tmp_path, 5, 4), make_sky(tmp_path / "dark", 1, 5, level=0.4)
    bright.paths += dark.paths
    product = bright.illumination()
    from astropy.table import Table

    rows = Table.read(product, "FRAMES")
    assert [bool(row["LEFT"]) for row in rows] == [False] * 5 + [True]
    bright.paths = bright.paths[:2] + dark.paths
    with pytest.raises(CcdlibError, match="sigma are needed"):
        bright.illumination()


def _changed(path, change):
    """A light with its pixels changed in place: data, variance, flags."""
    (image,) = read_product(path).images
    planes = image.data.copy(), image.variance.copy(), image.dq.copy()
    change(*planes)
    write_product(path, [Image(*planes, "electron")], CardList([("FILTER", "z", "")]))


def _zeros(data, variance, flags):
    data[:] = 0


def _one_value(data, variance, flags):
    data[:] = 700


def _flagged(data, variance, flags):
    flags[:] = dq.SATURATED


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_zeros, "its sky is 0 in all pixels of a block"),
        (_one_value, "its sky is 700 in all pixels of a block"),
        (_flagged, "shows its sky in 0% of the blocks"),
    ],
)
def test_a_light_without_a_value_of_its_own_leaves_the_others_theirs(tmp_path, change, reason):
    sky = make_sky(tmp_path, 6, 4, shape=(160, 176))
    _changed(sky.paths[0], change)
    flat = sky.illumination()
    from astropy.table import Table

    rows = Table.read(flat, "FRAMES")
    assert rows["LEFT"][0].startswith(reason) and not any(rows["LEFT"][1:])
    # nothing can be fitted to it, and it is flattened as the others are
    product = sky.flattened(0, illumination=flat, fringe=sky.fringe(flat))
    assert product.header["FRINLACK"]


def test_blocks_that_no_three_lights_show_are_refused(tmp_path):
    sky = make_sky(tmp_path, 3, 4, shape=(192, 208), stars=5)
    for number, path in enumerate(sky.paths):

        def hide(data, variance, flags, part=slice(64 * number, 64 * (number + 1))):
            flags[part] = dq.SATURATED

        _changed(path, hide)
    with pytest.raises(CcdlibError, match="0% of the blocks show sky in 3 lights, 50% are needed"):
        sky.illumination()


def test_the_order_of_bands_and_threads_does_not_count(tmp_path):
    sky = make_sky(tmp_path, 4, 9, illumination=gradient())
    results = []
    for memory, threads in ((1500, 1), (0.5, 2)):
        for method in ("smooth", "pixels"):
            image = read_product(sky.illumination(method, memory_mb=memory, threads=threads))
            results.append(image.images[0].data)
    assert np.array_equal(results[0], results[2]) and np.array_equal(results[1], results[3])
    assert results[0].shape == SHAPE


def test_where_lights_differ_their_scatter_is_the_error():
    rng = np.random.default_rng(12)
    lights = list(_levels(5, np.ones((24, 24)), rng))
    edge = np.array([-0.03, -0.05, -0.09, -0.02, -0.15])
    for light, each in zip(lights, edge, strict=True):
        light.level[:, -2:] *= 1 + each
    found = common_illumination(lights)
    value, sigma = found.mesh.value, np.sqrt(found.mesh.variance)
    assert (found.count[:, -2:] == 5).all()
    assert value[:, -1].mean() == pytest.approx(1 + edge.mean(), abs=0.01)
    assert sigma[:, -1].mean() == pytest.approx(edge.std(ddof=1) / np.sqrt(5), rel=0.15)
    # the others are known as well as without
    assert sigma[:, :-4].max() < 0.003


def test_a_block_that_no_light_shows_is_not_known_exactly():
    rng = np.random.default_rng(13)
    lights = list(_levels(5, np.ones((24, 24)), rng, own=0.01))
    for light in lights:
        light.level[8:11, 8:11] = np.nan
    found = common_illumination(lights)
    assert (found.count[8:11, 8:11] == 0).all()
    # of one light's gradient in the middle and of the mean of five elsewhere
    assert (found.mesh.variance[8:11, 8:11] > 2 * np.median(found.mesh.variance)).all()


def test_no_pixel_is_known_better_than_the_best_block(tmp_path):
    # stars that hardly move leave few lights in some blocks: their variance stands out
    sky = make_sky(tmp_path, 10, [1, 10, 2], illumination=gradient(0.03), dither=4.0)
    (image,) = read_product(sky.illumination()).images
    assert image.variance.min() > 0.3 * np.median(image.variance)
