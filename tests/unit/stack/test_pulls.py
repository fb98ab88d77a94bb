"""Sigma of a stack is true: of its pixels, and of sums of them."""

import numpy as np
import pytest
from dithered import SHAPE, exposures, stacked

from ccdlib.stack.aperture import disc, sigma_of_sum

INNER = slice(20, -20)
NIGHTS = 6


def _pulls(number, dither, seed, *, angle=0.0, flat=0.01, **settings):
    """Pulls of pixels, and those of apertures {radius: pulls}, of one field."""
    lights = exposures(number, dither, seed, angle=angle, flat=flat)
    stack = stacked(lights, **settings)
    expected = stacked(lights, noisy=False, **settings | {"clip": 0.0})
    error = stack.image.data.astype(float) - expected.image.data
    pixels = error[INNER, INNER] / np.sqrt(stack.image.variance[INNER, INNER])
    kernels = _kernels(stack)
    sums = {}
    for radius in (2.0, 5.0, 10.0, 20.0):
        step = int(max(radius, 3))
        y, x = (each.ravel() for each in np.mgrid[30:130:step, 30:130:step])
        columns, rows = disc(0.0, 0.0, radius)
        at = (y[:, None] + rows.astype(int), x[:, None] + columns.astype(int))
        sigma = sigma_of_sum(
            *(stack.image.variance, stack.shared, np.ones(SHAPE, bool)),
            *(kernels, radius, x, y),
        )
        sums[radius] = error[at].sum(axis=1) / sigma
    return pixels, sums


def _kernels(stack):
    middle = SHAPE[1] / 2, SHAPE[0] / 2
    return stack.footprints.correlation(middle), stack.footprints.shared_correlation(middle)


CASES = {
    "three, not dithered": (3, 0.0, {}),
    "three": (3, 8.0, {}),
    "ten, not dithered": (10, 0.0, {}),
    "ten, dithered by less than an aperture": (10, 2.0, {}),
    "ten": (10, 8.0, {}),
    "ten, lanczos": (10, 8.0, {"resampling": "lanczos"}),
    "ten, bilinear": (10, 8.0, {"resampling": "bilinear"}),
    "ten, whole pixels": (10, 8.0, {"resampling": "shift"}),
    "ten, median": (10, 8.0, {"method": "median"}),
    "ten, turned a little": (10, 8.0, {"angle": 0.05}),
    "six, a flat of few electrons": (6, 1.0, {"flat": 0.03}),
}


@pytest.mark.parametrize("case", CASES)
def test_pulls_have_a_standard_deviation_of_one(case):
    number, dither, settings = CASES[case]
    found = [_pulls(number, dither, [7, seed], **settings) for seed in range(NIGHTS)]
    pixels = np.concatenate([each.ravel() for each, _ in found])
    assert abs(pixels.std() - 1) < 0.02
    # interpolation makes neighbours alike: the mean of so many is not known better
    assert abs(pixels.mean()) < 0.03
    for radius in found[0][1]:
        pulls = np.concatenate([sums[radius] for _, sums in found])
        # apertures overlap by half, so that this is the scatter of about a third of them
        chance = 3 / np.sqrt(2 * len(pulls) / 3)
        # a median's values are not joined as a mean's are
        allowed = 0.05 if settings.get("method") != "median" else 0.08
        assert abs(pulls.std() - 1) < allowed + chance, radius


@pytest.mark.parametrize(
    ("number", "dither", "flat"), [(3, 0.0, 0.01), (10, 2.0, 0.01), (10, 8.0, 0.03)]
)
def test_pulls_of_bright_stars_have_a_standard_deviation_of_one(number, dither, flat):
    # the light of a star lies on few pixels, which others of its aperture show in no light
    pulls = {2.0: [], 5.0: []}
    for seed in range(8):
        rng = np.random.default_rng([19, seed])
        x, y = np.meshgrid(*2 * [np.arange(28.0, 140.0, 15.0)])
        places = np.stack([x.ravel(), y.ravel()], axis=1) + rng.uniform(-0.5, 0.5, (x.size, 2))
        field = places, 10 ** rng.uniform(4, 5, len(places))
        lights = exposures(number, dither, [8, seed], flat=flat, field=field)
        stack = stacked(lights)
        error = stack.image.data - stacked(lights, noisy=False, clip=0.0).image.data.astype(float)
        every, kernels = np.ones(SHAPE, bool), _kernels(stack)
        for radius, found in pulls.items():
            columns, rows = (each.astype(int) for each in disc(0.0, 0.0, radius))
            at_x, at_y = (np.rint(each).astype(int)[:, None] for each in places.T)
            flux = error[at_y + rows, at_x + columns].sum(axis=1)
            planes = stack.image.variance, stack.shared, every
            found.append(flux / sigma_of_sum(*planes, kernels, radius, *places.T))
    for radius, found in pulls.items():
        found = np.concatenate(found)
        assert abs(found.std() - 1) < 0.05 + 3 / np.sqrt(2 * found.size), radius


def test_shared_noise_does_not_go_down_with_the_number_of_lights():
    few, many = (stacked(exposures(number, 0.0, 3)) for number in (3, 12))
    assert np.median(many.shared) == pytest.approx(np.median(few.shared), rel=0.02)
    spread = stacked(exposures(12, 8.0, 3))
    # other pixels of the flat in each light: it averages
    assert np.median(spread.shared) < 0.5 * np.median(many.shared)


def test_a_mean_without_shift_is_the_mean():
    lights = exposures(4, 0.0, 5)
    stack = stacked(lights, clip=0.0)
    expected = np.mean([each.data.astype(np.float32) for each in lights], axis=0, dtype=float)
    assert np.allclose(stack.image.data, expected, rtol=1e-6)
    shared = 1.0 + expected**2 * 1e-4
    own = np.mean([each.variance for each in lights], axis=0) - shared
    assert np.median(stack.image.variance / (own / 4 + shared)) == pytest.approx(1, abs=0.01)
