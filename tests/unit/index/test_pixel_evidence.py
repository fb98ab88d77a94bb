"""Pixels as evidence of a frame's type, beside the others of its night."""

import numpy as np
import pytest
from astropy.io import fits
from making import generic
from programs import NOISE, SECONDS, SHAPE, exposed

from ccdlib.index.pixel_look import look
from ccdlib.index.raw_index import Cache, build_index
from ccdlib.index.remarks import remarks


def write(folder, frames, **cards):
    """Files of names that say nothing, of (kind, cards, pixels or None); {file: kind}."""
    folder.mkdir(exist_ok=True)
    written = {}
    for number, (kind, own, pixels) in enumerate(frames):
        name = f"{chr(97 + number)}.fits"
        head = {
            **{"EXPTIME": SECONDS[kind], "INSTRUME": "Box", "OBJECT": "M 31"},
            "DATE-OBS": f"2024-03-02T03:{number:02d}:00",
        }
        head = {key: value for key, value in (head | cards | own).items() if value is not None}
        pixels = exposed(kind, number) if pixels is None else pixels
        fits.PrimaryHDU(pixels, fits.Header(head)).writeto(folder / name)
        written[name] = kind
    return written


def night(*odd, counts=(("bias", 3), ("dark", 3), ("flat", 3), ("light", 2))):
    return [(kind, {}, None) for kind, count in counts for _ in range(count)] + list(odd)


def typed():
    """The frames of a night whose cards are right."""
    return [(kind, {"IMAGETYP": kind.capitalize()}, None) for kind, _, _ in night()]


def index_of(folder, camera=None):
    found, _ = build_index(folder, camera or generic(), cache=Cache(folder / "cache.json", "key"))
    return found.set_index("file")


@pytest.mark.parametrize("card", [None, "Light Frame", "FLAT", "DARK"])
def test_a_folder_whose_names_and_cards_say_nothing(tmp_path, card):
    written = write(tmp_path, night(), IMAGETYP=card)
    index = index_of(tmp_path)
    assert dict(index["imagetyp"]) == written
    assert "its pixels" in index["evidence"]["a.fits"]


@pytest.mark.parametrize("card", [None, "Light Frame"])
def test_compressed_tiles_are_evidence_too(tmp_path, card):
    """As the same frames are that are not packed, to the number."""
    written = write(tmp_path / "plain", night(), IMAGETYP=card)
    (tmp_path / "packed").mkdir()
    for name in written:
        with fits.open(tmp_path / "plain" / name) as hdus:
            tiles = fits.CompImageHDU(hdus[0].data, hdus[0].header)
        fits.HDUList([fits.PrimaryHDU(), tiles]).writeto(tmp_path / "packed" / f"{name}.fz")
    plain, packed = (index_of(tmp_path / each) for each in ("plain", "packed"))
    assert {name.removesuffix(".fz"): kind for name, kind in packed["imagetyp"].items()} == written
    assert list(packed["evidence"]) == list(plain["evidence"])


def test_exposures_of_a_few_milliseconds_are_biases(tmp_path):
    frames = [(kind, {"EXPTIME": 0.0132} if kind == "bias" else {}, None) for kind, _, _ in night()]
    written = write(tmp_path, frames)
    assert dict(index_of(tmp_path)["imagetyp"]) == written


def test_what_pixels_leave_open_is_asked_about(tmp_path):
    """Without its exposure a frame that saw no light is a bias or a dark."""
    written = write(tmp_path, night(), EXPTIME=None)
    index = index_of(tmp_path)
    unlit = [name for name, kind in written.items() if kind in ("bias", "dark")]
    assert set(index["status"][unlit]) == {"unknown"}
    assert (
        "its type is not clear: no word names its type; its pixels saw no light"
        in (index["reason"]["a.fits"])
    )
    lit = [name for name in written if name not in unlit]
    assert {name: index["imagetyp"][name] for name in lit} == {name: written[name] for name in lit}


def test_a_flat_at_the_level_of_the_biases_is_no_flat(tmp_path):
    dark = exposed("bias", 77)
    frames = typed()
    write(tmp_path, [*frames, ("flat", {"IMAGETYP": "Flat"}, dark)])
    index = index_of(tmp_path)
    odd = sorted(index.index)[-1]
    assert (index["status"][odd], list(index["status"]).count("ok")) == ("unknown", 11)
    assert (
        "flat (IMAGETYP='Flat'; exposed), but its pixels saw no light (level=1000 adu, "
        in (index["reason"][odd])
    )


