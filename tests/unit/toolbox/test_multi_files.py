"""Collections of files, and files with several images."""

import bz2
import gzip

import ccdproc
import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning

import ccdlib
from ccdlib import CCDData, ImageFile, ImageFileCollection, dq
from ccdlib.errors import CcdlibError

CARDS = [
    ("bias1.fits", {"IMAGETYP": "Bias", "EXPTIME": 0.0}),
    ("bias2.FITS", {"IMAGETYP": "BIAS ", "EXPTIME": 0.0}),
    ("light one.fit", {"IMAGETYP": "light", "EXPTIME": 30.0, "FILTER": " R"}),
    ("m{13}.fts", {"IMAGETYP": "light", "EXPTIME": 60.0, "FILTER": "V"}),
]


def write(path, cards, value=0):
    fits.PrimaryHDU(np.full((3, 4), value, np.uint16), fits.Header(cards)).writeto(path)


@pytest.fixture
def night(tmp_path):
    for number, (name, cards) in enumerate(CARDS):
        write(tmp_path / name, cards, number)
    (tmp_path / "notes.txt").write_text("clouds")
    return tmp_path


def test_the_table_has_a_row_for_each_file(night):
    summary = ImageFileCollection(night).summary
    assert summary["file"].tolist() == [name for name, _ in CARDS]
    assert summary["exptime"].tolist() == [0, 0, 30, 60]
    assert summary["filter"].tolist() == [None, None, "R", "V"]


def test_columns_that_were_asked_for(night):
    collection = ImageFileCollection(night, keywords=["EXPTIME", "observer"])
    assert collection.keywords == ["file", "EXPTIME", "observer"]
    assert collection.values("observer") == [None] * 4
    collection.keywords = ["imagetyp"]
    assert collection.summary.colnames == ["file", "imagetyp"]
    with pytest.raises(
        CcdlibError, match="keyword gain is not in the current summary, which has file, imagetyp"
    ):
        collection.values("gain")


def test_same_answers_as_ccdproc(tmp_path):
    for number, (_, cards) in enumerate(CARDS):
        plain = {
            key: value.strip() if isinstance(value, str) else value for key, value in cards.items()
        }
        write(tmp_path / f"{number}.fits", plain)
    ours, theirs = (each.ImageFileCollection(tmp_path) for each in (ccdlib, ccdproc))
    assert list(ours.files) == list(theirs.files)
    assert set(ours.keywords) == set(theirs.keywords)
    for wanted in (
        {"imagetyp": "bias"},
        {"imagetyp": "LIGHT", "exptime": 30},
        {"filter": None},
        {"filter": "*"},
        {"imagetyp": "i", "regex_match": True},
        {"exptime": 12},
        {},
    ):
        assert list(ours.files_filtered(**wanted)) == list(theirs.files_filtered(**wanted))
    assert ours.files_filtered(imagetyp="bias", include_path=True) == theirs.files_filtered(
        imagetyp="bias", include_path=True
    )
    assert set(ours.values("imagetyp", unique=True)) == set(theirs.values("imagetyp", unique=True))


def test_spaces_and_case_of_values_do_not_matter(night):
    collection = ImageFileCollection(night)
    assert collection.files_filtered(imagetyp="bias").tolist() == ["bias1.fits", "bias2.FITS"]
    assert collection.files_filtered(filter="R").tolist() == ["light one.fit"]


def test_text_next_to_numbers(tmp_path):
    write(tmp_path / "a.fits", {"EXPTIME": "30"})
    write(tmp_path / "b.fits", {"EXPTIME": 0.0})
    collection = ImageFileCollection(tmp_path)
    assert collection.values("exptime") == [30, 0]
    assert collection.files_filtered(exptime=30).tolist() == ["a.fits"]


def test_a_card_called_file(tmp_path):
    write(tmp_path / "a.fits", {"FILE": "d1074.fits"})
    assert ImageFileCollection(tmp_path).values("file") == ["a.fits"]


