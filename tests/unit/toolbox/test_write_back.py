"""A collection writes files back: over all encodings no pixel changes that nobody changed."""

import gzip

import numpy as np
import pytest
from astropy.io import fits

from ccdlib import CCDData, ImageFileCollection
from ccdlib.errors import CcdlibError

RNG = np.random.default_rng(17)
WHOLE = RNG.integers(0, 65536, (20, 30)).astype(np.uint16)
WHOLE[0, :3] = 30000, 0, 65535
FLOATS = RNG.normal(100, 20, (20, 30)).astype(np.float32)
FLOATS[3, 4] = np.nan
LONG = "and so on, " * 10 + "to the end"


def cards():
    return fits.Header([("OBJECT", "M 13"), ("EXPTIME", 30.0, "[s]"), ("GAIN", 1.5)])


def scaled(kind):
    """Stored integers with BSCALE, BZERO and BLANK, as a program other than astropy writes them."""
    stored = RNG.integers(-30000, 30000, (20, 30)).astype(kind)
    stored[2, 2] = -30001
    hdu = fits.PrimaryHDU(stored, cards())
    for card in (("BSCALE", 0.5), ("BZERO", 1000.0), ("BLANK", -30001)):
        hdu.header.append(card, end=True)
    return hdu


def tiles(data, **how):
    return [fits.PrimaryHDU(), fits.CompImageHDU(data, cards(), **how)]


# hdus of a file, its ending
ENCODINGS = {
    "uint16": (lambda: [fits.PrimaryHDU(WHOLE, cards())], ".fits"),
    "int16": (lambda: [fits.PrimaryHDU(WHOLE.astype(np.int16), cards())], ".fits"),
    "int16 scaled": (lambda: [scaled(np.int16)], ".fits"),
    "int32 scaled": (lambda: [scaled(np.int32)], ".fits"),
    "uint8": (lambda: [fits.PrimaryHDU(WHOLE.astype(np.uint8), cards())], ".fits"),
    "int32": (lambda: [fits.PrimaryHDU(WHOLE.astype(np.int32) * 1000, cards())], ".fits"),
    "uint32": (lambda: [fits.PrimaryHDU(WHOLE.astype(np.uint32) << 16, cards())], ".fits"),
    "float32": (lambda: [fits.PrimaryHDU(FLOATS, cards())], ".fits"),
    "float64": (lambda: [fits.PrimaryHDU(FLOATS.astype(float) / 3, cards())], ".fits"),
    "uint16.gz": (lambda: [fits.PrimaryHDU(WHOLE, cards())], ".fits.gz"),
    "uint16.bz2": (lambda: [fits.PrimaryHDU(WHOLE, cards())], ".fits.bz2"),
    "float32.gz": (lambda: [fits.PrimaryHDU(FLOATS, cards())], ".fits.gz"),
    "uint16.fz": (lambda: tiles(WHOLE), ".fits.fz"),
    "int16.fz": (lambda: tiles(WHOLE.astype(np.int16)), ".fits.fz"),
    "int32.fz": (lambda: tiles(WHOLE.astype(np.int32)), ".fits.fz"),
    "float32.fz": (lambda: tiles(FLOATS, compression_type="RICE_1"), ".fits.fz"),
    "float32 gzip.fz": (
        lambda: tiles(FLOATS, compression_type="GZIP_2", quantize_level=0),
        ".fits.fz",
    ),
    "extension": (
        lambda: [fits.PrimaryHDU(), fits.ImageHDU(WHOLE, cards(), name="SCI")],
        ".fits",
    ),
}


def number(name):
    """The extension that holds the image."""
    return int(".fz" in name or name == "extension")


def stored(path, name):
    """Bytes of the pixels as they lie in the file, and the cards that say how they are stored."""
    with fits.open(path, disable_image_compression=True, memmap=False) as hdus:
        hdu = hdus[number(name)]
        keys = ("BITPIX", "BSCALE", "BZERO", "BLANK", "ZBITPIX", "ZCMPTYPE", "PCOUNT")
        cards = {key: hdu.header.get(key) for key in keys}
        hdu._file.seek(hdu.fileinfo()["datLoc"])
        return hdu._file.read(hdu.fileinfo()["datSpan"]), cards


