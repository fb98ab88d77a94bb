"""Nights of strangers with a known truth: what `ccdlib init` proposes makes right lights."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from strange_night import (
    GAIN,
    READ_NOISE,
    RESPONSE,
    SHAPE,
    TRUTH,
    assert_right,
    exposed,
    reduced,
    write_night,
)

from ccdlib.commands.init import start_folder
from ccdlib.config import load_camera
from ccdlib.errors import CcdlibError
from ccdlib.index.raw_index import index_file

# the response of another filter, over that of the first
TILT = np.linspace(0.9, 1.1, SHAPE[1])


@pytest.mark.parametrize(
    "card",
    ["HIERARCH ESO DET CHIP1 ID", "DET-ID", "CHIP", "CHIPID", "CCDID", "CCDLOC", "OPAMP"],
)
def test_detectors_side_by_side_with_a_file_each(card, tmp_path):
    """As of FORS2: biases of both chips went into one master, flats were refused with the night."""

    def of_each_chip(frame):
        turned = replace(frame, pixels=frame.pixels[::-1], cards=dict(frame.cards))
        for chip, each in (("A", frame), ("B", turned)):
            each.cards[card] = chip
            each.name = f"{chip}{each.name}"
        return [frame, turned]

    raw = write_night(tmp_path / "raw", of_each_chip)
    _, _, products = reduced(raw, tmp_path / "work")
    for chip, truth in (("A", TRUTH), ("B", TRUTH[::-1])):
        for number in range(2):
            assert_right(products[f"results/calibrated/{chip}light{number}.fits"], truth)
    assert sum("masters/bias" in product for product in products) == 2


@pytest.mark.parametrize(
    "words",
    [
        ("Nullbild", "Dunkelbild", "Hellfeld", "Lichtbild"),
        ("offset", "oscuro", "plu", "M31"),
        ("Offset", "Noir", "PLU", "Brute"),
    ],
)
def test_types_by_names_in_other_languages(words, tmp_path):
    """Flats of a word that was not known were lights, and the lights had no flat."""
    kinds = dict(zip(("bias", "dark", "flat", "light"), words, strict=True))

    def by_name_alone(frame):
        del frame.cards["IMAGETYP"]
        frame.name = f"{kinds[frame.kind]}_{frame.number}.fits"

    raw = write_night(tmp_path / "raw", by_name_alone)
    _, _, products = reduced(raw, tmp_path / "work")
    lights = [product for product in products if "/calibrated/" in product]
    assert len(lights) == 2
    for product in lights:
        assert_right(products[product])


def test_the_card_of_sloan_tells_types(tmp_path):
    def flavor(frame):
        frame.cards["FLAVOR"] = {"light": "science"}.get(frame.kind, frame.kind)
        frame.cards["IMAGETYP"] = None
        frame.name = f"idR-{frame.kind[0]}{frame.number}.fit"

    raw = write_night(tmp_path / "raw", flavor)
    start, _, products = reduced(raw, tmp_path / "work")
    assert any("FLAVOR='science'" in note for note in start.notes)
    for number in range(2):
        assert_right(products[f"results/calibrated/idR-l{number}.fits"])


def test_files_whose_names_begin_with_a_dot_are_told(tmp_path):
    raw = write_night(tmp_path / "raw")
    (raw / "._light0.fits").write_bytes(b"of macOS")
    start, _, products = reduced(raw, tmp_path / "work")
    assert "1 file whose name begins with a dot passed over, such as ._light0.fits" in start.notes
    assert_right(products["results/calibrated/light0.fits"])


def test_darks_that_only_their_age_keeps_away_are_named_first(tmp_path):
    """Darks of five other exposures hid the one of a library, and advice was to take it."""

    def aged(frame):
        if frame.kind != "dark":
            return None
        others = (
            replace(
                frame,
                pixels=frame.pixels + number,
                cards=frame.cards | {"EXPTIME": float(number)},
                name=f"short{number}_{frame.number}.fits",
            )
            for number in range(1, 6)
        )
        return [replace(frame, cards=frame.cards | {"DATE-OBS": "2024-01-02T03:04:05"}), *others]

    raw = write_night(tmp_path / "raw", aged)
    for bias in raw.glob("bias*.fits"):
        bias.unlink()
    start, _, products = reduced(raw, tmp_path / "work")
    assert not any("/calibrated/" in product for product in products)
    (why,) = [text for text in start.open if "2 lights refused" in text]
    assert "no master dark fits (2024-01-01" in why
    assert "days away, at most 7 (match.max_age)" in why.partition(";")[0]
    assert "let older ones serve: match.max_age" in why
    _, _, products = reduced(raw, tmp_path / "again", match={"max_age": 140})
    assert_right(products["results/calibrated/light0.fits"])


@pytest.mark.parametrize("more", [{"EGAIN": 1.6}, {"EGAIN": None}])
def test_masters_of_another_gain_setting_do_not_serve(more, tmp_path):
    """`generic` passed over GAIN=200, made more lights, and so was proposed: they were wrong."""

    def settings(frame):
        frame.cards |= {"GAIN": 100, **more}
        if frame.kind == "light" and frame.number == 1:
            frame.cards["GAIN"] = 200

    raw = write_night(tmp_path / "raw", settings)
    start, _, products = reduced(raw, tmp_path / "work")
    assert [product for product in products if "/calibrated/" in product] == [
        "results/calibrated/light0.fits"
    ]
    # a gain that six small flats tell is off by a hundredth, and so are the electrons
    assert_right(products["results/calibrated/light0.fits"], offset=0.15 if more["EGAIN"] else 0.3)
    assert "a run would calibrate 1 of 2 lights" in start.notes
    assert any("gain_setting 100, the frame has 200" in text for text in start.open)


@pytest.mark.parametrize(("card", "value"), [("CCDSPEED", "SLOW"), ("ESO DET READ CLOCK", "50kHz")])
def test_frames_of_another_speed_are_apart(card, value, tmp_path):
    """Biases of both speeds, in one group, had their master refused, and the night with it."""

    def speeds(frame):
        slow = replace(frame, pixels=frame.pixels + 200, cards=dict(frame.cards))
        slow.name = f"slow_{frame.name}"
        for each, speed in ((frame, "FAST"), (slow, value)):
            each.cards[f"HIERARCH {card}" if " " in card else card] = speed
        return [frame, slow]

    raw = write_night(tmp_path / "raw", speeds)
    _, _, products = reduced(raw, tmp_path / "work")
    lights = [path for product, path in products.items() if "/calibrated/" in product]
    assert len(lights) == 4
    for path in lights:
        assert_right(path)


def test_values_of_the_detector_in_other_units(tmp_path):
    """A gain in adu/electron is turned; a read noise in adu, a saturation in electrons left out."""

    def units(frame):
        del frame.cards["EGAIN"]
        frame.cards = fits.Header(frame.cards)
        frame.cards["GAIN"] = 1 / GAIN, "[ADU/e-] gain"
        frame.cards["RDNOISE"] = READ_NOISE / GAIN, "read noise (ADU)"
        frame.cards["SATURATE"] = 20_000.0, "full well in electrons"

    raw = write_night(tmp_path / "raw", units)
    start, _, products = reduced(raw, tmp_path / "work")
    for number in range(2):
        assert_right(products[f"results/calibrated/light{number}.fits"])
    camera = load_camera(str(tmp_path / "work" / start.camera))
    (amp,) = index_file(str(raw / "light0.fits"), "light0.fits", camera)["amplifiers"]
    assert (amp["gain"], amp.get("read_noise"), amp["saturation"]) == (GAIN, None, 65535.0)
    said = "\n".join(start.open)
    assert "GAIN=0.625 is in adu/electron ([ADU/e-] gain), its inverse used" in said
    assert "RDNOISE=3.125 is in adu, not electrons (read noise (ADU)), taken as missing" in said
    assert "SATURATE=20000.0 is in electrons, not adu (full well in electrons)" in said


@pytest.mark.parametrize(
    ("flat", "light"),
    [
        ("flats/{}/f{}.fits", "M31/{}/l{}.fits"),
        ("Flat_{}_{}.fits", "M31_{}_{}.fits"),
        ("flat/Bessell-{}/{}.fits", "light/Bessell-{}/{}.fits"),
    ],
)
def test_filters_that_only_names_tell(flat, light, tmp_path):
    """All flats were one master, of which each light had some of the other filter's."""

    def by_names(frame):
        frame.cards.pop("FILTER", None)
        if frame.kind not in ("flat", "light"):
            return None
        name = flat if frame.kind == "flat" else light
        other = replace(frame, name=name.format("R", frame.number), cards=dict(frame.cards))
        frame.name = name.format("B", frame.number)
        seconds = frame.cards["EXPTIME"]
        other.pixels = exposed(frame.kind, 90 + frame.number, seconds, TILT)
        return [frame, other]

    raw = write_night(tmp_path / "raw", by_names)
    start = start_folder(raw, tmp_path / "asked")
    assert any("filter: no card has it; " in text for text in start.open), start.open
    table = tmp_path / "asked/config/corrections.csv"
    _, _, products = reduced(raw, tmp_path / "work", corrections=table)
    lights = [path for product, path in products.items() if "/calibrated/" in product]
    assert len(lights) == 4
    for path in lights:
        assert_right(path, masked=0.02)


