"""Any call of a public name with `conf.as_ccdproc` is what ccdproc's is: calls made by chance.

Each call draws its images (type, shape, unit, uncertainty, mask, WCS, header, values that are not
finite) and its arguments. What is compared: value, sigma and its kind, mask, unit, type, WCS, names
of cards, warnings, and whether there is an error. What differs on purpose is named here, and in
docs/differences.md.
"""

import tempfile
import warnings
from pathlib import Path
from typing import NamedTuple

import ccdproc
import numpy as np
import pytest
from astropy import nddata
from astropy import units as u
from astropy.io import fits
from astropy.modeling.models import Chebyshev1D, Polynomial1D
from astropy.utils.exceptions import AstropyDeprecationWarning
from hypothesis import given, settings
from hypothesis import strategies as st
from toolbox_images import linear_wcs

import ccdlib
from ccdlib.errors import CcdlibError

GAIN = 1.7 * u.electron / u.adu
UNCERTAINTIES = {
    "std": nddata.StdDevUncertainty,
    "var": nddata.VarianceUncertainty,
    "ivar": nddata.InverseVariance,
}
DTYPES = ["uint16", "int32", "float32", "float64"]
TOLD = UserWarning, AstropyDeprecationWarning

# in smaller images theirs writes beyond their memory
LEAST = {"cosmicray_lacosmic": 12}
# there uint16 wraps round, in the squares of uncertainties as well
WRAP = {"ccdmask", "CCDData", "flat_correct", "ccd_process"}
# there a NaN spreads to all pixels beside it, whatever they have of it
SPREAD = {"wcs_project"}
# what docs/differences.md says: these keep the type of the image
KEEP_FLOATS = {"gain_correct", "subtract_bias", "subtract_dark", "flat_correct"}
KEEP_FLOATS |= {"subtract_overscan", "ccd_process", "CCDData"}
# a factor that is applied twice, and exposures that differ
SAYS_MORE = {"gain_correct", "subtract_dark", "ccd_process"}
# theirs tells that a unit is ignored, which it is not
SAYS_LESS = {"block_reduce", "block_average", "block_replicate"}
# an image with a WCS is mirrored
LESS_REFUSED = {"trim_image": "Slicing the WCS object"}
# `ccd_process` is one line, and theirs does not log cosmicray_median and cosmicray_lacosmic
LOGGED_OTHERWISE = {"ccd_process", "cosmicray_median", "cosmicray_lacosmic"}
# cards that follow a cut
FOLLOW = {"ltv1", "ltv2", "ltm1_1", "ltm2_2"}


class Image(NamedTuple):
    """How an image is made."""

    dtype: str
    shape: tuple[int, int]
    unit: str
    sigma: str | None
    masked: bool
    wcs: bool
    cards: bool
    lost: bool
    level: float
    seed: int

    def made(self, library):
        rng = np.random.default_rng(self.seed)
        data = rng.normal(self.level, 5, self.shape).astype(self.dtype)
        if self.lost and data.dtype.kind == "f":
            data[rng.random(self.shape) < 0.1] = np.nan
        ccd = library(data, unit=self.unit)
        if self.sigma:
            kind = np.float32 if self.dtype == "float32" else np.float64
            spread = rng.uniform(1, 3, self.shape).astype(kind)
            ccd.uncertainty = UNCERTAINTIES[self.sigma](spread)
        if self.masked:
            ccd.mask = rng.random(self.shape) < 0.2
        if self.wcs:
            ccd.wcs = linear_wcs()
        if self.cards:
            ccd.meta = fits.Header({"OBJECT": "M 51", "EXPTIME": 30.0, "GAIN": 1.7})
        return ccd


@st.composite
def images(draw, name, count=3):
    """Images of one shape and unit for a call."""
    least = LEAST.get(name, 2)
    shape = draw(st.tuples(*2 * [st.integers(least, least + 7)]))
    unit = draw(st.sampled_from(["adu", "electron", ""]))
    sigma = draw(st.sampled_from([None, *UNCERTAINTIES]))
    return [
        Image(
            draw(st.sampled_from(DTYPES[name in WRAP :])),
            shape,
            unit,
            draw(st.sampled_from([None, sigma])),
            *(draw(st.booleans()) for _ in range(3)),
            name not in SPREAD and draw(st.sampled_from([False, False, True])),
            (1000.0, 90.0, 300.0)[number % 3],
            number + draw(st.integers(0, 2)) * 10,
        )
        for number in range(count)
    ]


def one_of(draw, *values):
    return draw(st.sampled_from(values))


