"""One exposure under two names is used once, whatever its header says."""

import gzip

import numpy as np
import pytest
from astropy.io import fits
from making import camera, write_raw

from ccdlib.index.exposures import one_of_each
from ccdlib.index.raw_index import compared, index_file


def exposure(seed=1, shape=(60, 50)):
    values = np.random.default_rng(seed).normal(1000, 5, shape)
    return np.round(values).astype(np.uint16)


def rows_of_folder(folder):
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.f*"))
    rows = [index_file(str(folder / file), file, camera()) for file in files]
    return {row["file"]: row for row in compared(folder, rows, camera())}


def assert_used_once(folder, used, double, differ=""):
    rows = rows_of_folder(folder)
    assert rows[used]["status"] == "ok"
    assert rows[double]["status"] == "refused"
    believed = differ and f", though their headers differ ({differ}): that of {used} is believed"
    assert rows[double]["reason"] == (
        f"{double}: same pixels as {used}: one exposure under two names, used once{believed}"
    )


def test_a_card_that_a_viewer_added(tmp_path):
    write_raw(tmp_path / "dark0.fits", exposure(), IMAGETYP="dark")
    # a dash sorts before the dot of the ending, and is the copy all the same
    write_raw(tmp_path / "dark0-1.fits", exposure(), IMAGETYP="dark", SWMODIFY="Viewer")
    write_raw(tmp_path / "dark1.fits", exposure(2), IMAGETYP="dark")
    assert_used_once(tmp_path, "dark0.fits", "dark0-1.fits")
    assert rows_of_folder(tmp_path)["dark1.fits"]["status"] == "ok"


@pytest.mark.parametrize("kind", [np.int32, np.float32, np.float64])
def test_the_same_values_written_in_another_type(tmp_path, kind):
    write_raw(tmp_path / "a.fits", exposure(), IMAGETYP="bias")
    write_raw(tmp_path / "b.fits", exposure().astype(kind), IMAGETYP="bias")
    assert_used_once(tmp_path, "a.fits", "b.fits")


def test_a_copy_that_was_packed(tmp_path):
    write_raw(tmp_path / "a.fits", exposure(), IMAGETYP="bias")
    write_raw(tmp_path / "b.fits", exposure(), IMAGETYP="bias", OBJECT="x")
    with gzip.open(tmp_path / "c.fits.gz", "wb") as file:
        file.write((tmp_path / "b.fits").read_bytes())
    (tmp_path / "b.fits").unlink()
    assert_used_once(tmp_path, "a.fits", "c.fits.gz")


