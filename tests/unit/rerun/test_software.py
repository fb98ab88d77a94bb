"""Products of other versions of numpy and the like are told, and nothing else happens to them."""

from importlib.metadata import version

import numpy as np
import pytest
from astropy.io import fits

from ccdlib.dq import BITS
from ccdlib.frame.image import Image
from ccdlib.products.common_cards import add_versions
from ccdlib.products.product_files import write_product
from ccdlib.rerun import software


@pytest.fixture
def products(tmp_path, monkeypatch):
    """Two products of now in a working directory."""
    monkeypatch.chdir(tmp_path)
    assert BITS
    image = Image(*(np.ones((4, 4), np.float32),) * 2, np.zeros((4, 4), np.uint16), "adu")
    header = fits.Header([(f"KEY{number}", number) for number in range(60)])
    add_versions(header)
    add_versions(header, ["SCIPYV"])
    for name in ("a.fits", "b.fits"):
        write_product(name, [image], header)
    return ["a.fits", "b.fits", "gone.fits", "detector.json"]


def test_versions_are_read_from_the_header_without_a_fits_library(products):
    packages = ("ccdlib", "numpy", "astropy", "numba", "scipy")
    assert software.made_with("a.fits") == {name: version(name) for name in packages}


def test_another_version_is_told_with_its_products(products):
    software.remember(has_results=False)
    assert software.advice(products) == []
    fits.setval("a.fits", "NUMPYV", value="1.26.4")
    # nothing is read as long as every run had these versions
    assert software.advice(products) == []


def test_versions_of_earlier_runs_count(products, monkeypatch):
    software.remember(has_results=False)
    now = software.present()
    monkeypatch.setattr(software, "present", lambda: now | {"numpy": "99.0"})
    software.remember(has_results=True)
    assert software.others(products) == {("numpy", now["numpy"], "99.0"): ["a.fits", "b.fits"]}
    assert software.advice(products) == [
        f"2 products made with numpy {now['numpy']}, now 99.0: kept (--forceall makes all again, "
        "ccdlib verify --remove those that differ)"
    ]


def test_results_of_which_nothing_is_known_are_looked_at(products):
    fits.setval("a.fits", "NUMPYV", value="1.26.4")
    software.remember(has_results=True)
    assert list(software.others(products).values()) == [["a.fits"]]
