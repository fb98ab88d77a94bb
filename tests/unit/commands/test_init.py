"""`ccdlib init`: a config that runs, or a list of what a person must decide."""

import re

import numpy as np
import pytest
from astropy.io import fits
from cameras import LFC, NINA, NINA_CARDS, TWO_BESIDE, cards, lfc_cards
from layouts import headers, take
from making import REAL, needs_real_frames
from strange_nights import cards as cards_of
from strange_nights import exposure, write

from ccdlib.cli import main
from ccdlib.commands import init
from ccdlib.commands.find_overscan import find_edge
from ccdlib.commands.init import start_folder
from ccdlib.commands.propose_camera import propose_camera
from ccdlib.config import load_camera, load_config, read_yaml
from ccdlib.errors import CcdlibError
from ccdlib.index.raw_index import Cache, build_index
from ccdlib.plan.frames import frames_of, read_corrections
from ccdlib.plan.night_plan import make_plan
from ccdlib.simulate.exposures import DEMO, generator, simulate_demo
from ccdlib.simulate.layout import Layout, Readout, read_out
from ccdlib.tables import rows_of

OVERSCAN = Layout(
    shape=(96, 144),
    readouts=(Readout("[1:128,1:96]", "[1:128,1:96]", "[129:144,1:96]", level=700.0),),
)


def own_header(kind, number):
    """A camera of nobody's: types by OBSTYPE and OBJECT, times in two cards, no sections."""
    plain = headers(kind, number)
    date, time = plain["DATE-OBS"].split("T")
    return {
        "INSTRUME": "Own One", "OBSTYPE": "DARK" if kind == "bias" else "OBJECT",
        "OBJECT": {"bias": "bias", "flat": "dome flat", "light": "M 13"}[kind],
        "EXPTIME": plain["EXPTIME"], "DATE-OBS": date, "UT": time, "FILTNAM": "V",
        "CCDSUM": "1 1", "EGAIN": 1.5, "RDNOISE": 6.0, "LONGITUD": -70.7,
    }  # fmt: skip


def test_an_unknown_camera_gets_a_file_that_runs(tmp_path):
    take(tmp_path / "raw", OVERSCAN, own_header)
    start = start_folder(tmp_path / "raw", tmp_path / "work")
    assert start.open == []
    assert "a run would calibrate 1 of 1 lights" in start.notes
    camera = load_camera(str(tmp_path / "work/config/camera.yaml"))
    assert camera["facts"]["date_obs"] == ["DATE-OBS UT"]
    assert camera["typing"] == "evidence"
    kinds = [note for note in start.notes if note.startswith("  ")]
    assert [note.split(":")[0].strip() for note in kinds] == ["bias", "flat", "light"]
    assert "OBSTYPE='DARK'; the file's name says bias; OBJECT 'bias'; exposed 0 s" in kinds[0]
    assert camera["amplifiers"] == [{"data": "[1:128,:]", "overscan": "[129:144,:]"}]
    config = load_config(read_yaml(tmp_path / "work/config/config.yaml"))
    assert config["camera"] == "config/camera.yaml"
    for line in start.camera_lines[1:]:
        assert "#" in line or line.rstrip().endswith(":")


def test_known_cameras_are_named(tmp_path):
    night = dict(shape=(64, 80), biases=3, lights=(("V", 1, 60.0),), flats=DEMO.flats[:3])
    from dataclasses import replace

    simulate_demo(tmp_path / "raw", tmp_path / "truth", night=replace(DEMO, stars=5, **night))
    start = start_folder(tmp_path / "raw", tmp_path / "work")
    assert (start.camera, start.open) == ("demo", [])
    take(tmp_path / "nina", NINA, cards(NINA_CARDS, {"light": {"IMAGETYP": "LIGHT"}}),
         counts=(("light", 2),))  # fmt: skip
    assert start_folder(tmp_path / "nina", tmp_path / "two").camera == "nina_cmos"