def test_compressed_files(tmp_path):
    write(tmp_path / "a.fits", {"OBJECT": "M 13"}, 7)
    plain = (tmp_path / "a.fits").read_bytes()
    (tmp_path / "b.fits.gz").write_bytes(gzip.compress(plain))
    (tmp_path / "c.FITS.BZ2").write_bytes(bz2.compress(plain))
    packed = fits.CompImageHDU(np.full((3, 4), 7, np.int32), fits.Header({"OBJECT": "M 13"}))
    fits.HDUList([fits.PrimaryHDU(), packed]).writeto(tmp_path / "d.fits.fz")
    collection = ImageFileCollection(tmp_path)
    assert collection.values("object") == ["M 13"] * 4
    assert collection.files == ["a.fits", "b.fits.gz", "c.FITS.BZ2", "d.fits.fz"]
    for ccd in collection.ccds(ccd_kwargs={"unit": "adu"}):
        assert (ccd.data == 7).all()
    assert [data.max() for data in collection.data()] == [7] * 4


def test_broken_files_are_told_and_left_out(night, caplog):
    (night / "empty.fits").write_bytes(b"")
    (night / "cut.fits").write_bytes((night / "bias1.fits").read_bytes()[:2890])
    collection = ImageFileCollection(night)
    assert collection.refused["empty.fits"] == "empty.fits: empty file"
    assert "cut.fits: truncated" in collection.refused["cut.fits"]
    assert len(collection.summary) == 4
    assert len(collection.files) == 6
    assert "empty.fits: empty file" in caplog.text


def test_a_card_given_twice_is_told(tmp_path):
    header = fits.Header([("DUP", 1)])
    header.append(("DUP", 2), end=True)
    fits.PrimaryHDU(np.ones((3, 4)), header).writeto(tmp_path / "a.fits")
    said = 'a.fits" contains multiple entries for "dup", the pair "dup=2" will be ignored'
    for lib in (ccdlib, ccdproc):
        with pytest.warns(UserWarning, match=said):
            assert lib.ImageFileCollection(tmp_path).values("dup") == [1]


def test_any_of_a_list(night):
    collection = ImageFileCollection(night)
    assert len(collection.files_filtered(filter=["R", "V"])) == 2
    assert len(collection.files_filtered(exptime=(0, 60))) == 3
    assert len(collection.files_filtered(filter=[None, "V"])) == 3
    assert len(collection.files_filtered(imagetyp=["^li", "^bi"], regex_match=True)) == 4


@pytest.mark.parametrize("keywords", [None, "", []])
def test_without_keywords_there_is_no_table(night, keywords):
    collections = [lib.ImageFileCollection(night, ["exptime"]) for lib in (ccdlib, ccdproc)]
    for collection in collections:
        if keywords is None:
            collection.keywords = keywords
        else:
            collection = type(collection)(night, keywords=keywords or [])
        assert collection.keywords == [] and not collection.summary
    collections[0].keywords = "*"
    assert "imagetyp" in collections[0].keywords
    del collections[0].keywords
    assert collections[0].summary == []


def test_no_keywords_leave_the_files_in_the_table(night):
    for library in (ccdlib, ccdproc):
        collection = library.ImageFileCollection(night, keywords=["imagetyp"])
        collection.keywords = []
        assert collection.keywords == ["file"] and len(collection.summary) == len(collection.files)


def test_all_keywords_among_others(night):
    every = ImageFileCollection(night).keywords
    assert ImageFileCollection(night, keywords=["*", "imagetyp"]).keywords == every


def test_files_of_which_none_can_be_read(tmp_path, caplog):
    summary = ImageFileCollection(tmp_path, filenames=["nowhere.fits"]).summary
    assert len(summary) == 0 and summary.colnames == ["file"]
    assert "nowhere.fits" in caplog.text


def test_missing_values_are_sorted_last(night):
    collection = ImageFileCollection(night)
    collection.sort(["filter", "exptime"])
    assert collection.values("filter") == sorted_like_ccdproc(collection.values("filter"))
    with pytest.raises(ValueError, match="not a subset of table columns"):
        collection.sort("nothing")


def sorted_like_ccdproc(values):
    return sorted(values, key=lambda value: (value is not None, value or ""))


def test_names_are_shown_as_ccdproc_shows_them(night):
    for arguments in ({}, {"keywords": ["exptime"], "glob_include": "m*", "glob_exclude": "c*"}):
        ours, theirs = (lib.ImageFileCollection(night, **arguments) for lib in (ccdlib, ccdproc))
        assert repr(ours) == repr(theirs)
        found = [each.files_filtered(exptime=60) for each in (ours, theirs)]
        assert type(found[0]) is type(found[1]) and list(found[0]) == list(found[1])