def noise_of(ccd, gain, fits):
    """A read noise in the unit that it must have, or in another."""
    unit = ccd.unit if gain is None else gain.unit * ccd.unit
    return 8 * (unit if fits else u.m)


def create_deviation(draw):
    gain, fits_in = one_of(draw, GAIN, 1.0 * u.electron, None), one_of(draw, True, True, False)
    disregard = draw(st.booleans())
    return lambda lib, a, *_: lib.create_deviation(
        a, gain, noise_of(a, gain, fits_in), disregard_nan=disregard
    )


def gain_correct(draw):
    gain, unit = draw(
        st.sampled_from(
            [(GAIN, None), (1.7, None), (2, u.electron / u.adu), ("keyword", u.electron / u.adu)]
        )
    )
    # each library has its own class
    made = {"keyword": lambda lib: lib.Keyword("GAIN", unit=u.electron / u.adu)}
    return lambda lib, a, *_: lib.gain_correct(
        a, made[gain](lib) if gain in made else gain, gain_unit=unit
    )


def subtract_dark(draw):
    times = one_of(
        draw,
        {"data_exposure": 30 * u.s, "dark_exposure": 60 * u.s},
        {"data_exposure": 1 * u.min, "dark_exposure": 60 * u.s},
        {"exposure_time": "EXPTIME", "exposure_unit": u.s},
        {"data_exposure": 30 * u.s},
        {"exposure_time": "EXPTIME", "data_exposure": 3 * u.s, "exposure_unit": u.s},
        {},
    )
    scale = draw(st.booleans())
    return lambda lib, a, b, *_: lib.subtract_dark(a, b, **times, scale=scale)


def flat_correct(draw):
    least, norm = one_of(draw, None, 85.0, 1000.0), one_of(draw, None, 90.0, 2)
    return lambda lib, a, b, *_: lib.flat_correct(a, b, min_value=least, norm_value=norm)


def subtract_overscan(draw):
    section = one_of(draw, "[1:2,:]", "[:,1:2]", "[2:2,:]", None)
    axis, median = one_of(draw, 1, 0, None), draw(st.booleans())
    model = one_of(draw, None, Polynomial1D(1), Chebyshev1D(1))
    return lambda lib, a, b, *_: lib.subtract_overscan(
        a,
        overscan=b if section is None else None,
        overscan_axis=axis,
        fits_section=section,
        median=median,
        model=None if model is None else model.copy(),
    )


def trim_image(draw):
    section = one_of(draw, None, "[1:2,1:2]", "[2:,:]", "[:,*]", "[:2, 2:]", "[1:2,-*]")
    return lambda lib, a, *_: lib.trim_image(a, fits_section=section)


def ccd_process(draw):
    gain = one_of(draw, GAIN, None)
    arguments = {
        "oscan": one_of(draw, None, "[1:1,:]"),
        "trim": one_of(draw, None, "[1:2,1:2]"),
        "error": draw(st.booleans()),
        "gain": gain,
        "oscan_median": draw(st.booleans()),
        "gain_corrected": draw(st.booleans()),
    }
    masters = one_of(draw, (), ("master_bias",), ("master_flat",), ("master_bias", "master_flat"))

    def call(lib, a, b, *_):
        b = lib.trim_image(b, arguments["trim"])
        # masters are in the unit that the gain leads to, where it comes first
        b.unit = a.unit * gain.unit if gain is not None and arguments["gain_corrected"] else a.unit
        noise = noise_of(a, gain, True)
        return lib.ccd_process(a, readnoise=noise, **arguments, **dict.fromkeys(masters, b))

    return call


def combiner(draw):
    method = one_of(draw, "average_combine", "median_combine", "sum_combine")
    clip = one_of(draw, None, "extrema", "minmax", "sigma", "sigma, functions")
    scaling, weights = draw(st.booleans()), draw(st.booleans())
    dtype = one_of(draw, None, "float64", "float32")

    def call(lib, *ccds):
        stack = lib.Combiner(ccds, dtype=dtype)
        if weights:
            stack.weights = np.arange(1.0, len(ccds) + 1)
        if scaling:
            stack.scaling = 1 / np.arange(1.0, len(ccds) + 1)
        if clip == "extrema":
            stack.clip_extrema(nlow=1, nhigh=0)
        elif clip == "minmax":
            stack.minmax_clipping(min_clip=85, max_clip=1005)
        elif clip == "sigma":
            stack.sigma_clipping(low_thresh=1, high_thresh=1.2)
        elif clip:
            stack.sigma_clipping(1, 1, np.ma.median, np.ma.std)
        return getattr(stack, method)()

    return call


