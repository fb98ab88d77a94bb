"""A calibrated frame from raw files to its header: what was done, and only that."""

import json
import re
import sys

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from making import amplifier, config

from ccdlib import dq
from ccdlib.camera.amplifiers import amplifiers_to_rows
from ccdlib.commands import why
from ccdlib.config import settings_of
from ccdlib.errors import CcdlibError
from ccdlib.jobs import calibrate_frame, combine_frames, measure_bad_pixels
from ccdlib.jobs.task import Task
from ccdlib.kinds import KINDS
from ccdlib.products import common_cards, frame_headers, master_cards, master_headers
from ccdlib.products.card_steps import STEPS, step_of
from ccdlib.products.cards import StepCards
from ccdlib.products.product_files import read_product
from ccdlib.raw.raw_folder import sha256
from ccdlib.rerun import code_digests

WRITERS = common_cards, frame_headers, master_headers, master_cards
GAIN, READ_NOISE = 2.0, 8.0
RAW = (60, 72)
DATA, OVERSCAN = "[5:64,1:60]", "[65:72,1:60]"


class Night:
    """Biases, darks, flats and a light, and what they become."""

    def __init__(self, path):
        self.path, self.members = path, {"bias": [], "dark": [], "flat": [], "light": []}
        self.rng = np.random.default_rng(17)
        for _ in range(3):
            self.add("bias", 0, 0.0)
        for _ in range(3):
            self.add("dark", 40, 60.0)
        for _ in range(3):
            self.add("flat", 20000, 5.0)
        self.add("light", 500, 30.0)

    def add(self, kind, light, exptime):
        electrons = self.rng.poisson(light * GAIN, RAW) + self.rng.normal(0, READ_NOISE, RAW)
        pixels = 1000 + electrons / GAIN
        pixels[:, 64:] = 1000 + self.rng.normal(0, READ_NOISE / GAIN, (RAW[0], 8))
        name = f"{kind}{len(self.members[kind])}.fits"
        hdu = fits.PrimaryHDU(np.rint(pixels).clip(0, 65535).astype(np.uint16))
        hdu.header.update({"OBJECT": kind, "EXPTIME": exptime, "TRIMSEC": DATA, "GAIN": 99.0,
                           "BIASSEC": OVERSCAN, "CRPIX1": 40.0, "CRPIX2": 30.0, "LTV1": -4.0,
                           "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 10.0,
                           "CRVAL2": 20.0, "CDELT1": -1e-4, "CDELT2": 1e-4})  # fmt: skip
        hdu.writeto(self.path / name)
        amp = amplifier(RAW, DATA, OVERSCAN)
        facts = {"amplifiers": amplifiers_to_rows([amp]), "imagetyp": kind, "exptime": exptime,
                 "object": kind, "filter": "V", "dark_scale": exptime / 60}  # fmt: skip
        self.members[kind].append(
            {"file": name, "sha256": sha256(self.path / name), "facts": facts}
        )

    def master(self, kind, full, **sources):
        settings = settings_of(full, KINDS[kind])
        output = self.path / f"master_{kind}.fits"
        task = Task(output, str(self.path), self.members[kind], sources, settings)
        combine_frames.make(task)
        return output

    def calibrate(self, **parts):
        full = config(**parts)
        bias = self.master("bias", full)
        dark = self.master("dark", full, bias=bias)
        flat = self.master("flat", full, bias=bias, dark=dark)
        masters = {"bias": bias, "dark": dark, "flat": flat}
        return self.light("calibrated", full, masters, 0.5), masters

    def light(self, name, full, masters, dark_scale=1.0):
        """The first light, calibrated with these masters."""
        output, settings = self.path / f"{name}.fits", settings_of(full, KINDS["calibrated"])
        frames = self.members["light"][:1]
        calibrate_frame.make(Task(output, str(self.path), frames, masters, settings, dark_scale))
        return output


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    return Night(tmp_path_factory.mktemp("night"))


@pytest.fixture(scope="module")
def light(night):
    return night.calibrate()


def test_the_numbers(light):
    read = CCDData.read(light[0])
    assert read.unit == "electron"
    assert read.shape == (60, 60)
    truth = (500 - 20) * GAIN
    good = ~read.mask
    pull = (read.data[good] - truth) / read.uncertainty.array[good]
    # the masters' errors are shared by no two pixels, but the mean level of the light is drawn
    assert abs(pull.mean()) < 5 / np.sqrt(pull.size) + 0.1
    assert abs(pull.std() - 1) < 4 / np.sqrt(2 * pull.size) + 0.05
    np.testing.assert_allclose(read.wcs.wcs.crpix, [36, 30])