def test_some_frames_of_a_known_camera_are_told(tmp_path):
    take(tmp_path / "raw", NINA, cards(NINA_CARDS, {"light": {"IMAGETYP": "LIGHT"}}),
         counts=(("light", 1),))  # fmt: skip
    _several(tmp_path / "raw", "light", (5, 6))
    told = start_folder(tmp_path / "raw", tmp_path / "work").open
    (line,) = [text for text in told if text.startswith("camera nina_cmos (SWCREATE='N.I.N.A.")]
    assert "took 1 of 3 frames, such as light0.fits: its shipped file serves them" in line


def test_what_cannot_be_decided_is_listed(tmp_path, capsys):
    def strange(kind, number):
        card = own_header(kind, number) | {"OBSTYPE": "TEST 7" if kind == "light" else kind.upper()}
        return {name: value for name, value in card.items() if name not in ("EGAIN", "LONGITUD")}

    take(tmp_path / "raw", OVERSCAN, strange)
    (tmp_path / "raw/light0.fits").rename(tmp_path / "raw/m13_1.fits")
    code = main(["init", str(tmp_path / "raw"), "--directory", str(tmp_path / "work")])
    text = capsys.readouterr().out
    assert code == 0
    assert "m13_1.fits: typed light, not sure: OBSTYPE='TEST 7' names no known type" in text
    assert "longitude: no card has the site's" in text


def test_a_camera_without_a_name_or_an_overscan_is_told(tmp_path):
    def nameless(kind, number):
        card = headers(kind, number) | {"READOUTM": "12-bit low gain"}
        return {name: value for name, value in card.items() if name != "INSTRUME"}

    take(tmp_path / "raw", NINA, nameless, counts=(("bias", 3), ("flat", 3)))
    start = start_folder(tmp_path / "raw", tmp_path / "work")
    assert any(line.startswith('description: "no INSTRUME"') for line in start.camera_lines)
    assert any("amplifiers: no overscan is seen" in text for text in start.open)
    assert "  bits: [READOUTM]  # 12 bits" in start.camera_lines


def test_a_colour_sensor_is_told_and_its_pattern_not_taken_for_faults(tmp_path):
    colour = cards(NINA_CARDS | {"BAYERPAT": "RGGB"}, {"light": {"IMAGETYP": "LIGHT"}})
    take(tmp_path / "raw", NINA, colour, counts=(("light", 2),))
    start = start_folder(tmp_path / "raw", tmp_path / "work")
    assert any(text.startswith("colour sensor: BAYERPAT='RGGB'") for text in start.open)
    config = load_config(read_yaml(tmp_path / "work/config/config.yaml"))
    assert (config["bad_pixels"], config["cosmic_rays"]["method"]) == ("dark", "none")


def test_what_is_refused_is_told_once_with_what_to_do(tmp_path, capsys):
    take(tmp_path / "raw", OVERSCAN, own_header, counts=(("light", 2),))
    (tmp_path / "raw/notes.fits").write_text("clouds")
    main(["init", str(tmp_path / "raw"), "--directory", str(tmp_path / "my work")])
    text = capsys.readouterr().out
    assert text.count("notes.fits") == 1
    assert "a run would calibrate 2 of 2 lights" in text
    assert text.rstrip().endswith("--directory '" + str(tmp_path / "my work") + "'")


def told_apart_by_names(folder, card):
    """A night whose type card says the same of all frames, with flats that OBJECT does not tell."""

    def same(kind, number):
        own = own_header(kind, number) | card | {"OBJECT": "M 13"}
        return {name: value for name, value in own.items() if value is not None}

    take(folder, OVERSCAN, same, counts=(("bias", 3), ("flat", 3), ("light", 2)))
    for light in folder.glob("light*.fits"):
        light.rename(folder / light.name.replace("light", "m13_"))


@pytest.mark.parametrize("card", [{"OBSTYPE": None}, {"OBSTYPE": None, "IMAGETYP": "Light Frame"}])
def test_a_night_that_only_names_tell_apart_is_typed_and_calibrated(tmp_path, card):
    told_apart_by_names(tmp_path / "raw", card)
    start = start_folder(tmp_path / "raw", tmp_path / "work")
    assert "8 files: 3 bias, 3 flat, 2 light" in start.notes
    assert "a run would calibrate 2 of 2 lights" in start.notes


