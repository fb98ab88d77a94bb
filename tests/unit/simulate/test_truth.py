"""The comparison with the truth, on frames that are made true or wrong by hand."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits

from ccdlib import dq
from ccdlib.frame.image import Image
from ccdlib.products.product_files import write_product
from ccdlib.simulate.exposures import DEMO, simulate_demo
from ccdlib.simulate.truth import compare, summary

_SIGMA = 20.0


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    folder = tmp_path_factory.mktemp("night")
    small = replace(
        DEMO,
        shape=(96, 96),
        stars=4,
        lights=(("V", 1, 120.0),),
        biases=1,
        darks=(1, 120.0),
        flats=(),
    )
    simulate_demo(folder / "raw", folder / "truth", night=small)
    return folder


def _product(night, path, kind="light", unit="electron", flags=0, scale=1.0):
    truth = fits.getdata(night / "truth/M13_V_001.fits")
    noise = np.random.default_rng(1).normal(0, _SIGMA * scale, truth.shape)
    image = Image(
        (truth + noise).astype(np.float32),
        np.full(truth.shape, _SIGMA**2, np.float32),
        np.full(truth.shape, flags, np.uint16),
        unit,
    )
    write_product(path, [image], fits.Header([("IMAGETYP", kind)]))
    return path


@pytest.mark.parametrize("scale", [1.0, 1.5])
def test_the_pull_tells_a_true_sigma_from_a_wrong_one(night, tmp_path, scale):
    path = _product(night, tmp_path / "M13_V_001.fits", scale=scale)
    found = summary(compare(path, night / "truth"))
    assert found["mean"] == pytest.approx(0, abs=4 * found["error"])
    assert found["deviation"] == pytest.approx(scale, abs=4 * scale / np.sqrt(2 * found["pixels"]))


def test_flags_are_counted_where_the_truth_has_them(night, tmp_path):
    path = _product(night, tmp_path / "M13_V_001.fits", flags=dq.COSMIC_RAY)
    with fits.open(path, mode="update") as hdus:
        hdus["DQ"].data[:48] = 0
    comparison = compare(path, night / "truth")
    found = summary(comparison)
    there = comparison.cosmic_ray
    assert 0 < there[48:].sum() < there.sum()
    assert found["cosmic_ray"] == (there[48:].sum(), there.sum())
    assert found["saturated"] == (comparison.saturated[48:].sum(), comparison.saturated.sum())
    assert found["hot"] == (0, comparison.hot.sum())
    assert not np.isfinite(comparison.pull[48:]).any()


@pytest.mark.parametrize(("kind", "unit"), [("flat", "electron"), ("light", "adu")])
def test_what_has_no_truth_is_not_compared(night, tmp_path, kind, unit):
    path = _product(night, tmp_path / "M13_V_001.fits", kind=kind, unit=unit)
    assert compare(path, night / "truth") is None
