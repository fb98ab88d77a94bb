"""What a product says of the recipe that it was made by."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from ccdlib.errors import CcdlibError
from ccdlib.frame.image import Image
from ccdlib.products.product_files import write_product
from ccdlib.products.recipes import (
    has_record,
    note,
    params_of,
    recipe_of,
    renew_note,
    set_time,
)
from ccdlib.state import sealed

PRODUCT = "results/calibrated/a.fits"


@pytest.fixture
def product(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    header = fits.Header([("OBJECT", "M13"), ("RECIPE", "0123456789abcdef", "digest")])
    data = np.ones((4, 5), np.float32)
    write_product(PRODUCT, [Image(data, data, np.zeros((4, 5), np.uint16), "adu")], header)
    return tmp_path / PRODUCT


@pytest.mark.parametrize("compress", [False, True])
def test_a_product_says_its_recipe_by_itself(tmp_path, monkeypatch, compress):
    monkeypatch.chdir(tmp_path)
    header = fits.Header([(f"K{number}", number) for number in range(100)])
    header["RECIPE"] = "0123456789abcdef"
    data = np.ones((4, 5), np.float32)
    image = Image(data, data, np.zeros((4, 5), np.uint16), "adu")
    write_product(PRODUCT, [image], header, compress=compress)
    assert recipe_of(PRODUCT) == "0123456789abcdef"


def test_a_fifo_in_place_of_a_product_is_not_waited_for(product):
    product.unlink()
    os.mkfifo(product)
    assert recipe_of(PRODUCT) is None


def test_a_folder_in_place_of_a_product_is_named(product):
    product.unlink()
    product.mkdir()
    with pytest.raises(CcdlibError, match=f"^{PRODUCT} is a folder, where a file should be"):
        recipe_of(PRODUCT)


def test_a_note_counts_while_the_file_is_the_one_noted(product):
    note(PRODUCT, "noted", {"code": "1"})
    assert (recipe_of(PRODUCT), params_of(PRODUCT)) == ("noted", {"code": "1"})
    os.utime(product, ns=(1, 1))
    assert params_of(PRODUCT) is None
    assert recipe_of(PRODUCT) == "0123456789abcdef"
    note(PRODUCT, "0123456789abcdef", {"code": "2"})
    os.utime(product, ns=(2, 2))
    assert params_of(PRODUCT) == {"code": "2"}


def test_a_time_that_the_pipeline_sets_leaves_the_note_as_it_is(product):
    note(PRODUCT, "noted", {"code": "1"})
    set_time(PRODUCT, 10**9)
    assert product.stat().st_mtime_ns == 10**9
    assert (recipe_of(PRODUCT), params_of(PRODUCT)) == ("noted", {"code": "1"})
    os.utime(product, ns=(1, 1))
    set_time(PRODUCT, 2 * 10**9)
    assert recipe_of(PRODUCT) == "0123456789abcdef"


def test_what_a_link_leads_to_keeps_its_time(product):
    """It may be a raw frame."""
    raw = product.rename(product.parents[2] / "raw.fits")
    os.utime(raw, ns=(10**18, 10**18))
    product.symlink_to(raw)
    set_time(PRODUCT, 10**9)
    assert raw.stat().st_mtime_ns == 10**18
    assert product.lstat().st_mtime_ns == 10**9


def test_a_note_is_renewed_for_the_same_file_in_the_same_run_only(product):
    note(PRODUCT, "noted")
    began = os.stat(f".ccdlib/made/{PRODUCT}.json").st_mtime_ns
    os.utime(product)
    assert renew_note(PRODUCT, began + 10**9)
    assert recipe_of(PRODUCT) == "0123456789abcdef"
    assert renew_note(PRODUCT, began)
    assert recipe_of(PRODUCT) == "noted"
    other = product.with_name("other")
    other.write_bytes(product.read_bytes())
    other.replace(product)
    assert not renew_note(PRODUCT, began)
    assert recipe_of(PRODUCT) == "0123456789abcdef"


OWN = "0123456789abcdef"


def record(**content):
    """The record of the product, as its job or a copy leaves it."""
    path = Path("results/qa/calibrated/a.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(sealed(content, place=path))


def test_a_record_of_what_the_product_was_before_is_none(product):
    """One that was brought back from a copy told of other settings on the page."""
    record(recipe=OWN)
    note(PRODUCT, OWN)
    assert has_record(PRODUCT)
    record(recipe="of other settings")
    assert not has_record(PRODUCT)
    # touched, or copied anew
    record(recipe=OWN)
    assert has_record(PRODUCT) and has_record(PRODUCT)


@pytest.mark.parametrize("remember", [False, True])
def test_a_record_that_came_back_with_the_note_of_it_is_none(product, remember):
    record(recipe="of other settings")
    note(PRODUCT, "of other settings")
    os.utime(product, ns=(1, 1))
    assert recipe_of(PRODUCT, remember=remember) == OWN
    assert not has_record(PRODUCT)
    record(recipe=OWN)
    assert has_record(PRODUCT)
    note(PRODUCT, OWN)
    assert has_record(PRODUCT)


def test_without_a_note_a_record_that_is_whole_is_believed(product):
    """Results that were copied alone make nothing again."""
    record(recipe=OWN)
    assert has_record(PRODUCT)
    assert recipe_of(PRODUCT, remember=True) == OWN
    assert has_record(PRODUCT)
    record(recipe="of other settings")
    assert not has_record(PRODUCT)


def test_a_record_of_an_earlier_state_of_the_code_is_believed(product):
    """It does not say of which recipe it is."""
    record(sky=1)
    note(PRODUCT, OWN)
    assert has_record(PRODUCT)
    record(sky=2)
    assert has_record(PRODUCT)


def test_a_damaged_product_says_nothing(product):
    content = bytearray(product.read_bytes())
    content[2880 + 1] ^= 1
    product.write_bytes(content)
    assert recipe_of(PRODUCT) is None


def test_what_is_missing_or_says_nothing_has_no_recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert recipe_of(PRODUCT) is None
    (tmp_path / "results/detector").mkdir(parents=True)
    for text in ("", "{", "[1]", "{}"):
        (tmp_path / "results/detector/a.json").write_text(text)
        assert recipe_of("results/detector/a.json") is None
    fits.PrimaryHDU().writeto(tmp_path / "results/plain.fits")
    assert recipe_of("results/plain.fits") is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", json.dumps({"stat": 1})])
def test_a_damaged_note_is_no_note(product, text):
    note(PRODUCT, "noted")
    (product.parents[2] / f".ccdlib/made/{PRODUCT}.json").write_text(text)
    assert recipe_of(PRODUCT) == "0123456789abcdef"
