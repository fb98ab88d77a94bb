"""ccd_process, transform and what is written about a step."""

import ccdproc
import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from hypothesis import given
from toolbox_images import SHAPE, assert_same, assert_unchanged, both, frozen, planes

import ccdlib
from ccdlib import CCDData, dq
from ccdlib.errors import CcdlibError

GAIN, NOISE = 2.0 * u.electron / u.adu, 10.0 * u.electron


@given(planes(900, 60000), planes(0, 30), planes(0, 5), planes(0.5, 2))
def test_is_ccdprocs_without_noise(raw, bias, dark, flat):
    ours, theirs = both(raw)
    for early in (True, False):
        unit = "electron" if early else "adu"
        masters = [both(plane, unit=unit) for plane in (bias, dark)] + [both(flat, unit="")]
        flat_norm = masters[2]
        times = {"dark_exposure": 2 * u.s, "data_exposure": 3 * u.s, "dark_scale": True}
        common = times | {"gain": GAIN, "gain_corrected": early}
        results = [
            process(
                ccd,
                master_bias=masters[0][i],
                dark_frame=masters[1][i],
                master_flat=flat_norm[i],
                **common,
            )
            for i, (process, ccd) in enumerate(
                [(ccdlib.ccd_process, ours), (ccdproc.ccd_process, theirs)]
            )
        ]
        assert_same(*results, 60000 * 2 * 4)


def light(pedestal=1000.0, size=64):
    rng = np.random.default_rng(8)
    adu = pedestal + rng.normal(0, 5, (size, size + 16))
    adu[:, :size] += rng.poisson(100, (size, size)) / 2
    return CCDData(np.round(adu), unit="adu")


@pytest.mark.parametrize("early", [True, False])
def test_noise_does_not_know_of_the_pedestal(early):
    sections = {"oscan": f"[{65}:{80},:]", "trim": "[1:64,:]"}
    done = ccdlib.ccd_process(
        light(), **sections, error=True, gain=GAIN, readnoise=NOISE, gain_corrected=early
    )
    assert done.unit == u.electron
    # 100 electrons of light, 10 of read noise, a step of 2 electrons
    np.testing.assert_allclose(np.median(done.uncertainty.array), np.sqrt(200 + 4 / 12), rtol=0.02)


def test_masks_are_joined():
    ccd = CCDData(np.full(SHAPE, 5.0), unit="adu", mask=np.eye(*SHAPE, dtype=bool))
    bad = np.zeros(SHAPE, int)
    bad[5, 0] = 3
    done = ccdlib.ccd_process(ccd, bad_pixel_mask=bad)
    np.testing.assert_array_equal(done.mask, np.eye(*SHAPE, dtype=bool) | (bad != 0))


def test_input_is_unchanged():
    ccd = CCDData(np.full(SHAPE, 5.0), unit="adu", dq=np.full(SHAPE, dq.HOT), meta={"A": 1})
    before = frozen(ccd)
    ccdlib.ccd_process(ccd, trim="[1:3,1:3]", gain=GAIN, bad_pixel_mask=np.ones((3, 3)))
    assert_unchanged(ccd, before)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"gain": 2.0}, TypeError, "gain is not None or astropy.units.Quantity, it is 2.0"),
        ({"error": True}, ValueError, "to create error frame: gain=None, readnoise=None"),
        ({"oscan": 5}, TypeError, "oscan is not None, a string, or CCDData object, it is a int"),
        ({"trim": 5}, TypeError, "trim is not None or a string, it is 5"),
        (
            {"bad_pixel_mask": [1]},
            TypeError,
            "bad_pixel_mask is not None or numpy.ndarray, it is a list",
        ),
        ({"bad_pixel_mask": np.ones(3)}, ValueError, r"shape \(3,\), the image has \(6, 7\)"),
        ({"master_bias": 3}, TypeError, "master_bias is not None or a CCDData object, it is a int"),
    ],
)
def test_what_is_wrong_is_told(arguments, kind, message):
    with pytest.raises(kind, match=message):
        ccdlib.ccd_process(CCDData(np.ones(SHAPE), unit="adu"), **arguments)


def test_errors_are_ours():
    with pytest.raises(CcdlibError):
        ccdlib.ccd_process(CCDData(np.ones(SHAPE), unit="adu"), gain=2.0)


def ones(meta=None):
    return CCDData(np.ones(SHAPE), unit="adu", meta=meta)


@pytest.mark.parametrize("meta", [None, fits.Header()])
def test_step_and_arguments_are_logged(meta):
    result = ccdlib.gain_correct(ones(meta), GAIN)
    short = "gaincor", "Shortened name for ccdproc command"
    if meta is None:
        assert result.meta["gain_correct"] == short
    else:
        card = result.meta.cards["GAIN_CORRECT"]
        assert (card.value, card.comment) == short
    assert result.meta["gaincor"] == "gain=2.0 electron / adu"


def test_arrays_and_functions_are_logged_by_their_kind():
    result = ccdlib.subtract_bias(ones(), ones())
    assert result.meta["subbias"] == "master=<CCDData>"
    for value in result.meta.values():
        assert "0x" not in str(value)


def test_long_log_survives_a_file(tmp_path):
    ccd = ones(fits.Header())
    ccdlib.subtract_overscan(ccd, fits_section="[5:7,:]").write(tmp_path / "a.fits")
    header = CCDData.read(tmp_path / "a.fits").header
    assert header["SUBTRACT_OVERSCAN"] == "suboscan"
    assert header["SUBOSCAN"].startswith("fits_section=[5:7,:], method=mean, clip=4.0")


@pytest.mark.parametrize("nothing", [None, False, {}])
def test_no_log(nothing):
    assert not ccdlib.gain_correct(ones(), GAIN, add_keyword=nothing).meta


def test_no_log_by_configuration():
    with ccdlib.conf.set_temp("auto_logging", False):
        assert not ccdlib.gain_correct(ones(), GAIN).meta
        assert ccdlib.gain_correct(ones(), GAIN, add_keyword="GAINED").meta == {"GAINED": None}
    assert ccdlib.gain_correct(ones(), GAIN).meta


def test_explicit_log():
    key = ccdlib.Keyword("GAINED", unit=u.electron / u.adu, value=2)
    assert ccdlib.gain_correct(ones(), GAIN, add_keyword=key).meta == {"GAINED": 2.0}
    cards = {"GAINED": True, "BY": "me"}
    assert ccdlib.gain_correct(ones(), GAIN, add_keyword=cards).meta == cards


def test_one_line_for_the_whole_process():
    meta = ccdlib.ccd_process(ones(), trim="[1:3,1:3]", gain=GAIN).meta
    assert sorted(meta) == ["ccd_process", "ccdproc"]