def pixels(path, name):
    with fits.open(path, memmap=False) as hdus:
        return np.array(hdus[number(name)].data)


@pytest.fixture(params=ENCODINGS)
def raw(request, tmp_path):
    """Name of the encoding, path of a raw file, and its collection."""
    make, ending = ENCODINGS[request.param]
    path = tmp_path / f"a{ending}"
    hdus = fits.HDUList([*make(), fits.ImageHDU(WHOLE[:2], name="GUIDE")])
    hdus.writeto(path, checksum=True)
    if "scaled" in request.param:
        with fits.open(path, do_not_scale_image_data=True) as hdus:
            assert hdus[0].header["BSCALE"] == 0.5
    return request.param, path, ImageFileCollection(tmp_path, ext=number(request.param))


PARTS = ("headers", "hdus", "data")
WAYS = {
    "overwrite": {"overwrite": True},
    "save_location": {"save_location": "copies"},
    "save_with_name": {"save_with_name": "_new"},
}


def cases(parts):
    """Way, part and scaling: all of them for the way that replaces the file itself."""
    every = [("overwrite", part, unscaled) for part in parts for unscaled in (False, True)]
    return [*every, ("save_location", parts[0], False), ("save_with_name", parts[1], False)]


def written(path, way, tmp_path):
    """Arguments of a way of writing, and where the file will be."""
    if way == "save_location":
        (tmp_path / "copies").mkdir()
        return {"save_location": tmp_path / "copies"}, tmp_path / "copies" / path.name
    if way == "overwrite":
        return WAYS[way], path
    return WAYS[way], path.with_name(path.name.replace("a.", "a_new.", 1))


@pytest.mark.parametrize(("way", "part", "unscaled"), cases(["headers", "hdus"]))
def test_a_new_header_touches_no_pixel(raw, way, part, unscaled, tmp_path):
    name, path, collection = raw
    before, shown, whole = stored(path, name), pixels(path, name), path.read_bytes()
    options, target = written(path, way, tmp_path)
    for thing in getattr(collection, part)(do_not_scale_image_data=unscaled, **options):
        header = thing if part == "headers" else thing.header
        header["OBJECT"] = ("M 3", "what was seen")
        header["HIERARCH A LONG KEYWORD"] = LONG
        header.add_history("a header was changed")
        # what the camera's program wrote of its pixels is not the caller's
        for key in ("BZERO", "BSCALE"):
            header.remove(key, ignore_missing=True)
    assert stored(target, name) == before
    np.testing.assert_array_equal(pixels(target, name), shown)
    assert pixels(target, name).dtype == shown.dtype
    with fits.open(target, checksum=True) as hdus:
        header = hdus[number(name)].header
        assert header["OBJECT"] == "M 3" and header.comments["OBJECT"] == "what was seen"
        assert header["A LONG KEYWORD"] == LONG
        assert header["HISTORY"][-1] == "a header was changed"
        assert header["GAIN"] == 1.5
        assert (hdus["GUIDE"].data == WHOLE[:2]).all()
        hdus.verify("exception")
    if way != "overwrite":
        assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("way", "part"),
    [("save_location", "headers"), ("save_with_name", "hdus"), *(("overwrite", p) for p in PARTS)],
)
def test_what_nobody_changed_is_copied(raw, way, part, tmp_path):
    _, path, collection = raw
    whole = path.read_bytes()
    options, target = written(path, way, tmp_path)
    assert len(list(getattr(collection, part)(**options))) == 1
    assert target.read_bytes() == whole


@pytest.mark.parametrize(("way", "part", "unscaled"), cases(["data", "hdus"]))
def test_a_pixel_that_was_changed_is_the_only_one(raw, way, part, unscaled, tmp_path):
    name, path, collection = raw
    before = pixels(path, name)
    options, target = written(path, way, tmp_path)
    for thing in getattr(collection, part)(do_not_scale_image_data=unscaled, **options):
        data = thing if part == "data" else thing.data
        data[5, 6] = 77
    found = pixels(target, name)
    changed = found[5, 6]
    assert changed == (77 if not unscaled else physical(path, name, 77, before))
    found[5, 6] = before[5, 6]
    np.testing.assert_array_equal(found, before)
    with fits.open(target, checksum=True) as hdus:
        assert hdus[number(name)].header["GAIN"] == 1.5
        assert (hdus["GUIDE"].data == WHOLE[:2]).all()


