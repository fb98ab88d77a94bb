"""CCDData: bits that survive, headers that stay true."""

import bz2
import copy
import gzip
import io
import pickle
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData as TheirCCDData
from astropy.nddata import StdDevUncertainty, VarianceUncertainty
from astropy.utils.exceptions import AstropyUserWarning
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from toolbox_images import SHAPE, assert_same, both, linear_wcs, planes

import ccdlib
from ccdlib import CCDData, dq, fits_ccddata_reader
from ccdlib.errors import CcdlibError

bits = arrays.arrays(np.uint16, SHAPE, elements=st.sampled_from([0, 0, 1, 32, 258, 65535]))


def flagged():
    flags = np.zeros(SHAPE, np.uint16)
    flags[2, 3], flags[4, 5] = dq.SATURATED, dq.COSMIC_RAY | dq.INTERPOLATED
    return CCDData(np.arange(42.0).reshape(SHAPE), unit="adu", dq=flags, wcs=linear_wcs())


def test_is_astropys_ccddata():
    assert isinstance(flagged(), TheirCCDData)


def test_unit_is_required():
    with pytest.raises(ValueError, match="unit"):
        CCDData([1.0])


@given(bits, bits)
def test_arithmetic_joins_the_bits_of_both(first, second):
    ones = np.ones(SHAPE)
    a, b = CCDData(ones, unit="adu", dq=first), CCDData(ones, unit="adu", dq=second)
    for result in (a.add(b), a.subtract(b), a.multiply(b), a.divide(b)):
        np.testing.assert_array_equal(result.dq, first | second)
        np.testing.assert_array_equal(result.mask, (first | second) != 0)
        assert result.dq.dtype == np.uint16


@given(bits)
def test_arithmetic_with_a_number_or_plain_ccddata_keeps_the_bits(flags):
    ours = CCDData(np.ones(SHAPE), unit="adu", dq=flags)
    np.testing.assert_array_equal(ours.multiply(3).dq, flags)
    np.testing.assert_array_equal(ours.add(TheirCCDData(np.ones(SHAPE), unit="adu")).dq, flags)


@given(planes(-50, 50), planes(1, 9), planes(1, 50))
def test_arithmetic_is_that_of_astropy(data, sigma, other):
    ours, theirs = both(data, sigma)
    assert_same(ours.divide(other * u.s), theirs.divide(other * u.s))


@pytest.mark.parametrize("clone", [CCDData.copy, copy.deepcopy])
def test_copy_shares_nothing(clone):
    ccd = flagged()
    twin = clone(ccd)
    np.testing.assert_array_equal(twin.dq, ccd.dq)
    twin.dq[0, 0] = 1
    twin.data[0, 0] = -5
    assert ccd.dq[0, 0] == 0
    assert ccd.data[0, 0] == 0


def test_pickle():
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(flagged())).dq, flagged().dq)


def test_slice_takes_bits_and_mask_along():
    part = flagged()[1:5, 2:6]
    assert part.dq[1, 1] == dq.SATURATED
    assert part.dq[3, 3] == dq.COSMIC_RAY | dq.INTERPOLATED
    np.testing.assert_array_equal(part.mask, part.dq != 0)
    np.testing.assert_allclose(part.wcs.wcs.crpix, [1.5, 1.5])


def test_slice_does_not_touch_the_header_of_the_whole():
    ccd = flagged()
    ccd.meta = fits.Header([("TRIMSEC", "[2:7,1:6]"), ("BIASSEC", "[1:1,1:6]")])
    part = ccd[:, 1:]
    assert ccd.header["TRIMSEC"] == "[2:7,1:6]"
    assert part.header["TRIMSEC"] == "[1:6,1:6]"
    assert "BIASSEC" not in part.header
    assert (part.header["LTV1"], part.header["LTV2"]) == (-1, 0)


def test_mask_follows_bits_set_in_place_and_keeps_those_set_by_hand():
    ccd = CCDData(np.ones((2, 2)), unit="adu", dq=np.zeros((2, 2), int))
    ccd.mask[0, 0] = True
    ccd.dq[1, 1] |= dq.HOT
    np.testing.assert_array_equal(ccd.mask, [[True, False], [False, True]])


def test_an_integer_mask_and_bits_are_joined():
    ccd = CCDData(np.ones((1, 3)), unit="adu", mask=np.array([[0, 4, 0]]), dq=[[8, 0, 0]])
    np.testing.assert_array_equal(ccd.mask, [[True, True, False]])


def test_without_bits_the_mask_is_astropys():
    assert CCDData([1.0], unit="adu").mask is None


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([[0, 1]], r"dq has shape \(1, 2\), the image has \(1, 3\)"),
        ([[0, -1, 0]], "whole numbers >= 0"),
        ([[0.0, 1.0, 0.0]], "type float64"),
    ],
)
def test_impossible_bits(flags, message):
    with pytest.raises(CcdlibError, match=message):
        CCDData([[1.0, 2.0, 3.0]], unit="adu", dq=flags)


