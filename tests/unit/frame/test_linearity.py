"""The correction of a non-linear response, and that flags are set before it."""

import numpy as np
import pytest

from ccdlib import dq
from ccdlib.camera.amplifiers import amplifiers_from_rows, amplifiers_to_rows
from ccdlib.camera.camera_file import amplifiers
from ccdlib.camera.headers import Headers
from ccdlib.config import load_camera
from ccdlib.errors import CcdlibError
from ccdlib.frame.linearity import corrected
from ccdlib.frame.raw_image import open_raw

TRUE = np.linspace(0, 60_000, 2001)


def test_polynomial_undoes_what_it_describes():
    measured = TRUE * (1 - 1e-6 * TRUE)
    # the inverse series of x - a x^2, to the third power
    found = corrected(measured.astype(np.float32), ("polynomial", 1e-6, 2e-12, 5e-18))
    assert np.abs(found / np.maximum(TRUE, 1) - 1)[1:].max() < 2e-4


def test_table():
    table = ("table", (0, 0), (10_000, 10_000), (50_000, 52_000))
    values = np.array([-5, 0, 5000, 30_000, 60_000], np.float32)
    expected = [-5, 0, 5000, 31_000, 62_400]
    np.testing.assert_allclose(corrected(values, table), expected, rtol=1e-6)


def test_table_that_starts_high():
    found = corrected(np.array([500], np.float32), ("table", (1000, 1100), (2000, 2300)))
    np.testing.assert_allclose(found, 550)


def test_table_that_falls():
    with pytest.raises(CcdlibError, match="do not both rise"):
        corrected(np.ones(1, np.float32), ("table", (0, 0), (10, 20), (5, 30)))


def test_input_is_not_changed():
    values = np.full(3, 1000, np.float32)
    corrected(values, ("polynomial", 1e-5))
    assert (values == 1000).all()


def test_flags_come_from_raw_values(tmp_path):
    """A pixel below the limit stays unflagged though its corrected value is above it."""
    from astropy.io import fits

    raw = np.full((20, 20), 1000, np.uint16)
    raw[5, 5], raw[6, 6] = 39_900, 40_100
    fits.writeto(tmp_path / "raw.fits", raw)
    camera = load_camera("demo")
    camera["detector"] |= {"gain": 1.0, "read_noise": 5.0, "linear_limit": 40_000}
    camera["detector"] |= {"linearity": {"polynomial": [1e-6]}}
    camera["amplifiers"] = [{}]
    headers = Headers("raw.fits", {}, ((0, {}, raw.shape),))
    amps = amplifiers_from_rows(amplifiers_to_rows(amplifiers(headers, camera)))
    assert amps[0].linearity == ("polynomial", 1e-6)
    overscan = {"method": "none", "degree": 0, "clip": 0}
    with open_raw(tmp_path / "raw.fits", amps, "raw.fits", overscan) as (_, (image,)):
        found = image.read()
    assert found.dq[5, 5] == 0 and found.dq[6, 6] == dq.NONLINEAR
    np.testing.assert_allclose(found.data[5, 5], 39_900 * 1.0399, rtol=1e-6)