def test_a_dark_with_stars_is_no_dark(tmp_path):
    frames = typed()
    y, x = np.indices(SHAPE)
    stars = sum(
        4e4 * np.exp(-((y - row) ** 2 + (x - column) ** 2) / 3)
        for row in range(10, 70, 12)
        for column in range(12, 90, 15)
    )
    lit = (exposed("light", 50) + stars).clip(0, 65535).astype(np.uint16)
    bright = (exposed("flat", 51) + 14_000).astype(np.uint16)
    write(tmp_path, [*frames, ("dark", {"IMAGETYP": "Dark"}, lit),
                     ("dark", {"IMAGETYP": "Dark"}, bright),
                     ("bias", {"IMAGETYP": "Bias"}, bright + 1)])  # fmt: skip
    index = index_of(tmp_path)
    odd = sorted(index.index)[-3:]
    assert list(index["status"][odd]) == ["unknown"] * 3
    assert list(index["status"]).count("ok") == 11
    assert "its pixels show stars (peaks=" in index["reason"][odd[0]]
    assert "its pixels are bright (level=" in index["reason"][odd[1]]
    # each is told once, whatever the numbers
    assert len(remarks(index.reset_index().to_dict("records"))) == 3


@pytest.mark.parametrize(("seconds", "status"), [(900, "ok"), (60, "unknown")])
def test_cosmic_rays_of_a_long_dark_are_no_stars(tmp_path, seconds, status):
    """Blobs of charge like those of 20 muons in a thick chip: so many in a minute are stars."""
    rng = np.random.default_rng(8)
    hit = exposed("bias", 60).astype(float)
    y, x = np.indices(SHAPE)
    for row in range(6, 66, 15):
        for column in range(12, 90, 15):
            height = rng.uniform(300, 900)
            hit += height * np.exp(-((y - row) ** 2 + (x - column) ** 2) / 2)
    long = {"IMAGETYP": "Dark", "EXPTIME": float(seconds)}
    write(tmp_path, [*typed(), ("dark", long, hit.clip(0, 65535).astype(np.uint16))])
    index = index_of(tmp_path)
    odd = sorted(index.index)[-1]
    assert index["status"][odd] == status, index["reason"][odd]


def test_the_rules_of_a_camera_file_decide_and_the_pixels_are_remarked_on(tmp_path):
    frames = typed()
    write(tmp_path, [*frames, ("flat", {"IMAGETYP": "Flat"}, exposed("bias", 77))])
    index = index_of(tmp_path, generic() | {"typing": "rules"})
    odd = sorted(index.index)[-1]
    assert (index["status"][odd], index["imagetyp"][odd]) == ("ok", "flat")
    assert "but its pixels saw no light" in index["reason"][odd]
    assert index["reason"].notna().sum() == 1


def test_a_light_without_stars_stays_one_and_is_doubted(tmp_path):
    """A closed dome looks like a dark: what its card says is believed, and what is odd said."""
    frames = [each for each in typed() if each[0] != "dark"]
    write(tmp_path, [*frames, ("light", {"IMAGETYP": "Light"}, exposed("dark", 70))])
    index = index_of(tmp_path)
    odd = sorted(index.index)[-1]
    assert index["imagetyp"][odd] == "light"
    assert index["evidence"][odd].startswith("not sure: ")
    assert "its pixels saw no light as in a dark" in index["evidence"][odd]
    assert not index["evidence"].drop(odd).str.startswith("not sure").any()


def test_the_look_of_pixels():
    """Noise as it is, stars counted, hot pixels and the tracks of cosmic rays not."""
    dark = exposed("dark", 1).astype(np.int32)
    dark[5::7, 4::9] += 3000
    dark[20, 10:30] += 2000
    dark[30:50, 40] += 2000
    found = look([dark.astype(np.uint16)])
    assert found["peaks"] <= 1
    # adu: the read noise, the photon noise of the charge and hot pixels
    assert found["noise"] == pytest.approx(NOISE, rel=0.5)
    assert look([exposed("light", 1)])["peaks"] == 6
    flat = look([exposed("flat", 1)])
    assert flat["peaks"] == 0
    assert max(flat["parts"]) > 1.05 * min(flat["parts"])


def test_no_look_where_there_are_no_numbers():
    assert look([np.full(SHAPE, np.nan)]) is None
    assert look([np.full(SHAPE, 1e300)]) is None
    assert look([np.zeros((3, 3), np.uint16)]) is None


