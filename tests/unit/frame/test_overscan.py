"""The overscan level: right against its own error, and never moved by what is wild."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ccdlib.errors import CcdlibError
from ccdlib.frame.overscan import overscan_level

METHODS = ["median", "mean", "polynomial"]
NOISE = 5.0


def strip(rows=2000, columns=24, slope=0.0, seed=1):
    rng = np.random.default_rng(seed)
    truth = 1000 + slope * np.linspace(-1, 1, rows)
    values = np.rint(truth[:, None] + rng.normal(0, NOISE, (rows, columns)))
    return values.astype(np.uint16), truth


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("columns", [1, 2, 3, 16, 32])
def test_the_pull_of_a_level_is_standard(method, columns):
    values, truth = strip(columns=columns, slope=30)
    level = overscan_level(values, method)
    if columns == 1:
        # one pixel a row tells nothing of its own error but that of rounding
        assert np.isfinite(level.values).all()
        return
    error = (level.values - truth) / np.sqrt(level.variance)
    if method == "polynomial":
        # one error for all rows: of four coefficients
        chi2 = np.sum((level.values - truth) ** 2) / (NOISE**2 / columns)
        assert stats.chi2.ppf(1e-4, 4) < chi2 < stats.chi2.ppf(1 - 1e-4, 4)
        return
    assert abs(error.mean()) < 4 / np.sqrt(error.size)
    assert abs(error.std() - 1) < 4 / np.sqrt(2 * error.size) + 0.02


@pytest.mark.parametrize("method", METHODS)
def test_the_level_follows_the_rows(method):
    values, truth = strip(slope=200)
    assert (
        np.abs(overscan_level(values, method).values - truth).max() < 6 * NOISE / np.sqrt(24) * 1.3
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("wild", [4e9, -4e9, 65535, 0])
def test_one_wild_pixel_moves_nothing(method, wild):
    values, _ = strip()
    clean = overscan_level(values, method)
    spoilt = values.astype(float)
    spoilt[700, 3] = wild
    level = overscan_level(spoilt, method)
    # the row loses one of its 24 pixels and moves by about the error of the rest
    assert np.abs(level.values - clean.values).max() < 5 * NOISE / np.sqrt(24)
    assert level.rejected == clean.rejected + 1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("columns", [2, 4])
def test_a_row_of_which_half_is_wild_keeps_the_other_half(method, columns):
    values = np.full((50, columns), 1000.0)
    values[20, columns // 2 :] = 4e9
    level = overscan_level(values, method)
    np.testing.assert_allclose(level.values, 1000, atol=1e-6)
    assert np.isfinite(level.variance).all()


@given(
    st.integers(2, 40), st.integers(1, 12), st.sampled_from(METHODS), st.integers(0, 2**31),
    st.data(),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_levels_are_finite_and_within_the_good_pixels(rows, columns, method, seed, data):
    rng = np.random.default_rng(seed)
    values = np.rint(1000 + rng.normal(0, NOISE, (rows, columns)))
    worst = data.draw(st.sampled_from([4e9, -4e9, np.nan, np.inf, 0.0]))
    count = data.draw(st.integers(0, (columns - 1) // 2))
    row = data.draw(st.integers(0, rows - 1))
    values[row, :count] = worst
    level = overscan_level(values, method, degree=1)
    assert np.isfinite(level.values).all()
    assert np.isfinite(level.variance).all()
    assert (level.variance > 0).all()
    assert (np.abs(level.values - 1000) < 12 * NOISE).all()


def test_trailed_charge_in_some_rows_does_not_bend_the_polynomial():
    values, truth = strip(slope=20)
    clean = overscan_level(values, "polynomial").values
    spoilt = values.copy()
    spoilt[900:930] += 400
    level = overscan_level(spoilt, "polynomial").values
    assert np.abs(level - clean).max() < 0.3
    assert np.abs(level - truth).max() < 1


@pytest.mark.parametrize("method", METHODS)
def test_quantised_rows_are_not_all_outliers(method):
    # 7 of 8 rows are exactly alike: their scatter is 0, which rejects everything off the median
    values = np.full((400, 4), 1000.0)
    values[::8, 0] = 1001
    level = overscan_level(values, method, degree=0)
    mean = values.mean()
    if method != "median":
        assert level.values.mean() == pytest.approx(mean, abs=1e-9)
    assert level.rejected == 0


def test_a_polynomial_of_more_degrees_than_rows():
    level = overscan_level(np.full((2, 5), 1000), "polynomial", degree=9)
    np.testing.assert_allclose(level.values, 1000)


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, ">u2", np.float32, np.float64])
def test_the_type_of_the_raw_values_does_not_matter(dtype):
    values, _ = strip(rows=50)
    expected = overscan_level(values.astype(float), "median")
    np.testing.assert_array_equal(
        overscan_level(values.astype(dtype), "median").values, expected.values
    )


def test_the_input_is_not_changed():
    values, _ = strip(rows=50)
    before = values.copy()
    for method in METHODS:
        overscan_level(values, method)
    np.testing.assert_array_equal(values, before)


def test_without_clipping_every_finite_pixel_counts():
    values = np.array([[1000.0, 1000, 4000], [1000, np.nan, 1000]])
    level = overscan_level(values, "mean", clip=0)
    np.testing.assert_allclose(level.values, [2000, 1000])
    assert level.rejected == 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.empty((0, 5)), r"an overscan of shape \(0, 5\) has no pixels"),
        (np.empty((5, 0)), r"an overscan of shape \(5, 0\) has no pixels"),
        (np.zeros(5), r"an overscan of shape \(5,\) has no pixels"),
        (np.array([[1.0, 2], [np.nan, np.inf]]), "overscan row 2 has no finite pixel"),
    ],
)
def test_refusals(values, message):
    with pytest.raises(CcdlibError, match=message):
        overscan_level(values)


def test_the_noise_is_measured_unless_it_is_not_asked_for():
    values, _ = strip()
    measured, without = (overscan_level(values, noise=noise) for noise in (True, False))
    assert measured.pixels > 0 and without.pixels == 0
    np.testing.assert_array_equal(measured.values, without.values)
    np.testing.assert_array_equal(measured.variance, without.variance)


def test_an_unknown_method_is_refused():
    with pytest.raises(CcdlibError, match="overscan method 'fit' is none of median, mean, polyn"):
        overscan_level(np.ones((3, 3)), "fit")


def test_the_noise_of_a_pixel_about_each_level():
    values, _ = strip(columns=24, slope=30)
    for method in METHODS:
        level = overscan_level(values, method)
        error = (2 / level.pixels) ** 0.5
        # the median leaves a little more than the mean; rounding adds 1/12
        allowed = 0.02 if method == "median" else 4 * error
        assert level.pixel_variance == pytest.approx(NOISE**2 + 1 / 12, rel=allowed)
        assert level.pixels == pytest.approx(values.size, rel=0.05)


def test_charge_that_trails_into_the_overscan_is_no_noise():
    values, _ = strip(columns=24)
    clean = overscan_level(values, "polynomial").pixel_variance
    trailed = values + np.rint(15 * np.exp(-np.arange(24) / 3)).astype(np.uint16)
    found = overscan_level(trailed, "polynomial")
    assert found.pixel_variance == pytest.approx(clean, rel=4 * (2 / found.pixels) ** 0.5)


def test_a_handful_of_pixels_tells_nothing_of_its_noise():
    level = overscan_level(np.full((10, 3), 1000), "mean")
    assert level.pixels == 0


def drifting(seed, rows=1024, columns=24):
    """Rows that share a slow wander of 2 adu, as long as 40 rows, besides their noise."""
    rng = np.random.default_rng([77, seed])
    kernel = np.exp(-0.5 * (np.arange(-60, 61) / 15) ** 2)
    wander = np.convolve(rng.normal(0, 1, rows + 120), kernel / np.sqrt((kernel**2).sum()), "valid")
    return 1000 + 2 * wander[:, None] + rng.normal(0, NOISE, (rows, columns))


def test_a_polynomials_sigma_knows_of_rows_that_drift_together():
    """The mean of the level over all rows, against its quoted error, of 60 frames."""
    levels = [overscan_level(drifting(seed), "polynomial") for seed in range(60)]
    pulls = [(level.values.mean() - 1000) / level.mean_variance**0.5 for level in levels]
    # without the drift shared by rows they would scatter by 5
    assert 0.6 < np.std(pulls) < 1.4


def test_mean_variance_is_that_of_the_mean():
    for method in METHODS:
        levels = [overscan_level(strip(400, 16, seed=seed)[0], method) for seed in range(100)]
        pulls = [(level.values.mean() - 1000) / level.mean_variance**0.5 for level in levels]
        assert abs(np.std(pulls) - 1) < 4 / np.sqrt(2 * 100) + (method == "median") * 0.1