def test_an_old_name_of_overwrite_is_refused_too(night):
    with (
        pytest.warns(DeprecationWarning, match="deprecated alias for 'overwrite'"),
        pytest.raises(NotImplementedError, match="not supported for CCDs"),
    ):
        ImageFileCollection(night).ccds(clobber=True)


def test_globs_and_names(night):
    assert ImageFileCollection(night, glob_include="bias*").files == ["bias1.fits", "bias2.FITS"]
    assert "bias1.fits" not in ImageFileCollection(night, glob_exclude="*1*").files
    assert ImageFileCollection(night, filenames="bias1.fits").values("imagetyp") == ["Bias"]
    path = str(night / "bias1.fits")
    assert ImageFileCollection(filenames=[path]).values("file") == [path]


def test_finding_by_what_is_in_the_files(night):
    (night / "bias1.fits").rename(night / "bias1.dat")
    found = ImageFileCollection(night, find_fits_by_reading=True).files
    assert "bias1.dat" in found and "notes.txt" not in found


def test_nothing_there(tmp_path):
    with pytest.warns(AstropyUserWarning, match="no FITS files"):
        collection = ImageFileCollection(tmp_path)
    assert collection.summary is None
    assert collection.files_filtered(imagetyp="bias") == []
    assert collection.keywords == []
    collection.sort("exptime")
    assert list(collection.ccds()) == []


def test_refresh_sees_new_files(night):
    collection = ImageFileCollection(night, keywords=["imagetyp"])
    write(night / "new.fits", {"IMAGETYP": "dark"})
    collection.refresh()
    assert "dark" in collection.values("imagetyp")
    assert collection.keywords == ["file", "imagetyp"]


def test_sort_and_filter(night):
    collection = ImageFileCollection(night, keywords=["exptime"])
    write(night / "a.fits", {"EXPTIME": 45.0})
    collection.refresh()
    collection.sort(["exptime", "file"])
    assert collection.values("exptime") == [0, 0, 30, 45, 60]
    assert collection.files[3] == "a.fits"
    assert ImageFileCollection(night).filter(imagetyp="light").values("exptime") == [30, 60]
    whole = ImageFileCollection(night)
    # a card that none of those left has is still a column
    assert whole.filter(imagetyp="light").keywords == whole.keywords


def test_a_loop_over_some_files_leaves_the_table_alone(night):
    """Names of the others are masked in ccdproc's from then on."""
    ours, theirs = (lib.ImageFileCollection(night) for lib in (ccdlib, ccdproc))
    before = ours.summary["file"].tolist()
    for collection in (ours, theirs):
        assert len(list(collection.headers(imagetyp="light"))) == 2
    assert ours.summary["file"].tolist() == before
    assert None in theirs.summary["file"].tolist()


def test_generators_yield_in_order(night):
    collection = ImageFileCollection(night)
    assert [data[0, 0] for data in collection.data(imagetyp="light")] == [2, 3]
    assert [header["EXPTIME"] for header in collection.headers(exptime=60)] == [60]
    assert [hdu.data[0, 0] for hdu in collection.hdus(exptime=60)] == [3]
    pairs = list(collection.ccds({"unit": "adu"}, exptime=60, return_fname=True))
    assert pairs[0][1] == "m{13}.fts"
    assert isinstance(pairs[0][0], CCDData)


def test_what_was_changed_can_be_written(night, tmp_path_factory):
    collection = ImageFileCollection(night)
    other = tmp_path_factory.mktemp("other")
    for header in collection.headers(exptime=60, save_location=other):
        header["OBJECT"] = "M 13"
    assert fits.getheader(other / "m{13}.fts")["OBJECT"] == "M 13"
    for data in collection.data(exptime=60, save_with_name="_new"):
        data += 5
    assert fits.getdata(night / "m{13}_new.fts")[0, 0] == 8
    for hdu in collection.hdus(exptime=30, overwrite=True):
        hdu.header["OBJECT"] = "M 3"
    assert fits.getheader(night / "light one.fit")["OBJECT"] == "M 3"
    for ccd in collection.ccds({"unit": "adu"}, exptime=60, save_with_name="_ccd"):
        ccd.meta["OBJECT"] = "M 5"
    assert CCDData.read(night / "m{13}_ccd.fts", format="fits").header["OBJECT"] == "M 5"
    assert "OBJECT" not in fits.getheader(night / "m{13}.fts")


