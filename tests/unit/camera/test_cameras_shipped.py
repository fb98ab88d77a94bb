"""The shipped camera files: raw frames in each camera's own layout come out as the truth."""

from dataclasses import replace

import numpy as np
import pytest
from cameras import LFC, NINA, NINA_CARDS, assert_true, cards, level_share, lfc_cards
from layouts import headers, reduce, row_of, settings, take
from making import REAL, needs_real_frames

from ccdlib.camera.sections import parse_section
from ccdlib.commands.selftest import reduce_night
from ccdlib.config import load_camera
from ccdlib.errors import CcdlibError
from ccdlib.frame.amplifier_match import border_factors
from ccdlib.index.raw_index import index_file
from ccdlib.index.type_evidence import weigh
from ccdlib.products.product_files import read_product
from ccdlib.simulate.exposures import generator
from ccdlib.simulate.layout import Layout, Readout, read_out, write_layout


def named(raw, name):
    """A reading of one of the shipped cameras for a raw file."""
    return row_of(raw, load_camera(name))


# --- Palomar LFC: 2080 x 4128, overscan from column 2056


def test_lfc_takes_its_overscan_from_where_no_charge_trails(tmp_path):
    take(tmp_path / "raw", LFC, lfc_cards, counts=(("light", 1),))
    config = settings(missing={"flat": "skip"})
    reduced = reduce(tmp_path, LFC, load_camera("palomar_lfc"), config)
    assert reduced.product.images[0].data.shape == (4128, 2048)
    assert reduced.product.header["AMPOSC1"] == "[2056:2080,1:4128]"
    # one level for all rows of four thousand: what they share is far below a pixel's noise
    assert_true(reduced, level_share(LFC, 25) * 96 / 4128)
    row = named(tmp_path / "raw/light0.fits", "palomar_lfc")
    assert (row["camera"], row["gain"], row["read_noise"]) == ("LFC-0", "2", "11")
    assert row["night"] == "2016-01-15"


def test_lfc_with_its_headers_section_would_be_refused(tmp_path):
    camera = load_camera("palomar_lfc")
    camera["amplifiers"] = [{"data": ["DATASEC"], "overscan": ["BIASSEC"]}]
    take(tmp_path / "raw", LFC, lfc_cards, counts=(("light", 1),))
    with pytest.raises(CcdlibError, match=r"\[2049:2080,1:4127\] does not cover the rows"):
        reduce(tmp_path, LFC, camera, settings(missing={"flat": "skip"}))


# --- Apogee Aspen CG16M: 4109 x 4096, nothing to be learned from the last 13 columns

ASPEN = Layout(
    shape=(4096, 4109),
    readouts=(
        Readout("[1:4096,1:4096]", "[1:4096,1:4096]", gain=1.5, read_noise=10.0, level=1100.0),
    ),
)
ASPEN_CARDS = {
    "INSTRUME": "AspenCG16", "SET-TEMP": -20.0, "CCD-TEMP": -20.02, "XBINNING": 1, "YBINNING": 1,
    "READOUTM": "Monochrome", "SITELONG": "-96:27:11.8008", "BIASSEC": "[4096:4109]",
    "TRIMSEC": "[1:4096, :]", "EGAIN": 1.5, "SWCREATE": "MaxIm DL Version 6.18",
}  # fmt: skip
ASPEN_KINDS = {
    "bias": {"IMAGETYP": "BIAS"},
    "flat": {"IMAGETYP": "FLAT", "OBJECT": ""},
    "light": {"IMAGETYP": "LIGHT", "OBJECT": "kelt-16-b"},
}


@pytest.mark.slow
def test_aspen_in_full(tmp_path):
    counts = (("bias", 3), ("light", 1))
    take(tmp_path / "raw", ASPEN, cards(ASPEN_CARDS, ASPEN_KINDS), counts=counts)
    camera = load_camera("apogee_cg16m")
    camera["detector"]["read_noise"] = 10.0
    reduced = reduce(tmp_path, ASPEN, camera, settings(missing={"flat": "skip"}))
    assert reduced.product.images[0].data.shape == (4096, 4096)
    assert_true(reduced)


