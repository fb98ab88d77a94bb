"""A byte that changed in a product is noticed before the product goes into another one."""

import gzip
import random
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from ccdlib.errors import CcdlibError
from ccdlib.frame.image import Image
from ccdlib.jobs.inputs import measured_detector
from ccdlib.products import check_stored as check_stored_module
from ccdlib.products.bad_pixel_file import open_map
from ccdlib.products.check_stored import check_stored
from ccdlib.products.product_files import open_product, read_product, write_product
from ccdlib.products.recipes import note, recipe_of
from ccdlib.raw.plain_images import plain_images
from ccdlib.state import sealed

PRODUCT = "results/masters/flat/f.fits"


def write(path, images=1, compress=False):
    rng = np.random.default_rng(3)
    made = []
    for _ in range(images):
        data = rng.normal(1, 0.1, (30, 47)).astype(np.float32)
        made.append(Image(data, data * data, rng.integers(0, 9, (30, 47)).astype(np.uint16), ""))
    header = fits.Header([("OBJECT", "M13"), ("RECIPE", "0123456789abcdef")])
    write_product(path, made, header, compress=compress)
    return Path(path)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("images, compress", [(1, False), (2, False), (1, True), (2, True)])
def test_any_byte_that_changed_is_noticed(here, images, compress):
    path = write(PRODUCT, images, compress)
    whole = path.read_bytes()
    assert check_stored(path) == []
    rng = random.Random(images)
    # header and data of each extension, the padding too
    for at in [0, len(whole) - 1, *(rng.randrange(len(whole)) for _ in range(60))]:
        content = bytearray(whole)
        content[at] ^= 1 << rng.randrange(8)
        path.write_bytes(content)
        assert check_stored(path), at
        with pytest.raises(CcdlibError, match=r"f\.fits: .*the next run makes it again"):
            read_product(PRODUCT)


def _hdus(path):
    """The bytes of each HDU."""
    with fits.open(path, disable_image_compression=True) as hdus:
        places = [hdu.fileinfo() for hdu in hdus]
    content = path.read_bytes()
    return [content[each["hdrLoc"] : each["datLoc"] + each["datSpan"]] for each in places]


@pytest.mark.parametrize("images, compress", [(1, False), (2, False), (1, True), (2, True)])
def test_an_extension_that_is_gone_or_there_twice_is_noticed(here, images, compress):
    """Each of those that are left is as its checksums say."""
    path = write(PRODUCT, images, compress)
    parts = _hdus(path)
    for at in range(1 if images == 1 and not compress else 2, len(parts)):
        path.write_bytes(b"".join(parts[:at] + parts[at + 1 :]))
        assert check_stored(path), at
    path.write_bytes(b"".join([*parts, parts[-1]]))
    assert any("is there 2 times" in each for each in check_stored(path))
    path.write_bytes(b"".join(parts + parts))
    assert check_stored(path)


def test_a_product_that_lost_its_last_image_is_not_of_its_recipe(here):
    """What is left of it is a whole product: its length tells."""
    path = write(PRODUCT, 2)
    note(PRODUCT, "0123456789abcdef")
    assert recipe_of(PRODUCT) == "0123456789abcdef"
    path.write_bytes(b"".join(_hdus(path)[:5]))
    assert check_stored(path) == []
    assert recipe_of(PRODUCT) is None


@pytest.mark.parametrize("compress", [False, True])
def test_astropy_finds_the_same(here, compress):
    path = write(PRODUCT, compress=compress)
    content = bytearray(path.read_bytes())
    content[-2000] ^= 1
    path.write_bytes(content)
    assert check_stored(path) == ["DQ: its data are not those of its DATASUM"]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        fits.open(path, checksum=True, lazy_load_hdus=False).close()
    assert {str(each.message) for each in told} == {
        f"{what} verification failed for HDU ('DQ', 1).\n" for what in ("Checksum", "Datasum")
    }


