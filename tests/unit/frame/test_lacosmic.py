"""LA Cosmic against astroscrappy: the same masks and the same cleaned images, bit for bit."""

import itertools
import os
import platform
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from ccdlib.errors import CcdlibError
from ccdlib.frame import lacosmic_kernels as kernels
from ccdlib.frame.lacosmic import _lower_median, compile_kernels, detect_cosmics, psf_kernel

# Its OpenMP threads wait in busy loops: on a busy machine minutes instead of seconds.
os.environ.setdefault("OMP_NUM_THREADS", "1")
astroscrappy = pytest.importorskip("astroscrappy")

DATA = Path(__file__).parents[3] / "../shared/data"
LIKE_REFERENCE = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"),
    reason="astroscrappy sums in another order where it is compiled for another processor",
)


def reference(image, **parameters):
    with np.errstate(all="ignore"):
        return astroscrappy.detect_cosmics(image, **parameters)


def assert_same_as_reference(image, **parameters):
    found, cleaned = detect_cosmics(image, **parameters)
    expected, expected_cleaned = reference(image, **parameters)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(cleaned, expected_cleaned)
    return found


def scene(rng, shape, sky=200.0, stars=2, tracks=4, brightest=4.0, noise=6.5):
    """Stars of up to 10**brightest electrons a pixel and tracks of cosmic rays, also at edges."""
    y, x = np.indices(shape)
    light = np.full(shape, sky)
    for _ in range(stars):
        at_y, at_x = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        peak, sigma = 10 ** rng.uniform(1, brightest), rng.uniform(0.7, 2.5)
        light += peak * np.exp(-((y - at_y) ** 2 + (x - at_x) ** 2) / (2 * sigma**2))
    image = rng.poisson(light) + rng.normal(0, noise, shape)
    for _ in range(tracks):
        angle, along = rng.uniform(0, np.pi), np.arange(rng.integers(1, 12))
        rows = (rng.uniform(0, shape[0]) + along * np.sin(angle)).astype(int) % shape[0]
        columns = (rng.uniform(0, shape[1]) + along * np.cos(angle)).astype(int) % shape[1]
        image[rows, columns] += rng.uniform(30, 3000, along.size)
    return image.astype(np.float32)


