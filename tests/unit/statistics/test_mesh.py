"""A mesh over an image, and a surface through it."""

import numpy as np
import pytest

from ccdlib.statistics.mesh import block_levels, cells, smoothed, surface


@pytest.mark.parametrize("shape", [(100, 200), (1024, 1056), (37, 500), (16, 16)])
def test_blocks_cover_an_image_once(shape):
    for edges, length in zip(cells(shape), shape, strict=True):
        assert edges[0] == 0 and edges[-1] == length
        assert (np.diff(edges) > 0).all()


def test_level_of_a_block_without_what_is_not_sky():
    rng = np.random.default_rng(3)
    data = rng.normal(200, 10, (64, 64)).astype(np.float32)
    data[10:14, 10:14] += 500
    use = np.ones(data.shape, bool)
    use[:, :3] = False
    data[:, :3] = np.nan
    found = block_levels(data, use, np.array([0, 64]), np.array([0, 64]))
    sigma = np.sqrt(found.variance[0, 0])
    assert sigma == pytest.approx(10 / np.sqrt(61 * 64 - 16), rel=0.05)
    assert abs(found.level[0, 0] - 200) < 4 * sigma


def test_a_block_of_few_pixels_has_no_level():
    use = np.zeros((64, 64), bool)
    use[:12] = True
    data = np.ones((64, 64), np.float32)
    assert np.isnan(block_levels(data, use, np.array([0, 64]), np.array([0, 64])).level).all()


@pytest.mark.parametrize("shape", [(330, 410), (512, 512), (40, 700), (20, 700), (700, 9)])
def test_a_plane_is_found_to_its_edges(shape):
    y, x = cells(shape)
    at_y, at_x = (
        (np.arange(len(edges) - 1) + 0.5) * edges[-1] / (len(edges) - 1) - 0.5 for edges in (y, x)
    )
    mesh = 3 + 0.01 * at_y[:, None] - 0.02 * at_x[None, :]
    # one block has no slope across it
    mesh -= 0.01 * at_y[:, None] * (len(at_y) == 1) - 0.02 * at_x[None, :] * (len(at_x) == 1)
    noise = np.full(mesh.shape, 1e-12)
    rows, columns = np.indices(shape)
    found = surface(smoothed(mesh, noise).value, y, x)
    true = 3 + 0.01 * rows * (len(at_y) > 1) - 0.02 * columns * (len(at_x) > 1)
    assert np.allclose(found, true, atol=3e-5 * abs(found).max())


def test_the_kernel_is_as_wide_as_the_noise_asks_for():
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:32, :32] / 32
    true = 1 + 0.02 * np.sin(5 * x) * np.cos(4 * y)
    widths = []
    for sigma in (1e-4, 1e-3, 1e-2):
        noise = np.full(true.shape, sigma**2)
        found = smoothed(true + rng.normal(0, sigma, true.shape), noise)
        widths.append(found.width)
        error = found.value - true
        # smoothing helps, and says how much
        assert error.std() < 0.9 * sigma
        pulls = error / np.sqrt(found.variance)
        assert 0.4 < pulls.std() < 1.4
    assert widths == sorted(widths) and widths[0] < widths[-1]


def test_the_surface_goes_over_blocks_without_a_level():
    y, x = np.mgrid[:20, :20] / 20
    true = 1 + 0.03 * x - 0.01 * y
    mesh = true.copy()
    mesh[8:12, 8:12] = np.nan
    found = smoothed(mesh, np.full(mesh.shape, 1e-10))
    assert np.allclose(found.value, true, atol=1e-6)


def test_two_blocks_are_too_few_for_a_plane():
    mesh = np.full((3, 3), np.nan)
    mesh[0, 0], mesh[2, 1] = 1.0, 3.0
    found = smoothed(mesh, np.full(mesh.shape, 0.01))
    assert np.allclose(found.value, 2.0)
    assert np.allclose(found.variance, 0.005)


def test_level_of_pixels_that_are_alike_in_more_than_half():
    rng = np.random.default_rng(7)
    data = np.round(rng.normal(100.1, 0.3, (64, 64))).astype(np.float32)
    assert np.median(np.abs(data - np.median(data))) == 0
    edges = np.array([0, 64])
    found = block_levels(data, np.ones(data.shape, bool), edges, edges)
    assert found.variance[0, 0] == pytest.approx(data.var() / data.size, rel=0.05)
    assert found.level[0, 0] == pytest.approx(data.mean(), abs=4 * found.variance[0, 0] ** 0.5)