def test_names_that_are_no_filters_are_not_taken_for_some(tmp_path):
    def by_names(frame):
        frame.cards.pop("FILTER", None)
        frame.name = f"{'R' if frame.number else '2024-05-13'}/{frame.name}"

    raw = write_night(tmp_path / "raw", by_names)
    start, _, products = reduced(raw, tmp_path / "work")
    assert not any("filter: no card has it" in text for text in start.open)
    assert not (tmp_path / "work/config/corrections.csv").exists()
    assert_right(products["results/calibrated/R/light1.fits"])


def test_a_temperature_in_a_card_of_another_name(tmp_path):
    """Darks of two set points were one group, and its master refused with the night."""

    def set_points(frame):
        del frame.cards["CCD-TEMP"]
        frame.cards |= {"CCDTSET": -20.0, "AMBTEMP": 8.0}
        if frame.kind != "dark":
            return None
        warm = replace(frame, cards=frame.cards | {"CCDTSET": 0.0}, name=f"warm_{frame.name}")
        warm.pixels = frame.pixels + exposed("dark", 50 + frame.number, 400.0) - 800
        return [frame, warm]

    raw = write_night(tmp_path / "raw", set_points)
    start, _, products = reduced(raw, tmp_path / "work")
    assert any("CCDTSET (-20 to 0) is taken for the detector's" in text for text in start.open)
    for number in range(2):
        assert_right(products[f"results/calibrated/light{number}.fits"])


