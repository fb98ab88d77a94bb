import numpy as np
import pytest

from ccdlib.stack import Clip, stack


def test_mean_of_three_values():
    out = stack(np.array([1, 2, 6], np.float32).reshape(3, 1, 1))
    assert out.data == 3
    assert out.variance == pytest.approx(7 / 3)
    assert out.count == 3


def test_an_outlier_is_clipped():
    cube = np.full((10, 2, 3), 100, np.uint16)
    cube[3, 1, 2] = 60000
    out = stack(cube, clip=Clip("sigma", 5, 5))
    assert (out.data == 100).all()
    assert out.rejected.tolist() == [0, 0, 0, 1] + [0] * 6
    assert out.rejection_map.tolist() == [[0, 0, 0], [0, 0, 1]]


def test_masked_and_nan_values_do_not_enter():
    cube = np.arange(4, dtype=np.float32).reshape(4, 1, 1).repeat(2, 2)
    cube[3, 0, 0] = np.nan
    mask = np.zeros(cube.shape, bool)
    mask[0, 0, 1] = True
    out = stack(cube, mask=mask, method="median")
    assert out.data.tolist() == [[1, 2]]
