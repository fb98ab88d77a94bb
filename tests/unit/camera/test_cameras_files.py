"""What a camera file can say of headers, sections, places and crosstalk."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from astropy.io.fits import Header
from layouts import response
from making import camera, headers

from ccdlib.camera.amplifier_sections import overscan_section
from ccdlib.camera.amplifiers import amplifiers_from_rows, amplifiers_to_rows
from ccdlib.camera.assembly import on_detector, place_wcs
from ccdlib.camera.camera_file import (
    amplifiers,
    facts,
    frame_type,
)
from ccdlib.camera.sections import Section, parse_section
from ccdlib.config import PIPELINE, check_camera, load_camera, load_config
from ccdlib.errors import CcdlibError
from ccdlib.frame.raw_image import RawImage
from ccdlib.raw.stored_pixels import ArrayPixels
from ccdlib.simulate.exposures import generator
from ccdlib.simulate.layout import Layout, Readout, assembled, read_out

NAMES = sorted(path.stem for path in (PIPELINE / "config/cameras").glob("*.yaml"))
ANY = (np.inf, np.inf)


def blocks():
    text = (Path(__file__).parents[3] / "docs/camera.md").read_text()
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.S)]


@pytest.mark.parametrize("name", NAMES)
def test_shipped_files_obey_the_schema(name):
    assert load_camera(name)["description"]


def test_the_guide_builds_the_shipped_files():
    own = yaml.safe_load((PIPELINE / "config/cameras/palomar_lfc.yaml").read_text())
    first, types, detector, amps, aspen, everything, colour = blocks()
    assert first == {name: own[name] for name in first}
    assert types["types"] == own["types"]
    assert detector["detector"]["gain"] == own["detector"]["gain"]
    assert amps == {"amplifiers": own["amplifiers"], "longitude": own["longitude"]}
    shipped = yaml.safe_load((PIPELINE / "config/cameras/apogee_cg16m.yaml").read_text())
    assert aspen["amplifiers"] == shipped["amplifiers"]
    check_camera(everything)
    own = load_config(colour | {"raw_dir": "raw", "camera": "generic"})
    assert (own["bad_pixels"], own["cosmic_rays"]["method"]) == ("dark", "none")


# --- facts


def fact(name, spec, **cards):
    return facts(headers(**cards), camera(facts={name: spec}))[name]


def test_filters_of_two_wheels():
    spec = [{"cards": ["FILTER1", "FILTER2"], "empty": ["air", "clear"]}]
    assert fact("filter", spec, FILTER1="B", FILTER2="ND4") == "B+ND4"
    assert fact("filter", spec, FILTER1="air", FILTER2="ND4") == "ND4"
    assert fact("filter", spec, FILTER1="Air", FILTER2="clear") == "Air"
    assert fact("filter", [*spec, "FILTER"], FILTER="R") == "R"


def test_cards_with_spaces_in_their_names():
    header = Header()
    header["HIERARCH ESO INS FILT1 NAME"] = "V_HIGH"
    header["HIERARCH ESO DET WIN1 BINX"] = 2
    header["HIERARCH ESO DET WIN1 BINY"] = 1
    head = headers(image=((0, header, (10, 10)),))
    binning = [{"cards": ["ESO DET WIN1 BINX", "ESO DET WIN1 BINY"]}]
    spec = camera(facts={"filter": ["ESO INS FILT1 NAME"], "binning": binning})
    found = facts(head, spec)
    assert (found["filter"], found["binning"]) == ("V_HIGH", "2x1")


@pytest.mark.parametrize(
    ("spec", "cards", "expected"),
    [
        ({"card": "MJD", "unit": "mjd"}, {"MJD": 60443.125}, "2024-05-13T03:00:00"),
        ({"card": "JD", "unit": "jd"}, {"JD": 2460443.625}, "2024-05-13T03:00:00"),
        ({"card": "SECS", "unit": "unix"}, {"SECS": 1715569200}, "2024-05-13T03:00:00"),
        (
            {"cards": ["DATE", "TIME"], "utc_offset": -7},
            {"DATE": "2024-05-12", "TIME": "20:00:00"},
            "2024-05-13T03:00:00",
        ),
        ("DATE TIME", {"DATE": "2024/05/13", "TIME": "03:00:00"}, "2024-05-13T03:00:00"),
    ],
)
def test_times_from_whatever_there_is(spec, cards, expected):
    assert fact("date_obs", [spec], **cards) == expected


def test_units_with_a_zero_point():
    spec = [{"card": "T", "zero": -273.15}]
    assert fact("temperature", spec, T=173.15) == pytest.approx(-100)


def test_a_card_that_must_not_be_there():
    rules = [
        {"type": "bias", "when": {"KIND": None, "FILE": ".*bias.*"}},
        {"type": "light", "when": {"KIND": [None, "light"]}},
    ]
    spec = camera(types=rules)
    assert frame_type(headers(file="a/bias1.fits"), spec) == "bias"
    assert frame_type(headers(file="a/1.fits"), spec) == "light"
    assert frame_type(headers(file="a/bias1.fits", KIND="light"), spec) == "light"
    assert frame_type(headers(KIND="focus"), spec) is None


# --- detector values


def test_values_by_binning_and_by_gain_setting():
    detector = {
        "gain": {
            "by": "gain_setting",
            "values": {0: 3.6, 120: {"by": "binning", "values": {"2x2": 4}}},
        },
        "read_noise": {"by": "binning", "values": {"1x1": 3.1, "2x2": [6.0]}, "otherwise": "RN"},
    }  # fmt: skip
    spec = camera(facts={"gain_setting": "GAIN", "binning": "BIN"}, detector=detector)

    def values(**cards):
        (amp,) = amplifiers(headers(**cards), spec)
        return amp.gain, amp.read_noise

    assert values(GAIN=0, BIN=1) == (3.6, 3.1)
    assert values(GAIN=120, BIN=2) == (4.0, 6.0)
    assert values(GAIN=120, BIN=1) == (None, 3.1)
    assert values(GAIN=300, BIN=3, RN=9.5) == (None, 9.5)


def test_a_list_can_be_one_an_amplifier_of_the_whole_file():
    shape = (20, 30)
    image = tuple((number, Header(), shape) for number in (1, 2, 3))
    found = amplifiers(headers(image=image), camera(detector={"gain": [1.1, 1.2, 1.3]}))
    assert [amp.gain for amp in found] == [1.1, 1.2, 1.3]


def test_amplifiers_of_some_extensions_only():
    image = tuple((n, Header({"EXTNAME": name}), (20, 30)) for n, name in enumerate("ABG", start=1))
    spec = camera(amplifiers=[{"extension": ["A", 2], "data": "[1:28,:]"}])
    assert [amp.hdu for amp in amplifiers(headers(image=image), spec)] == [1, 2]
    with pytest.raises(CcdlibError, match=r"a.fits: no image is one of the camera's amplifiers"):
        amplifiers(headers(image=image), camera(amplifiers=[{"extension": "Z"}]))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"amplifiers": [{"overscan": {"after": "data", "section": "B"}}]},
            "amplifiers.0.overscan",
        ),
        (
            {"amplifiers": [{"coordinates": "ccd"}]},
            "coordinates='ccd' is not allowed: one of image",
        ),
        ({"assemble": {"gaps": "fill"}}, "assemble.gaps='fill' is not allowed: one of keep, close"),
        ({"crosstalk": "XTALK"}, "crosstalk='XTALK' is not allowed"),
        ({"detector": {"gain": {"by": "moon", "values": {"a": 1}}}}, "detector.gain"),
    ],
)
def test_mistakes_are_refused(spec, message):
    with pytest.raises(CcdlibError, match=message):
        camera(**spec)


# --- sections


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"after": "data"}, "[49:64,1:96]"),
        ({"after": "data", "skip": 2, "columns": 10}, "[51:58,1:96]"),
        ({"section": "[49:64,1:96]", "skip": 3}, "[52:64,1:96]"),
        ("[ 49 : 64 , 1 : 96 ]", "[49:64,1:96]"),
        ("[49:64]", "[49:64,1:96]"),
        ("[49,1:64,96]", "[49:64,1:96]"),
        ("[49:,:]", "[49:128,1:96]"),
    ],
)
def test_ways_to_name_an_overscan(how, expected):
    data = [parse_section("[1:48,1:96]", (96, 128)), parse_section("[65:112,1:96]", (96, 128))]
    found = overscan_section(headers(shape=(96, 128)), 0, {"overscan": how}, 0, data, None)
    assert found.fits() == expected


def test_overscan_before_the_data_leaves_out_what_is_next_to_it():
    data = [parse_section("[17:128,1:96]", (96, 128))]
    how = {"overscan": {"before": "data", "skip": 4}}
    assert overscan_section(headers(shape=(96, 128)), 0, how, 0, data, None).fits() == "[1:12,1:96]"


# --- places


def test_places_must_fit_their_data_and_not_overlap():
    data = [Section(0, 10, 0, 20)] * 2
    places = [parse_section(text, ANY) for text in ("[1:20,1:10]", "[15:34,1:10]")]
    with pytest.raises(CcdlibError, match=r"places \[1:20,1:10\] and \[15:34,1:10\] overlap"):
        on_detector(places, data, (1, 1), "a.fits")
    with pytest.raises(CcdlibError, match=r"has 10 x 5 pixels, its data \[1:20,1:10\] has 20 x 10"):
        on_detector(places[:1], data[:1], (2, 2), "a.fits")
    odd = [parse_section("[1:41,1:20]", ANY)]
    with pytest.raises(CcdlibError, match="does not lie on pixels of 2 x 2 binning"):
        on_detector(odd, data[:1], (2, 2), "a.fits")


def wcs_header(kind):
    header = Header(
        {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 20.0,
         "CRPIX1": 40.3, "CRPIX2": 22.1, "CUNIT1": "deg", "CUNIT2": "deg"}
    )  # fmt: skip
    if kind in ("cd", "sip"):
        update(header, {"CD1_1": -2e-4, "CD1_2": 1e-5, "CD2_1": 2e-5, "CD2_2": 2.1e-4})
    if kind == "sip":
        header["CTYPE1"], header["CTYPE2"] = "RA---TAN-SIP", "DEC--TAN-SIP"
        for name, order in (("A", 3), ("B", 3)):
            header[f"{name}_ORDER"] = order
        update(header, {"A_2_0": 1e-4, "A_1_1": 2e-4, "A_0_2": -3e-4, "A_3_0": 4e-6})
        update(header, {"B_2_0": -1e-4, "B_1_1": 5e-4, "B_0_2": 2e-4, "B_1_2": 3e-6})
    if kind == "pc":
        update(header, {"CDELT1": -2e-4, "CDELT2": 2e-4, "PC1_2": 0.1, "PC2_1": -0.1})
    if kind in ("rotation", "plain"):
        update(header, {"CDELT1": -2e-4, "CDELT2": 2.2e-4})
    if kind == "rotation":
        header["CROTA2"] = 31.0
    return header


def update(header, cards):
    for name, value in cards.items():
        header[name] = value
    return header


@pytest.mark.parametrize("kind", ["cd", "sip", "pc", "plain", "rotation"])
@pytest.mark.parametrize("flips", [(False, False), (True, False), (False, True), (True, True)])
def test_every_pixel_keeps_its_place_on_the_sky(kind, flips):
    import warnings

    from astropy.wcs import WCS, FITSFixedWarning

    warnings.simplefilter("ignore", FITSFixedWarning)
    header = wcs_header(kind)
    data, place = Section(3, 53, 7, 107), Section(60, 110, 200, 300)
    before = WCS(header)
    moved = header.copy()
    place_wcs(moved, data, place, flips)
    after = WCS(moved)
    y, x = np.mgrid[3:53:7, 7:107:9]
    new_x = (place.x1 - 1 - (x - data.x0)) if flips[1] else place.x0 + (x - data.x0)
    new_y = (place.y1 - 1 - (y - data.y0)) if flips[0] else place.y0 + (y - data.y0)
    old_sky = np.array(before.all_pix2world(x, y, 0))
    new_sky = np.array(after.all_pix2world(new_x, new_y, 0))
    assert np.abs(old_sky - new_sky).max() < 1e-10


# --- crosstalk


def test_crosstalk_between_amplifiers_read_from_opposite_ends():
    layout = Layout(
        shape=(40, 100),
        readouts=(
            Readout("[1:50,1:40]", "[1:50,1:40]", gain=1.0, read_noise=0.01, level=100.0),
            Readout("[51:100,1:40]", "[100:51,1:40]", gain=1.0, read_noise=0.01, level=100.0),
        ),
        crosstalk=((0, 0.01), (0.02, 0)),
    )
    light = 20_000 * response(layout)
    raw = read_out(layout, light, generator(2))[0].astype(np.float32) - 100
    without = read_out(Layout(layout.shape, layout.readouts), light, generator(2))[0] - 100.0
    # stored as it lies on the sky: the second amplifier's first pixel is at the right
    raw[:, 50:], without[:, 50:] = raw[:, :49:-1].copy(), without[:, :49:-1].copy()
    spec = camera(
        amplifiers=[{"data": "[1:50]"}, {"data": "[51:100]", "corner": "lower right"}],
        crosstalk=[[0, 0.01], [0.02, 0]],
    )
    amps = amplifiers(headers(shape=(40, 100)), spec)
    assert amplifiers_from_rows(amplifiers_to_rows(amps)) == amps
    settings = {"method": "none", "degree": 0, "clip": 0}
    found = RawImage(ArrayPixels(raw), Header(), amps, "a.fits", settings).read().data
    # second order, 0.0002 of 20 000, and rounding to whole adu
    assert np.abs(found - without).max() < 0.0002 * 25_000 + 1.1
    assert np.abs(raw - without).max() > 150


def test_bands_of_rows_are_the_whole_image_cut():
    places = ("[1:30,40:21]", "[1:30,1:20]", "[60:31,1:20]", "[60:31,40:21]")
    layout = Layout(
        shape=(20, 40),
        readouts=tuple(
            Readout("[1:30,1:20]", place, "[31:40,1:20]", hdu=number)
            for number, place in enumerate(places, start=1)
        ),
        crosstalk=tuple(tuple(0.01 * (one != two) for two in range(4)) for one in range(4)),
        drift=30.0,
    )
    light = 5000 * response(layout)
    images = read_out(layout, light, generator(8))
    own = [
        Header({"DATASEC": each.data, "BIASSEC": each.overscan, "DETSEC": each.place})
        for each in layout.readouts
    ]
    head = headers(image=tuple((n + 1, each, (20, 40)) for n, each in enumerate(own)), BIN=1)
    spec = camera(
        facts={"binning": "BIN"},
        amplifiers=[{"data": "DATASEC", "overscan": "BIASSEC", "place": "DETSEC"}],
        assemble={},
        crosstalk=[list(row) for row in layout.crosstalk],
    )
    amps = amplifiers(head, spec)
    settings = {"method": "median", "degree": 0, "clip": 4.0}
    pixels = {hdu: ArrayPixels(image) for hdu, image in images.items()}

    def read(*rows):
        return RawImage(pixels, Header(), amps, "a.fits", settings).read(*rows)

    whole = read()
    for first, last in ((0, 7), (13, 28), (20, 40), (39, 40)):
        band = read(first, last)
        assert np.array_equal(band.data, whole.data[first:last])
        assert np.array_equal(band.variance, whole.variance[first:last])
    truth = assembled(layout, light) / 1.5
    # the leak of a leak, thrice 0.01 squared, and the noise of 2400 pixels of 5000 e
    assert abs(np.mean(whole.data / truth) - 1) < 4 * (3e-4 + 5000**-0.5 * 2400**-0.5)