def test_aspen_binned_takes_its_share_of_the_image(tmp_path):
    binned = Layout(
        shape=(1024, 1027),
        readouts=(replace(ASPEN.readouts[0], data="[1:1024,1:1024]"),),
        binning=(4, 4),
    )
    common = ASPEN_CARDS | {"XBINNING": 4, "YBINNING": 4}
    take(tmp_path / "raw", binned, cards(common, ASPEN_KINDS), counts=(("bias", 3), ("light", 1)))
    camera = load_camera("apogee_cg16m")
    camera["detector"]["read_noise"] = 10.0
    reduced = reduce(tmp_path, binned, camera, settings(missing={"flat": "skip"}))
    assert reduced.product.images[0].data.shape == (1024, 1024)
    assert_true(reduced)


# --- SAAO STE3: ten columns of overscan before the image

STE3 = Layout(
    shape=(520, 536),
    readouts=(
        Readout(
            "[17:528,1:512]", "[1:512,1:512]", "[4:13,1:512]", gain=1.9, read_noise=5.0, level=800.0
        ),
    ),
    drift=8.0,
)
STE3_CARDS = {
    "OBSERVAT": "SAAO", "INSTRUME": "STE3 CCD", "TRIMSEC": "[  17: 528,   1: 520]",
    "BIASSEC": "[   4:  13,   1: 520]", "GAIN": 1.9, "RDNOISE": 5.0, "CCD-TEMP": 180.2,
}  # fmt: skip


def test_ste3_overscan_before_the_image(tmp_path):
    def of(kind, number):
        minute = 10 * ["bias", "flat", "light"].index(kind) + number
        lit = {} if kind == "bias" else {"FILTERS": 48}
        return STE3_CARDS | lit | {
            "DATE-OBS": "2013-07-13", "UT": f"00:{minute:02d}:33", "OBJECT": "rf0420",
            "EXPTIME": 0.0 if kind == "bias" else 150.04,
            "IMAGETYP": {"bias": "zero", "flat": "flat", "light": "object"}[kind],
        }  # fmt: skip

    take(tmp_path / "raw", STE3, of)
    reduced = reduce(tmp_path, STE3, load_camera("saao_ste3"))
    assert_true(reduced, level_share(STE3, 10) * 96 / 512)
    row = named(tmp_path / "raw/light0.fits", "saao_ste3")
    assert float(row["temperature"]) == pytest.approx(180.2 - 273.15)
    assert row["filter"] == "48"


@needs_real_frames
def test_ste3_real_frame():
    row = named(REAL / "saao_ste3/a8280271.fits", "saao_ste3")
    assert row["date_obs"] == "2013-07-13T00:57:33"
    assert row["gain"] == "1.9"
    (amplifier,) = row["amplifiers"]
    # of the 520 rows in TRIMSEC, no light reaches the last eight
    assert amplifier["data"] == "[17:528,1:512]"
    assert amplifier["overscan"] == "[4:13,1:512]"


# --- LCO Sinistro: four extensions of 544 x 522

SINISTRO = Layout(
    shape=(522, 544),
    readouts=tuple(
        Readout("[1:512,1:512]", place, "[520:540,1:512]", None, hdu, gain, 7.0, level)
        for hdu, (place, gain, level) in enumerate(
            (
                ("[1025:2048,3072:2049]", 6.42, 2522.0),
                ("[1025:2048,1025:2048]", 6.23, 2560.0),
                ("[3072:2049,1025:2048]", 6.27, 2553.0),
                ("[3072:2049,3072:2049]", 6.26, 2582.0),
            ),
            start=1,
        )
    ),
    binning=(2, 2),
    drift=3.0,
    crosstalk=((0, 0.00053, 0, 0), (0.00064, 0, 0, 0), (0, 0, 0, 0.00057), (0, 0, 0.00061, 0)),
)
SINISTRO_CARDS = {
    "ORIGIN": "LCOGT", "TELESCOP": "1m0-08", "INSTRUME": "fa05", "GAIN": 0.0, "RDNOISE": 7.0,
    "SATURATE": 40000.0, "BIASSEC": "UNKNOWN", "DATASEC": "[1:2080,1:2058]",
    "TRIMSEC": "[1:1024,1:1024]", "DETSEC": "UNKNOWN", "CCDSUM": "2 2", "CCDSTEMP": -90.0,
    "LONGITUD": -104.0, "CONFMODE": "default",
} | {
    f"CRSTLK{one + 1}{two + 1}": SINISTRO.crosstalk[one][two]
    for one in range(4)
    for two in range(4)
    if one != two
}  # fmt: skip
SINISTRO_KINDS = {
    "bias": {"OBSTYPE": "BIAS"},
    "flat": {"OBSTYPE": "SKYFLAT"},
    "light": {"OBSTYPE": "EXPOSE"},
}


