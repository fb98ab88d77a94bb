"""Real raw frames of five cameras: skipped where the folder is missing."""

from collections import Counter

import numpy as np
import pytest
from astropy.io import fits
from making import REAL, config, indexed, needs_real_frames

from ccdlib import dq
from ccdlib.camera.amplifiers import amplifiers_from_rows
from ccdlib.config import load_camera
from ccdlib.frame.raw_image import open_raw
from ccdlib.index.raw_index import Cache, build_index
from ccdlib.plan.night_plan import make_plan

pytestmark = needs_real_frames


def scan(tmp_path, folder, name):
    found = build_index(REAL / folder, load_camera(name), cache=Cache(tmp_path / "cache.json", "1"))
    return {row["file"]: row for row in indexed(found)}


def kinds(rows):
    return Counter(row["imagetyp"] for row in rows.values() if row["status"] == "ok")


def planned(rows, name, **parts):
    plan, members = make_plan(rows.values(), config(**parts), load_camera(name), {})
    refused = {row["product"]: row["reason"] for row in plan if row["status"] == "refused"}
    return plan, {row["master"] for row in members}, refused


def test_the_nickel_night(tmp_path):
    rows = scan(tmp_path, "lick_nickel", "lick_nickel")
    assert kinds(rows) == {"bias": 10, "flat": 3, "light": 6}
    assert {row["night"] for row in rows.values()} == {"2024-05-12"}
    assert {row["binning"] for row in rows.values()} == {"2x2"}
    flats = [row for row in rows.values() if row["imagetyp"] == "flat"]
    assert {row["filter"] for row in flats} == {"V"}
    # GAIN=1 is an index of a setting
    assert {row["gain"] for row in rows.values()} == {""}
    (amp,) = rows["d1001.fits"]["layout"].amplifiers
    assert amp.data.shape == (1024, 1024)
    assert amp.overscan.x0 > 1024
    _, made, refused = planned(rows, "lick_nickel")
    lights = [row["frame"] for row in rows.values() if row["imagetyp"] == "light"]
    assert {f"results/calibrated/{frame}.fits" for frame in lights} <= made
    assert refused == {}


def test_the_overscan_of_the_nickel_drifts_and_the_frames_with_it(tmp_path):
    rows = scan(tmp_path, "lick_nickel", "lick_nickel")
    levels, left = {}, {}
    for name, row in rows.items():
        amps = row["layout"].amplifiers
        with open_raw(REAL / "lick_nickel" / name, amps, name, config()["overscan"]) as (_, images):
            levels[name] = float(np.mean(images[0].levels[0].values))
            if row["imagetyp"] == "bias":
                image = images[0].read()
                left[name] = float(np.median(image.data))
                assert dq.count(image.dq, dq.SATURATED) >= 1
    assert levels["d1001.fits"] == pytest.approx(1001, abs=1)
    assert min(levels.values()) == pytest.approx(960, abs=1)
    # what is left of the biases is their structure, the same in all
    drift = np.std([levels[name] for name in left])
    assert np.std(list(left.values())) < drift / 2


def test_the_arcsat_night(tmp_path):
    rows = scan(tmp_path, "arcsat", "arcsat")
    assert kinds(rows) == {"bias": 5, "dark": 5, "flat": 5, "light": 10}
    assert len({row["night"] for row in rows.values()}) == 1
    plan, made, refused = planned(rows, "arcsat")
    assert refused == {}
    assert sum(product.startswith("results/calibrated/XO1-b") for product in made) == 10
    (flat,) = [name for name in made if name.startswith("results/masters/flat/")]
    (dark,) = [row for row in plan if row["product"] == flat and row["kind"] == "dark"]
    # of 76 to 82 s, with darks of 60 s
    assert dark["status"] == "used"


