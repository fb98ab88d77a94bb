"""Each advice: a folder or plan in the state that prints it, and in that after it was followed.

The commands of advice are tried in test_obstacles.
"""

import gzip
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits
from making import amplifier, camera, config, row, rows, write_raw
from strange_nights import BIAS, RESPONSE, SHAPE, Reduced, cards, exposure, take, write

from ccdlib import limits
from ccdlib.camera.amplifiers import layout_of
from ccdlib.errors import CcdlibError
from ccdlib.frame.subtraction import dark_pedestal
from ccdlib.index.index_tables import as_read
from ccdlib.index.raw_index import compared, index_file
from ccdlib.limits import refuse_without_memory
from ccdlib.plan.frames import frames_of, read_corrections
from ccdlib.plan.night_plan import make_plan
from ccdlib.raw.indexed_file import IndexedFile
from ccdlib.raw.raw_folder import find_raw_files, sha256
from ccdlib.raw.stored_pixels import ArrayPixels
from ccdlib.report.advice import ADVICE, advice

PATTERNS = {pattern: text for pattern, text in ADVICE}


def text_of(words):
    """The advice whose pattern has these words."""
    exact = PATTERNS.get(words)
    (found,) = [exact] if exact else [text for each, text in PATTERNS.items() if words in each]
    return found


# ---- of the plan: frames, corrections and settings before and after

LIGHT = row("light.fits", "light", 30)
BARE = {"overscan": False}
OLD = {"date": "2024-04-01T03:00:00", "night": "2024-03-31"}
NEEDED = {"missing": {"flat": "refuse"}}


@dataclass(frozen=True)
class Night:
    """Rows of the index, the table of corrections, and settings."""

    frames: list
    corrections: dict = field(default_factory=dict)
    settings: dict = field(default_factory=dict)
    one_case: bool = False

    def reasons(self):
        """Why products are refused."""
        settings = config(**self.settings) | {"one_case": self.one_case}
        plan, _ = make_plan(self.frames, settings, camera(), self.corrections)
        return [each["reason"] for each in plan if each["status"] == "refused"]


def _bare(*kinds):
    """Frames without overscan, (kind, exposure) three times."""
    return [each for kind, seconds in kinds for each in rows(kind, 3, seconds, **BARE)]


def _two_gains():
    """Biases of two gain settings, those of one without overscan, and a light of the other."""
    other = rows("bias", 3, prefix="b", gain_setting="2", overscan=False)
    return [LIGHT | {"gain_setting": "1"}, *rows("bias", 3, gain_setting="1"), *other]


def _added(value):
    """A light without overscan to which a pedestal was added, and its biases."""
    light = row("light.fits", "light", 30, **BARE)
    own = layout_of([replace(amp, pedestal=value) for amp in light["layout"].amplifiers])
    return [light | {"layout": own}, *rows("bias", 3, **BARE)]


def _two_cases():
    """A light and flats of filter r, and of R."""
    lights = [row("a.fits", "light", 30, filter="r"), row("b.fits", "light", 30, filter="R")]
    flats = [rows("flat", 3, 5, name, filter=name) for name in ("r", "R")]
    return [*lights, *flats[0], *({**each, "frame": f"x{each['frame']}"} for each in flats[1])]


CAPITALS = ("b.fits", "Rflat0.fits", "Rflat1.fits", "Rflat2.fits")