def sinistro(folder, counts):
    own = {
        each.hdu: {
            "EXTNAME": "SCI", "EXTVER": each.hdu, "CCDSUM": "2 2", "DETSEC": each.place,
            "BIASSEC": each.overscan, "DATASEC": each.data, "GAIN": each.gain,
        }
        for each in SINISTRO.readouts
    }  # fmt: skip
    take(folder / "raw", SINISTRO, cards(SINISTRO_CARDS, SINISTRO_KINDS), own, counts=counts)


def test_sinistro_is_one_image_of_the_truth(tmp_path):
    sinistro(tmp_path, (("flat", 3), ("light", 1)))
    reduced = reduce(tmp_path, SINISTRO, load_camera("lco_sinistro"))
    assert [image.data.shape for image in reduced.product.images] == [(1024, 1024)]
    assert "AMPFAC1" not in reduced.product.header
    assert_true(reduced, level_share(SINISTRO, 21) * 96 / 512)


def test_sinistro_without_flats_takes_relative_gains_from_the_sky(tmp_path):
    sinistro(tmp_path, (("light", 1),))
    camera = load_camera("lco_sinistro")
    wrong = np.array([1.01, 0.99, 1.005, 0.995])
    camera["detector"]["gain"] = list(np.array([6.42, 6.23, 6.27, 6.26]) * wrong)
    reduced = reduce(tmp_path, SINISTRO, camera)
    factors = [reduced.product.header[f"AMPFAC{number}"] for number in range(1, 5)]
    expected = 1 / (wrong / np.exp(np.mean(np.log(wrong))))
    # sky of 900 e with 30 e of noise in 512 x 32 pixels a side: an extrapolated level to 0.1 %
    assert np.allclose(factors, expected, rtol=0, atol=0.003)


@needs_real_frames
def test_sinistro_real_frame_has_no_step_at_its_borders(tmp_path):
    made = reduce_night(REAL / "lco_mef", tmp_path, load_camera("lco_sinistro"), settings())
    product = read_product(made["results/calibrated/mef_raw_test_frame.fits"])
    image = product.images[0]
    assert image.data.shape == (1024, 1024)
    values = np.where(image.dq == 0, image.data, np.nan)
    # three unknowns, four borders: each border must agree with the others within its own noise,
    # that of a line's end through 32 medians of 512 pixels of 47 e
    halves = ["[1:512,513:1024]", "[1:512,1:512]", "[513:1024,1:512]", "[513:1024,513:1024]"]
    places = [parse_section(text, (1024, 1024)) for text in halves]
    for one, two in ((0, 3), (1, 2), (1, 0), (2, 3)):
        step = np.log(border_factors(values, [places[one], places[two]]))
        error = 2**0.5 * 2 * 1.2533 * 47 / np.sqrt(512 * 32) / 1880
        assert abs(step[0] - step[1]) < 4 * error


# --- Lick Nickel: 1024 x 1056, binned, 32 columns of overscan that hold trailed charge

NICKEL = Layout(
    shape=(1024, 1056),
    readouts=(
        Readout(
            "[1:1024,1:1024]", "[1:2048,1:2048]", "[1025:1056,1:1024]", gain=1.8, read_noise=9.0,
            level=1001.0,
        ),
    ),
    binning=(2, 2),
    drift=-12.0,
    trail=0.02,
)  # fmt: skip
NICKEL_CARDS = {
    "INSTRUME": "Nickel Direct Camera", "DATASEC": "[1:1024,1:1024]", "COVER": 32, "ROVER": 0,
    "CDELT1U": -2, "CDELT2U": -2, "GAIN": 1, "TEMPDET": -108.8, "DNAXIS1": 2048,
}  # fmt: skip