def test_tiles(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        hdu = fits.CompImageHDU(exposure(seed), fits.Header({"IMAGETYP": "bias", "NAME": name}))
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(tmp_path / f"{name}.fits.fz")
    assert_used_once(tmp_path, "a.fits.fz", "b.fits.fz")
    assert rows_of_folder(tmp_path)["c.fits.fz"]["status"] == "ok"


def test_the_one_that_can_be_used_stays(tmp_path):
    """Someone gave the copy the type that the camera's program had left out."""
    write_raw(tmp_path / "a.fits", exposure())
    write_raw(tmp_path / "b.fits", exposure(), IMAGETYP="bias")
    differ = "imagetyp='light' here, imagetyp='bias' there"
    assert_used_once(tmp_path, "b.fits", "a.fits", differ)


def test_which_of_two_headers_is_believed_is_said(tmp_path):
    """Someone corrected the filter in a copy, and the original comes first by name."""
    write_raw(tmp_path / "flat0.fits", exposure(), IMAGETYP="flat", FILTER="V", EXPTIME=2.0)
    write_raw(tmp_path / "flat0_R.fits", exposure(), IMAGETYP="flat", FILTER="R", EXPTIME=2.0)
    differ = "filter='R' here, filter='V' there"
    assert_used_once(tmp_path, "flat0.fits", "flat0_R.fits", differ)


@pytest.mark.parametrize("hit", [0, 31])
def test_pixels_that_hardly_scatter_tell_nothing(tmp_path, hit):
    pixels = np.full((60, 50), 1000, np.uint16)
    pixels[0, :hit] = 1001
    for name in "ab":
        write_raw(tmp_path / f"{name}.fits", pixels, IMAGETYP="bias")
    # files of the same content are told by that
    write_raw(tmp_path / "c.fits", pixels, IMAGETYP="bias", OBJECT="x")
    assert rows_of_folder(tmp_path)["c.fits"]["status"] == "ok"


def test_frames_of_one_exposure_of_another_shape(tmp_path):
    write_raw(tmp_path / "a.fits", exposure(), IMAGETYP="bias")
    write_raw(tmp_path / "b.fits", exposure()[:, :-1], IMAGETYP="bias")
    assert all(row["status"] == "ok" for row in rows_of_folder(tmp_path).values())


def test_one_other_pixel_is_another_exposure(tmp_path):
    for row in (0, 30, 59):
        folder = tmp_path / str(row)
        other = exposure()
        other[row, 7] += 1
        write_raw(folder / "a.fits", exposure(), IMAGETYP="bias")
        write_raw(folder / "b.fits", other, IMAGETYP="bias")
        assert all(found["status"] == "ok" for found in rows_of_folder(folder).values())


@pytest.mark.parametrize(
    ("kind", "date"), [("light", "2024-05-13T03:00:00"), ("bias", "2024-05-20T03:00:00")]
)
def test_where_nothing_is_counted_twice_it_is_remarked_on(tmp_path, kind, date):
    """A light makes a product of its own, and nights have masters of their own."""
    spec = camera(facts={"date_obs": "DATE-OBS"})
    write_raw(tmp_path / "a.fits", exposure(), IMAGETYP=kind, DATE__OBS="2024-05-13T02:00:00")
    write_raw(tmp_path / "b.fits", exposure(), IMAGETYP=kind, DATE__OBS=date)
    rows = [index_file(str(tmp_path / file), file, spec) for file in ("a.fits", "b.fits")]
    first, second = compared(tmp_path, rows, spec)
    assert first["reason"] is None and second["status"] == "ok"
    assert second["reason"] == (
        "b.fits: same pixels as a.fits: one exposure under two names, though their headers differ "
        f"(date_obs='{date}' here, date_obs='2024-05-13T02:00:00' there): each goes by its own"
    )


def test_of_the_same_content_the_copy_is_refused(tmp_path):
    """The blank of its name sorts before the dot of the other's ending."""
    rows = [
        {"frame": name, "file": f"{name}.fit", "sha256": "1", "status": "ok"}
        for name in ("dark (1)", "dark")
    ]
    copy, first = one_of_each(rows)
    assert first["status"] == "ok"
    assert copy["reason"] == "dark (1).fit: duplicate, same content as dark.fit"


@pytest.mark.parametrize("ending", [".fz", ".gz"])
def test_a_frame_beside_its_packed_copy_is_used_once(tmp_path, ending):
    facts = {"EXPTIME": 5.0, "DATE-OBS": "2024-03-02T03:00:00", "IMAGETYP": "light"}
    write_raw(tmp_path / "a.fits", exposure(), **facts)
    if ending == ".gz":
        with gzip.open(tmp_path / "a.fits.gz", "wb") as file:
            file.write((tmp_path / "a.fits").read_bytes())
    else:
        tiles = fits.CompImageHDU(exposure(), fits.Header(facts))
        fits.HDUList([fits.PrimaryHDU(), tiles]).writeto(tmp_path / "a.fits.fz")
    rows = rows_of_folder(tmp_path)
    assert rows["a.fits"]["status"] == "ok"
    packed = rows[f"a.fits{ending}"]
    assert packed["reason"] == (f"a.fits{ending}: the same frame as a.fits, packed: used once")


def test_a_packed_file_of_another_exposure_shares_only_the_name(tmp_path):
    write_raw(tmp_path / "a.fits", exposure(), IMAGETYP="light", EXPTIME=5.0)
    write_raw(tmp_path / "b.fits", exposure(2), IMAGETYP="light", EXPTIME=6.0)
    with gzip.open(tmp_path / "a.fits.gz", "wb") as file:
        file.write((tmp_path / "b.fits").read_bytes())
    (tmp_path / "b.fits").unlink()
    reasons = {row["reason"] for row in rows_of_folder(tmp_path).values()}
    assert all("2 files have the same FRAME: a.fits, a.fits.gz" in reason for reason in reasons)
