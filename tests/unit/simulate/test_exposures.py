"""The simulator against sampling theory: every statistic is held to its own error."""

import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ccdlib.errors import CcdlibError
from ccdlib.simulate import exposures as simulate

SIGMAS = 4
SHAPE = (300, 400)
PIXELS = SHAPE[0] * SHAPE[1]
PLAIN = simulate.Detector(
    SHAPE,
    (simulate.Amplifier(0, SHAPE[1], gain=2.0, read_noise=8.0, bias_level=500.0, overscan=16),),
)
SMALL = replace(simulate.DEMO, shape=(64, 80), stars=12)


def data(exposure, detector=PLAIN):
    return exposure.raw[:, : detector.shape[1]].astype(float)


def assert_near(value, expected, error):
    assert abs(value - expected) < SIGMAS * error, (value, expected, error)


def assert_standard(pull):
    assert_near(pull.mean(), 0, 1 / np.sqrt(pull.size))
    assert_near(pull.std(ddof=1), 1, 1 / np.sqrt(2 * pull.size))


def variance_of_pair(first, second):
    """Return the variance of one of two frames of equal level and the error of it."""
    variance = np.var(first - second, ddof=1) / 2
    return variance, variance * np.sqrt(2 / (first.size - 1))


def test_bias_has_its_level_and_read_noise():
    rng = simulate.generator(1)
    first, second = (data(simulate.expose(PLAIN, rng, "bias", 0)) for _ in range(2))
    variance, error = variance_of_pair(first, second)
    assert_near(variance, (8 / 2) ** 2 + 1 / 12, error)
    assert_near(first.mean(), 500, np.sqrt(variance / PIXELS))


@pytest.mark.parametrize("level", [200, 5000, 30_000])
def test_photon_transfer_gives_the_gain(level):
    detector = replace(PLAIN, pixel_response=0.02, bias_columns=3.0)
    rng = simulate.generator(2)
    first, second = (
        data(simulate.expose(detector, rng, "flat", 2.0, scene=simulate.Scene(level)))
        for _ in range(2)
    )
    signal = (first + second).mean() / 2 - 500 - simulate.bias_structure(detector).mean()
    variance, error = variance_of_pair(first, second)
    noise = variance - (8 / 2) ** 2 - 1 / 12
    assert_near(signal / noise, 2.0, 2.0 * error / noise)


def test_dark_current_and_hot_pixels():
    detector = replace(PLAIN, dark_current=0.3, hot_pixels=((10, 20, 50.0), (250, 390, 7.0)))
    frames = np.array(
        [
            (data(simulate.expose(detector, simulate.generator(3, n), "dark", 100.0)) - 500) * 2
            for n in range(12)
        ]
    )
    for y, x, rate in ((10, 20, 50.3), (250, 390, 7.3)):
        variance = rate * 100 + 8**2 + 4 / 12
        assert_near(frames[:, y, x].mean(), rate * 100, np.sqrt(variance / 12))
        frames[:, y, x] = np.nan
    variance = 0.3 * 100 + 8**2 + 4 / 12
    assert_near(np.nanmean(frames), 0.3 * 100, np.sqrt(variance / frames.size))


def test_flat_is_recovered_with_pulls_of_one():
    detector = replace(
        PLAIN,
        vignetting=(("V", 0.3),),
        dust=((100, 150, 12, 0.1),),
        pixel_response=0.02,
        low_pixels=((5, 5, 0.2),),
        bad_columns=(simulate.BadColumn(200, 50, 300, response=0.1),),
    )
    lamp, flat = 5000.0, simulate.flat_field(detector, "V")
    exposure = simulate.expose(
        detector, simulate.generator(4), "flat", 4.0, filter="V", scene=simulate.Scene(lamp)
    )
    electrons = (data(exposure) - 500) * 2
    expected = lamp * 4 * flat
    assert_standard((electrons - expected) / np.sqrt(expected + 8**2 + 4 / 12))
    good = np.ones(SHAPE, bool)
    good[5, 5] = good[50:300, 200] = False
    assert np.median(flat[good]) == pytest.approx(1, abs=2**-20)
    assert flat[5, 5] / np.median(flat[:10, :10]) == pytest.approx(0.2, rel=0.1)
    assert np.median(flat[50:300, 200]) == pytest.approx(0.1, rel=0.1)
    assert np.array_equal(simulate.defect_maps(detector)[1], ~good)