def physical(path, name, number_stored, before):
    """What a stored number means."""
    if "scaled" in name:
        return number_stored * 0.5 + 1000
    offsets = {np.dtype(np.uint16): 1 << 15, np.dtype(np.uint32): 1 << 31}
    return number_stored + offsets.get(before.dtype.newbyteorder("="), 0)


@pytest.mark.parametrize("way", ["save_location", "save_with_name"])
def test_a_copy_of_a_ccd_has_the_pixels(raw, way, tmp_path):
    name, path, collection = raw
    whole, before = path.read_bytes(), pixels(path, name)
    options, target = written(path, way, tmp_path)
    for ccd in collection.ccds({"unit": "adu"}, **options):
        ccd.meta["OBJECT"] = "M 3"
    back = CCDData.read(target, format="fits", hdu=0)
    np.testing.assert_array_equal(back.data, before)
    assert back.meta["OBJECT"] == "M 3"
    assert path.read_bytes() == whole


def test_ccds_may_not_be_overwritten(raw):
    _, path, collection = raw
    whole = path.read_bytes()
    with pytest.raises(NotImplementedError, match="overwrite=True is not supported") as error:
        collection.ccds({"unit": "adu"}, overwrite=True)
    assert isinstance(error.value, CcdlibError)
    assert path.read_bytes() == whole


@pytest.mark.parametrize("part", ["headers", "hdus", "data", "ccds"])
def test_a_folder_that_is_not_there_is_an_error_before_the_work(tmp_path, part):
    fits.PrimaryHDU(WHOLE, cards()).writeto(tmp_path / "a.fits")
    collection = ImageFileCollection(tmp_path)
    done = []
    with pytest.raises(FileNotFoundError, match=r"save_location .*nowhere' is not a folder"):
        done.extend(getattr(collection, part)(save_location=str(tmp_path / "nowhere")))
    assert done == []


@pytest.mark.parametrize("part", ["headers", "hdus", "data"])
def test_a_file_that_is_there_is_not_replaced(tmp_path, part):
    for name in ("a.fits", "a_new.fits"):
        fits.PrimaryHDU(WHOLE, cards()).writeto(tmp_path / name)
    collection = ImageFileCollection(tmp_path, glob_include="a.fits")
    whole = (tmp_path / "a_new.fits").read_bytes()
    with pytest.raises(OSError, match=r"a_new\.fits' already exists"):
        list(getattr(collection, part)(save_with_name="_new"))
    assert (tmp_path / "a_new.fits").read_bytes() == whole


def test_a_packed_file_gives_the_same_bytes_each_time(tmp_path):
    content = fits.HDUList([fits.PrimaryHDU(WHOLE, cards())])
    content.writeto(tmp_path / "a.fits.gz")
    for name in ("_1", "_2"):
        collection = ImageFileCollection(tmp_path, glob_include="a.fits.gz")
        for header in collection.headers(save_with_name=name):
            header["OBJECT"] = "M 3"
    first, second = ((tmp_path / f"a_{n}.fits.gz").read_bytes() for n in (1, 2))
    assert first == second and gzip.decompress(first)[:6] == b"SIMPLE"


def test_a_table_is_not_taken_for_an_image(tmp_path):
    table = fits.BinTableHDU(np.array([(1,)], dtype=[("a", "i4")]), name="LOG")
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(tmp_path / "a.fits")
    collection = ImageFileCollection(tmp_path, ext="LOG")
    for hdu in collection.hdus(overwrite=True):
        hdu.header["OBJECT"] = "M 3"
    with fits.open(tmp_path / "a.fits") as hdus:
        assert hdus["LOG"].header["OBJECT"] == "M 3" and hdus["LOG"].data["a"][0] == 1
    with pytest.raises(CcdlibError, match="HDU 1 is a BINTABLE, not an image"):
        for hdu in collection.hdus(overwrite=True):
            hdu.data["a"][0] = 7