def test_bits_beyond_sixteen_are_kept(tmp_path):
    ccd = CCDData([[1.0, 2.0]], unit="adu", dq=[[0, 1 << 20]])
    ccd.write(tmp_path / "a.fits")
    assert CCDData.read(tmp_path / "a.fits").dq.tolist() == [[0, 1 << 20]]


def test_converting_the_unit_keeps_the_bits():
    ccd = CCDData([[1.0, 2.0]], unit="m", dq=[[0, 2]])
    converted = ccd.convert_unit_to("cm")
    assert converted.data.tolist() == [[100, 200]]
    assert converted.dq.tolist() == [[0, 2]]


@pytest.mark.parametrize("kind", [StdDevUncertainty, VarianceUncertainty])
def test_fits_round_trip(tmp_path, kind):
    ccd = flagged()
    ccd.uncertainty = kind(np.full(SHAPE, 2.0))
    ccd.meta["OBJECT"] = "M 13"
    ccd.write(tmp_path / "a.fits")
    back = CCDData.read(tmp_path / "a.fits")
    assert_same(back, ccd)
    np.testing.assert_array_equal(back.dq, ccd.dq)
    assert back.dq.dtype.newbyteorder("=") == np.uint16
    np.testing.assert_allclose(back.wcs.wcs.crpix, [3.5, 2.5])
    assert back.header["OBJECT"] == "M 13"


def test_file_is_read_by_astropy_alike_and_names_its_bits(tmp_path):
    flagged().write(tmp_path / "a.fits")
    theirs = TheirCCDData.read(tmp_path / "a.fits")
    np.testing.assert_array_equal(theirs.mask, flagged().dq != 0)
    assert fits.getheader(tmp_path / "a.fits", "DQ")["DQBIT1"] == "SATURATED"


def test_a_file_without_bits_has_none(tmp_path):
    TheirCCDData([[1.0]], unit="adu").write(tmp_path / "a.fits")
    assert CCDData.read(tmp_path / "a.fits").dq is None


def test_image_in_an_extension(tmp_path):
    flagged().write(tmp_path / "a.fits", as_image_hdu=True)
    back = CCDData.read(tmp_path / "a.fits")
    np.testing.assert_array_equal(back.data, flagged().data)
    np.testing.assert_array_equal(back.dq, flagged().dq)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_compressed_files_are_read(tmp_path, pack):
    """`CCDData.read` hands on what it has opened, and both readers need it from its start."""
    flagged().write(tmp_path / "a.fits")
    path = tmp_path / f"a.fits.{pack.__module__[:2]}"
    path.write_bytes(pack((tmp_path / "a.fits").read_bytes()))
    for result in (CCDData.read(path), CCDData.read(str(path), format="fits")):
        np.testing.assert_array_equal(result.data, flagged().data)
        np.testing.assert_array_equal(result.dq, flagged().dq)


def test_an_open_file_is_read(tmp_path):
    flagged().write(tmp_path / "a.fits")
    with open(tmp_path / "a.fits", "rb") as file:
        np.testing.assert_array_equal(CCDData.read(file, format="fits").dq, flagged().dq)


@pytest.mark.parametrize("item", [(slice(None), 2), 1, (slice(0, 2), 1)])
def test_a_slice_with_fewer_axes_has_no_wcs(item):
    ccd = CCDData(np.arange(12.0).reshape(3, 4), unit="adu", wcs=linear_wcs())
    with pytest.warns(AstropyUserWarning, match="has no WCS"):
        part = ccd[item]
    assert part.wcs is None and part.data.tolist() == ccd.data[item].tolist()


def test_an_overscan_of_one_column_is_cut_out_of_an_image_with_a_wcs():
    ccd = CCDData(np.arange(12.0).reshape(3, 4), unit="adu", wcs=linear_wcs())
    with pytest.warns(AstropyUserWarning, match="has no WCS"):
        column = ccd[:, 3]
    result = ccdlib.subtract_overscan(ccd, overscan=column)
    assert result.data[:, 3].tolist() == [0, 0, 0] and result.wcs is not None


def opened(path):
    return path.open("rb")


def in_memory(path):
    return io.BytesIO(path.read_bytes())


def packed(path):
    folder = path.with_name("packed.fits.gz")
    folder.write_bytes(gzip.compress(path.read_bytes()))
    return folder


@pytest.mark.parametrize("way", [Path, str, opened, in_memory, packed])
@pytest.mark.parametrize("name", ["DQ", "dq", ("DQ", 1), "BITS", None])
@pytest.mark.parametrize("planes", [{}, {"mask": [[True, False]]}])
def test_bits_are_found_wherever_they_are(tmp_path, way, name, planes):
    path = tmp_path / "a.fits"
    CCDData([[1.0, 2.0]], unit="adu", dq=[[0, 32]], **planes).write(path)
    found = None if name in ("BITS", None) else [[0, 32]]
    for read in (fits_ccddata_reader, CCDData.read):
        file = way(path)
        ccd = read(file, hdu_dq=name)
        assert (None if ccd.dq is None else ccd.dq.tolist()) == found
        assert ccd.data.tolist() == [[1.0, 2.0]] and ccd.unit == "adu"
        if way is opened:
            file.close()
