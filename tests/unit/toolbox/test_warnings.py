"""What is said with a warning, with `conf.as_ccdproc` and without it, beside what ccdproc says."""

import warnings
from pathlib import Path

import ccdproc
import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import StdDevUncertainty
from astropy.utils.exceptions import AstropyDeprecationWarning, AstropyUserWarning
from toolbox_images import linear_wcs

import ccdlib
from ccdlib import CCDData

SHAPE = (30, 32)
GAIN = 1.5 * u.electron / u.adu
TIMES = {"data_exposure": 30 * u.s, "dark_exposure": 60 * u.s}


def image(unit="adu", level=1000.0, full=False):
    """An image, with uncertainty, mask and WCS where it is to have all that."""
    ccd = CCDData(np.random.default_rng(int(level)).normal(level, 5, SHAPE), unit=unit)
    if full:
        ccd.uncertainty = StdDevUncertainty(np.full(SHAPE, 5.0))
        ccd.mask, ccd.wcs = np.zeros(SHAPE, bool), linear_wcs()
    return ccd


def stack():
    return [image(level=level) for level in (100.0, 101.0, 103.0, 104.0)]


def weighted_median(lib, tmp):
    combiner = lib.Combiner(stack())
    combiner.weights = np.arange(1.0, 5.0)
    combiner.median_combine()


def masked_flat():
    return CCDData(np.ones(SHAPE), unit="adu", mask=np.ones(SHAPE, bool))


def collection_of(lib, tmp, **cards):
    header = fits.Header(list(cards.items()))
    for value in (1, 2) if cards else ():
        header.append(("TWICE", value), end=True)
    if cards:
        fits.PrimaryHDU(np.ones((2, 2)), header).writeto(tmp / f"{lib.__name__}.fits")
    lib.ImageFileCollection(tmp, glob_include=f"{lib.__name__}.fits")


def projected(lib, tmp):
    lib.wcs_project(image(full=True), linear_wcs())


def written(lib, tmp):
    lib.fits_ccddata_writer(image(full=True), tmp / "a.fits")
    return tmp / "a.fits"