def test_what_was_done_is_said_with_its_digests(light):
    path, masters = light
    header = read_product(path).header
    for kind in ("bias", "dark", "flat"):
        assert header[f"{kind.upper()}FILE"] == f"master_{kind}"
        assert header[f"{kind.upper()}SHA"] == sha256(masters[kind])
    assert header["DARKSCAL"] == 0.5
    assert header["RAWFILE"] == "light0.fits"
    assert header["FLATNORM"] == read_product(masters["flat"]).header["FLATNORM"]
    assert header["FLATNORM"] == pytest.approx(20000, rel=0.01)
    assert header["OSCLEV1"] == pytest.approx(1000, abs=2)
    assert (header["AMPGAI1"], header["AMPRON1"]) == (GAIN, READ_NOISE)
    assert header["GAINSRC"] == "headers or camera file"
    assert header["CRMETH"] == "lacosmic"
    assert {"CCDLIBV", "NUMPYV", "ASTROPYV", "NSATUR", "NCOSMIC", "NMASKED"} <= set(header)


def test_nothing_stale_is_left(light):
    header = read_product(light[0]).header
    assert not {"TRIMSEC", "BIASSEC", "GAIN", "LTV1", "BZERO", "DATE"} & set(header)
    assert (header["CRPIX1"], header["CRPIX2"]) == (36, 30)


@pytest.mark.parametrize("which", ["light", "bias", "dark", "flat"])
def test_no_path_no_time_no_object_of_python(night, light, which):
    path = light[0] if which == "light" else light[1][which]
    with fits.open(path) as hdus:
        text = "\n".join(repr(hdu.header) for hdu in hdus)
    assert str(night.path) not in text
    assert not re.search(r"(/tmp|/home|/root)/", text)
    assert not re.search(r"<.* at 0x|object at|array\(", text)
    assert not re.search(r"20\d\d-\d\d-\d\dT\d\d:\d\d", text)


def test_the_same_again_is_the_same_bytes(night, light):
    before = light[0].read_bytes()
    again, _ = night.calibrate()
    assert again.read_bytes() == before


def test_adu_are_electrons_over_the_gain(night, light):
    electrons = read_product(light[0]).images[0]
    path, _ = night.calibrate(products={"unit": "adu"})
    found = read_product(path).images[0]
    assert found.unit == "adu"
    np.testing.assert_allclose(found.data, electrons.data / GAIN, rtol=1e-6)
    np.testing.assert_allclose(found.variance, electrons.variance / GAIN**2, rtol=1e-5)
    np.testing.assert_array_equal(found.dq, electrons.dq)
    night.calibrate()


def test_every_step_can_be_left_out(night):
    full = config(cosmic_rays={"method": "none"}, overscan={"method": "none"})
    product = read_product(night.light("plain", full, {}))
    with fits.open(night.path / "light0.fits") as hdus:
        raw = hdus[0].data[:, 4:64].astype(float)
    np.testing.assert_allclose(product.images[0].data, raw * GAIN, rtol=1e-6)
    header = product.header
    assert (header["OSCMETH"], header["CRMETH"]) == ("none", "none")
    assert not {"BIASFILE", "DARKFILE", "DARKSCAL", "FLATFILE", "FLATNORM"} & set(header)
    json.dumps({key: header[key] for key in header if key not in ("COMMENT", "HISTORY")})


# --- a map of bad pixels of one's own


def with_map(night, path):
    full = config(cosmic_rays={"method": "none"})
    return read_product(night.light("masked", full, {"bad_pixels": path}))


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float32])
def test_any_mask_of_the_trimmed_image_flags_its_pixels(night, kind):
    mask = np.zeros((60, 60), kind)
    mask[3, 4], mask[50, 51] = 1, 7
    path = night.path / f"{np.dtype(kind)}_mask.fits"
    fits.PrimaryHDU(mask).writeto(path)
    product = with_map(night, path)
    np.testing.assert_array_equal(product.images[0].dq == dq.BAD, mask != 0)
    assert product.header["BPMFILE"] == path.stem
    assert product.header["BPMSHA"] == sha256(path)


def test_masks_that_do_not_fit_are_refused(night):
    fits.PrimaryHDU(np.zeros((5, 6), np.uint8)).writeto(night.path / "small.fits")
    with pytest.raises(CcdlibError, match=r"bad-pixel map has shape \(5, 6\), the frame has \(60,"):
        with_map(night, night.path / "small.fits")
    fits.PrimaryHDU().writeto(night.path / "empty.fits")
    with pytest.raises(CcdlibError, match=r"bad_pixels: no image in empty.fits"):
        with_map(night, night.path / "empty.fits")
    (night.path / "text.fits").write_text("no")
    with pytest.raises(CcdlibError, match=r"bad_pixels: text.fits cannot be read"):
        with_map(night, night.path / "text.fits")