def test_lamps_are_told_beside_the_lights(tmp_path):
    told_apart_by_names(tmp_path / "raw", {"OBSTYPE": None})
    (tmp_path / "raw/m13_1.fits").rename(tmp_path / "raw/ThAr_1.fits")
    start = start_folder(tmp_path / "raw", tmp_path / "work")
    assert "a run would calibrate 2 of 2 lights and lamps" in start.notes


def test_types_that_only_the_user_knows_are_written_into_the_table(tmp_path):
    """Names, cards and exposures tell nothing: what init asks for is done, and it is right."""

    def silent(kind, number):
        return own_header(kind, number) | {"OBSTYPE": None, "OBJECT": "M 13", "EXPTIME": None}

    def cards(kind, number):
        return {name: value for name, value in silent(kind, number).items() if value is not None}

    take(tmp_path / "raw", OVERSCAN, cards, counts=(("bias", 3), ("flat", 3), ("light", 2)))
    kinds = {}
    for number, path in enumerate(sorted((tmp_path / "raw").iterdir())):
        kinds[f"{number}.fits"] = re.match("[a-z]+", path.name)[0]
        path.rename(path.with_name(f"{number}.fits"))
    start = start_folder(tmp_path / "raw", tmp_path / "work")
    table = tmp_path / "work/config/corrections.csv"
    asked = [line.rstrip(",") for line in table.read_text().splitlines()[1:]]
    assert f"beside its name in {table}" in "".join(start.open)
    assert [kinds[file] for file in asked].count("bias") == 3
    table.write_text("file,imagetyp\n" + "".join(f"{file},{kinds[file]}\n" for file in asked))
    config = load_config(read_yaml(tmp_path / "work/config/config.yaml"))
    corrected = read_corrections(tmp_path / "work" / config["corrections"], set(kinds))
    camera = load_camera(str(tmp_path / "work/config/camera.yaml"))
    index, layouts = build_index(tmp_path / "raw", camera, cache=Cache(tmp_path / "c.json", "k"))
    rows = [row | {"layout": layouts[row["layout"]]} for row in rows_of(index)]
    found = {frame.file: frame.kind for frame in frames_of(rows, corrected)}
    assert found == kinds


def test_no_file_is_proposed_that_makes_less_than_generic(tmp_path, monkeypatch):
    told_apart_by_names(tmp_path / "raw", {"OBSTYPE": None})

    def worse(headers, bright):
        """A proposal whose exposure comes from a card that is not there."""
        proposal = propose_camera(headers, bright)
        proposal.lines = [line.replace("EXPTIME", "EXPOSED") for line in proposal.lines]
        proposal.lines.append("missing: {bias: refuse, dark: refuse}")
        return proposal

    monkeypatch.setattr(init, "propose_camera", worse)
    start = start_folder(tmp_path / "raw", tmp_path / "work")
    assert (start.camera, start.camera_lines) == ("generic", [])
    assert not (tmp_path / "work/config/camera.yaml").exists()
    assert any(
        "generic would calibrate 2 frames and refuse 0 files" in note for note in start.notes
    )


def test_an_empty_folder_is_an_error_that_says_what_to_give(tmp_path, capsys):
    (tmp_path / "raw").mkdir()
    assert main(["init", str(tmp_path / "raw"), "--directory", str(tmp_path / "work")]) == 1
    assert "give the folder with the raw frames" in capsys.readouterr().err
    assert not (tmp_path / "work").exists()