def combine(draw):
    arguments = {
        "method": one_of(draw, "average", "median", "sum", "mode"),
        "weights": one_of(draw, None, np.arange(1.0, 4.0)),
        "scale": one_of(draw, None, [1.0, 2.0, 0.5], np.nanmean),
        "clip_extrema": draw(st.booleans()),
        "sigma_clip": draw(st.booleans()),
        "sigma_clip_low_thresh": one_of(draw, 1.0, None),
        "mem_limit": one_of(draw, 16e9, 500.0),
    }
    return lambda lib, *ccds: lib.combine(list(ccds), **arguments)


def cosmicray_median(draw):
    arguments = {
        "error_image": one_of(draw, 3.0, 1.5),
        "thresh": one_of(draw, 1.0, 5),
        "mbox": one_of(draw, 3, 5),
        "gbox": one_of(draw, 0, 2),
        "rbox": one_of(draw, 0, 3),
    }

    def call(lib, a, *_):
        # of a CCDData theirs takes no number
        plane = np.full(a.shape, arguments["error_image"])
        return lib.cosmicray_median(a, **arguments | {"error_image": plane})

    return call


def cosmicray_lacosmic(draw):
    arguments = {
        "sigclip": one_of(draw, 4.5, 2.0),
        "gain": one_of(draw, 1.0, 2.0, GAIN),
        "readnoise": one_of(draw, 6.5, 8 * u.electron),
        "gain_apply": draw(st.booleans()),
        "niter": one_of(draw, 1, 3),
        "sepmed": draw(st.booleans()),
        "cleantype": one_of(draw, "meanmask", "medmask"),
    }
    return lambda lib, a, *_: lib.cosmicray_lacosmic(a, **arguments)


def blocks(name):
    def call_of(draw):
        size = one_of(draw, 1, 2, (2, 1), (1, 3), 20)
        return lambda lib, a, *_: getattr(lib, name)(a, size)

    return call_of


def block_reduce(draw):
    size, func = one_of(draw, 1, 2, (2, 3)), one_of(draw, np.sum, np.mean, np.median, np.max)
    return lambda lib, a, *_: lib.block_reduce(a, size, func=func)


def block_replicate(draw):
    size, conserve = one_of(draw, 1, 2, (2, 1)), draw(st.booleans())
    return lambda lib, a, *_: lib.block_replicate(a, size, conserve_sum=conserve)


def rebin(draw):
    shape = draw(st.tuples(st.integers(1, 12), st.integers(1, 12)))
    return lambda lib, a, *_: lib.rebin(a, shape)


def transform_image(draw):
    function = one_of(draw, np.rot90, np.fliplr, np.negative, lambda plane: plane[::2])
    return lambda lib, a, *_: lib.transform_image(a, function)


def wcs_project(draw):
    shift, order = one_of(draw, 0.0, 1.0, 0.4), one_of(draw, "bilinear", "nearest-neighbor")
    shape = one_of(draw, None, (5, 6))
    target = linear_wcs()
    target.wcs.crpix += shift
    return lambda lib, a, *_: lib.wcs_project(a, target, target_shape=shape, order=order)


def median_filter(draw):
    size, mode = one_of(draw, 1, 3, (1, 3)), one_of(draw, "reflect", "nearest")
    return lambda lib, a, *_: lib.median_filter(a, size, mode=mode)


def ccdmask(draw):
    arguments = {"findbadcolumns": draw(st.booleans()), "byblocks": draw(st.booleans())}
    arguments |= {"lsigma": one_of(draw, 9, 2), "ncsig": 3, "nlsig": 3, "ngood": 2}
    return lambda lib, a, *_: lib.ccdmask(a, ncmed=3, nlmed=3, **arguments)


def background(name):
    def call_of(draw):
        box = draw(st.integers(0, 9))
        return lambda lib, a, *_: getattr(lib, name)(a.data, box)

    return call_of


def sigma_func(draw):
    axis, ignore = one_of(draw, None, 0, 1), draw(st.booleans())
    return lambda lib, a, *_: lib.sigma_func(a.data, axis=axis, ignore_nan=ignore)


def bitfield_to_boolean_mask(draw):
    flags = np.arange(12, dtype=np.uint8).reshape(3, 4)
    arguments = {
        "ignore_bits": one_of(draw, 0, None, 3, [1, 4], "~4", 8),
        "flip_bits": one_of(draw, None, True),
    }
    return lambda lib, *_: lib.bitfield_to_boolean_mask(flags, **arguments)