def test_the_digest_of_a_mask_is_in_the_settings_of_a_frame(tmp_path):
    path = tmp_path / "mask.fits"
    fits.PrimaryHDU(np.zeros((5, 6), np.uint8)).writeto(path)
    kind = KINDS["calibrated"]
    assert settings_of(config(bad_pixels=str(path)), kind)["bad_pixels"] == sha256(path)
    assert settings_of(config(), kind)["bad_pixels"] is None
    with pytest.raises(CcdlibError, match=r"bad_pixels='nowhere.fits' is not allowed: measure, d"):
        settings_of(config(bad_pixels="nowhere.fits"), kind)


def test_a_master_of_a_thousand_frames_has_plain_keywords():
    names = ("IMCMB###", "IMSHA###", "NCLIP###", "LEVEL###")
    cards = StepCards("combination", dict.fromkeys(names, "comment"))
    header = {}
    for name in names:
        for number in range(1, 2001):
            cards.put(header, name, number, number)
    assert {"IMCMB007", "IMSHA007", "NCLIP007", "LEVEL007", "IMCM1999"} <= set(header)
    assert len(header) == 4 * 2000
    assert max(map(len, header)) == 8
    assert all(map(cards.has, header))


def test_a_card_that_is_not_declared_is_not_written():
    with pytest.raises(KeyError, match="OSCLEV"):
        StepCards("overscan", {"OSCLEV#": "mean level"}).put({}, "OSCLEV", 1.0)


# the file's own cards, not a step's: FITS, the unit and the WCS of the image
LAYOUT = re.compile(r"SIMPLE|BITPIX|NAXIS\d?|EXTEND|BUNIT|CHECKSUM|DATASUM|LONGSTRN|COMMENT|")


@pytest.mark.parametrize("which", ["light", "bias", "dark", "flat", "map"])
def test_every_card_that_is_written_tells_of_a_step(night, light, which, tmp_path):
    path = light[0] if which == "light" else light[1].get(which)
    if which == "map":
        path = tmp_path / "map.fits"
        sources = {kind: light[1][kind] for kind in ("dark", "flat")}
        settings = settings_of(config(), KINDS["bad_pixels"])
        measure_bad_pixels.make(Task(path, "", [], sources, settings))
    raw = fits.getheader(night.path / "light0.fits")
    header = fits.getheader(path)
    written = {key for key in header if key not in raw and not LAYOUT.fullmatch(key)}
    assert len(written) > 8
    assert {key for key in written if step_of(key) is None} == set()
    lines = " ".join(why._header_lines(path))
    told = {step_of(key) for key in written}
    assert [key for key in written if f" {key}=" not in lines and step_of(key) != "versions"] == []
    assert {"counts", "versions"} <= told
    assert ("cosmic rays" in told) == (which == "light")


def test_a_card_tells_of_one_step():
    """Whatever stands for the numbers: no declaration hides another's cards."""
    for step, tables in STEPS.items():
        for cards in tables:
            for declared in cards.comments:
                keyword = declared.replace("###", "012").replace("#", "1")
                # a dark's own exposure time is that of the frame that it is
                assert step_of(keyword) == ("frame" if keyword == "EXPTIME" else step), keyword
    for keyword in ("RONADD1", "LEVSIG2", "CRENGINE", "ASTROSCV", "DPED0_1", "BLEV1_2", "BOSC0_1"):
        assert step_of(keyword) is not None, keyword
    assert step_of("AIRMASS") is None


@pytest.mark.parametrize("module", WRITERS)
def test_comments_fit_on_their_cards(module):
    """Beside a number; a text may be too long for any comment."""
    for cards in module.STEPS:
        for keyword, comment in cards.comments.items():
            assert len(comment) <= 47, keyword


@pytest.mark.parametrize("kind", ["bias", "dark"])
def test_a_master_without_a_dark_calls_nothing_that_only_a_dark_needs(night, monkeypatch, kind):
    """So an edit there does not make it again."""
    for path, name in code_digests.not_called(KINDS[kind]):
        for module in list(sys.modules.values()):
            if getattr(module, "__name__", "").startswith("ccdlib") and hasattr(module, name):
                monkeypatch.setattr(module, name, None)
        assert path.exists()
    assert code_digests.not_called(KINDS[kind]) and not code_digests.not_called(KINDS["flat"])
    bias = night.master("bias", config())
    if kind == "dark":
        assert night.master("dark", config(), bias=bias).exists()