@pytest.mark.parametrize("kind", ["bias", "dark", "flat"])
@pytest.mark.parametrize("section", ["[5:110,1:90]", "[1:110,1:80]"])
def test_a_frame_with_another_section_in_its_header_stops_no_measurement(kind, section, tmp_path):
    """One flat ended the measurement of gain and read noise with a traceback, and the night."""

    def sections(frame):
        del frame.cards["EGAIN"], frame.cards["RDNOISE"]
        odd = (frame.kind, frame.number) == (kind, 3)
        frame.cards["DATASEC"] = section if odd else "[1:110,1:90]"

    raw = write_night(tmp_path / "raw", sections)
    _, _, products = reduced(raw, tmp_path / "work")
    for number in range(2):
        assert_right(products[f"results/calibrated/light{number}.fits"], offset=0.3)


@pytest.mark.parametrize("kind", ["bias", "dark", "flat"])
@pytest.mark.parametrize("number", [0, 3])
@pytest.mark.parametrize("card", ["EGAIN", "RDNOISE"])
def test_a_frame_of_a_master_that_declares_nothing_has_the_others_values(
    kind, number, card, tmp_path
):
    """One flat with a read noise of 0 ended its master with a traceback."""

    def zero(frame):
        frame.cards |= {card: 0.0} if (frame.kind, frame.number) == (kind, number) else {}

    raw = write_night(tmp_path / "raw", zero)
    _, _, products = reduced(raw, tmp_path / "work")
    for light in range(2):
        assert_right(products[f"results/calibrated/light{light}.fits"])


@pytest.mark.parametrize("kind", ["bias", "dark", "flat"])
@pytest.mark.parametrize("number", [0, 3])
def test_a_frame_of_a_master_with_another_read_noise_in_its_header_stops_no_master(
    kind, number, tmp_path
):
    """The mean of the declared noises contradicted the scatter of the biases, and of the darks."""

    def odd(frame):
        if (frame.kind, frame.number) == (kind, number):
            frame.cards["RDNOISE"] = 10 * READ_NOISE

    raw = write_night(tmp_path / "raw", odd)
    _, _, products = reduced(raw, tmp_path / "work")
    for light in range(2):
        assert_right(products[f"results/calibrated/light{light}.fits"])


def test_a_light_of_far_too_short_an_exposure_by_its_header_is_refused(tmp_path):
    """Next to nothing of its dark was taken off, in silence."""

    def short(frame):
        frame.cards |= {"EXPTIME": 0.5} if (frame.kind, frame.number) == ("light", 0) else {}

    raw = write_night(tmp_path / "raw", short)
    with pytest.raises(CcdlibError, match=r"light0\.fits: .* times as hot in it as its exposure"):
        reduced(raw, tmp_path / "work")


def test_flats_that_are_all_inverted_are_refused(tmp_path):
    """They were believed, with another gain: the lights were three times too bright."""

    def invert(frame):
        if frame.kind == "flat":
            frame.pixels = (65535 - frame.pixels.astype(int)).astype(np.uint16)

    raw = write_night(tmp_path / "raw", invert)
    with pytest.raises(CcdlibError, match=r"flat0\.fits first: the noise of its flats falls"):
        reduced(raw, tmp_path / "work")


