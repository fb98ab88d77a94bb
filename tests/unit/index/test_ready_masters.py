"""Ready masters: what their headers must say, how they are found, matched and combined with."""

import shutil
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from layouts import camera_of, headers, settings, take
from making import camera, config, indexed, row, rows

from ccdlib.camera.amplifiers import amplifiers_from_rows, layout_of
from ccdlib.commands.selftest import reduce_night
from ccdlib.errors import CcdlibError
from ccdlib.index.index_tables import READY_TABLE
from ccdlib.index.raw_index import Cache, index_file
from ccdlib.index.ready_index import files_of, index_masters
from ccdlib.index.ready_masters import locate, own_map
from ccdlib.plan.night_plan import make_plan
from ccdlib.plan.plan_tables import Plan
from ccdlib.products.master_cards import matched_facts, measured_amplifiers, put_matched_facts
from ccdlib.products.product_files import read_product
from ccdlib.raw.header_cards import put
from ccdlib.raw.raw_folder import sha256
from ccdlib.simulate.layout import Layout, Readout

SMALL = Layout(
    shape=(40, 64),
    readouts=(Readout("[1:48,1:40]", "[1:48,1:40]", "[49:64,1:40]", gain=1.4, read_noise=5.0),),
)
SECTIONS = {"DATASEC": "[1:48,1:40]", "BIASSEC": "[49:64,1:40]"}
KINDS = ("bias", "dark", "flat")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The results of a small night; not to be changed."""
    folder = tmp_path_factory.mktemp("night")
    counts = (("bias", 3), ("dark", 3), ("flat", 3), ("light", 1))
    take(folder / "raw", SMALL, lambda *which: headers(*which, **SECTIONS), counts=counts)
    reduce_night(folder / "raw", folder / "work", camera_of(SMALL), settings())
    return folder / "work/results"


@pytest.fixture
def ready(results, tmp_path):
    return shutil.copytree(results, tmp_path / "ready")


def table(folder):
    cache = Cache(Path(folder).parent / "cache.json", "code")
    return indexed(index_masters(str(folder), cache=cache))


def kinds_of(folder):
    return {each["imagetyp"]: each for each in table(folder)}


def test_masters_of_a_night_tell_what_they_are(ready):
    found = kinds_of(ready)
    assert sorted(found) == sorted(KINDS)
    assert all(each["status"] == "ok" for each in found.values())
    for each in found.values():
        assert (each["naxis1"], each["naxis2"], each["extensions"]) == (64, 40, 1)
        assert (each["night"], each["camera"]) == ("2024-05-12", "simulated")
        assert each["layout"].rows[0]["data"] == "[1:48,1:40]"
        assert each["detector"] is True
    assert found["bias"]["level_removed"] is True
    assert (found["dark"]["exptime"], found["dark"]["bias_removed"]) == (60.0, True)
    assert found["flat"]["filter"] == "V"


def test_the_name_of_a_ready_flat_tells_what_lights_it(ready):
    assert kinds_of(ready)["flat"]["lit"] is None
    (flat,) = (ready / "masters/flat").glob("*.fits")
    flat.rename(flat.with_stem(f"{flat.stem}_dome"))
    assert kinds_of(ready)["flat"]["lit"] == "dome"
    plan, _ = make_plan(light(), config() | {"flat_from": "sky"}, camera(), {}, table(ready))
    (row,) = (row for row in plan if row["kind"] == "flat")
    assert row["status"] == "refused" and "lit by the dome, flat.from is sky" in row["reason"]


def test_a_second_look_reads_only_what_changed(ready, monkeypatch):
    first = table(ready)
    monkeypatch.setattr("ccdlib.index.ready_index._row", lambda path, file: pytest.fail(file))
    assert table(ready) == first


DAMAGE = {
    "UNCERT": (lambda hdus: hdus.__delitem__(1), "no UNCERT extension, only PRIMARY, MASK, DQ"),
    "DQ": (lambda hdus: hdus.__delitem__(3), "no DQ extension, only PRIMARY, UNCERT, MASK"),
    "MSIZE": (lambda hdus: hdus[0].header.remove("MSIZE"), "its header has no MSIZE"),
    "AMPDAT1": (lambda hdus: hdus[0].header.remove("AMPDAT1"), "its header has no AMPDAT1"),
    "FLATNORM": (lambda hdus: hdus[0].header.remove("FLATNORM"), "no FLATNORM, which a flat needs"),
    "unit": (lambda hdus: hdus[0].header.set("BUNIT", "adu"), "BUNIT='adu', a flat has no unit"),
}  # fmt: skip


@pytest.mark.parametrize("what", DAMAGE)
def test_what_a_master_lacks_is_named_with_file_and_card(ready, what):
    damage, message = DAMAGE[what]
    (path,) = (ready / "masters/flat").iterdir()
    with fits.open(path, mode="update") as hdus:
        damage(hdus)
    found = kinds_of(ready)
    assert found["flat"]["status"] == "refused"
    assert found["flat"]["reason"].startswith(f"masters/flat/{path.name}: ")
    assert message in found["flat"]["reason"]
    assert found["bias"]["status"] == found["dark"]["status"] == "ok"
    plan, _ = make_plan(light(), settings(), camera(), {}, table(ready))
    (flat,) = [each for each in plan if each["kind"] == "flat"]
    assert flat["status"] == "refused"
    assert message in flat["candidates"]


def _set(name, value):
    def change(hdus):
        hdus[name].data[5, 6] = value

    return change


def _cut(hdus):
    hdus["UNCERT"] = fits.ImageHDU(hdus["UNCERT"].data[:-1], name="UNCERT")


def _floats(hdus):
    hdus["DQ"] = fits.ImageHDU(hdus["DQ"].data.astype(np.float32), name="DQ")


def _all(name, value):
    def change(hdus):
        hdus[name].data[:] = value

    return change


_NOISELESS = (
    "IMAGETYP says flat, and its pixels have a median UNCERT of 0: the light of a flat has more "
    "noise, and the frames that are divided by it would have too little"
)
SPOILT = {
    "beyond": (_set("PRIMARY", 1e30), "1 pixels or their UNCERT are beyond 1e+15"),
    "sigma beyond": (_set("UNCERT", 1e30), "1 pixels or their UNCERT are beyond 1e+15"),
    "without a value": (_all("DQ", 16), "DQ says of all its pixels that they have no value"),
    "without noise": (_all("UNCERT", 0), _NOISELESS),
    "NaN": (_set("PRIMARY", np.nan), "1 pixels of its image are not finite"),
    "infinite": (_set("PRIMARY", np.inf), "1 pixels of its image are not finite"),
    "negative": (_set("UNCERT", -1), "1 pixels of UNCERT are negative or not finite"),
    "unknown": (_set("UNCERT", np.nan), "1 pixels of UNCERT are negative or not finite"),
    "smaller": (_cut, "UNCERT has (39, 48) pixels, not (40, 48)"),
    "floats": (_floats, "its DQ plane does not hold 16-bit integers"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_pixels_that_no_master_has_are_refused_at_the_index(ready, what):
    damage, message = SPOILT[what]
    (path,) = (ready / "masters/flat").iterdir()
    with fits.open(path) as hdus:
        damage(hdus)
        hdus.writeto(path.with_name("new.fits"), checksum=True)
    path.with_name("new.fits").replace(path)
    found = kinds_of(ready)
    assert found["flat"]["status"] == "refused"
    assert found["flat"]["reason"] == f"masters/flat/{path.name}: {message}"


def _disguised(kind, as_kind, change=None, image_alone=False, **cards):
    """What makes of a master of one kind one that says in all its cards that it is another."""

    def disguise(ready):
        (path,) = (ready / f"masters/{kind}").iterdir()
        (model,) = (ready / f"masters/{as_kind}").iterdir()
        with fits.open(path) as hdus:
            header = fits.getheader(model)
            for keyword in ("NAXIS1", "NAXIS2", "CHECKSUM", "DATASUM"):
                header.remove(keyword)
            hdus[0].header = header
            hdus[0].header.update(cards)
            for hdu in hdus[: 1 if image_alone else 2]:
                hdu.data = hdu.data if change is None else change(hdu.data)
            hdus.writeto(ready / "disguised.fits", checksum=True)
        return ready / "disguised.fits"

    return disguise


LIES = {
    "flat as bias": (_disguised("flat", "bias"), "says bias, BUNIT adu, and the median of UNCERT"),
    "flat as dark": (_disguised("flat", "dark"), "AMPRON1=5, AMPGAI1=1.4 and NCOMBINE=3 make"),
    "bias as flat": (_disguised("bias", "flat"), "says flat, and its pixels have the median"),
    "dark as flat": (_disguised("dark", "flat"), "says flat, and its pixels have the median"),
    "flat in adu as bias": (
        _disguised("flat", "bias", lambda data: data * 15000),
        "far above the 3.571 adu of one frame that AMPRON1=5, AMPGAI1=1.4 make: it is no bias",
    ),
    "flat in adu as flat": (
        _disguised("flat", "flat", lambda data: data * 15000),
        "have the median 1.5e+04, a master flat's are about 1",
    ),
    "dark in other units": (
        _disguised("dark", "dark", lambda data: data * 1e-3),
        "far below the 2.062 adu that AMPRON1=5",
    ),
    "bias at 1 as flat": (_disguised("bias", "flat", np.ones_like, True), "no flat has more than"),
    "bias around 0 as flat": (
        _disguised(
            "bias", "flat", lambda data: np.resize(np.float32([-1, 1, 1]), data.shape), True
        ),
        "are not positive in 33 % of it",
    ),
    "NCOMBINE": (_disguised("bias", "bias", NCOMBINE="many"), "NCOMBINE='many' is not a positive"),
    "AMPRON": (_disguised("dark", "dark", AMPRON1=-5.0), "AMPRON1=-5.0 is not a positive number"),
}


@pytest.mark.parametrize("what", LIES)
def test_a_master_whose_cards_agree_on_another_kind_is_found_out_by_its_pixels(ready, what):
    disguise, message = LIES[what]
    disguise(ready)
    (found,) = [each for each in table(ready) if each["file"] == "disguised.fits"]
    assert found["status"] == "refused", found
    assert found["reason"].startswith("disguised.fits: ")
    assert message in found["reason"]


def test_what_no_pixel_can_tell_of_a_master_is_believed(ready):
    """A gain of 1.4 is within what masters differ, and light in every pixel may be dark current."""
    _disguised("dark", "dark", lambda data: data * np.float32(1.4))(ready)
    assert all(each["status"] == "ok" for each in table(ready))


def test_a_ready_master_with_a_byte_changed_is_refused_at_the_index(ready):
    (path,) = (ready / "masters/bias").iterdir()
    content = bytearray(path.read_bytes())
    content[-3000] ^= 1
    path.write_bytes(content)
    assert kinds_of(ready)["bias"]["reason"].endswith("DQ: its data are not those of its DATASUM")


def test_a_master_of_another_program_is_refused_until_it_has_what_is_needed(ready, tmp_path):
    (own,) = (ready / "masters/bias").iterdir()
    foreign = tmp_path / "foreign/masterbias.fits"
    foreign.parent.mkdir()
    image = np.full((40, 48), 3.0, np.float32)
    fits.writeto(foreign, image, fits.Header([("IMAGETYP", "Master Bias"), ("NCOMBINE", 20)]))
    assert "no UNCERT extension" in kinds_of(foreign.parent)["bias"]["reason"]
    hdus = fits.HDUList(
        [
            fits.PrimaryHDU(image, fits.getheader(foreign)),
            fits.ImageHDU(image * 0 + 1, name="UNCERT"),
            fits.ImageHDU(np.zeros((40, 48), np.uint8), name="MASK"),
            fits.ImageHDU(np.zeros((40, 48), np.uint16), name="DQ"),
        ]
    )
    hdus.writeto(foreign, overwrite=True)
    for keyword in ("BUNIT", "OSCMETH", "MSIZE", "MNIGHT", "AMPDAT1"):
        reason = kinds_of(foreign.parent)["bias"]["reason"]
        assert keyword in reason, reason
        fits.setval(foreign, keyword, value=fits.getval(own, keyword))
    found = kinds_of(foreign.parent)["bias"]
    assert found["status"] == "ok"
    assert read_product(foreign).images[0].variance[0, 0] == 1


def test_calibrated_frames_and_maps_are_no_masters_and_raw_frames_refused(ready, tmp_path):
    (ready / "stacks").mkdir()
    stack = fits.Header([("IMAGETYP", "stack"), ("NCOMBINE", 3)])
    fits.writeto(ready / "stacks/M13_V.fits", np.zeros((4, 4), np.float32), stack)
    assert not any("calibrated" in each["file"] for each in table(ready))
    assert not any("stacks" in each["file"] for each in table(ready))
    take(ready / "raw", SMALL, lambda *which: headers(*which, **SECTIONS), counts=(("bias", 1),))
    (raw,) = [each for each in table(ready) if each["file"].startswith("raw/")]
    assert raw["status"] == "refused"
    assert raw["reason"] == "raw/bias0.fits: no UNCERT extension, only PRIMARY"


def test_a_product_among_the_raw_frames_is_refused(results):
    for kind, card in (("masters/bias", "IMSHA001"), ("calibrated", "RAWSHA")):
        path = next((results / kind).iterdir())
        found = index_file(str(path), path.name, camera())
        assert found["status"] == "refused"
        assert f"a product of ccdlib ({card}), not a raw frame" in found["reason"]


# --- in the plan


SECTIONS_OF_LIGHT = {
    "hdu": 0,
    "data": "[1:48,1:40]",
    "place": "[1:48,1:40]",
    "overscan": "[49:64,1:40]",
}


def layout(**detector):
    return layout_of(amplifiers_from_rows([SECTIONS_OF_LIGHT | detector]))


def light(**facts):
    names = {"camera": "simulated", "naxis1": 64, "naxis2": 40, "overscan": False} | facts
    index = row("light.fits", "light", 60, **names)
    return [index | {"layout": layout(gain=1.4, read_noise=5.0), "binning": None}]


def planned(folder, index=None, **parts):
    plan, members = make_plan(
        light() if index is None else index, config(**parts), camera(), {}, table(folder)
    )
    return {(each["product"], each["kind"]): each for each in plan}, members


LIGHT = "results/calibrated/light.fits"


def test_a_light_alone_is_reduced_with_ready_masters(ready):
    plan, members = planned(ready)
    for kind in KINDS:
        choice = plan[LIGHT, kind]
        assert choice["status"] == "used", choice
        assert choice["master"].startswith(f"ready/{kind}/2024-05-12_simulated")
        assert choice["reason"].startswith(f"ready master masters/{kind}/")
    dag = Plan(plan.values(), members)
    assert list(dag.targets(["light"])) == [LIGHT, plan[LIGHT, "bad_pixels"]["master"]]
    sources = dag.sources(LIGHT, str(ready), str(ready))
    assert len(sources["ready"]) == 3
    keys = {"bad_pixels": "code", "calibrated": "code"}
    assert dag.params(LIGHT, keys)["masters"]["bias"][0].startswith("ready/bias/")


@pytest.mark.parametrize(
    ("facts", "parts", "kind", "reason"),
    [
        ({"camera": "other"}, {}, "bias", "camera simulated, the frame has other"),
        ({"naxis1": 65}, {}, "dark", "size 64x40, the frame has 65x40"),
        ({"filter": "R"}, {}, "flat", "filter V, the frame has R"),
        ({"date": "2024-06-13T03:00:00"}, {}, "flat", "days away, at most 7 (match.max_age)"),
        ({}, {"dark": {"scale": False}, "match": {"exposure": 0.0}}, None, None),
        ({}, {"overscan": {"method": "none"}}, "bias", "had its overscan subtracted"),
    ],
)
def test_a_ready_master_is_matched_as_one_of_the_night(ready, facts, parts, kind, reason):
    plan, _ = planned(ready, light(**facts), **parts)
    if reason:
        assert reason in plan[LIGHT, kind]["candidates"]
        assert plan[LIGHT, kind]["status"] != "used"
    else:
        assert plan[LIGHT, "dark"]["status"] == "used"


def test_the_nights_own_wins_at_the_same_age(ready):
    own = [each | {"frame": f"b{number}", "file": f"b{number}.fits", "imagetyp": "bias",
                   "sha256": str(number), "date_obs": datetime(2024, 5, 13, 3, number)}
           for number, each in enumerate(light() * 3)]  # fmt: skip
    plan, _ = planned(ready, [*own, *light()])
    assert plan[LIGHT, "bias"]["master"].startswith("results/masters/bias/2024-05-12")
    assert "is nearer" in plan[LIGHT, "bias"]["candidates"]


def test_two_of_one_name_are_told_apart_by_their_content(ready):
    (path,) = (ready / "masters/bias").iterdir()
    other = ready / "other" / path.name
    other.parent.mkdir()
    shutil.copy(path, other)
    assert len(table(ready)) == 3
    fits.setval(other, "OBSERVER", value="somebody")
    plan, _ = planned(ready)
    assert plan[LIGHT, "bias"]["candidates"].count(path.stem) == 2
    assert plan[LIGHT, "bias"]["master"].startswith(f"ready/bias/{path.stem}-")


def test_a_ready_master_can_be_pinned_by_its_name(ready):
    (path,) = (ready / "masters/dark").iterdir()
    pins = {"light.fits": {"dark": path.stem, "bias": "none", "flat": "typo"}}
    plan, _ = make_plan(light(), config(), camera(), pins, table(ready))
    rows = {each["kind"]: each for each in plan if each["product"] == LIGHT}
    assert rows["dark"]["reason"].startswith(f"ready master masters/dark/{path.name}; pinned")
    assert rows["bias"]["status"] == "skipped"
    assert "corrections want flat 'typo', there is 2024-05-12_simulated" in rows["flat"]["reason"]


def test_gain_and_read_noise_come_with_the_ready_masters(ready):
    plan, _ = planned(ready, [light()[0] | {"layout": layout()}])
    choice = plan[LIGHT, "detector"]
    assert choice["status"] == "used"
    assert choice["master"].startswith("ready/")
    (path,) = (ready / "masters/flat").iterdir()
    assert measured_amplifiers(fits.getheader(path)) == [
        {"hdu": 0, "gain": 1.4, "read_noise_adu": 5.0 / 1.4}
    ]


# --- the folder


def test_a_master_is_found_by_its_content(ready, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = kinds_of(ready)["bias"]
    READY_TABLE.write([found | {"layout": found["layout"].name}], "ready.csv")
    assert locate(found["sha256"], str(ready), "ready.csv").path == str(ready / found["file"])
    with pytest.raises(CcdlibError, match="ready_masters: none with SHA-256 0000"):
        locate("0000", str(ready), "ready.csv")
    fits.setval(ready / found["file"], "OBSERVER", value="somebody")
    with pytest.raises(CcdlibError, match=r"masters/bias/.*: changed since it was indexed"):
        locate(found["sha256"], str(ready), "ready.csv")
    (ready / found["file"]).unlink()
    with pytest.raises(CcdlibError, match=r"masters/bias/.*: gone since it was indexed"):
        locate(found["sha256"], str(ready), "ready.csv")


def test_the_runs_own_results_are_no_ready_masters(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        CcdlibError, match=r"ready_masters: results/masters is in this run's own results"
    ):
        files_of("results/masters", ["results"])
    with pytest.raises(CcdlibError, match="ready_masters: gone is not a folder"):
        files_of("gone", ["results"])
    assert files_of(None, ["results"]) == {}


@pytest.mark.parametrize("text", ["H\u03b1 6563", "r'", "B%20", "a/b"])
def test_facts_come_back_as_they_were(text):
    header = fits.Header()
    facts = {"size": "64x40", "night": "2024-05-12", "filter": text, "camera": text}
    put_matched_facts(header, [{"facts": facts}, {"facts": facts | {"camera": "another"}}])
    put(header, "AMPDAT1", "[1:64,1:40]")
    found = matched_facts(fits.Header.fromstring(header.tostring()), "a.fits")
    assert (found["filter"], found["camera"]) == (text, None)


def test_rows_of_a_night_say_what_the_header_needs():
    _, members = make_plan(rows("bias", 3), config(), camera(), {})
    master = next(each for each in members if each["master"].startswith("results/masters/bias"))
    assert master["night"] == "2024-05-12"


def test_the_users_own_map_is_the_one_that_the_run_began_with(tmp_path):
    """Its digest is taken at the start; what is there when a job comes to it may be another."""
    path = tmp_path / "mask.fits"
    path.write_bytes(b"one map")
    settings, config = {"bad_pixels": sha256(path)}, {"bad_pixels": str(path)}
    assert own_map(settings, config)["bad_pixels"].path == str(path)
    assert own_map({"bad_pixels": None}, config) == own_map({}, config) == {}
    path.write_bytes(b"two maps")
    with pytest.raises(CcdlibError, match=rf"bad_pixels: {path}: changed since it was indexed"):
        own_map(settings, config)
