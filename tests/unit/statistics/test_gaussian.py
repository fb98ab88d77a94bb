"""Gaussians by sums and products."""

import numpy as np
from scipy.ndimage import gaussian_filter

from ccdlib.statistics.gaussian import blurred, decay, kernel


def test_decay_is_the_exponential_function():
    x = np.linspace(0, 60, 4001)
    assert np.allclose(decay(x), np.exp(-x), rtol=1e-10, atol=0)
    assert decay(np.array([1e6]))[0] < 1e-25


def test_a_kernel_has_the_sum_and_the_width():
    for width in (0.6, 1.5, 4.0):
        values = kernel(width)
        places = np.arange(values.size) - values.size // 2
        assert np.isclose(values.sum(), 1)
        # it ends at four sigma, and stands for the middles of pixels
        assert np.isclose((values * places**2).sum(), width**2, rtol=0.03)


def test_a_plane_is_blurred_as_by_scipy():
    plane = np.random.default_rng(4).normal(10, 3, (40, 50)).astype(np.float32)
    for width, reach in ((0.8, 4.0), (2.5, 3.0)):
        theirs = gaussian_filter(plane, width, mode="constant", truncate=reach)
        assert np.allclose(blurred(plane, width, reach), theirs, rtol=1e-5)