def test_a_config_that_is_there_is_kept(tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text("camera: mine\n")
    with pytest.raises(CcdlibError, match="is there already"):
        start_folder(tmp_path, tmp_path)


def test_the_edge_of_the_light_and_the_columns_it_trails_into():
    light = np.full((4128, 2048), 20_000.0)
    image = read_out(LFC, light, generator(3))[0]
    edge = find_edge(image)
    assert (edge.side, edge.first, edge.last) == ("right", 2056, 2080)
    assert edge.trailing == 7
    assert find_edge(image[:, ::-1]).first == 1
    assert find_edge(image[:, :2048]) is None
    bias = read_out(LFC, np.zeros((4128, 2048)), generator(4))[0]
    assert find_edge(bias) is None


def test_the_lfc_header_is_known_and_its_wrong_section_not_used(tmp_path):
    take(tmp_path / "raw", LFC, lfc_cards, counts=(("light", 1),))
    assert start_folder(tmp_path / "raw", tmp_path / "work").camera == "palomar_lfc"


def test_two_amplifiers_are_not_taken_for_an_overscan_at_the_edge(tmp_path):
    image = read_out(TWO_BESIDE, np.full((96, 96), 9000.0), generator(1))[0]
    edge = find_edge(image)
    assert (edge.first, edge.last) == (113, 128)


@needs_real_frames
@pytest.mark.parametrize(
    ("folder", "camera", "lights"),
    [
        ("lick_nickel", "lick_nickel", "6 of 6"),
        ("arcsat", "arcsat", "10 of 10"),
        ("lco_mef", "lco_sinistro", "1 of 1"),
        ("saao_ste3", "saao_ste3", "1 of 1"),
        ("lco_fz", "config/camera.yaml", "0 of 2"),
        ("header_variants", "config/camera.yaml", "0 of 11"),
    ],
)
def test_real_folders(tmp_path, folder, camera, lights):
    start = start_folder(REAL / folder, tmp_path)
    assert start.camera == camera
    assert any(note.startswith(f"a run would calibrate {lights} lights") for note in start.notes)
    # whatever is not calibrated is explained
    assert start.open or lights.split()[0] == lights.split()[2]
    if folder != "header_variants":
        # the cosmic rays of a dark of 900 s are no stars, say
        assert not [text for text in start.open if text.startswith("unknown: ")]


@needs_real_frames
def test_lick_unrecognised_gets_an_equivalent_file(tmp_path, monkeypatch):
    monkeypatch.setattr("ccdlib.commands.init._shipped", dict)
    start = start_folder(REAL / "lick_nickel", tmp_path)
    assert "a run would calibrate 6 of 6 lights" in start.notes
    camera, own = load_camera(str(tmp_path / "config/camera.yaml")), load_camera("lick_nickel")
    assert camera["facts"]["binning"] == own["facts"]["binning"]
    assert camera["detector"]["gain"] == "measure"
    assert camera["typing"] == "evidence"


@pytest.mark.parametrize(
    ("night", "offset", "said"), [(3, 60, True), (2, 60, False), (3, 0, False)]
)
def test_a_level_that_goes_by_another_night_is_doubted_where_pixels_do_not_bear_it_out(
    tmp_path, night, offset, said
):
    for number in range(3):
        values = exposure("dark", number)
        write(tmp_path / "raw", f"dark{number}.fits", values, cards_of("dark", number))
    dark = exposure("dark", 9) + offset
    card = cards_of("light", 9, DATE__OBS=f"2024-03-0{night}T02:40:00")
    write(tmp_path / "raw", "light9.fits", dark, card)
    start = start_folder(tmp_path / "raw", tmp_path / "work")
    found = [text for text in start.open if text.startswith("level: there is no overscan")]
    assert bool(found) == said
    if said:
        above = re.search(r"light9.fits by (\d+) adu", found[0])[1]
        assert int(above) == pytest.approx(60, abs=5)


def _several(folder, kind, numbers, **more):
    for number in numbers:
        write(
            folder, f"{kind}{number}.fits", exposure(kind, number), cards_of(kind, number, **more)
        )


def _filters(folder):
    """Without a filter, of one that no flat has, and a file that was cut."""
    _several(folder, "light", range(3), FILTER=None)
    _several(folder, "light", (3, 4), FILTER="B")
    _several(folder, "light", (9,))
    (folder / "light9.fits").write_bytes((folder / "light9.fits").read_bytes()[:5000])


def _sizes(folder):
    """Binned lights without calibrations, one exposure under two names, and no image."""
    _several(folder, "light", range(2))
    for number in range(4):
        values = exposure("light", number)[::2, ::2]
        write(folder, f"b{number}.fits", values, cards_of("light", number, XBINNING=2, YBINNING=2))
    write(folder, "flat0_V.fits", exposure("flat", 0), cards_of("flat", 0, FILTER="V"))
    (folder / "notes.fits").write_text("clouds")


def _cameras(folder):
    """Lights of another camera, without an exposure, and without a filter."""
    _several(folder, "dark", range(3))
    _several(folder, "light", range(2), EXPTIME=None)
    _several(folder, "light", (3,), FILTER=None)
    _several(folder, "light", (4, 5, 6), INSTRUME="Other")


def _units(folder):
    """Exposures of days, exposed frames whose card says bias, and a stack."""
    _several(folder, "light", range(2))
    _several(folder, "light", (2, 3, 4), EXPTIME=9e6)
    for number in (5, 6):
        values = exposure("light", number)
        write(folder, f"a{number}.fits", values, cards_of("light", number, IMAGETYP="bias"))
    fractions = (exposure("light", 8) / 65535).astype(np.float32)
    fits.PrimaryHDU(fractions, fits.Header(cards_of("light", 8))).writeto(folder / "stack.fits")


def _temperatures(folder):
    """Lights that no dark fits, of which some have no flat either, and a file that is empty."""
    _several(folder, "dark", range(3), CCD__TEMP=5.0)
    _several(folder, "light", range(2))
    _several(folder, "light", (2, 3, 4), FILTER="V")
    (folder / "empty.fits").write_bytes(b"")


NIGHTS = {
    _filters: [(3, "the frame has none"), (2, "the frame has B"), (0, "truncated")],
    _sizes: [(4, "the frame has 2x2"), (0, "same pixels as flat0.fits"), (0, "not a FITS file")],
    _cameras: [(3, "the frame has Other"), (2, "exptime=None"), (1, "the frame has none")],
    _units: [(3, "104 days"), (0, "its type is not clear"), (0, "these are fractions")],
    _temperatures: [(5, "temperature 5"), (3, "the frame has V"), (0, "empty file")],
}


@pytest.mark.parametrize("night", NIGHTS, ids=lambda night: night.__name__)
def test_all_obstacles_at_once_with_the_lights_that_each_costs(tmp_path, night):
    _several(tmp_path / "raw", "bias", range(3))
    _several(tmp_path / "raw", "flat", range(3))
    night(tmp_path / "raw")
    told = start_folder(tmp_path / "raw", tmp_path / "work").open
    found = [text for text in told if re.match(r"\d+ lights? refused, such as", text)]
    lights = [int(text.split()[0]) for text in found]
    assert lights == sorted(lights, reverse=True)
    assert told[: len(found)] == found
    for cost, words in NIGHTS[night]:
        text, *others = [text for text in told if words in text]
        number = f"{cost} light{'s' * (cost > 1)} refused"
        assert text.startswith(number) == bool(cost)
        # each once, but frames of another camera or binning have none of several kinds
        assert len(others) == {"the frame has Other": 2, "the frame has 2x2": 1}.get(words, 0)


def test_values_that_only_the_user_knows_are_asked_for_in_the_table(tmp_path):
    """Filled in as it says, all lights are calibrated."""
    raw, work = tmp_path / "raw", tmp_path / "work"
    for kind in ("bias", "dark", "flat"):
        _several(raw, kind, range(3))
    _several(raw, "light", (0,), FILTER=None)
    _several(raw, "light", (1,), EXPTIME=None)
    _several(raw, "light", (2,), EXPTIME=9e6)
    start = start_folder(raw, work)
    assert "a run would calibrate 0 of 3 lights" in start.notes
    table = work / "config/corrections.csv"
    assert table.read_text().splitlines() == [
        *("file,exptime,filter", "light2.fits,,", "light0.fits,,", "light1.fits,,"),
    ]
    assert any(text.startswith("exptime: 2 files need one that the header") for text in start.open)
    assert start.open[-1].startswith("the table of `corrections` is a CSV with the column file")
    table.write_text("file,exptime,filter\nlight2.fits,40,\nlight0.fits,,R\nlight1.fits,40,\n")
    config = load_config(read_yaml(work / "config/config.yaml"))
    camera = load_camera(str(work / config["camera"]))
    index, layouts = build_index(raw, camera, cache=Cache(tmp_path / "c.json", "k"))
    rows = [row | {"layout": layouts.get(row["layout"])} for row in rows_of(index)]
    corrected = read_corrections(work / config["corrections"], set(index["file"]))
    plan, _ = make_plan(rows, config, camera, corrected)
    assert not [row for row in plan if row["status"] == "refused"]