def nickel_cards(kind, number):
    """No IMAGETYP, FILTER, DATE-OBS or BIASSEC; a bias says filter B."""
    plain = headers(kind, number)
    own = {
        "bias": {"OBSTYPE": "DARK", "EXPTIME": 0, "OBJECT": "bias", "FILTNAM": "B"},
        "flat": {"OBSTYPE": "OBJECT", "EXPTIME": 5, "OBJECT": "sky flat", "FILTNAM": "V"},
        "light": {"OBSTYPE": "OBJECT", "EXPTIME": 60, "OBJECT": "NGC 2324", "FILTNAM": "V"},
    }
    return NICKEL_CARDS | own[kind] | {"DATE-BEG": plain["DATE-OBS"], "DATE": plain["DATE-OBS"]}


def test_nickel_measures_what_its_header_does_not_know(tmp_path):
    counts = (("bias", 4), ("flat", 3), ("light", 1))
    take(tmp_path / "raw", NICKEL, nickel_cards, counts=counts)
    # in adu: the error of a measured gain is common to all pixels, and no part of their sigma
    config = settings(products={"unit": "adu"})
    reduced = reduce(tmp_path, NICKEL, load_camera("lick_nickel"), config)
    assert reduced.product.images[0].data.shape == (1024, 1024)
    assert reduced.product.header["AMPOSC1"] == "[1029:1056,1:1024]"
    # three flats of a million pixels at 11 000 adu, by the photon noise of their differences
    assert reduced.product.header["AMPGAI1"] == pytest.approx(1.8, rel=4 * 2**0.5 / 1024)
    assert reduced.product.header["AMPRON1"] == pytest.approx(9.0, rel=4 * 2 / 1024)
    assert_true(reduced, level_share(NICKEL, 28) * 96 / 1024)


# --- ARCSAT: 1024 x 1024 by MaxIm DL, no overscan, no gain, darks scaled to flats of 76 to 82 s

ARCSAT = Layout(
    shape=(1024, 1024),
    readouts=(
        Readout("[1:1024,1:1024]", "[1:1024,1:1024]", gain=1.45, read_noise=11.8, level=1370.0),
    ),
)
ARCSAT_CARDS = {
    "TELESCOP": "ARCSAT 0.5-m", "INSTRUME": "dcam-spare", "SET-TEMP": -25.0, "CCD-TEMP": -25.067,
    "XBINNING": 1, "YBINNING": 1, "READOUTM": "Monochrome", "XORGSUBF": 0, "YORGSUBF": 0,
    "SITELONG": "-105 49 13", "PEDESTAL": 0, "ROWORDER": "TOP-DOWN", "OBJECT": "        ",
    "SWCREATE": "MaxIm DL Version 6.50 250810 1AJSF",
}  # fmt: skip


def arcsat_cards(kind, number):
    plain = headers(kind, number)
    exptime = {"bias": 0.0, "dark": 60.0, "flat": 76.15 + 2 * number, "light": 60.0}[kind]
    lit = {"FILTER": "z       "} if kind in ("flat", "light") else {}
    return ARCSAT_CARDS | lit | {
        "IMAGETYP": kind.upper(), "EXPTIME": exptime, "EXPOSURE": exptime,
        "DATE-OBS": plain["DATE-OBS"],
    }  # fmt: skip


def test_arcsat_scales_its_darks_to_the_flats(tmp_path):
    counts = (("bias", 4), ("dark", 3), ("flat", 3), ("light", 1))
    take(tmp_path / "raw", ARCSAT, arcsat_cards, counts=counts, current=1.5)
    config = settings(products={"unit": "adu"})
    reduced = reduce(tmp_path, ARCSAT, load_camera("arcsat"), config)
    header = reduced.product.header
    assert header["DARKSCAL"] == 1.0
    assert header["AMPGAI1"] == pytest.approx(1.45, rel=4 * 2**0.5 / 1024)
    assert header["AMPRON1"] == pytest.approx(11.8, rel=4 * 2 / 1024)
    # the dark is in the light and in its flat, with opposite effects: what docs/noise.md leaves
    # out is 0.059 (sky over flat, times 78 s / 60 s) of the dark's share of the variance
    dark, total = (90 + 11.8**2) / 3, 900 + 90 + 11.8**2
    assert_true(reduced, (0.059 * dark / total / 4) ** 2)
    row = named(tmp_path / "raw/bias0.fits", "arcsat")
    assert (row["filter"], row["night"]) == (None, "2024-05-12")


# --- CMOS through N.I.N.A.: gain setting, offset, no overscan, darks and dark-flats, no biases