@st.composite
def cases(draw):
    """An image, of any of the types that FITS files hold, and parameters that fit it."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = draw(st.tuples(st.integers(8, 80), st.integers(8, 80)))
    gain = draw(st.sampled_from([1.0, 0.37, 1.9]))
    image = scene(
        rng,
        shape,
        sky=draw(st.sampled_from([0.0, 3.0, 200.0, 5000.0])),
        stars=draw(st.integers(0, 6)),
        tracks=draw(st.integers(0, 15)),
        brightest=draw(st.sampled_from([3.0, 5.5])),
    )
    dtype = draw(st.sampled_from(["f4", "f8", "u2", "i4", ">f4", ">i2"]))
    if dtype[-2] != "f":
        image = image.clip(0, 32767)
    parameters = {
        "gain": gain,
        "sigclip": draw(st.sampled_from([2.0, 4.5, 8.0])),
        "sigfrac": draw(st.sampled_from([0.1, 0.3, 1.0])),
        "objlim": draw(st.sampled_from([1.0, 5.0])),
        "readnoise": draw(st.sampled_from([1.0, 6.5, 20.0])),
        "satlevel": draw(st.sampled_from([2000.0, 30000.0, np.inf])),
        "niter": draw(st.integers(0, 5)),
        "sepmed": draw(st.booleans()),
        "cleantype": draw(st.sampled_from(["meanmask", "medmask", "idw"])),
        "fsmode": draw(st.sampled_from(["median", "convolve"])),
        "psfmodel": draw(st.sampled_from(["gauss", "gaussx", "gaussy", "moffat"])),
        "psffwhm": draw(st.sampled_from([1.5, 2.5, 5.0])),
        "psfsize": draw(st.sampled_from([3, 7, 11])),
        "psfbeta": draw(st.sampled_from([2.5, 4.765])),
    }
    if draw(st.booleans()):
        parameters["inmask"] = rng.random(shape) < draw(st.sampled_from([0.003, 0.2]))
    if draw(st.booleans()):
        slope = np.linspace(100, 300, shape[1], dtype=np.float32)
        parameters["inbkg"] = np.broadcast_to(slope, shape) * np.float32(0.7)
    if draw(st.booleans()):
        variance = np.abs(image) / gain + rng.uniform(1, 80, shape)
        parameters["invar"] = variance.astype(np.float32)
    return image.astype(dtype), parameters


@LIKE_REFERENCE
@settings(max_examples=300, deadline=None, derandomize=True)
@given(cases())
def test_same_as_astroscrappy(case):
    image, parameters = case
    assert_same_as_reference(image, **parameters)


@LIKE_REFERENCE
def test_same_as_astroscrappy_by_default_over_several_tiles():
    image = scene(np.random.default_rng(1), (150, 600), stars=60, tracks=150, brightest=5.2)
    found = assert_same_as_reference(image)
    assert found.sum() > 500


@LIKE_REFERENCE
def test_bright_edges_and_corners():
    rng = np.random.default_rng(2)
    image = scene(rng, (40, 50), tracks=0)
    edge = np.ones(image.shape, bool)
    edge[4:-4, 4:-4] = False
    image[edge] *= rng.uniform(0.5, 20, edge.sum()).astype(np.float32)
    for sepmed in (True, False):
        assert_same_as_reference(image, gain=1.37, sepmed=sepmed, sigclip=1.5, objlim=0.5)


@LIKE_REFERENCE
@pytest.mark.parametrize("cleantype", ["meanmask", "medmask", "idw"])
def test_pixel_without_good_neighbours_gets_the_median_of_the_image(cleantype):
    """All around it is masked, or, in the second star of pixels, found in a later iteration."""
    rng = np.random.default_rng(3)
    image = scene(rng, (48, 48), stars=0, tracks=0)
    inmask = np.zeros(image.shape, bool)
    inmask[18:23, 18:23] = True
    inmask[19:22, 19:22] = False
    image[20, 20] = 9000
    image[33:38, 33:38] += rng.uniform(300, 900, (5, 5)).astype(np.float32)
    parameters = {"inmask": inmask, "cleantype": cleantype, "sigclip": 3.0, "sigfrac": 0.1}
    found = assert_same_as_reference(image, **parameters)
    assert found[20, 20]
    assert_same_as_reference(image, inbkg=np.full(image.shape, 150, np.float32), **parameters)
    _, cleaned = detect_cosmics(image, **parameters)
    assert abs(cleaned[20, 20] - 200) < 5


def test_median_cleaning_is_that_of_all_25_pixels_in_order():
    image = scene(np.random.default_rng(4), (60, 60), stars=1, tracks=12)
    found, cleaned = detect_cosmics(image, cleantype="median", niter=1)
    expected = image.copy()
    for y, x in np.argwhere(found):
        if 2 <= y < 58 and 2 <= x < 58:
            expected[y, x] = np.median(expected[y - 2 : y + 3, x - 2 : x + 3])
    np.testing.assert_array_equal(cleaned, expected)
    np.testing.assert_array_equal(found, reference(image, niter=1)[0])
    assert found.sum() > 30


@LIKE_REFERENCE
def test_given_psf_is_not_mirrored():
    image = scene(np.random.default_rng(5), (70, 64), stars=8, tracks=10)
    psf = np.zeros((5, 9), np.float32)
    psf[1:4, 3:8] = np.arange(1, 16, dtype=np.float32).reshape(3, 5) / 120
    found = assert_same_as_reference(image, fsmode="convolve", psfk=psf, gain=1.3)
    mirrored = psf[::-1, ::-1].copy()
    assert (found != detect_cosmics(image, fsmode="convolve", psfk=mirrored, gain=1.3)[0]).any()


@pytest.mark.parametrize("model", ["gauss", "gaussx", "gaussy"])
def test_gaussian_psf_is_astroscrappys(model):
    for fwhm, size in ((2.5, 7), (1.1, 3), (4.3, 15)):
        expected = getattr(astroscrappy.astroscrappy, f"{model}kernel")(fwhm, size)
        np.testing.assert_array_equal(psf_kernel(model, fwhm, size), expected)


def test_moffat_psf_has_its_width_and_sum():
    psf = psf_kernel("moffat", fwhm=4.0, size=31, beta=2.5)
    assert psf[15, 17] == pytest.approx(psf[15, 15] / 2, rel=1e-6)
    assert psf[13, 15] == psf[15, 17]
    assert psf.sum() == pytest.approx(1, abs=1e-6)


REAL_FRAMES = [
    ("lick_nickel/d1074.fits", 0),
    ("lick_nickel/d1036.fits", 0),
    ("arcsat/XO1-b_z_20250602_041008.fits", 0),
    ("arcsat/Dark_BIN1_20250602_032243.fits", 0),
    ("lco_mef/mef_raw_test_frame.fits", 2),
    ("lco_fz/cpt1m012-fl10-20151216-0073-e00.fits.fz", 1),
    ("saao_ste3/a8280271.fits", 0),
]


@LIKE_REFERENCE
@pytest.mark.parametrize(("name", "extension"), REAL_FRAMES)
def test_real_frames(name, extension):
    fits = pytest.importorskip("astropy.io.fits")
    if not (DATA / name).exists():
        pytest.skip("the real frames are not here")
    image = np.squeeze(fits.getdata(DATA / name, extension))[:260, -300:]
    native = image.astype(image.dtype.newbyteorder("="))
    for parameters in ({}, {"gain": 1.7, "readnoise": 9.0}, {"sepmed": False, "gain": 1.7}):
        assert_same_as_reference(native, **parameters)


def filled(image, lost, bad):
    """The image with the mean of the good pixels of the 5 x 5 around each lost one."""
    good = np.where(bad, np.nan, image.astype(np.float64))
    result = image.copy()
    for y, x in np.argwhere(lost):
        near = good[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3]
        result[y, x] = np.nanmean(near) if np.isfinite(near).any() else np.nanmedian(good)
    return result


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1.6e38])
def test_not_finite_counts_as_inmask(value):
    rng = np.random.default_rng(6)
    image = scene(rng, (80, 70), stars=4, tracks=12)
    inmask = rng.random(image.shape) < 0.01
    lost = rng.random(image.shape) < 0.01
    lost[30:40, 30:40] = lost[:, 60] = lost[0, 0] = True
    damaged = np.where(lost, np.float32(value), image)
    found, cleaned = detect_cosmics(damaged, inmask=inmask)
    bad = inmask | lost
    expected, expected_cleaned = reference(filled(image, lost, bad), inmask=bad)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(cleaned, np.where(lost, damaged, expected_cleaned))
    assert not found[lost].any()
    assert found.sum() > 30


@pytest.mark.parametrize("name", ["invar", "inbkg"])
def test_not_finite_variance_or_background_counts_as_inmask(name):
    image = scene(np.random.default_rng(7), (60, 60), stars=2, tracks=10)
    other = np.full(image.shape, 250, np.float32)
    inmask = np.zeros(image.shape, bool)
    inmask[20, 21] = inmask[40, 1] = True
    damaged = np.where(inmask, np.float32(np.nan), other)
    found, cleaned = detect_cosmics(image, **{name: damaged})
    same = filled(image, inmask, inmask)
    expected, expected_cleaned = reference(same, inmask=inmask, **{name: other})
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(cleaned[~inmask], expected_cleaned[~inmask])
    np.testing.assert_array_equal(cleaned[inmask], image[inmask])


def test_not_finite_does_not_spread():
    """A spike five pixels from a bad column is found, and no other pixel is."""
    rng = np.random.default_rng(8)
    image = rng.normal(200, 10, (64, 64)).astype(np.float32)
    image[:, 30] = np.nan
    image[20, 25] += 3000
    found, cleaned = detect_cosmics(image, readnoise=5)
    assert np.argwhere(found).tolist() == [[20, 25]]
    assert np.isnan(cleaned).sum() == 64
    for value in (np.nan, 1e300):
        assert not detect_cosmics(np.full((9, 9), value))[0].any()


@pytest.mark.parametrize("inbkg", [None, np.full((60, 61), 20.0)])
def test_inputs_stay_as_they_are(inbkg):
    image = scene(np.random.default_rng(9), (60, 61), tracks=20)
    image[5, 5] = np.nan
    given_arrays = [image, image < 150, inbkg, np.abs(image)]
    before = [None if array is None else array.copy() for array in given_arrays]
    for array in given_arrays:
        if array is not None:
            array.flags.writeable = False
    detect_cosmics(*given_arrays, satlevel=1000, gain=2.0)
    for array, copy in zip(given_arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_threads_do_not_change_the_result():
    image = scene(np.random.default_rng(10), (300, 300), stars=20, tracks=100)
    found, cleaned = detect_cosmics(image)
    for threads in (2, 5):
        threaded, threaded_cleaned = detect_cosmics(image, threads=threads)
        np.testing.assert_array_equal(threaded, found)
        np.testing.assert_array_equal(threaded_cleaned, cleaned)


def test_an_image_in_other_strides_is_the_same_image():
    image = scene(np.random.default_rng(11), (64, 90), tracks=20)
    strided = np.asfortranarray(np.repeat(image, 2, axis=1))[:, ::2]
    for one, other in zip(detect_cosmics(image), detect_cosmics(strided), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("size", [3, 5, 7, 9])
def test_median_networks(size):
    """A network of comparisons that is right for zeros and ones is right for all values."""
    network = getattr(kernels, f"median{size}")
    # compiled code alone can call it
    found = njit(lambda values: network(*values))
    for values in itertools.product((0.0, 1.0), repeat=size):
        assert found(values) == np.median(values)


@pytest.mark.parametrize("size", [1, 2, 5, 4097, 30_000])
def test_the_lower_median_is_that_of_all_values(size):
    """Also where the sample that it starts from is nothing like them."""
    rng, each = np.random.default_rng(size), np.arange(size)
    kinds = rng.normal(size=size), rng.integers(0, 3, size), each, -each, each % (size // 4096 + 1)
    for values in kinds:
        found = _lower_median(values.astype(np.float32))
        assert found == np.sort(values.astype(np.float32))[(size - 1) // 2]


def test_compile_kernels_leaves_nothing_to_compile():
    compile_kernels()
    before = {name: len(getattr(kernels, name).signatures) for name in ("find_cosmics",)}
    image = scene(np.random.default_rng(12), (100, 100), stars=3, tracks=9, brightest=5.5)
    detect_cosmics(image)
    detect_cosmics(image.astype(np.uint16), inmask=image > 1e4, cleantype="idw", gain=2.0)
    assert before == {name: len(getattr(kernels, name).signatures) for name in before}


IMAGE = np.full((20, 30), 100.0)


@pytest.mark.parametrize(
    ("image", "parameters", "message"),
    [
        (np.ones((7, 100)), {}, r"shape \(7, 100\); two axes of at least 8 pixels"),
        (np.ones((2, 20, 20)), {}, r"shape \(2, 20, 20\); two axes"),
        (IMAGE, {"inmask": IMAGE[1:] > 0}, r"inmask has shape \(19, 30\), the image \(20, 30\)"),
        (IMAGE, {"inbkg": IMAGE[1:]}, r"inbkg has shape \(19, 30\), the image \(20, 30\)"),
        (IMAGE, {"invar": IMAGE[1:]}, r"invar has shape \(19, 30\), the image \(20, 30\)"),
        (IMAGE, {"cleantype": "mean"}, "cleantype is 'mean'; it must be one of median, medmask"),
        (IMAGE, {"fsmode": "psf"}, "fsmode is 'psf'; it must be one of median, convolve"),
        (IMAGE, {"fsmode": "convolve", "psfmodel": "airy"}, "psfmodel is 'airy'"),
        (IMAGE, {"fsmode": "convolve", "psfsize": 6}, "psfsize is 6; it must be odd"),
        (IMAGE, {"fsmode": "convolve", "psffwhm": 0}, "psffwhm is 0 and psfbeta 4.765"),
        (IMAGE, {"fsmode": "convolve", "psfk": np.ones((4, 3))}, r"psfk has shape \(4, 3\)"),
        (IMAGE, {"gain": 0}, "gain is 0 electrons per adu"),
        (IMAGE, {"readnoise": np.nan}, "readnoise is nan; it must be a finite number"),
        (IMAGE, {"satlevel": np.nan}, "satlevel is not a number"),
        (IMAGE, {"niter": -1}, "niter is -1 and threads 1"),
        (IMAGE, {"threads": 0}, "niter is 4 and threads 0"),
    ],
)
def test_errors(image, parameters, message):
    with pytest.raises(CcdlibError, match=message):
        detect_cosmics(image, **parameters)
