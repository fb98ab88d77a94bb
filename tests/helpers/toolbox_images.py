"""Images for the toolbox's tests, ours and ccdproc's from the same numbers."""

import numpy as np
from astropy.nddata import CCDData as TheirCCDData
from astropy.nddata import StdDevUncertainty
from astropy.wcs import WCS
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ccdlib import CCDData

SHAPE = (6, 7)
RELATIVE = 4 * np.finfo(np.float32).eps


def planes(low, high, shape=SHAPE):
    """Float32 images with values of whole hundredths."""
    whole = st.integers(int(low * 100), int(high * 100))
    return arrays.arrays(np.int32, shape, elements=whole).map(
        lambda values: (values / 100).astype(np.float32)
    )


masks = st.one_of(st.none(), arrays.arrays(bool, SHAPE))


def make(kind, data, sigma=None, mask=None, unit="adu", **kwd):
    """A CCDData that shares nothing with what it is made from."""
    return kind(
        data.copy(),
        uncertainty=None if sigma is None else StdDevUncertainty(sigma.copy()),
        mask=None if mask is None else mask.copy(),
        unit=unit,
        **kwd,
    )


def both(*args, **kwd):
    """The same image as ours and as astropy's."""
    return make(CCDData, *args, **kwd), make(TheirCCDData, *args, **kwd)


def linear_wcs():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = [150, 2], [3.5, 2.5], [-0.001, 0.001]
    return wcs


def frozen(ccd):
    """Everything of an image, to see later whether it changed."""
    planes = [ccd.data, ccd.mask, getattr(ccd, "dq", None)]
    planes.append(None if ccd.uncertainty is None else ccd.uncertainty.array)
    return [None if each is None else each.copy() for each in planes], dict(ccd.meta), ccd.unit


def assert_unchanged(ccd, before):
    now = frozen(ccd)
    for old, new in zip(before[0], now[0], strict=True):
        np.testing.assert_array_equal(old, new)
    assert before[1:] == now[1:]


def assert_same(ours, theirs, scale=1.0):
    """Data, uncertainty, mask and unit equal to float32 rounding of numbers around `scale`."""
    close = {"rtol": RELATIVE, "atol": RELATIVE * scale}
    np.testing.assert_allclose(ours.data, theirs.data, **close)
    assert ours.unit == theirs.unit
    if theirs.uncertainty is None:
        assert ours.uncertainty is None
    else:
        assert type(ours.uncertainty) is type(theirs.uncertainty)
        np.testing.assert_allclose(ours.uncertainty.array, theirs.uncertainty.array, **close)
    ours_mask = np.zeros(ours.shape, bool) if ours.mask is None else ours.mask
    theirs_mask = np.zeros(theirs.shape, bool) if theirs.mask is None else theirs.mask
    np.testing.assert_array_equal(ours_mask, theirs_mask)
