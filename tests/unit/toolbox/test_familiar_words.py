"""Messages have the words of ccdproc's, which people search for, and more than these."""

import warnings

import ccdproc
import ccdproc.utils.slices
import numpy as np
import pytest
from astropy import units as u
from astropy.wcs import WCS

import ccdlib
from ccdlib.errors import CcdlibError

GAIN, NOISE, SECOND = 2 * u.electron / u.adu, 3 * u.electron, 1 * u.s


def image(lib, shape=(20, 20), unit="adu", **kwd):
    return lib.CCDData(np.full(shape, 9.0), unit=unit, **kwd)


def setting(lib, name, value):
    setattr(lib.Combiner([image(lib)] * 2), name, value)


def process(**kwd):
    return lambda lib: lib.ccd_process(image(lib), **kwd)


def deviation(*args, **kwd):
    return lambda lib: lib.create_deviation(image(lib), *args, **kwd)


def overscan(**kwd):
    return lambda lib: lib.subtract_overscan(image(lib), **kwd)


def dark(exposed=None, unit="adu", **kwd):
    def call(lib):
        meta = {} if exposed is None else {"exptime": exposed}
        lib.subtract_dark(image(lib, meta=meta), image(lib, unit=unit, meta=meta), **kwd)

    return call


def combiner(name, value):
    return lambda lib: setting(lib, name, value)


def section(text, fits=True):
    return lambda lib: lib.utils.slices.slice_from_string(text, fits_convention=fits)


SEVERAL = "a function or an array the same length as the number of images"
NOT_SQUARE = "1D weights expected when shapes of the data and weights differ"
TIMES = "must specify either exposure_time or both dark_exposure and data_exposure"
WORDS = [
    (process(oscan=5), "oscan is not None, a string, or CCDData object"),
    (process(trim=5), "trim is not None or a string"),
    (process(error=True), "gain and readnoise must be specified to create error frame"),
    (process(bad_pixel_mask=5), "bad_pixel_mask is not None or numpy.ndarray"),
    (process(gain=5), "gain is not None or astropy.units.Quantity"),
    (process(master_bias=5), "master_bias is not None or a CCDData object"),
    (process(dark_frame=5), "dark_frame is not None or a CCDData object"),
    (process(master_flat=5), "master_flat is not None or a CCDData object"),
    (deviation(2.0, NOISE), "gain must be a"),
    (deviation(GAIN), "must provide a readnoise"),
    (deviation(GAIN, 3.0), "readnoise must be a"),
    (deviation(GAIN, 3 * u.adu), "units of data, gain and readnoise do not match"),
    (overscan(), "specify either overscan or fits_section, but not both"),
    (overscan(overscan=5), "overscan is not a CCDData object"),
    (lambda lib: lib.trim_image(image(lib), 5), "fits_section must be a string"),
    (dark(unit="electron", dark_exposure=SECOND, data_exposure=SECOND), "uncalibrated image"),
    (dark(), TIMES),
    (dark(5, exposure_time="exptime"), "must provide unit for exposure time"),
    (
        lambda lib: lib.flat_correct(image(lib), image(lib), norm_value=-1),
        "norm_value must be greater than zero",
    ),
    (lambda lib: lib.transform_image(3, np.sin), "is not a CCDData"),
    (lambda lib: lib.transform_image(image(lib), 5), "transform_func is not a callable"),
    (
        lambda lib: lib.wcs_project(image(lib, wcs=WCS(naxis=2)), WCS(naxis=2)),
        "one or both WCS is not celestial",
    ),
    (lambda lib: lib.background_deviation_box(np.ones((9, 9)), 0), "bbox must be"),
    (lambda lib: lib.background_deviation_filter(np.ones((9, 9)), 0), "bbox must be"),
    (lambda lib: lib.rebin(image(lib), (2,)), "newshape does not have the same dimensions as ccd"),
    (lambda lib: lib.rebin(5, (2, 2)), "ccd is not an ndarray or a CCDData object"),
    (lambda lib: lib.cosmicray_lacosmic("x"), "ccd is not a CCDData or ndarray object"),
    (
        lambda lib: lib.cosmicray_lacosmic(image(lib), pssl=1, inbkg=np.ones((20, 20), "f4")),
        "Cannot set both pssl",
    ),
    (
        lambda lib: lib.cosmicray_lacosmic(image(lib), gain=GAIN, readnoise=3 * u.adu),
        "Inconsistent units",
    ),
    (
        lambda lib: lib.cosmicray_median(np.ones((9, 9)), error_image="x"),
        "error_image is not a float or ndarray",
    ),
    (
        lambda lib: lib.cosmicray_median(image(lib), error_image=np.ones((2, 2))),
        "error_image is not the same shape as data",
    ),
    (
        lambda lib: lib.ccdmask(lib.CCDData(np.ones(5), unit="adu")),
        '"ratio" must be two-dimensional',
    ),
    (
        lambda lib: lib.Keyword("a", unit=u.s, value="x"),
        "keyword with a unit cannot have a string value",
    ),
    (lambda lib: lib.Keyword("a", value=5), "no unit provided"),
    (lambda lib: lib.Combiner(None), "ccd_iter should be a list or a generator of CCDData objects"),
    (lambda lib: lib.Combiner([1, 2]), "ccd_list should only contain CCDData objects"),
    (
        lambda lib: lib.Combiner([image(lib), image(lib, (3, 3))]),
        "CCDData objects are not the same size",
    ),
    (
        lambda lib: lib.Combiner([image(lib), image(lib, unit="electron")]),
        "CCDData objects don't have the same unit",
    ),
    (combiner("weights", np.ones((3, 3))), NOT_SQUARE),
    (combiner("weights", np.ones(3)), "Length of weights not compatible with specified axis"),
    (combiner("weights", 5), "weights must be a numpy.ndarray"),
    (combiner("scaling", 5), SEVERAL),
    (combiner("scaling", [1, 2, 3]), SEVERAL),
    (lambda lib: lib.combine(5), "unrecognised input for list of images to combine"),
    (lambda lib: lib.combine([image(lib)], method="mode"), "unrecognised combine method"),
    (section("1:2"), "Slice string must be enclosed in square brackets"),
    (section("[0:5]"), "Smallest permissible FITS index is 1"),
    (section("[1:-2]"), "Negative final index not allowed for FITS slice"),
]


@pytest.mark.parametrize(("call", "words"), WORDS, ids=[words for _, words in WORDS])
def test_messages_have_the_words_of_ccdprocs(call, words):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(Exception) as theirs:
            call(ccdproc)
        with pytest.raises(CcdlibError) as ours:
            call(ccdlib)
    assert words in str(theirs.value) and words in str(ours.value)
    # theirs may have another for units
    kinds = [kind for kind in (TypeError, u.UnitsError) if isinstance(theirs.value, kind)]
    assert isinstance(ours.value, (*kinds, ValueError)), type(ours.value)