def test_cameras_of_one_name_at_two_telescopes(tmp_path):
    """Lights of one were divided by the flat of the other, where they had none."""
    turned = RESPONSE[:, ::-1] / RESPONSE

    def of_each(frame):
        other = exposed(frame.kind, frame.number + 50, frame.cards["EXPTIME"], turned)
        cards = frame.cards | {
            "TELESCOP": "Newton",
            "DATE-OBS": frame.cards["DATE-OBS"][:-2] + "30",
        }
        frame.cards["TELESCOP"] = "C14"
        return [frame, replace(frame, pixels=other, cards=cards, name=f"n_{frame.name}")]

    raw = write_night(tmp_path / "raw", of_each)
    _, _, products = reduced(raw, tmp_path / "work")
    for name in ("light0", "light1", "n_light0", "n_light1"):
        assert_right(products[f"results/calibrated/{name}.fits"])


@pytest.mark.parametrize("kind", ["dark", "flat"])
def test_calibration_frames_that_are_refused_are_told_where_they_lack(kind, tmp_path):
    """The lights were made without, and it was said that there are none."""

    def broken(frame):
        frame.cards |= {"XBINNING": 1.5} if frame.kind == kind else {}

    raw = write_night(tmp_path / "raw", broken)
    _, _, products = reduced(raw, tmp_path / "work")
    assert not any("/calibrated/" in product for product in products)
    plan = (tmp_path / "work/plan.csv").read_text()
    assert f"; 6 {kind} frames were refused, {kind}0.fits: " in plan


def test_copies_of_darks_are_not_lacking(tmp_path):
    """Of one exposure under two names one is refused."""

    def twice(frame):
        if frame.kind == "dark":
            copy = replace(frame, cards=frame.cards | {"EXPTIME": 41.0}, name=f"b_{frame.name}")
            return [frame, copy]
        return [replace(frame, cards=frame.cards | {"CCD-TEMP": -30.0})]

    raw = write_night(tmp_path / "raw", twice)
    reduced(raw, tmp_path / "work", missing={"dark": "skip"})
    assert "refused, " not in (tmp_path / "work/plan.csv").read_text()


@pytest.mark.parametrize(
    ("kind", "card", "value"), [("dark", "EXPTIME", "40"), ("flat", "FILTER", "V")]
)
def test_what_the_frames_of_a_master_lack_is_asked_of_them(kind, card, value, tmp_path):
    """The lights were asked for an exposure time that they had."""

    def without(frame):
        frame.cards = {
            name: value for name, value in frame.cards.items() if (frame.kind, name) != (kind, card)
        }

    raw = write_night(tmp_path / "raw", without)
    start_folder(raw, tmp_path / "asked")
    table = tmp_path / "asked/config/corrections.csv"
    head, *lines = table.read_text().splitlines()
    assert lines == [f"{kind}{number}.fits," for number in range(6)]
    table.write_text("\n".join([head, *(line + value for line in lines)]))
    _, _, products = reduced(raw, tmp_path / "work", corrections=table)
    for number in range(2):
        assert_right(products[f"results/calibrated/light{number}.fits"])


@pytest.mark.parametrize("packed", ["light", "bias", "bias dark flat", "half"])
@pytest.mark.parametrize("declared", [None, 2.4])
def test_frames_that_are_packed_and_plain_ones_serve_each_other(packed, declared, tmp_path):
    """Tiles lie in another HDU: half a folder packed had its masters refused, packed lights lost
    gain, level and pedestal that plain frames told, and went by a declared gain that was wrong."""

    def values(frame):
        del frame.cards["EGAIN"], frame.cards["RDNOISE"]
        frame.cards |= {"EGAIN": declared} if declared else {}

    raw = write_night(tmp_path / "raw", values)
    for path in sorted(raw.glob("*.fits")):
        if path.name[:-6] in packed.split() or (packed == "half" and path.stem[-1] in "024"):
            data, header = fits.getdata(path, header=True, memmap=False)
            tiles = fits.CompImageHDU(data.copy(), header)
            fits.HDUList([fits.PrimaryHDU(), tiles]).writeto(f"{path}.fz")
            path.unlink()
    _, _, products = reduced(raw, tmp_path / "work")
    for number in range(2):
        assert_right(products[f"results/calibrated/light{number}.fits"], offset=0.3)


def test_damaged_tiles_of_one_light_do_not_end_init(tmp_path):
    """The pixels of a file that the index refuses were read to look for an overscan."""
    raw = write_night(tmp_path / "raw")
    data, header = fits.getdata(raw / "light1.fits", header=True, memmap=False)
    packed = raw / "light1.fits.fz"
    tiles = fits.CompImageHDU(data.copy(), header, compression_type="GZIP_2")
    fits.HDUList([fits.PrimaryHDU(), tiles]).writeto(packed)
    packed.write_bytes(packed.read_bytes().replace(b"TFIELDS =    ", b"TFIELDS = 0 /"))
    (raw / "light1.fits").unlink()
    start = start_folder(raw, tmp_path)
    assert "a run would calibrate 1 of 1 lights" in start.notes