def test_where_names_tell_the_calibration_frames_others_are_lights(tmp_path):
    """A field without stars, or a closed dome, is no dark and no flat for its pixels alone."""
    odd = [("light", {}, exposed("dark", 70)), ("light", {}, exposed("flat", 71))]
    written = write(tmp_path, [*night(), *odd])
    for name, kind in written.items():
        if kind != "light":
            (tmp_path / name).rename(tmp_path / f"{kind}_{name}")
    index = index_of(tmp_path)
    types = {name: written[name.rpartition("_")[2]] for name in index.index}
    assert dict(index["imagetyp"]) == types


def test_darks_whose_level_drifts_are_no_lights(tmp_path):
    frames = [
        (kind, own, (exposed(kind, n) + (30 * (n % 2) if kind == "dark" else 0)).astype(np.uint16))
        for n, (kind, own, _) in enumerate(night())
    ]
    written = write(tmp_path, frames)
    assert dict(index_of(tmp_path)["imagetyp"]) == written


def test_without_biases_darks_are_asked_about_and_the_rest_is_typed(tmp_path):
    counts = (("dark", 3), ("flat", 3), ("light", 2))
    written = write(tmp_path, night(counts=counts))
    index = index_of(tmp_path)
    asked = {name for name, kind in written.items() if kind == "dark"}
    assert set(index.index[index["status"] == "unknown"]) == asked
    assert {name: index["imagetyp"][name] for name in written if name not in asked} == {
        name: kind for name, kind in written.items() if name not in asked
    }


def test_a_bright_sky_without_stars_is_asked_about(tmp_path):
    """Frames of the darks' exposure that are bright and smooth: a moonlit sky, or long flats."""
    frames = [each for each in night() if each[0] != "light"]
    written = write(tmp_path, [*frames, *[("light", {}, exposed("flat", n)) for n in (90, 91)]])
    index = index_of(tmp_path)
    lights = {name for name, kind in written.items() if kind == "light"}
    assert set(index.index[index["status"] == "unknown"]) == lights


def test_a_light_whose_exposure_is_0_is_no_bias(tmp_path):
    """By its exposure alone it would be one, and go into the master."""
    odd = {"IMAGETYP": "Light", "EXPTIME": 0.0}
    raised = exposed("bias", 80) + np.uint16(100)
    frames = [*typed(), ("light", odd, exposed("light", 81)), ("light", odd, raised)]
    # programs that call every frame a light have biases, too
    write(tmp_path, [*frames, ("bias", odd, exposed("bias", 82))])
    index = index_of(tmp_path)
    assert list(index["imagetyp"].dropna())[-2:] == ["light", "bias"]
    assert list(index["status"])[-3:] == ["ok", "unknown", "ok"]
    assert "exposed 0 s), but its pixels saw light" in index["reason"].iloc[-2]
    assert list(index["status"]).count("ok") == len(typed()) + 2


@pytest.mark.parametrize("name", ["Flat Rock nebula", "Dark", "dome flat"])
def test_a_light_of_an_odd_name_is_one_by_card_and_stars(tmp_path, name):
    """In a night whose cards name the other types as well."""
    own = {"IMAGETYP": "Light", "OBJECT": name}
    write(tmp_path, [*typed(), ("light", own, exposed("light", 83))])
    index = index_of(tmp_path)
    odd = sorted(index.index)[-1]
    (tmp_path / odd).rename(tmp_path / f"{name}_1.fits")
    row = index_of(tmp_path).loc[f"{name}_1.fits"]
    assert (row["imagetyp"], row["status"]) == ("light", "ok")
    assert row["evidence"].endswith("its pixels show stars")


@pytest.mark.parametrize(
    ("name", "kind", "end"),
    [
        ("Flat Rock nebula", "light", "its pixels show stars"),
        ("twilight flat V", "flat", "its pixels show stars as in a light"),
    ],
)
def test_a_flat_by_its_name_alone_that_shows_stars_is_doubted(tmp_path, name, kind, end):
    """It is a light where the name is more than a type: as a flat it would go into a master."""
    write(tmp_path, [*typed(), ("light", {"OBJECT": name}, exposed("light", 83))])
    index = index_of(tmp_path)
    odd = sorted(index.index)[-1]
    assert (index["imagetyp"][odd], index["status"][odd]) == (kind, "ok")
    assert index["evidence"][odd].startswith("not sure: ")
    assert index["evidence"][odd].endswith(end)