def arithmetic(draw):
    name = one_of(draw, "add", "subtract", "multiply", "divide")
    operand = one_of(draw, "image", 2.0, 3 * u.adu)
    handle = one_of(draw, None, "first_found")

    def call(lib, a, b, *_):
        other = b if isinstance(operand, str) else operand
        return getattr(a, name)(other, handle_meta=handle, compare_wcs=None)

    return call


def keyword(draw):
    unit, value = one_of(draw, None, u.s), one_of(draw, None, 3, 4 * u.s, 5 * u.m, "a")
    key = one_of(draw, "EXPTIME", "EXPTIME", "OBJECT", "NOTHING")

    def call(lib, a, *_):
        a.header["EXPTIME"], a.header["OBJECT"] = 30.0, "M 51"
        made = lib.Keyword(key, unit=unit, value=value)
        return made.value, made.value_from(a.header)

    return call


def written_and_read(draw):
    planes = {"hdu_mask": one_of(draw, "MASK", "BAD", None), "hdu_uncertainty": "UNCERT"}
    behind, unit = draw(st.booleans()), one_of(draw, None, "adu", "electron")

    def call(lib, a, *_):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "a.fits")
            lib.fits_ccddata_writer(a, path, as_image_hdu=behind, **planes)
            return lib.fits_ccddata_reader(path, hdu=int(behind), unit=unit, **planes)

    return call


CARDS = {
    "IMAGETYP": st.sampled_from(["bias", "light", "flat field", None]),
    "EXPTIME": st.sampled_from([0.0, 30.0, 31.5, None]),
    "NUMBER": st.sampled_from([1, 2, None]),
}


def collection(draw):
    """A folder of files of some headers, asked for values and for files."""
    headers = draw(st.lists(st.fixed_dictionaries(CARDS), min_size=1, max_size=4))
    keywords = one_of(draw, None, "*", ["exptime"], ["imagetyp", "nothing"])
    key = one_of(draw, "imagetyp", "exptime", "number", "nothing")
    unique = draw(st.booleans())
    wanted = one_of(
        draw,
        {"imagetyp": "bias"},
        {"imagetyp": "LIGHT", "exptime": 30},
        {"imagetyp": "^b|field", "regex_match": True},
        {"exptime": "*"},
        {"number": None},
        {"nothing": 1},
        {},
    )

    def call(lib, *_):
        with tempfile.TemporaryDirectory() as folder:
            for number, cards in enumerate(headers):
                there = {name: value for name, value in cards.items() if value is not None}
                hdu = fits.PrimaryHDU(np.full((2, 2), number, np.int16), fits.Header(there))
                hdu.writeto(Path(folder, f"{number}.fits"))
            found = lib.ImageFileCollection(folder, keywords=keywords)
            files = list(found.files), list(found.files_filtered(**wanted))
            levels = [int(data.max()) for data in found.data(**wanted)]
            values = found.values(key, unique=unique)
            return *files, levels, set(values) if unique else list(values), set(found.keywords)

    return call


CALLS = {
    "create_deviation": create_deviation,
    "gain_correct": gain_correct,
    "subtract_bias": lambda draw: lambda lib, a, b, *_: lib.subtract_bias(a, b),
    "subtract_dark": subtract_dark,
    "flat_correct": flat_correct,
    "subtract_overscan": subtract_overscan,
    "trim_image": trim_image,
    "ccd_process": ccd_process,
    "Combiner": combiner,
    "combine": combine,
    "cosmicray_median": cosmicray_median,
    "cosmicray_lacosmic": cosmicray_lacosmic,
    "block_reduce": block_reduce,
    "block_average": blocks("block_average"),
    "block_replicate": block_replicate,
    "rebin": rebin,
    "transform_image": transform_image,
    "wcs_project": wcs_project,
    "median_filter": median_filter,
    "ccdmask": ccdmask,
    "background_deviation_box": background("background_deviation_box"),
    "background_deviation_filter": background("background_deviation_filter"),
    "sigma_func": sigma_func,
    "bitfield_to_boolean_mask": bitfield_to_boolean_mask,
    "CCDData": arithmetic,
    "Keyword": keyword,
    "fits_ccddata_reader": written_and_read,
    "ImageFileCollection": collection,
}


class Outcome(NamedTuple):
    result: object
    error: Exception | None
    warned: set


def outcome(lib, call, made):
    kind = ccdlib.CCDData if lib is ccdlib else nddata.CCDData
    ccds = [each.made(kind) for each in made]
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        try:
            result, error = call(lib, *ccds), None
        except Exception as raised:
            result, error = None, raised
    told = {each.category.__name__ for each in caught if issubclass(each.category, TOLD)}
    return Outcome(result, error, {name.removeprefix("Astropy") for name in told})