def test_perfect_reduction_of_a_light_is_its_truth():
    night = replace(simulate.DEMO, shape=SHAPE)
    detector = simulate.demo_detector(5, night)
    exposure = simulate.expose(
        detector,
        simulate.generator(5, 1),
        "light",
        120.0,
        filter="R",
        scene=simulate.demo_scene(5, "R", night),
    )
    raw = exposure.raw.astype(float)
    level = raw[:, SHAPE[1] + 1 :].mean()
    flat, dark = simulate.flat_field(detector, "R"), simulate.dark_rate(detector) * 120
    electrons = (raw[:, : SHAPE[1]] - level - simulate.bias_structure(detector)) * night.gain
    variance = exposure.truth * flat + dark + night.read_noise**2 + night.gain**2 / 12
    pull = ((electrons - dark) / flat - exposure.truth) * flat / np.sqrt(variance)
    untouched = ~(exposure.cosmic_ray | exposure.saturated | exposure.bleed)
    assert exposure.saturated.any() and exposure.bleed.any() and exposure.cosmic_ray.any()
    level_error = night.read_noise / np.sqrt(SHAPE[0] * (night.overscan - 1))
    shared = level_error / np.sqrt(variance[untouched]).mean()
    number = np.count_nonzero(untouched)
    assert_near(pull[untouched].mean(), 0, np.hypot(shared, 1 / np.sqrt(number)))
    assert_near(pull[untouched].std(ddof=1), 1, 1 / np.sqrt(2 * number))
    assert np.array_equal(exposure.saturated, raw[:, : SHAPE[1]] == detector.saturation)
    assert (pull[exposure.cosmic_ray & ~exposure.saturated] > 3).mean() > 0.95


def test_star_keeps_its_flux_and_moves_with_the_scene():
    scene = simulate.Scene(2.0, np.array([[100.3, 90.6, 4000.0]]), fwhm=4.0)
    rate = simulate.light_rate(scene, (200, 220)) - 2
    # What the cut at FAINTEST_RATE leaves out: flux (1 + edge^2/a^2)^(1-b).
    alpha2 = (4.0 / 2) ** 2 / (2 ** (1 / simulate.MOFFAT_BETA) - 1)
    peak = 4000 * (simulate.MOFFAT_BETA - 1) / (np.pi * alpha2)
    left_out = 4000 * (simulate.FAINTEST_RATE / peak) ** (1 - 1 / simulate.MOFFAT_BETA)
    assert 4000 - left_out < rate.sum() < 4000 + left_out
    y, x = np.indices(rate.shape)
    assert (rate * x).sum() / rate.sum() == pytest.approx(100.3, abs=0.01)
    assert (rate * y).sum() / rate.sum() == pytest.approx(90.6, abs=0.01)
    moved = simulate.light_rate(scene.shifted(5, -7), (200, 220)) - 2
    assert np.allclose(moved[:-7, 5:], rate[7:, :-5], atol=1e-9)


def test_profile_has_its_full_width_at_half_maximum():
    rate = simulate.light_rate(simulate.Scene(0.0, np.array([[20, 15, 500.0]]), 4.0), (30, 40))
    assert rate[15, 22] / rate[15, 20] == pytest.approx(0.5)
    assert rate[13, 20] / rate[15, 20] == pytest.approx(0.5)


@pytest.mark.parametrize("x, y", [(-1.4, 30.0), (79.6, -0.6), (500.0, 500.0), (-90.0, 3.0)])
def test_star_at_or_beyond_the_edge(x, y):
    star = np.array([[x, y, 100.0]])
    rate = simulate.light_rate(simulate.Scene(0.0, star), (64, 80))
    wide = simulate.light_rate(simulate.Scene(0.0, star + np.array([100, 100, 0])), (264, 280))
    assert np.allclose(rate, wide[100:164, 100:180], atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.int64, st.tuples(st.integers(1, 12), st.integers(1, 4)), elements=st.integers(0, 900))
)
def test_bleed_conserves_the_charge_of_every_column(charge):
    before = charge.copy()
    filled = simulate.bleed(charge, 300)
    assert np.array_equal(charge, before)
    assert filled.max() <= 300
    room = 300 * len(charge)
    assert np.array_equal(filled.sum(axis=0), np.minimum(charge.sum(axis=0), room))
    assert np.all(filled >= np.minimum(charge, 300))