def test_nina_reads_settings_as_settings(tmp_path):
    kinds = {"light": {"IMAGETYP": "LIGHT", "OBJECT": "M 45"}}
    take(tmp_path, NINA, cards(NINA_CARDS, kinds), counts=(("light", 1),))
    row = named(tmp_path / "light0.fits", "nina_cmos")
    assert (row["gain_setting"], row["offset"], row["gain"]) == ("120", "30", "1")
    assert row["imagetyp"] == "light"


def nina_night(folder, light_gain=120):
    """Darks of the lights' and of the flats' exposure, flats, a light; no bias anywhere."""
    kinds = {
        "dark": {"IMAGETYP": "DARK"},
        "flat": {"IMAGETYP": "FLAT"},
        "light": {"IMAGETYP": "LIGHT", "OBJECT": "M 45", "GAIN": light_gain},
    }
    of = cards(NINA_CARDS, kinds)
    no_light = np.zeros((128, 160))
    for number in range(6):
        for name, exptime, minute in (("dark", 60.0, 10), ("darkflat", 5.0, 40)):
            more = {"EXPTIME": exptime, "DATE-OBS": f"2024-05-13T03:{minute + number}:00"}
            more |= {} if name == "dark" else {"IMAGETYP": "DARKFLAT"}
            images = read_out(NINA, no_light, generator(9, number, int(exptime)))
            write_layout(folder / f"{name}{number}.fits", images, of("dark", number) | more)
    take(folder, NINA, of, counts=(("flat", 6), ("light", 1)))


def test_nina_without_biases_by_darks_and_dark_flats(tmp_path):
    nina_night(tmp_path / "raw")
    reduced = reduce(tmp_path, NINA, load_camera("nina_cmos"))
    header = reduced.product.header
    assert "BIASFILE" not in header
    assert header["DARKSCAL"] == 1.0
    # from three pairs of 20 480 pixels
    assert header["AMPRON1"] == pytest.approx(3.0, abs=4 * 3.0 / np.sqrt(2 * 3 * 20_480))
    # the master dark's error, a sixth of the read noise's variance, is every pixel's own
    assert_true(reduced)


def test_nina_darks_of_another_gain_setting_do_not_serve(tmp_path):
    nina_night(tmp_path / "raw", light_gain=200)
    with pytest.raises(CcdlibError, match="gain_setting 120, the frame has 200"):
        reduce(tmp_path, NINA, load_camera("nina_cmos"))


# --- acquisition programs that the generic camera covers, and SharpCap