def compare(name, ours, theirs, rounding):
    """Raise AssertionError where two results differ."""
    if isinstance(theirs, tuple):
        for pair in zip(ours, theirs, strict=True):
            compare(name, *pair, rounding)
    elif isinstance(theirs, nddata.CCDData):
        compare_images(name, ours, theirs, rounding)
    elif isinstance(theirs, (list, set)):
        assert ours == theirs
    else:
        assert np.shape(ours) == np.shape(theirs)
        assert getattr(ours, "unit", None) == getattr(theirs, "unit", None)
        if np.asarray(theirs).dtype.kind in "OU":
            assert ours == theirs
        else:
            assert np.asarray(ours).dtype == np.asarray(theirs).dtype
            close(ours, theirs, rounding)


def compare_images(name, ours, theirs, rounding):
    assert (ours.unit, ours.shape) == (theirs.unit, theirs.shape)
    close(ours.data, theirs.data, rounding)
    assert (ours.uncertainty is None) == (theirs.uncertainty is None)
    if theirs.uncertainty is not None:
        # of a stack, theirs may be called after the images' and is a deviation all the same
        stack = name == "combine" and type(ours.uncertainty) is nddata.StdDevUncertainty
        assert stack or type(ours.uncertainty) is type(theirs.uncertainty)
        close(ours.uncertainty.array, theirs.uncertainty.array, rounding)
    assert (ours.mask is None) == (theirs.mask is None)
    if theirs.mask is not None:
        np.testing.assert_array_equal(ours.mask, theirs.mask)
    assert (ours.wcs is None) == (theirs.wcs is None)
    if theirs.wcs is not None:
        assert ours.wcs.wcs.compare(theirs.wcs.wcs, tolerance=1e-9)
    if name not in LOGGED_OTHERWISE:
        cards = [{key.lower() for key in each.meta} for each in (ours, theirs)]
        assert cards[0] - (FOLLOW if name == "trim_image" else set()) == cards[1]


def close(ours, theirs, rounding):
    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    # differences of values of the images' level are rounded as these are
    scale = np.max(np.abs(theirs), where=np.isfinite(theirs), initial=1000)
    np.testing.assert_allclose(ours, theirs, rtol=rounding, atol=rounding * scale)


def check(name, call, made):
    with ccdlib.conf.set_temp("as_ccdproc", True):
        ours = outcome(ccdlib, call, made)
    theirs = outcome(ccdproc, call, made)
    if name in LESS_REFUSED and LESS_REFUSED[name] in str(theirs.error):
        assert ours.error is None
    elif theirs.error is not None or ours.error is not None:
        assert ours.error is not None and theirs.error is not None, (ours.error, theirs.error)
        kinds = CcdlibError, ValueError, TypeError, KeyError, type(theirs.error)
        assert isinstance(ours.error, kinds)
    else:
        floats32 = any(each.dtype == "float32" for each in made)
        narrow = floats32 or getattr(theirs.result, "dtype", None) == np.float32
        compare(name, ours.result, theirs.result, 5e-6 if narrow else 1e-9)
        compare_manners(name, made, ours, theirs)


def compare_manners(name, made, ours, theirs):
    """The type of the pixels, and warnings."""
    if isinstance(theirs.result, nddata.CCDData) and ours.result.dtype != theirs.result.dtype:
        # floats stay as they are, whole numbers become float64
        given = np.dtype(made[0].dtype)
        assert name in KEEP_FLOATS
        assert ours.result.dtype == (given if given.kind == "f" else np.float64)
    more, less = ours.warned - theirs.warned, theirs.warned - ours.warned
    assert not more or name in SAYS_MORE
    assert not less or name in SAYS_LESS


@pytest.mark.parametrize("name", CALLS)
@given(st.data())
# the same calls each time: what a new one finds is found by the next test, by hand
@settings(max_examples=20, derandomize=True)
def test_any_call(name, data):
    check(name, CALLS[name](data.draw), data.draw(images(name)))


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
@given(st.data())
@settings(max_examples=1000)
def test_many_calls(name, data):
    check(name, CALLS[name](data.draw), data.draw(images(name)))


def test_every_name_is_called():
    # the reader's test writes; settings are no calls
    others = {"fits_ccddata_writer", "Conf", "conf"}
    assert {name for name in ccdlib.__all__ if hasattr(ccdproc, name)} == {*CALLS} | others