# what is done, and of each kind how many warnings: ours, ours as ccdproc, ccdproc's
USER, OLD = AstropyUserWarning, AstropyDeprecationWarning
CASES = {
    "create_deviation": (
        lambda lib, tmp: lib.create_deviation(image(), GAIN, 5 * u.electron),
        ([], [], []),
    ),
    "gain_correct": (lambda lib, tmp: lib.gain_correct(image(), GAIN), ([], [], [])),
    "gain_correct, twice": (
        lambda lib, tmp: lib.gain_correct(image("electron"), GAIN),
        ([USER], [USER], []),
    ),
    "subtract_bias": (lambda lib, tmp: lib.subtract_bias(image(), image()), ([], [], [])),
    "subtract_dark": (
        lambda lib, tmp: lib.subtract_dark(image(), image(), **TIMES, scale=True),
        ([], [], []),
    ),
    "subtract_dark, another exposure": (
        lambda lib, tmp: lib.subtract_dark(image(), image(), **TIMES),
        ([USER], [USER], []),
    ),
    "flat_correct": (lambda lib, tmp: lib.flat_correct(image(), image()), ([], [], [])),
    "flat_correct, high min_value": (
        lambda lib, tmp: lib.flat_correct(image(), image(), min_value=5000),
        ([USER], [], []),
    ),
    "flat_correct, masked flat": (
        lambda lib, tmp: lib.flat_correct(image(), masked_flat()),
        ([USER], [], []),
    ),
    "subtract_overscan": (
        lambda lib, tmp: lib.subtract_overscan(image(), fits_section="[28:32,:]"),
        ([], [], []),
    ),
    "subtract_overscan, outside": (
        lambda lib, tmp: lib.subtract_overscan(image(), fits_section="[28:40,:]"),
        ([USER], [USER], []),
    ),
    "trim_image": (lambda lib, tmp: lib.trim_image(image(), "[1:20,:]"), ([], [], [])),
    "trim_image, outside": (
        lambda lib, tmp: lib.trim_image(image(), "[1:50,:]"),
        ([USER], [USER], []),
    ),
    "ccd_process": (
        lambda lib, tmp: lib.ccd_process(image(), "[28:32,:]", "[1:27,:]", gain=GAIN),
        ([], [], []),
    ),
    "Combiner": (lambda lib, tmp: lib.Combiner(stack()).average_combine(), ([], [], [])),
    "Combiner, weighted median": (weighted_median, ([USER], [], [])),
    "combine": (lambda lib, tmp: lib.combine(stack(), method="median"), ([], [], [])),
    "cosmicray_lacosmic": (lambda lib, tmp: lib.cosmicray_lacosmic(image()), ([], [], [])),
    "cosmicray_lacosmic, gain of electrons": (
        lambda lib, tmp: lib.cosmicray_lacosmic(image("electron"), gain=2.0),
        ([USER], [USER], [UserWarning]),
    ),
    "cosmicray_lacosmic, pssl": (
        lambda lib, tmp: lib.cosmicray_lacosmic(image(), pssl=10.0),
        ([OLD], [OLD], [OLD]),
    ),
    "cosmicray_median": (
        lambda lib, tmp: lib.cosmicray_median(image(full=True)),
        ([], [], []),
    ),
    "block_reduce": (lambda lib, tmp: lib.block_reduce(image(), 2), ([], [], [USER])),
    "block_reduce, all planes": (
        lambda lib, tmp: lib.block_reduce(image(full=True), 2),
        ([], [USER], [USER]),
    ),
    "block_reduce, another function": (
        lambda lib, tmp: lib.block_reduce(image(full=True), 2, np.median),
        ([USER], [USER], [USER]),
    ),
    "block_average, all planes": (
        lambda lib, tmp: lib.block_average(image(full=True), 2),
        ([], [USER], [USER]),
    ),
    "block_replicate, all planes": (
        lambda lib, tmp: lib.block_replicate(image(full=True), 2),
        ([], [USER], [USER]),
    ),
    # theirs once for each plane
    "rebin": (lambda lib, tmp: lib.rebin(image(full=True), (15, 16)), ([OLD], [OLD], [OLD] * 4)),
    "median_filter": (lambda lib, tmp: lib.median_filter(image(full=True), 3), ([], [], [])),
    "transform_image": (lambda lib, tmp: lib.transform_image(image(), np.fliplr), ([], [], [])),
    "transform_image, with a WCS": (
        lambda lib, tmp: lib.transform_image(image(full=True), np.fliplr),
        ([USER], [USER], [UserWarning]),
    ),
    "wcs_project": (projected, ([], [], [])),
    "ccdmask": (lambda lib, tmp: lib.ccdmask(image("")), ([], [], [])),
    "background_deviation_box": (
        lambda lib, tmp: lib.background_deviation_box(image().data, 5),
        ([], [], []),
    ),
    "background_deviation_filter": (
        lambda lib, tmp: lib.background_deviation_filter(image().data, 3),
        ([], [], []),
    ),
    "sigma_func": (lambda lib, tmp: lib.sigma_func(image().data, axis=0), ([], [], [])),
    "bitfield_to_boolean_mask": (
        lambda lib, tmp: lib.bitfield_to_boolean_mask(np.arange(9), ignore_bits="1,4"),
        ([], [], []),
    ),
    "Keyword": (
        lambda lib, tmp: lib.Keyword("EXPTIME", unit=u.s).value_from({"EXPTIME": 30}),
        ([], [], []),
    ),
    "CCDData": (
        lambda lib, tmp: lib.CCDData(image(full=True)).add(lib.CCDData(image(full=True))),
        ([], [], []),
    ),
    "fits_ccddata_writer": (
        lambda lib, tmp: lib.fits_ccddata_writer(image(full=True), tmp / "a.fits"),
        ([], [], []),
    ),
    "fits_ccddata_reader": (
        lambda lib, tmp: lib.fits_ccddata_reader(written(lib, tmp)),
        ([], [], []),
    ),
    "ImageFileCollection": (
        lambda lib, tmp: collection_of(lib, tmp, A=1),
        ([UserWarning], [UserWarning], [UserWarning]),
    ),
    "ImageFileCollection, no files": (collection_of, ([USER], [USER], [USER])),
}


def said(lib, do, tmp):
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        # numpy's, of what is divided by zero
        warnings.simplefilter("ignore", RuntimeWarning)
        do(lib, tmp)
    return caught


@pytest.mark.parametrize("name", CASES)
def test_what_is_warned_of(name, tmp_path):
    do, (ours, switched, theirs) = CASES[name]
    for lib, switch, expected in (
        (ccdlib, False, ours),
        (ccdlib, True, switched),
        (ccdproc, False, theirs),
    ):
        with ccdlib.conf.set_temp("as_ccdproc", switch):
            (folder := tmp_path / f"{lib.__name__}{switch}").mkdir()
            caught = said(lib, do, folder)
        assert [each.category for each in caught] == expected, (lib.__name__, switch)
        for each in caught if lib is ccdlib and not name.startswith("Image") else ():
            # a filter by module, and what Python shows, are about the caller's line
            assert Path(each.filename) == Path(__file__)


def test_code_without_a_module_of_its_own_is_warned_too():
    lines = "import ccdlib; ccdlib.trim_image(image, '[1:50,:]')"
    with pytest.warns(AstropyUserWarning, match="outside the image's"):
        exec(compile(lines, "cell", "exec"), {"image": image()})


def test_every_name_of_ccdproc_is_there():
    named = {name.partition(",")[0] for name in CASES}
    # settings are no calls
    silent = {"Conf", "conf"}
    assert {name for name in ccdlib.__all__ if hasattr(ccdproc, name)} <= named | silent
