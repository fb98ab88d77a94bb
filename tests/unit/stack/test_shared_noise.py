"""The noise that lights share."""

import errno
import os
from types import SimpleNamespace

import numpy as np
import pytest
from skies import gradient, make_sky

from ccdlib.errors import CcdlibError
from ccdlib.products.product_files import read_product
from ccdlib.stack import shared_noise


def test_a_full_tmpdir_is_said_to_be_full(monkeypatch):
    """The first value that was written there killed the process, and memory was blamed."""

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(CcdlibError, match=r"TMPDIR.: no 0.4 MB .*No space left on device"):
        shared_noise._scratch((300, 333))


def test_the_error_of_an_illumination_is_shared(tmp_path):
    sky = make_sky(tmp_path, 5, 21, illumination=gradient(), own=0.005)
    path = sky.illumination()
    product = sky.flattened(0, illumination=path)
    (image,) = product.images
    light = SimpleNamespace(
        name="light_0", header=product.header, facts={}, shape=image.shape, image=image
    )
    (noise,) = shared_noise.shared_noise([light], {"illumination": path})
    whole = slice(None)
    (flat,) = read_product(path).images
    expected = image.data * np.sqrt(flat.variance) / flat.data
    assert np.allclose(noise.sigma(image.data, whole, whole), expected, rtol=1e-4)
    with pytest.raises(CcdlibError, match="calibrated with the illumination illumination"):
        shared_noise.shared_noise([light], {})