@pytest.mark.parametrize("opener", [open_product, open_map])
def test_what_a_job_found_damaged_is_looked_at_by_the_next_run(here, opener):
    path = write(PRODUCT)
    content = bytearray(path.read_bytes())
    content[3000] ^= 1
    path.write_bytes(content)
    # a disk that lost a bit leaves the stat as it was
    note(PRODUCT, "0123456789abcdef")
    assert recipe_of(PRODUCT) == "0123456789abcdef"
    with pytest.raises(CcdlibError, match="PRIMARY: its data"), opener(PRODUCT):
        pass
    assert recipe_of(PRODUCT) is None


def test_a_file_elsewhere_has_no_note_to_forget(here):
    """A note's name made of an absolute path would be a file beside the master."""
    path = write(here / "ready/f.fits")
    beside = here / "ready/f.fits.json"
    beside.write_text("mine")
    path.write_bytes(path.read_bytes()[:-2880])
    with pytest.raises(CcdlibError, match=r"ready/f\.fits: .*$") as found:
        read_product(path)
    assert "next run" not in str(found.value)
    assert beside.read_text() == "mine"


def test_what_carries_no_checksum_is_not_damaged(here):
    path = write(PRODUCT)
    with fits.open(path, mode="update") as hdus:
        hdus[0].data[3, 4] = 7
        for hdu in hdus:
            for keyword in ("CHECKSUM", "DATASUM"):
                hdu.header.remove(keyword)
    assert read_product(PRODUCT).images[0].data[3, 4] == 7


def test_a_packed_product_is_read_and_checked(here):
    path = write(PRODUCT)
    with open(path, "rb") as plain, gzip.open(here / "f.fits.gz", "wb") as packed:
        shutil.copyfileobj(plain, packed)
    found = read_product("f.fits.gz").images[0]
    assert np.array_equal(found.data, read_product(PRODUCT).images[0].data)


def test_a_measured_detector_that_changed_is_refused(here):
    path = Path("results/detector/d.json")
    path.parent.mkdir(parents=True)
    path.write_bytes(sealed({"recipe": "0123", "amplifiers": [{"gain": 1.5}]}))
    assert check_stored(path) == []
    assert measured_detector(str(path)) == ([{"gain": 1.5}], "d")
    path.write_text(path.read_text().replace("1.5", "1.7"))
    with pytest.raises(CcdlibError, match=r"d\.json: its content is not that of its SHA-256"):
        measured_detector(str(path))
    assert recipe_of(str(path)) is None


def _rows_read(path, heights=(4, 4, 100)):
    """All rows of a product's planes, block by block with a row of margin."""
    with open_product(path) as product:
        (image,) = product.images
        first = 0
        for height in heights:
            image.rows(slice(max(first - 1, 0), first + height + 1))
            first += height


def test_bytes_that_are_read_for_their_pixels_are_not_read_again(here, monkeypatch):
    path = write(PRODUCT)
    with open(path, "rb") as file:
        data, uncert, mask, flags = (image.place for image in plain_images(file))
    again, sum_of = [], check_stored_module._sum
    monkeypatch.setattr(
        check_stored_module, "_sum", lambda *args: again.append(args[1:]) or sum_of(*args)
    )
    _rows_read(PRODUCT)
    # what is left of each plane: what fills up its last block; but nothing asks for MASK
    lengths = [(middle, size) for middle, size in again if size]
    for (_, middle, end), pixel in ((data, 4), (uncert, 4), (flags, 2)):
        rest = middle + 30 * 47 * pixel
        assert (rest, end - rest) in lengths
        assert not [size for start, size in lengths if middle <= start < rest]
    assert (mask[1], mask[2] - mask[1]) in lengths


@pytest.mark.parametrize("plane", range(4))
@pytest.mark.parametrize("error", [None, ZeroDivisionError])
def test_damage_is_told_once_its_rows_were_read(here, plane, error):
    """Whatever else came of it, and whatever was not read."""
    path = write(PRODUCT)
    with open(path, "rb") as file:
        names = ["PRIMARY", *(image.name for image in plain_images(file)[1:])]
        file.seek(0)
        _, middle, _ = plain_images(file)[plane].place
    content = bytearray(path.read_bytes())
    content[middle + 9] ^= 4
    path.write_bytes(content)
    told = pytest.raises(CcdlibError, match=f"{names[plane]}: its data are not those")
    with told, open_product(PRODUCT) as product:
        product.images[0].rows(slice(0, 2))
        if error:
            raise error
