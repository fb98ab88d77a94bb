"""What holds for each function that takes a CCDData and gives one, function by property."""

import re
from collections import namedtuple

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData as AnyCCDData
from astropy.nddata import StdDevUncertainty
from astropy.wcs import WCS
from toolbox_images import assert_unchanged, frozen

import ccdlib
from ccdlib import CCDData, dq
from ccdlib.errors import CcdlibError

# said with a warning, which other tests look at
pytestmark = pytest.mark.filterwarnings(
    "ignore:rebin is deprecated", "ignore:WCS information may be incorrect"
)

NY, NX = SHAPE = 12, 16
GAIN, NOISE = 1.7 * u.electron / u.adu, 8.0 * u.electron
TIMES = {"data_exposure": 3 * u.s, "dark_exposure": 2 * u.s}
LOST, WIDE = (4, 6), 1 << 20
FLAGGED = (6, 8)


def linear_wcs():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [10.0, 20.0]
    wcs.wcs.crpix, wcs.wcs.cdelt = [6.0, 5.0], [-0.001, 0.001]
    wcs.wcs.set()
    return wcs


def shifted_wcs():
    """Of an image whose pixel (0, 0) is pixel (1, 2) of the old one, in x and y."""
    wcs = linear_wcs()
    wcs.wcs.crpix = [5.0, 3.0]
    wcs.wcs.set()
    return wcs


def image(kind=CCDData, **kwd):
    """Pixels around 1000 adu, one masked, one with bits."""
    data = np.random.default_rng(4).normal(1000, 5, SHAPE)
    mask, flags = np.zeros(SHAPE, bool), np.zeros(SHAPE, np.uint32)
    mask[LOST], flags[FLAGGED] = True, WIDE | dq.HOT
    if kind is CCDData:
        kwd = {"dq": flags} | kwd
    sigma = StdDevUncertainty(np.random.default_rng(5).uniform(2, 4, SHAPE))
    meta = fits.Header({"OBJECT": "M31", "EXPTIME": 30.0})
    fixed = {"uncertainty": sigma, "mask": mask, "unit": "adu", "meta": meta, "wcs": linear_wcs()}
    return kind(data, **(fixed | kwd))


def master(level, unit="adu"):
    random = np.random.default_rng(int(level))
    sigma = StdDevUncertainty(random.uniform(1, 2, SHAPE))
    return CCDData(random.normal(level, 1, SHAPE), uncertainty=sigma, unit=unit)


def same(y, x):
    return y, x


# call(image, masters), the masters, where a pixel goes, its unit, and what an uncertainty becomes
Step = namedtuple("Step", "call masters place unit spread")


def step(call, *masters, place=same, unit="adu", spread="carried"):
    return Step(call, [master(*each) for each in masters], place, unit, spread)