def test_a_light_of_four_extensions_has_four_amplifiers_of_their_own(tmp_path):
    rows = scan(tmp_path, "lco_mef", "lco_sinistro")
    (row,) = rows.values()
    assert row["status"] == "ok", row["reason"]
    assert row["imagetyp"] == "light"
    amps = row["layout"].amplifiers
    assert [amp.gain for amp in amps] == [6.42, 6.23, 6.27, 6.26]
    assert [amp.data.shape for amp in amps] == [(512, 512)] * 4
    assert all(amp.overscan.x0 >= 512 for amp in amps)
    _, made, refused = planned(rows, "lco_sinistro")
    assert refused == {}
    assert len(made) == 1


@pytest.mark.parametrize("camera", ["generic", "lco_sinistro"])
def test_of_fpacked_frames_none_is_made_and_each_has_its_reason(tmp_path, camera):
    rows = scan(tmp_path, "lco_fz", camera)
    assert len(rows) == 6
    _, made, refused = planned(rows, camera)
    assert not [product for product in made if product.startswith("results/calibrated/")]
    for row in rows.values():
        reason = row["reason"] or refused.get(f"results/calibrated/{row['frame']}.fits")
        assert reason, row["file"]
        assert row["file"] in reason
    types = {row["file"].split("-")[-1][:3]: row["imagetyp"] for row in rows.values()}
    assert types == {"x00": None, "b00": "bias", "d00": "dark", "f00": "flat", "e00": "light",
                     "s00": "light"}  # fmt: skip


def test_fpacked_pixels_are_those_of_astropy(tmp_path):
    for path in sorted((REAL / "lco_fz").iterdir()):
        with fits.open(path) as hdus:
            expected = np.squeeze(hdus[1].data).astype(np.float32)
        whole = f"[1:{expected.shape[1]},1:{expected.shape[0]}]"
        row = {"hdu": 1, "data": whole, "place": whole, "gain": 1, "read_noise": 1}
        (amp,) = amplifiers_from_rows([row])
        with open_raw(path, [amp], path.name, config()["overscan"]) as (_, images):
            found = images[0].read(100, 200)
        finite = np.isfinite(expected[100:200])
        np.testing.assert_array_equal(found.data[finite], expected[100:200][finite])


def test_spaces_inside_sections(tmp_path):
    (row,) = scan(tmp_path, "saao_ste3", "generic").values()
    assert (row["status"], row["imagetyp"], row["gain"]) == ("ok", "light", "1.9")
    (amp,) = row["layout"].amplifiers
    assert (amp.data.fits(), amp.overscan.fits()) == ("[17:528,1:520]", "[4:13,1:520]")


def test_header_variants(tmp_path):
    rows = scan(tmp_path, "header_variants", "generic")
    assert len(rows) == 23
    assert rows["aspen_trimmed.fit"]["imagetyp"] == "flat"
    assert rows["aspen_trimmed.fit"]["filter"] == "R"
    assert rows["maximdl_5_21_header.fit"]["object"] == "ey-uma"
    assert rows["maximdl_5_21_header.fit"]["temperature"] == pytest.approx(
        -42.0001065
    )  # CCD-TEMP, not SET-TEMP
    for number in range(1, 6):
        assert rows[f"biastest{number}.fit"]["imagetyp"] == "bias"
        assert rows[f"darktest{number}.fit"]["imagetyp"] == "dark"
        assert rows[f"darktest{number}.fit"]["exptime"] == 30
    # an extension of its own lies behind this image
    assert rows["sip-wcs.fit"]["imagetyp"] == "light"
    neon = rows["neon-on-dome-10-sec-high-res-though-scope.fit"]
    assert (neon["status"], neon["imagetyp"]) == ("ok", "lamp")
    assert neon["gain"] == "1.74"
    # not one is refused for being unreadable
    assert not [row["reason"] for row in rows.values() if "cannot be read" in (row["reason"] or "")]


def test_copies_among_the_variants_are_found(tmp_path):
    rows = scan(tmp_path, "header_variants", "generic")
    contents = Counter(row["sha256"] for row in rows.values())
    copies = sum(count - 1 for count in contents.values())
    told = [row for row in rows.values() if "duplicate, same content as" in (row["reason"] or "")]
    assert len(told) == copies