def test_bleed_goes_up_and_down_alike():
    charge = np.full((41, 3), 10)
    charge[20, 1] = 2000
    filled = simulate.bleed(charge, 100)
    assert np.array_equal(filled, filled[::-1])
    assert np.array_equal(filled[:, [0, 2]], charge[:, [0, 2]])
    assert np.count_nonzero(filled[:, 1] == 100) == 1 + 2 * ((2000 - 100) // 2 // 90)


def test_bleed_mask_has_the_pixels_that_received_charge():
    detector = replace(PLAIN, full_well=10_000.0, hot_pixels=((100, 50, 69_000.0),))
    exposure = simulate.expose(detector, simulate.generator(15), "dark", 1.0)
    expected = np.zeros(SHAPE, bool)
    expected[97:104, 50] = True
    expected[100, 50] = False
    assert np.array_equal(exposure.bleed, expected)


def test_bleed_turns_round_at_the_end_of_the_column():
    charge = np.zeros((20, 1), int)
    charge[18] = 1000
    assert simulate.bleed(charge, 100)[:, 0].tolist() == [0] * 10 + [100] * 10


def test_number_and_charge_of_cosmic_rays():
    rays = simulate.CosmicRays(rate=2e-6, track_length=1e-9, charge=900.0, spread=0.3)
    amp = simulate.Amplifier(0, SHAPE[1], gain=1.0, read_noise=0.0, bias_level=0.0)
    detector = replace(PLAIN, amplifiers=(amp,), cosmic_rays=rays)
    for exptime in (100.0, 1000.0):
        frames = [
            simulate.expose(detector, simulate.generator(6, n), "dark", exptime) for n in range(5)
        ]
        number = sum(int(frame.cosmic_ray.sum()) for frame in frames)
        expected = 5 * 2e-6 * PIXELS * exptime
        # Two hits in one pixel count once.
        twice = 5 * (2e-6 * PIXELS * exptime) ** 2 / (2 * PIXELS)
        assert abs(number - expected) < SIGMAS * np.sqrt(expected) + twice
    logs = np.log(np.concatenate([data(frame)[frame.cosmic_ray] for frame in frames]))
    assert_near(np.median(logs), np.log(900), 1.2533 * 0.3 / np.sqrt(logs.size))
    assert all(np.array_equal(data(frame) > 0, frame.cosmic_ray) for frame in frames)


def test_tracks_of_cosmic_rays_have_their_charge_per_pixel():
    rays = simulate.CosmicRays(rate=3e-7, track_length=15.0, charge=900.0, spread=0.0)
    amp = simulate.Amplifier(0, SHAPE[1], gain=1.0, read_noise=0.0, bias_level=0.0)
    detector = replace(PLAIN, amplifiers=(amp,), cosmic_rays=rays)
    exposure = simulate.expose(detector, simulate.generator(14), "dark", 500.0)
    # Two samples for each pixel of length; a diagonal step through a pixel can hold three.
    assert set(data(exposure)[exposure.cosmic_ray]) == {450, 900, 1350}


def test_bias_frames_have_no_cosmic_rays():
    detector = replace(PLAIN, cosmic_rays=simulate.CosmicRays(rate=1.0))
    assert not simulate.expose(detector, simulate.generator(7), "bias", 0).cosmic_ray.any()


def test_trailed_charge_is_in_the_first_overscan_column_only():
    last = simulate.BadColumn(SHAPE[1] - 1, 0, SHAPE[0], response=0.5)
    detector = replace(PLAIN, trail=0.02, bad_columns=(last,))
    exposure = simulate.expose(
        detector, simulate.generator(8), "flat", 1.0, scene=simulate.Scene(40_000.0)
    )
    overscan = exposure.raw[:, SHAPE[1] :].astype(float)
    noise = np.sqrt(8**2 / 4 + 1 / 12)
    assert_near(overscan[:, 0].mean(), 500 + 0.02 * 20_000 / 2, noise / np.sqrt(SHAPE[0]))
    assert_near(overscan[:, 1:].mean(), 500, noise / np.sqrt(overscan[:, 1:].size))


def test_overscan_follows_the_drift_of_the_bias():
    detector = replace(PLAIN, bias_drift=5.0)
    levels = []
    for n in range(30):
        raw = simulate.expose(detector, simulate.generator(9, n), "bias", 0).raw
        image, overscan = raw[:, : SHAPE[1]].mean(), raw[:, SHAPE[1] :].mean()
        error = np.sqrt(8**2 / 4 + 1 / 12) * np.sqrt(1 / PIXELS + 1 / (16 * SHAPE[0]))
        assert_near(image, overscan, error)
        levels.append(overscan)
    assert_near(np.std(levels, ddof=1), 5, 5 / np.sqrt(2 * 29))


def test_saturation_by_the_converter_and_by_the_full_well():
    scene = simulate.Scene(150_000.0)
    adc = replace(PLAIN, full_well=200_000.0)
    exposure = simulate.expose(adc, simulate.generator(10), "flat", 1.0, scene=scene)
    assert adc.saturation == 65535
    assert exposure.saturated.all() and (exposure.raw[:, : SHAPE[1]] == 65535).all()
    well = replace(PLAIN, full_well=80_000.0)
    exposure = simulate.expose(well, simulate.generator(10), "flat", 1.0, scene=scene)
    assert well.saturation == 500 + 80_000 / 2
    assert exposure.saturated.all()
    assert_near(data(exposure).mean(), 40_500, 4 / np.sqrt(PIXELS))


@pytest.mark.parametrize(
    "layout, overscans", [("single", "after"), ("single", "beside"), ("extensions", "after")]
)
def test_sections_lead_to_each_amplifier(tmp_path, layout, overscans):
    amps = (
        simulate.Amplifier(0, 30, 1.5, 0.0, 400.0, 6),
        simulate.Amplifier(30, 50, 2.5, 0.0, 700.0, 5),
        simulate.Amplifier(50, 90, 3.5, 0.0, 900.0, 4),
    )
    detector = simulate.Detector((20, 90), amps, layout, overscans, bias_columns=20.0)
    exposure = simulate.expose(detector, simulate.generator(11), "bias", 0)
    head = simulate.header(detector, "bias", 0, datetime(2024, 5, 13, 20))
    simulate.write_raw(tmp_path / "raw.fits", detector, exposure, head)
    image = np.zeros(detector.shape)
    with fits.open(tmp_path / "raw.fits") as hdus:
        assert len(hdus) == (4 if layout == "extensions" else 1)
        for number, amp in enumerate(amps, 1):
            hdu, suffix = (hdus[0], number) if layout == "single" else (hdus[number], "")
            assert hdu.header[f"GAIN{suffix}"] == amp.gain
            cut = {key: hdu.header[f"{key}{suffix}"] for key in ("DATASEC", "BIASSEC", "DETSEC")}
            overscan = hdu.section[python_slices(cut["BIASSEC"])]
            assert overscan.shape == (20, amp.overscan)
            assert (overscan == amp.bias_level).all()
            image[python_slices(cut["DETSEC"])] = hdu.section[python_slices(cut["DATASEC"])]
    levels = np.repeat([400.0, 700.0, 900.0], [30, 20, 40])
    assert np.array_equal(image, np.rint(levels + simulate.bias_structure(detector)))


def python_slices(section):
    x, y = section.strip("[]").split(",")
    return tuple(slice(int(a) - 1, int(b)) for a, b in (y.split(":"), x.split(":")))


def test_no_overscan_has_no_section():
    detector = simulate.Detector((8, 9), (simulate.Amplifier(0, 9, overscan=0),), trail=0.1)
    head = simulate.header(detector, "bias", 0, datetime(2024, 5, 13))
    assert "BIASSEC" not in head
    assert simulate.expose(detector, simulate.generator(12), "bias", 0).raw.shape == (8, 9)


@pytest.mark.parametrize(
    "kind, exptime, filter, scene, message",
    [
        ("zero", 0, None, None, "kind is 'zero', not one of bias, dark, flat, light"),
        ("bias", 1, None, None, "a bias cannot have an exposure time of 1 s"),
        ("dark", 0, None, None, "a dark cannot have an exposure time of 0 s"),
        ("dark", 5, None, simulate.Scene(1.0), "a dark has no scene"),
        ("light", 5, "V", None, "a light needs a scene"),
        ("light", 5, "B", simulate.Scene(1.0), "no vignetting for filter 'B', only for V, R"),
    ],
)
def test_impossible_exposures(kind, exptime, filter, scene, message):
    detector = simulate.demo_detector(1, SMALL)
    rng = simulate.generator(1)
    with pytest.raises(CcdlibError, match=f"^{message}$"):
        simulate.expose(detector, rng, kind, exptime, filter=filter, scene=scene)


@pytest.mark.parametrize(
    "change, message",
    [
        (
            {"amplifiers": (simulate.Amplifier(0, 9),)},
            r"amplifiers 0\.\.9 do not cover .* 0\.\.12",
        ),
        ({"amplifiers": ()}, r"do not cover the columns 0\.\.12"),
        (
            {"amplifiers": (simulate.Amplifier(0, 6), simulate.Amplifier(5, 12))},
            r"amplifiers 0\.\.6, 5\.\.12 do not cover",
        ),
        ({"layout": "mef"}, "layout is 'mef', not 'single' or 'extensions'"),
        ({"overscans": "left"}, "overscans is 'left', not 'after' or 'beside'"),
    ],
)
def test_impossible_detectors(change, message):
    good = simulate.Detector((8, 12), (simulate.Amplifier(0, 12),))
    with pytest.raises(CcdlibError, match=message):
        replace(good, **change)


def test_raw_of_several_images_is_refused():
    amps = (simulate.Amplifier(0, 4), simulate.Amplifier(4, 8))
    detector = simulate.Detector((8, 8), amps, "extensions")
    exposure = simulate.expose(detector, simulate.generator(13), "bias", 0)
    with pytest.raises(CcdlibError, match="the exposure has 2 raw images, not 1"):
        _ = exposure.raw


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Return (raw paths, truth folder) of a small demo night."""
    folder = tmp_path_factory.mktemp("demo")
    return simulate.simulate_demo(folder / "raw", folder / "truth", night=SMALL), folder / "truth"


def test_same_seed_same_bytes(demo, tmp_path):
    paths, truth = demo
    again = simulate.simulate_demo(tmp_path / "raw", tmp_path / "truth", night=SMALL)
    other = simulate.simulate_demo(tmp_path / "raw2", tmp_path / "truth2", seed=1, night=SMALL)
    for first, second, third in zip(paths, again, other, strict=True):
        assert first.read_bytes() == second.read_bytes()
        assert not np.array_equal(fits.getdata(first), fits.getdata(third))
    names = sorted(path.name for path in truth.iterdir())
    assert names == sorted(path.name for path in (tmp_path / "truth").iterdir())
    for name in names:
        assert (truth / name).read_bytes() == (tmp_path / "truth" / name).read_bytes()


def test_frame_does_not_depend_on_the_others(demo):
    index = 8
    detector, frame = simulate.demo_detector(20240513, SMALL), simulate.demo_frames(SMALL)[index]
    alone = simulate.expose(
        detector, simulate.generator(20240513, index), frame.kind, frame.exptime
    )
    assert np.array_equal(alone.raw, fits.getdata(demo[0][index]))


def test_demo_headers(demo):
    heads = [fits.getheader(path) for path in demo[0]]
    assert Counter((head["IMAGETYP"], head.get("FILTER")) for head in heads) == {
        ("Bias Frame", None): 7,
        ("Dark Frame", None): 5,
        ("Flat Field", "V"): 5,
        ("Flat Field", "R"): 5,
        ("Light Frame", "V"): 4,
        ("Light Frame", "R"): 4,
    }
    starts = [datetime.fromisoformat(head["DATE-OBS"]) for head in heads]
    for start, head, following in zip(starts, heads, starts[1:], strict=False):
        assert start + timedelta(seconds=head["EXPTIME"]) < following
    lights = [start.day for start, head in zip(starts, heads, strict=True) if "RA" in head]
    assert set(lights) == {13, 14} and lights == sorted(lights)
    for head in heads:
        assert (head["NAXIS1"], head["NAXIS2"]) == (80 + 32, 64)
        assert (head["DATASEC"], head["BIASSEC"]) == ("[1:80,1:64]", "[81:112,1:64]")
        assert (head["GAIN"], head["RDNOISE"], head["SET-TEMP"]) == (1.6, 6.0, -20.0)
        assert head["EXPTIME"] == 0 if head["IMAGETYP"] == "Bias Frame" else head["EXPTIME"] > 0
        assert "DATE" not in head


def test_dithered_stars_stay_at_their_place_in_the_sky(demo):
    lights = [path for path in demo[0] if path.name.startswith("M13_V")]
    first, second = (WCS(fits.getheader(path)) for path in lights[:2])
    (dx, dy), (ex, ey) = SMALL.dithers[:2]
    there = second.pixel_to_world(30 + ex, 20 + ey)
    assert first.pixel_to_world(30 + dx, 20 + dy).separation(there).arcsec < 1e-6
    truth = [fits.getdata(demo[1] / path.name) for path in lights[:2]]
    assert not np.array_equal(*truth)


def test_flats_have_their_levels(demo):
    flat = simulate.flat_field(simulate.demo_detector(20240513, SMALL), "R")
    for number, (level, _) in enumerate(SMALL.flats, 1):
        raw = fits.getdata(demo[0][0].parent / f"flat_R_{number:03d}.fits").astype(float)
        mean = raw[:, :80].mean() - raw[:, 81:].mean()
        expected = level * flat.mean() + SMALL.bias_gradient / 2
        noise = np.sqrt(level / SMALL.gain / flat.size)
        columns = SMALL.bias_columns / np.sqrt(80)
        overscan = SMALL.read_noise / SMALL.gain / np.sqrt(64 * 31)
        # The few cosmic rays of so short an exposure are far below this error.
        assert_near(mean, expected, np.sqrt(noise**2 + columns**2 + overscan**2))


def test_truth_files(demo):
    for path in demo[0]:
        with fits.open(demo[1] / path.name) as hdus:
            assert [hdu.name for hdu in hdus[1:]] == ["COSMIC_RAY", "SATURATED", "BLEED"]
            assert hdus[0].data.dtype == ">f4"
            assert all(hdu.data.shape == (64, 80) for hdu in hdus)
            assert all(hdu.data.dtype == np.uint8 and hdu.data.max() <= 1 for hdu in hdus[1:])
            assert hdus["SATURATED"].data.any() == path.name.startswith("M13")
            if path.name.startswith(("bias", "dark")):
                assert not hdus[0].data.any()
    with fits.open(demo[1] / "detector.fits") as hdus:
        names = ["HOT", "LOW", "BIAS", "DARK", "FLAT_V", "FLAT_R"]
        assert [hdu.name for hdu in hdus[1:]] == names
        column = int(SMALL.low_column * 80)
        assert hdus["LOW"].data[:, column].all()
        assert SMALL.hot_pixels <= hdus["HOT"].data.sum() <= SMALL.hot_pixels + 64


def test_only_whole_files_are_left(demo):
    names = {path.name for folder in (demo[0][0].parent, demo[1]) for path in folder.iterdir()}
    assert names == {path.name for path in demo[0]} | {"detector.fits", "detector.json"}


def test_interrupted_writing_leaves_what_was_there(tmp_path, monkeypatch):
    def interrupted(self, path, **options):
        path.write_bytes(b"half")
        raise OSError("disk full")

    exposure = simulate.expose(PLAIN, simulate.generator(16), "bias", 0)
    path = tmp_path / "raw.fits"
    path.write_bytes(b"old")
    monkeypatch.setattr(fits.HDUList, "writeto", interrupted)
    with pytest.raises(OSError, match="disk full"):
        simulate.write_raw(path, PLAIN, exposure, fits.Header())
    assert [file.name for file in tmp_path.iterdir()] == ["raw.fits"]
    assert path.read_bytes() == b"old"


@pytest.mark.skipif(shutil.which("fitsverify") is None, reason="fitsverify is not installed")
def test_fitsverify_is_content(demo):
    files = [*map(str, demo[0]), *map(str, demo[1].glob("*.fits"))]
    result = subprocess.run(["fitsverify", "-q", *files], capture_output=True, text=True)
    assert result.stdout.count("verification OK") == len(files), result.stdout


def test_import_stays_light():
    code = (
        "import sys, ccdlib.simulate.exposures;"
        "print(*{'scipy', 'numba', 'astropy.nddata', 'astropy.wcs'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.returncode, result.stdout.strip()) == (0, ""), result.stderr