STEPS = {
    "create_deviation": step(
        lambda ccd, **kwd: ccdlib.create_deviation(ccd, GAIN, NOISE, **kwd), spread="added"
    ),
    "gain_correct": step(lambda ccd, **kwd: ccdlib.gain_correct(ccd, GAIN, **kwd), unit="electron"),
    "subtract_bias": step(ccdlib.subtract_bias, (100,)),
    "subtract_dark": step(
        lambda ccd, dark, **kwd: ccdlib.subtract_dark(ccd, dark, **TIMES, scale=True, **kwd), (50,)
    ),
    "flat_correct": step(
        lambda ccd, flat, **kwd: ccdlib.flat_correct(ccd, flat, norm_value=3000.0, **kwd), (3100,)
    ),
    "subtract_overscan": step(
        lambda ccd, **kwd: ccdlib.subtract_overscan(ccd, fits_section="[13:16,:]", **kwd),
        spread="added",
    ),
    "trim_image": step(
        lambda ccd, **kwd: ccdlib.trim_image(ccd, "[3:14,2:11]", **kwd),
        place=lambda y, x: (y - 1, x - 2),
    ),
    "ccd_process": step(
        lambda ccd, bias, dark, flat, **kwd: ccdlib.ccd_process(
            ccd,
            master_bias=bias,
            dark_frame=dark,
            master_flat=flat,
            gain=GAIN,
            **TIMES,
            dark_scale=True,
            **kwd,
        ),
        (100, "electron"),
        (50, "electron"),
        (3100, "electron"),
        unit="electron",
        spread="added",
    ),
    "cosmicray_lacosmic": step(
        lambda ccd, **kwd: ccdlib.cosmicray_lacosmic(ccd, gain=GAIN, readnoise=NOISE, **kwd),
        unit="electron",
    ),
    "cosmicray_median": step(lambda ccd, **kwd: ccdlib.cosmicray_median(ccd, thresh=8, **kwd)),
    "transform_image": step(
        lambda ccd, **kwd: ccdlib.transform_image(ccd, np.flipud, **kwd),
        place=lambda y, x: (NY - 1 - y, x),
    ),
    "median_filter": step(lambda ccd: ccdlib.median_filter(ccd, 3), spread="lost"),
    "block_reduce": step(
        lambda ccd: ccdlib.block_reduce(ccd, 2), place=lambda y, x: (y // 2, x // 2), spread="added"
    ),
    "block_average": step(
        lambda ccd: ccdlib.block_average(ccd, 2),
        place=lambda y, x: (y // 2, x // 2),
        spread="added",
    ),
    "block_replicate": step(
        lambda ccd: ccdlib.block_replicate(ccd, 2, conserve_sum=False),
        place=lambda y, x: (2 * y, 2 * x),
    ),
    "rebin": step(lambda ccd: ccdlib.rebin(ccd, (6, 8)), place=lambda y, x: (y // 2, x // 2)),
    "wcs_project": step(
        lambda ccd, **kwd: ccdlib.wcs_project(ccd, shifted_wcs(), **kwd),
        place=lambda y, x: (y - 2, x - 1),
    ),
}
LOGGED = [name for name in ccdlib.__all__ if name in STEPS and name[:6] not in ("block_", "median")]
LOGGED = [name for name in LOGGED if name != "rebin"]
ARRAYS_TOO = ("block_reduce", "block_average", "block_replicate", "median_filter")
CARRIED = [name for name in STEPS if STEPS[name].spread == "carried"]
ADDED = [name for name in STEPS if STEPS[name].spread == "added"]


def planes(ccd):
    spread = None if ccd.uncertainty is None else ccd.uncertainty.array
    found = (ccd.data, ccd.mask, getattr(ccd, "dq", None), spread)
    return [each for each in found if each is not None]


def run(name, ccd=None, **kwd):
    return STEPS[name].call(image() if ccd is None else ccd, *STEPS[name].masters, **kwd)


def test_the_table_has_every_step():
    """The rest of the names: what makes images of several, of files, or no images."""
    others = {"CCDData", "Clip", "Combiner", "Conf", "ImageFile", "ImageFileCollection", "Keyword"}
    others |= {"background_deviation_box", "background_deviation_filter", "sigma_func", "ccdmask"}
    others |= {"Transform", "aperture_sigma", "find_stars", "register"}
    others |= {"bitfield_to_boolean_mask", "combine", "conf", "read", "write"}
    others |= {"fits_ccddata_reader", "fits_ccddata_writer"}
    others |= {"archive", "latest", "read_amplifiers", "read_index", "read_members", "read_plan"}
    assert {*STEPS} | others == {*ccdlib.__all__}


@pytest.mark.parametrize("name", STEPS)
def test_input_is_unchanged_and_shares_nothing(name):
    ccd = image()
    inputs = [ccd, *STEPS[name].masters]
    before = [frozen(each) for each in inputs]
    wcs = ccd.wcs.to_header_string()
    result = run(name, ccd)
    for each, old in zip(inputs, before, strict=True):
        assert_unchanged(each, old)
        for old_plane in planes(each):
            assert not any(np.shares_memory(old_plane, plane) for plane in planes(result))
    result.meta["OBJECT"] = "M32"
    assert ccd.meta["OBJECT"] == "M31"
    assert ccd.wcs.to_header_string() == wcs


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("kind", [CCDData, AnyCCDData])
def test_the_result_is_ours_in_its_unit_with_its_header(name, kind):
    result = run(name, image(kind))
    assert type(result) is CCDData
    assert result.unit == u.Unit(STEPS[name].unit)
    assert result.meta["OBJECT"] == "M31"
    assert result.mask[STEPS[name].place(*LOST)]


@pytest.mark.parametrize("name", STEPS)
def test_bits_and_mask_reach_the_pixel_and_agree(name):
    place = STEPS[name].place
    result = run(name)
    assert result.mask[place(*LOST)]
    assert result.dq[place(*FLAGGED)] & (WIDE | dq.HOT) == WIDE | dq.HOT
    assert result.dq.dtype == np.uint32
    np.testing.assert_array_equal(result.mask & (result.dq != 0), result.dq != 0)
    if place is same:
        assert result.mask.sum() == 2


@pytest.mark.parametrize("name", STEPS)
def test_without_bits_and_mask_there_are_none(name):
    result = run(name, image(mask=None, dq=None))
    if name == "wcs_project":
        assert (result.dq[:-2, :-1] == 0).all()
    else:
        assert result.mask is None or not result.mask.any()


@pytest.mark.parametrize("name", CARRIED)
def test_uncertainty_is_that_of_the_first_order(name):
    """sigma^2 = sum over the inputs of (d result / d input)^2 sigma_input^2, numerically."""
    ccd, masters = image(), STEPS[name].masters
    inputs = [ccd, *masters]
    value = STEPS[name].call(*inputs).data
    variance = 0.0
    for number, each in enumerate(inputs):
        size = 1e-4 * np.abs(each.data).mean()
        plane, moved = each.copy(), list(inputs)
        plane.data = each.data + size
        moved[number] = plane
        slope = (STEPS[name].call(*moved).data - value) / size
        sigma = each.copy()
        sigma.data = each.uncertainty.array.copy()
        # where the pixels go, the sigma goes
        same_size = value.shape == SHAPE and name not in ("transform_image", "wcs_project")
        carried = sigma.data if same_size else STEPS[name].call(sigma).data
        variance = variance + (slope * carried) ** 2
    found = STEPS[name].call(*inputs)
    assert isinstance(found.uncertainty, StdDevUncertainty)
    good = np.isfinite(value)
    np.testing.assert_allclose(found.uncertainty.array[good], np.sqrt(variance)[good], rtol=2e-3)


@pytest.mark.parametrize("name", STEPS)
def test_an_unknown_uncertainty_stays_unknown(name):
    masters = [CCDData(each.data, unit=each.unit) for each in STEPS[name].masters]
    result = STEPS[name].call(image(uncertainty=None), *masters)
    assert (result.uncertainty is None) == (name != "create_deviation")


@pytest.mark.parametrize("name", [name for name in STEPS if STEPS[name].masters])
def test_the_uncertainty_of_a_master_is_enough(name):
    assert (run(name, image(uncertainty=None)).uncertainty.array > 0).all()


@pytest.mark.parametrize("name", ["median_filter"])
def test_uncertainty_of_correlated_pixels_is_not_told(name):
    assert run(name).uncertainty is None


@pytest.mark.parametrize("name", LOGGED)
def test_what_was_done_is_logged_as_asked(name):
    silent = run(name, add_keyword=None).meta
    assert len(run(name).meta) > len(silent)
    assert run(name, add_keyword={"DONE": 1}).meta["DONE"] == 1
    with ccdlib.conf.set_temp("auto_logging", False):
        assert len(run(name).meta) == len(silent)
    for value in run(name).meta.values():
        # an object's address, an array's numbers, a path
        assert not re.search(r"0x[0-9a-f]{4}|array\(|[ =]/\w", str(value))


@pytest.mark.parametrize("name", [name for name in STEPS if name not in ARRAYS_TOO])
def test_only_images(name):
    with pytest.raises(CcdlibError, match="it is a str"):
        STEPS[name].call("an image", *STEPS[name].masters)


OTHER_UNITS = {
    "create_deviation": lambda: ccdlib.create_deviation(image(), GAIN, 8 * u.adu),
    "subtract_bias": lambda: ccdlib.subtract_bias(image(), master(1, "electron")),
    "subtract_dark": lambda: ccdlib.subtract_dark(image(), master(1, "electron"), **TIMES),
    "subtract_dark, exposures": lambda: ccdlib.subtract_dark(
        image(), master(1), data_exposure=3 * u.m, dark_exposure=2 * u.s
    ),
    "flat_correct, min_value": lambda: ccdlib.flat_correct(
        image(), master(3000), min_value=10 * u.electron
    ),
    "flat_correct, norm_value": lambda: ccdlib.flat_correct(
        image(), master(3000), norm_value=10 * u.electron
    ),
    "subtract_overscan": lambda: ccdlib.subtract_overscan(image(), overscan=master(1, "electron")),
    "ccd_process": lambda: ccdlib.ccd_process(image(), master_bias=master(1, "electron")),
    "cosmicray_lacosmic": lambda: ccdlib.cosmicray_lacosmic(
        image(), gain=GAIN, readnoise=5 * u.adu
    ),
    "cosmicray_median": lambda: ccdlib.cosmicray_median(image(), error_image=5 * u.electron),
    "combine": lambda: ccdlib.combine([image(), image(unit="electron")]),
    "Combiner": lambda: ccdlib.Combiner([image(), image(unit="electron")]),
}


@pytest.mark.parametrize("name", OTHER_UNITS)
def test_units_that_do_not_go_together_are_refused(name):
    with pytest.raises((u.UnitsError, TypeError)) as error:
        OTHER_UNITS[name]()
    assert isinstance(error.value, CcdlibError)
    assert "electron" in str(error.value) or "adu" in str(error.value) or "m" in str(error.value)


def in_type(ccd, kind):
    spread = StdDevUncertainty(ccd.uncertainty.array.astype(kind))
    planes = {"uncertainty": spread, "mask": ccd.mask, "unit": ccd.unit}
    return CCDData(ccd.data.astype(kind), **planes, meta=ccd.meta, wcs=ccd.wcs)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("name", STEPS)
def test_floats_keep_their_type(name, kind):
    masters = [in_type(each, kind) for each in STEPS[name].masters]
    result = STEPS[name].call(in_type(image(), kind), *masters)
    assert result.data.dtype == kind
    assert result.uncertainty is None or result.uncertainty.array.dtype == kind