@pytest.fixture
def mosaic(tmp_path):
    """A file with two chips, a table and a header each."""
    hdus = fits.HDUList([fits.PrimaryHDU(header=fits.Header([("OBJECT", "M 13")]))])
    for number in (1, 2):
        header = fits.Header([("BIASSEC", "[5:6,1:3]"), ("GAIN", 1.0 + number)])
        data = np.full((3, 6), 1000 + 10 * number, np.uint16)
        data[:, :4] += 50
        hdus.append(fits.ImageHDU(data, header, name=f"IM{number}"))
    hdus.append(fits.BinTableHDU(np.array([(1,)], dtype=[("a", "i4")]), name="LOG"))
    hdus.writeto(tmp_path / "mosaic.fits")
    return tmp_path / "mosaic.fits"


def test_every_image_is_read(mosaic):
    file = ccdlib.read(mosaic, unit="adu")
    assert len(file) == 2
    assert file.header["OBJECT"] == "M 13"
    assert [chip.header["GAIN"] for chip in file] == [2, 3]
    assert file[1].data[0, 0] == 1070


def test_a_step_is_mapped_and_written_back(mosaic, tmp_path):
    file = ccdlib.read(mosaic, unit="adu")
    done = file.map(
        lambda chip: ccdlib.subtract_overscan(chip, fits_section=chip.header["BIASSEC"])
    )
    done = done.map(ccdlib.trim_image, "[1:4,:]").map(
        ccdlib.subtract_bias, done.map(ccdlib.trim_image, "[1:4,:]")
    )
    assert all((chip.data == 0).all() for chip in done)
    done[0].dq = np.full((3, 4), dq.HOT, np.uint16)
    done[1].uncertainty = np.full((3, 4), 2.0)
    ccdlib.write(done, tmp_path / "out.fits")
    back = ccdlib.read(tmp_path / "out.fits")
    assert back.header["OBJECT"] == "M 13"
    assert [chip.header["EXTNAME"] for chip in back] == ["IM1", "IM2"]
    assert [chip.header["GAIN"] for chip in back] == [2, 3]
    assert (back[0].dq == dq.HOT).all() and back[1].dq is None
    assert back[0].uncertainty is None and (back[1].uncertainty.array == 2).all()
    assert [hdu.name for hdu in back.others] == ["LOG"]
    assert file[0].data[0, 0] == 1060
    with pytest.raises(OSError, match="already exists"):
        ccdlib.write(done, tmp_path / "out.fits")


def test_numbers_of_images_must_agree(mosaic):
    file = ccdlib.read(mosaic, unit="adu")
    with pytest.raises(CcdlibError, match="1 images where the file has 2"):
        file.map(ccdlib.subtract_bias, ImageFile(file.images[:1]))


def test_a_file_with_one_image_is_a_ccddata(tmp_path):
    ccd = CCDData(np.ones((2, 3)), unit="adu", dq=np.full((2, 3), dq.BAD), meta={"OBJECT": "M 13"})
    ccdlib.write(ccd, tmp_path / "a.fits")
    back = ccdlib.read(tmp_path / "a.fits")
    assert (back.dq == dq.BAD).all()
    assert back.header["OBJECT"] == "M 13"


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("count", [1, 2])
def test_the_pipelines_products(tmp_path, compress, count):
    from ccdlib.frame.image import Image
    from ccdlib.products.product_files import write_product

    images = [
        Image(
            np.full((40, 50), value, np.float32),
            np.full((40, 50), 4, np.float32),
            np.full((40, 50), dq.HOT * value, np.uint16),
            "electron",
        )
        for value in range(count)
    ]
    write_product(tmp_path / "p.fits", images, fits.Header([("OBJECT", "M 13")]), None, compress)
    file = ccdlib.read(tmp_path / "p.fits")
    chips = [file] if count == 1 else list(file)
    for value, chip in enumerate(chips):
        assert (chip.data == value).all() and chip.unit == u.electron
        assert (chip.uncertainty.array == 2).all()
        assert (chip.dq == dq.HOT * value).all()
    assert file.header["OBJECT"] == "M 13"


def test_no_image(tmp_path):
    fits.HDUList([fits.PrimaryHDU()]).writeto(tmp_path / "a.fits")
    with pytest.raises(CcdlibError, match="no image in it"):
        ccdlib.read(tmp_path / "a.fits")
