"""A transform says what it was made of, both ways."""

import numpy as np
import pytest

from ccdlib.errors import CcdlibError
from ccdlib.registration.fit import Pairs, fit
from ccdlib.registration.transforms import Transform, exponents


def distorted(degree, rng):
    """A transform near the identity with terms of some pixels."""
    size = len(exponents(degree))
    x, y = rng.normal(0, 3, size), rng.normal(0, 3, size)
    x[:3] += 505, 490, 20
    y[:3] += 480, -20, 495
    return Transform(degree, (500.0, 500.0), 500.0, tuple(x.tolist()), tuple(y.tolist()))


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def random_pairs(transform, rng, number, error=0.02):
    x, y = rng.uniform(0, 1000, (2, number))
    there_x, there_y = transform(x, y)
    there_x, there_y = (each + rng.normal(0, error, number) for each in (there_x, there_y))
    return Pairs(x, y, there_x, there_y, np.full(number, error))


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_the_inverse_leads_back(degree, rng):
    transform = distorted(degree, rng)
    x, y = rng.uniform(0, 1000, (2, 5, 7))
    back_x, back_y = transform.inverse(*transform(x, y))
    assert np.abs(back_x - x).max() < 1e-8
    assert np.abs(back_y - y).max() < 1e-8


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_the_jacobian_is_that_of_small_steps(degree, rng):
    transform = distorted(degree, rng)
    x, y = rng.uniform(0, 1000, (2, 9))
    found = transform.jacobian(x, y)
    for column, (dx, dy) in enumerate([(0.5, 0), (0, 0.5)]):
        after, before = transform(x + dx, y + dy), transform(x - dx, y - dy)
        for row in range(2):
            assert np.allclose(found[row, column], after[row] - before[row], atol=1e-6)


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_the_text_is_exact(degree, rng):
    transform = distorted(degree, rng)
    fitted = fit(random_pairs(transform, rng, 100), mirrored=False)[0]
    assert Transform.from_text(fitted.to_text()) == fitted
    assert str(Transform.from_text(transform.to_text())) == str(transform)


@pytest.mark.parametrize(
    "text", ["", "1 2", "one two", "4 9 0 0 0 0 1", "1 5 0.1 0.1 0 0 1 3 1 0", "1 5 0 0 0 0 0 " * 2]
)
def test_another_text_is_refused(text):
    with pytest.raises(CcdlibError, match="is not the text of a transform"):
        Transform.from_text(text)


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_no_more_terms_than_the_stars_ask_for(degree, rng):
    transform = distorted(degree, rng)
    fitted, used, _ = fit(random_pairs(transform, rng, 120), mirrored=False)
    assert fitted.degree == degree
    assert fitted.n_stars == used.sum() >= 118
    # the fit's own share of the noise is gone
    free = 1 - len(exponents(degree)) / 120
    assert fitted.rms_x == pytest.approx(0.02 * np.sqrt(free), rel=0.2)
    x, y = rng.uniform(0, 1000, (2, 1000))
    for found, true in zip(fitted(x, y), transform(x, y), strict=True):
        assert np.sqrt(np.square(found - true).mean()) < 3 * 0.02 * np.sqrt(10 / 120)


@pytest.mark.parametrize("mirrored", [False, True])
def test_shift_rotation_and_scale_are_all_that_few_stars_give(mirrored, rng):
    side = -1 if mirrored else 1
    true = Transform.linear([[0.6, -0.8 * side], [0.8, 0.6 * side]], (10.0, 700.0))
    fitted, _, number = fit(random_pairs(true, rng, 5), mirrored)
    (a, b), (c, d) = fitted.jacobian(0.0, 0.0).tolist()
    assert number == 4
    assert (a, b) == pytest.approx((side * d, -side * c))
    assert np.hypot(a, b) == pytest.approx(1, abs=1e-3)


def test_wrong_pairs_are_left_out(rng):
    true = Transform.linear([[0.6, -0.8], [0.8, 0.6]], (10.0, 700.0))
    pairs = random_pairs(true, rng, 60)
    pairs.there_x[:12] += rng.uniform(0.3, 2, 12)
    fitted, used, _ = fit(pairs, mirrored=False)
    assert not used[:12].any()
    assert used[12:].sum() >= 46
    assert fitted.rms_x < 0.03


def test_no_distortion_is_drawn_from_a_corner(rng):
    """Stars in a corner may show one, but the other corner might then be anywhere."""
    everywhere = tuple(each.ravel() for each in np.mgrid[0:1001:100, 0:1001:100].astype(float))
    worst = []
    for _ in range(8):
        true = distorted(3, rng)
        pairs = random_pairs(true, rng, 400, error=0.2)
        corner = pairs.take((pairs.x < 400) & (pairs.y < 400))
        fits = [fit(corner, False, places=places)[0] for places in (None, everywhere)]
        there = true(*everywhere)
        worst.append([np.abs(np.subtract(each(*everywhere), there)).max() for each in fits])
    careless, careful = np.mean(worst, axis=0)
    assert careful < 0.8 * careless