PLANS = {
    "cannot be scaled": (
        Night(_bare(("light", 30), ("dark", 60))),
        [
            Night(_bare(("light", 30), ("dark", 60), ("bias", 0))),
            Night(_bare(("light", 30), ("dark", 60)) + rows("dark", 3, 30, "own", **BARE)),
        ],
    ),
    "min_frames": (
        Night([LIGHT, *rows("flat", 2, 5)], {}, {"combine": {"flat": {"min_frames": 3}}}),
        [
            Night([LIGHT, *rows("flat", 3, 5)], {}, {"combine": {"flat": {"min_frames": 3}}}),
            Night([LIGHT, *rows("flat", 2, 5)], {}, {"combine": {"flat": {"min_frames": 2}}}),
        ],
    ),
    "the frame has none": (
        Night([row("light.fits", "light", 30, filter=None), *rows("flat", 3, 5)]),
        [
            Night(
                [row("light.fits", "light", 30, filter=None), *rows("flat", 3, 5)],
                {"light.fits": {"filter": "V"}},
            )
        ],
    ),
    "filter none": (
        Night([LIGHT, *rows("flat", 3, 5, filter=None)]),
        [
            Night(
                [LIGHT, *rows("flat", 3, 5, filter=None)],
                {f"flat{number}.fits": {"filter": "V"} for number in range(3)},
            )
        ],
    ),
    "no flat frame": (
        Night([LIGHT], {}, {"missing": {"flat": "refuse"}}),
        [Night([LIGHT, *rows("flat", 3, 5)], {}, {"missing": {"flat": "refuse"}})],
    ),
    "no bias frame": (
        Night([LIGHT], {}, {"missing": {"bias": "refuse"}}),
        [Night([LIGHT, *rows("bias", 3)], {}, {"missing": {"bias": "refuse"}})],
    ),
    "no dark frame": (
        Night([LIGHT], {}, {"missing": {"dark": "refuse"}}),
        [Night([LIGHT, *rows("dark", 3, 30)], {}, {"missing": {"dark": "refuse"}})],
    ),
    "days away, at most": (
        Night([LIGHT, *rows("flat", 3, 5, **OLD)], {}, NEEDED),
        [
            Night([LIGHT, *rows("flat", 3, 5, **OLD), *rows("flat", 3, 5, "new")], {}, NEEDED),
            Night([LIGHT, *rows("flat", 3, 5, **OLD)], {}, NEEDED | {"match": {"max_age": 60}}),
        ],
    ),
    "telescope [^;()]+, the frame has": (
        Night(
            [row("light.fits", "light", 30, telescope="A"), *rows("flat", 3, 5, telescope="B")],
        ),
        [
            Night(
                [row("light.fits", "light", 30, telescope="A"), *rows("flat", 3, 5, telescope="B")],
                {"light.fits": {"flat": "2024-05-12_cam_100x100_1x1_V_B"}},
            ),
            Night(
                [row("light.fits", "light", 30, telescope="A"), *rows("flat", 3, 5, telescope="A")],
            ),
        ],
    ),
    "no master flat.*filter [^,;()]+, the frame has": (
        Night([LIGHT, *rows("flat", 3, 5, filter="R")]),
        [
            Night(
                [LIGHT, *rows("flat", 3, 5, filter="R")],
                {f"flat{number}.fits": {"filter": "V"} for number in range(3)},
            ),
            Night([LIGHT, *rows("flat", 3, 5, filter="R")], {"light.fits": {"filter": "R"}}),
        ],
    ),
    "no master flat": (
        Night([LIGHT, *rows("flat", 3, 5, readout_mode="fast")]),
        [
            # why, as the reason and plan.csv say: another mode of reading, which matters little
            Night(
                [LIGHT, *rows("flat", 3, 5, readout_mode="fast")],
                {},
                {"match": {"facts": ["camera", "size", "binning"]}},
            )
        ],
    ),
    "no master bias": (
        Night([LIGHT, *rows("bias", 3, readout_mode="fast")]),
        [
            Night(
                [LIGHT, *rows("bias", 3, readout_mode="fast")],
                {},
                {"match": {"facts": ["camera", "size", "binning"]}},
            )
        ],
    ),
    "no master dark": (
        Night([row("light.fits", "light", 30, temperature=-10.0),
               *rows("dark", 3, 30, temperature=-30.0)]),
        [
            Night([row("light.fits", "light", 30, temperature=-10.0),
                   *rows("dark", 3, 30, temperature=-30.0)], {}, {"match": {"temperature": 25}})
        ],
    ),
    "corrections want": (
        Night([LIGHT, *rows("bias", 3)], {"light.fits": {"bias": "no such"}}),
        [Night([LIGHT, *rows("bias", 3)], {"light.fits": {"bias": "2024-05-12_cam_100x100_1x1"}})],
    ),
    "share the name": (
        Night(_two_gains(), {}, {"match": {"facts": ["camera", "size", "binning"]}}),
        [
            Night(_two_gains(), {}, {"match": {"facts": ["camera", "size", "gain_setting"]}}),
            Night(
                _two_gains(),
                {f"bbias{number}.fits": {"use": "false"} for number in range(3)},
                {"match": {"facts": ["camera", "size", "binning"]}},
            ),
        ],
    ),
    "write done": (
        Night(_added(-100.0)),
        [Night(_added(-100.0), {"light.fits": {"done": given}}) for given in ("none", "bias+dark")],
    ),
    "capitals do not count": (
        Night(_two_cases(), one_case=True),
        [
            Night(
                _two_cases(),
                {name: {"filter": "r2"} for name in CAPITALS},
                one_case=True,
            ),
            Night(_two_cases()),
        ],
    ),
    "removes its pedestal": (
        Night(_bare(("light", 30))),
        [Night(_bare(("light", 30), ("bias", 0))), Night([LIGHT])],
    ),
    "positive exposure": (
        Night([row("light.fits", "light", None), *rows("dark", 3, 30)]),
        [
            Night(
                [row("light.fits", "light", None), *rows("dark", 3, 30)],
                {"light.fits": {"exptime": "30"}},
            )
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("words", PLANS)
def test_an_obstacle_of_the_plan_is_gone_when_its_advice_was_followed(words):
    before, after = PLANS[words]
    reasons = before.reasons()
    assert reasons
    assert {advice(reason) for reason in reasons} == {text_of(words)}
    assert [night.reasons() for night in after] == [[]] * len(after)


def test_a_cause_that_a_refusal_quotes_gives_the_advice():
    """A light without a flat, as that has no bias of its own: biases are wanted."""
    flats = rows("flat", 3, 5, **BARE)
    reasons = Night([row("light.fits", "light", 30), *flats], {}, {}).reasons()
    assert {advice(reason) for reason in reasons} == {text_of("removes its pedestal")}


# ---- of the index: a folder before and after


def pixels(seed=1):
    return np.round(np.random.default_rng(seed).normal(1000, 5, (60, 50))).astype(np.uint16)


@dataclass(frozen=True)
class Folder:
    """What makes a folder with an obstacle, what follows the advice, and the camera file.

    `corrections` is the table that the user writes.
    """

    make: Callable
    follow: Callable = lambda folder: None
    corrections: str = ""
    camera: dict = field(default_factory=dict)


def _reasons(folder, spec):
    """Why files are refused or of no type, or are used once."""
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.f*"))
    found = [index_file(str(folder / file), file, spec) for file in files]
    found = compared(folder, [each | {"sha256": str(os.lstat(folder / each["file"]).st_ino)}
                              for each in found], spec)  # fmt: skip
    return found, [each["reason"] for each in found if each["status"] not in ("ok", "aside")]


def _one(**cards):
    return lambda folder: write_raw(folder / "a.fits", pixels(), **{"IMAGETYP": "bias"} | cards)


def _two(name="b.fits", seed=1, **more):
    def make(folder):
        write_raw(folder / "a.fits", pixels(), IMAGETYP="bias")
        write_raw(folder / name, pixels(seed), IMAGETYP="bias", **more)

    return make


def _same_content(folder):
    _one()(folder)
    os.link(folder / "a.fits", folder / "b.fits")


def _packed(folder):
    _one()(folder)
    (folder / "a.fits.gz").write_bytes(gzip.compress((folder / "a.fits").read_bytes()))


def _cut(folder):
    _one()(folder)
    content = (folder / "a.fits").read_bytes()
    (folder / "a.fits").write_bytes(content[: len(content) // 2])


def _remove(*names):
    return lambda folder: [(folder / name).unlink() for name in names]


def _again(folder):
    """The file copied again from where it was taken."""
    (folder / "a.fits").unlink()
    _one()(folder)


def _card(keyword, value):
    """A header whose card holds what no program writes."""

    def make(folder):
        _one()(folder)
        content = (folder / "a.fits").read_bytes()
        place = content.index(keyword.encode().ljust(8) + b"=")
        card = f"{keyword:8}= {value:>20}".ljust(80).encode()
        (folder / "a.fits").write_bytes(content[:place] + card + content[place + 80 :])

    return make


def _no_end(folder):
    (folder / "a.fits").write_bytes(b"SIMPLE  =                    T".ljust(80) + b" " * (5 << 20))


def _write(name, content):
    return lambda folder: (folder / name).write_bytes(content)


def _floats(folder):
    values = np.random.default_rng(1).random((60, 50), np.float32)
    fits.PrimaryHDU(values, fits.Header({"IMAGETYP": "bias"})).writeto(folder / "a.fits")


def _flat_at_the_level_of_biases(folder):
    for number in range(3):
        write(folder, f"bias{number}.fits", exposure("bias", number), cards("bias", number))
        write(folder, f"dark{number}.fits", exposure("dark", number), cards("dark", number))
    take(folder, "flat", 2)
    write(folder, "odd.fits", exposure("bias", 9), cards("flat", 9))


MOVED = _remove("a.fits")
UNDONE = "done already, and a"
FOLDERS = {
    "no typing rule": [
        Folder(_one(IMAGETYP="Mystery"), corrections="file,imagetyp\na.fits,bias\n"),
    ],
    "its type is not clear": [
        Folder(
            _one(EXPTIME=300.0),
            corrections="file,imagetyp\na.fits,bias\n",
            camera={"typing": "evidence", "types": [{"type": "flat", "when": {"NO": "card"}}]},
        )
    ],
    "but its pixels": [
        Folder(_flat_at_the_level_of_biases, corrections=f"file,imagetyp\nodd.fits,{kind}\n",
               camera={"typing": "evidence"})
        for kind in ("bias", "flat")
    ],
    "but the camera file is for": [
        Folder(_one(INSTRUME="Other"), camera={"recognise": {"INSTRUME": "Box"}}),
    ],
    "though their headers differ": [Folder(_two(EXPTIME=3.0), _remove("b.fits"))],
    "packed: used once": [Folder(_packed, _remove("a.fits.gz"))],
    "same content": [Folder(_same_content, _remove("b.fits"))],
    "same pixels": [Folder(_two(OBJECT="x"), _remove("b.fits"))],
    "same FRAME": [
        Folder(_two("a.fit", seed=2), lambda folder: (folder / "a.fit").rename(folder / "c.fit"))
    ],
    "truncated|empty": [
        Folder(_cut, _again),
        Folder(_write("a.fits", b""), _again),
        Folder(_no_end, _again),
    ],
    "is not an integer": [
        Folder(_card("NAXIS1", "'x'"), _again),
        Folder(_card("BITPIX", "17"), _again),
        Folder(_card("NAXIS1", "-50"), _again),
        Folder(lambda folder: (folder / "a.fits").symlink_to("nowhere"), MOVED),
    ],
    "not a FITS|": [
        Folder(_write("a.fits", b"# not an image\n"), MOVED),
        Folder(lambda folder: fits.PrimaryHDU().writeto(folder / "a.fits"), MOVED),
        Folder(lambda folder: os.mkfifo(folder / "a.fits"), MOVED),
        Folder(_one(RAWSHA="1"), MOVED),
        Folder(
            lambda folder: fits.PrimaryHDU(np.zeros((3, 4, 5))).writeto(folder / "a.fits"),
            MOVED,
        ),
        Folder(lambda folder: os.truncate(_one()(folder), 9 * 2**30), MOVED),
    ],
    "these are fractions": [Folder(_floats, _again)],
    "is not a binning": [Folder(_one(BIN="mode 7"), camera={"facts": {"binning": "BIN"}})],
    "section|overscan": [
        Folder(_one(), camera={"amplifiers": [{"data": "[1:90,1:100]"}]}),
    ],
    "amplifier|place": [
        Folder(_one(), camera={"amplifiers": [{"extension": 7}]}),
        Folder(_one(), camera={"detector": {"gain": [1.0, 2.0]}}),
    ],
    "no card": [
        Folder(_one(), camera={"amplifiers": [{"data": "[1:50,1:60]", "coordinates": "unbinned"}]})
    ],
    "facts.exptime": [
        Folder(_one(EXPTIME=9e6), corrections="file,exptime\na.fits,9\n"),
    ],
    "was done already": [
        Folder(_one(ZEROCOR="done"), corrections="file,done\na.fits,none\n"),
        Folder(_one(ZEROCOR="done"), _again),
    ],
}  # fmt: skip
# the same camera file with what the advice asks for
MENDED = {
    "but the camera file is for": {"recognise": {"INSTRUME": "Other"}},
    "is not a binning": {"facts": {}},
    "section|overscan": {"amplifiers": [{"data": "[1:40,1:60]"}]},
    "amplifier|place": {},
    "no card": {"amplifiers": [{"data": "[1:50,1:60]"}]},
}


def _still_refused(folder, found, table):
    """The files of a folder that the plan gets no frame of, with a table of corrections."""
    path = folder.parent / "corrections.csv"
    path.write_text(table or "file\n")
    given = read_corrections(path, {each["file"] for each in found})
    used = {frame.file for frame in frames_of([as_read(each) for each in found], given)}
    return {each["file"] for each in found if each["status"] != "aside"} - used


@pytest.mark.parametrize(
    ("words", "state"),
    [(words, state) for words, states in FOLDERS.items() for state in states],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_obstacle_of_the_index_is_gone_when_its_advice_was_followed(tmp_path, words, state):
    folder = tmp_path / "raw"
    folder.mkdir()
    state.make(folder)
    found, reasons = _reasons(folder, camera(**state.camera))
    assert reasons
    assert {advice(reason) for reason in reasons} == {text_of(words)}, reasons
    assert _still_refused(folder, found, "")
    state.follow(folder)
    found, _ = _reasons(folder, camera(**MENDED.get(words, state.camera)))
    assert _still_refused(folder, found, state.corrections) == set()


# ---- of the pixels: a night that a job refuses, and the settings with which it is made

FLATS = 4
OUT = "file,use\n" + "".join(f"flat{number}.fits,false\n" for number in (2, 3))
ALL_OUT = "file,use\n" + "".join(f"flat{number}.fits,false\n" for number in range(FLATS))
# flats of which some are fit make a master without the others, or are outvoted
UNFIT = "saturated", "a flat is positive", "noise of its flats falls"


def _night(folder, flat, response=RESPONSE, first=2):
    """Biases, a light, and flats that are changed from some number on."""
    take(folder, "bias", 3)
    values = exposure("light", 0, response=response)
    write(folder, "light0.fits", values, cards("light", 0))
    for number in range(FLATS):
        values = exposure("flat", number, response=response)
        values = flat(values) if number >= first else values
        write(folder, f"flat{number}.fits", values, cards("flat", number))


def _mosaic():
    """The response of a colour sensor."""
    rows, columns = np.indices(RESPONSE.shape) % 2
    return RESPONSE * (0.4 + 0.6 * (rows == columns))


def _same(values):
    return values


def _map_of(size):
    def write_map(folder):
        path = folder.parent / f"map{size}.fits"
        if not path.exists():
            fits.PrimaryHDU(np.zeros((size, 112), np.uint8)).writeto(path)
        return {"bad_pixels": str(path)}

    return write_map


PIXELS = {
    "saturated": (lambda values: values * 0 + 65535, {}, lambda folder: {}, ALL_OUT),
    "a flat is positive": (lambda values: BIAS - 300, {}, lambda folder: {}, ALL_OUT),
    "noise of its flats falls": (lambda values: 65535 - values, {}, lambda folder: {}, ALL_OUT),
    "noise model": (lambda values: values[::-1], {}, lambda folder: {}, OUT),
    "colour sensor": (_same, {"bad_pixels": "measure"}, lambda folder: COLOUR, ""),
    "shape": (_same, _map_of(70), _map_of(80), ""),
}
COLOUR = {"bad_pixels": "dark", "cosmic_rays": {"method": "none"}}


@pytest.mark.parametrize("words", PIXELS)
def test_an_obstacle_in_pixels_is_gone_when_its_advice_was_followed(tmp_path, words):
    flat, settings, mended, table = PIXELS[words]
    raw = tmp_path / "raw"
    response = _mosaic() if words == "colour sensor" else RESPONSE
    _night(raw, flat, response, first=0 if words in UNFIT else 2)
    spec = tmp_path / "camera.yaml"
    spec.write_text(CAMERA)
    before = settings(raw) if callable(settings) else settings
    with pytest.raises(CcdlibError) as refusal:
        Reduced(raw, tmp_path / "before", str(spec), **before)
    assert advice(str(refusal.value)) == text_of(words), str(refusal.value)
    corrections = tmp_path / "corrections.csv"
    corrections.write_text(table or "file\n")
    made = Reduced(raw, tmp_path / "after", str(spec), corrections, **mended(raw))
    assert made.light()[1].data.shape == RESPONSE.shape


CAMERA = """\
description: types by their card
facts: {exptime: EXPTIME, filter: FILTER, object: OBJECT, date_obs: DATE-OBS}
types:
  - {type: bias, when: {IMAGETYP: bias}}
  - {type: flat, when: {IMAGETYP: flat}}
  - {type: light, when: {IMAGETYP: light}}
detector: {gain: [EGAIN], read_noise: [RDNOISE], saturation: 65535}
"""


# a dozen hot pixels a row, adu in 40 s
HOT = np.random.default_rng(8).choice([0, 900], SHAPE, p=[0.99, 0.01])


def test_a_turned_light_is_made_with_darks_of_its_own_or_without(tmp_path):
    raw = tmp_path / "raw"
    take(raw, "bias", 3)
    take(raw, "flat", 3)
    for number in range(3):
        write(raw, f"dark{number}.fits", exposure("dark", number) + HOT, cards("dark", number))
    light = exposure("light", 0) + HOT
    write(raw, "light0.fits", light[::-1], cards("light", 0))
    with pytest.raises(CcdlibError) as refusal:
        Reduced(raw, tmp_path / "before")
    assert advice(str(refusal.value)) == text_of("hot pixels of its dark")
    corrections = tmp_path / "corrections.csv"
    corrections.write_text("file,dark\nlight0.fits,none\n")
    assert Reduced(raw, tmp_path / "none", corrections=corrections).light()[1].data.shape == SHAPE
    (raw / "light0.fits").unlink()
    write(raw, "light0.fits", light, cards("light", 0))
    assert Reduced(raw, tmp_path / "after").light()[1].data.shape == SHAPE


# ---- of files that change, and of the machine


def _opened(path, digest):
    IndexedFile(path, "a.fits", digest).check()


@pytest.mark.parametrize(
    ("words", "change"),
    [
        ("changed since", lambda path: path.write_bytes(b"x" * 99)),
        ("gone since", lambda path: path.unlink()),
    ],
)
def test_a_file_that_changed_is_read_by_the_next_run(tmp_path, words, change):
    """Which makes its index anew: here the digest of the content that is there now."""
    path = tmp_path / "a.fits"
    path.write_bytes(b"y" * 99)
    digest = sha256(path)
    change(path)
    with pytest.raises(CcdlibError) as refusal:
        _opened(path, digest)
    assert advice(str(refusal.value)) == text_of(words)
    files = [name for name, _ in find_raw_files(str(tmp_path), [])]
    # one that is gone is not listed
    assert files == ([] if words == "gone since" else ["a.fits"])
    for name in files:
        _opened(tmp_path / name, sha256(tmp_path / name))


def test_a_file_that_is_written_is_read_when_nothing_writes(tmp_path):
    path = tmp_path / "a.fits"
    path.write_bytes(b"y" * 99)
    indexed = IndexedFile(path, "a.fits", sha256(path))
    path.write_bytes(b"z" * 98)
    with pytest.raises(CcdlibError) as refusal:
        indexed.check()
    assert advice(str(refusal.value)) == text_of("while it was read")
    _opened(path, sha256(path))


def test_what_needs_more_memory_is_made_where_there_is_more(monkeypatch):
    with pytest.raises(CcdlibError) as refusal:
        refuse_without_memory(1e12, "a.fits")
    assert advice(str(refusal.value)) == text_of("this machine has")
    monkeypatch.setattr(limits, "machine_memory", lambda: 2e12)
    refuse_without_memory(1e12, "a.fits")


def test_a_frame_that_wrapped_round_is_read_as_it_was_written():
    with pytest.raises(CcdlibError) as refusal:
        ArrayPixels(np.full((4, 5), -20000, np.int16), "a.fits")[0:4, 0:5]
    assert advice(str(refusal.value)) == text_of("have wrapped round")
    assert ArrayPixels(np.full((4, 5), 45536, np.uint16), "a.fits")[0:4, 0:5].min() == 45536


def test_a_dark_whose_pedestal_is_unknown_is_made_again():
    raw = SimpleNamespace(name="a.fits", hdu=0, amplifiers=[amplifier()], shape=(100, 100))
    with pytest.raises(CcdlibError) as refusal:
        dark_pedestal(raw, {"PEDREMOV": False})
    assert advice(str(refusal.value)) == text_of("dark holds its pedestal")
    assert np.all(dark_pedestal(raw, {"PEDREMOV": False, "DPED0_1": 7.0}) == 7.0)


# advice that is followed where runs are tried, by the tests of these names
IN_RUNS = {
    "it is being written": (
        "unit/index/test_raw_index.py",
        "test_a_file_that_is_written_all_the_time_is_refused_until_it_is_not",
    ),
    "something that it needs failed": (
        "workflow/test_faults.py",
        "test_raw_file_changes_during_the_run",
    ),
    "No space left": ("workflow/test_faults.py", "test_full_disk"),
    "interrupted": ("workflow/test_interrupts.py", "test_ctrl_c_before_and_during_index_and_plan"),
    "killed": ("workflow/test_faults.py", "test_a_job_killed_for_its_memory"),
}
ALONE = (
    *("changed since", "gone since", "while it was read", "this machine has"),
    *("dark holds its pedestal", "hot pixels of its dark"),
)


def test_all_advice_is_followed_by_a_test():
    tried = [*PLANS, *FOLDERS, *PIXELS, *IN_RUNS, *ALONE]
    assert {text_of(words) for words in tried} == set(PATTERNS.values())
    covered = {pattern for pattern in PATTERNS for words in tried if words in pattern}
    assert set(PATTERNS) - covered == set()


@pytest.mark.parametrize("words", IN_RUNS)
def test_the_tests_of_runs_are_there(words):
    file, name = IN_RUNS[words]
    assert f"def {name}(" in (Path(__file__).parents[2] / file).read_text()