PROGRAMS = {
    "MaxIm DL": (
        "generic",
        {"IMAGETYP": "Light Frame", "SWCREATE": "MaxIm DL Version 6.50", "READOUTM": "Monochrome",
         "SET-TEMP": -40.0, "CCD-TEMP": -39.9, "EGAIN": 1.4, "PEDESTAL": -100, "CBLACK": 1086,
         "SITELONG": "-105 49 13", "EXPOSURE": 60.0},
        {"imagetyp": "light", "gain": "1.4", "temperature": -39.9, "readout_mode": "Monochrome"},
    ),
    "SBIG CCDSoft": (
        "generic",
        {"IMAGETYP": "Light Frame         ", "SWCREATE": "CCDSoft Version 5.00.218", "EGAIN": 2.3,
         "TIME-OBS": "00:56:58.604        ", "SET-TEMP": -20.0, "CCDXBIN": 1, "PEDESTAL": -100},
        {"imagetyp": "light", "gain": "2.3", "temperature": -20.0},
    ),
    "SBIG CCDOPS": (
        "arcsat",
        {"IMAGETYP": "LIGHT", "SWCREATE": "SBIG Win CCDOPS Version 5.47", "CCD-TEMP": 4.5},
        {"imagetyp": "light", "temperature": 4.5},
    ),
    "SharpCap": (
        "sharpcap",
        {"SWCREATE": "SharpCap v4.1.12946.0, 64 bit", "CCD-TEMP": -0.5, "RDNOISE": 1.7, "GAIN": 200,
         "BLKLEVEL": 20, "DATE-OBS": "2025-03-19T22:51:59.3846323"},
        {"imagetyp": "light", "gain": "", "read_noise": "1.7", "gain_setting": "200",
         "offset": "20", "date_obs": "2025-03-19T22:51:59.384632"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_headers_of_acquisition_programs(tmp_path, program):
    name, common, expected = PROGRAMS[program]
    kinds = {"light": {"OBJECT": "M 13"}}
    take(tmp_path / "lights", NINA, cards({"XBINNING": 1, "YBINNING": 1} | common, kinds),
         counts=(("light", 1),))  # fmt: skip
    camera = load_camera(name)
    row = index_file(tmp_path / "lights/light0.fits", "lights/light0.fits", camera)
    (row,) = weigh([row], camera)
    assert row["status"] == "ok", row["reason"]
    assert {fact: row[fact] for fact in expected} == expected


MAXIM = {
    "SET-TEMP": -40.0, "CCD-TEMP": -39.92, "XPIXSZ": 9.0, "YPIXSZ": 9.0, "XBINNING": 1,
    "YBINNING": 1, "XORGSUBF": 0, "YORGSUBF": 0, "READOUTM": "Monochrome", "EGAIN": 1.0,
    "SBSTDVER": "SBFITSEXT Version 1.0", "SWCREATE": "MaxIm DL Version 5.23 130912 2V11E",
    "SITELONG": "-96 45 15", "INSTRUME": "Apogee USB/Net", "PEDESTAL": -100, "CBLACK": 1086,
    "CWHITE": 1350, "CSTRETCH": "Medium", "SWOWNER": "somebody", "INPUTFMT": "FITS",
}  # fmt: skip
CCDSOFT = {
    "TEMPERAT": -20.1, "SET-TEMP": -20.0, "CCD-TEMP": -20.1, "XPIXSZ": 9.0, "YPIXSZ": 9.0,
    "XBINNING": 1, "YBINNING": 1, "CCDXBIN": 1, "CCDYBIN": 1, "XORGSUBF": 0, "YORGSUBF": 0,
    "EGAIN": 1.0, "SBSTDVER": "SBFITSEXT Version 1.0", "SWCREATE": "CCDSoft Version 5.00.218",
    "INSTRUME": "SBIG ST-8XME w/ AO7 Dual CCD Camera", "TIME-OBS": "03:31:00.000", "PEDESTAL": -100,
    "SITELONG": "-71 15 29.2", "SWACQUIR": "CCDSoft Version 5.00.218", "DATAMAX": 65535,
    "RESMODE": 0, "SNAPSHOT": 1, "OBSERVER": "", "CENTAZ": "211.5",
}  # fmt: skip
FULL = {"bias": "Bias Frame", "dark": "Dark Frame", "flat": "Flat Field", "light": "Light Frame"}


@pytest.mark.parametrize("common", [MAXIM, CCDSOFT], ids=["MaxIm DL", "SBIG CCDSoft"])
def test_generic_reduces_what_acquisition_programs_write(tmp_path, common):
    def of(kind, number):
        # texts are padded to twenty letters, and every frame has an EXPOSURE beside EXPTIME
        padded = {"IMAGETYP": f"{FULL[kind]:20s}", "OBJECT": f"{'M 13':20s}"}
        own = headers(kind, number) | common | padded
        return own | {"EXPOSURE": own["EXPTIME"]}

    counts = (("bias", 6), ("dark", 6), ("flat", 6), ("light", 1))
    take(tmp_path / "raw", NINA, of, counts=counts, current=0.2)
    reduced = reduce(tmp_path, NINA, load_camera("generic"))
    assert reduced.product.header["DARKSCAL"] == 1.0
    assert reduced.product.header["AMPGAI1"] == 1.0
    assert_true(reduced)


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("2024-05-12/Darks/frame_0001.fits", "dark"),
        ("m31/flats_L/0001.fits", "flat"),
        ("dark_flats/0001.fits", "dark"),
        ("bias/0001.fits", "bias"),
        ("biases_-10C/0001.fits", "bias"),
        ("lights/00_01.fits", "light"),
        ("light_0001.fits", "light"),
        ("Darkness/0001.fits", "light"),
        ("dark cloud/0001.fits", "light"),
        ("m31/0001.fits", "light"),
    ],
)
def test_sharpcap_frames_are_typed_by_their_folder(tmp_path, file, kind):
    common = {"SWCREATE": "SharpCap v4.1", "GAIN": 200}
    take(tmp_path, NINA, cards(common, {"light": {}}), counts=(("light", 1),))
    camera = load_camera("sharpcap")
    (row,) = weigh([index_file(tmp_path / "light0.fits", file, camera) | {"exptime": None}], camera)
    assert row["imagetyp"] == kind
