"""Frames that a person would take out of a simulated night are flagged, and no good one is."""

import re
from dataclasses import replace

import numpy as np
import pytest

from ccdlib.camera.amplifiers import amplifiers_from_rows
from ccdlib.config import load_config, settings_of
from ccdlib.frame.calibrate import Calibration, calibrate_frame
from ccdlib.kinds import KINDS
from ccdlib.quality.member_statistics import member_statistics
from ccdlib.quality.outliers import light_outliers, member_outliers
from ccdlib.quality.records import Before, frame_record
from ccdlib.simulate.exposures import DEMO, Scene, demo_detector, demo_scene, expose, generator

_SHAPE = (256, 256)
_NIGHT = replace(DEMO, shape=_SHAPE, stars=60, hot_pixels=20)
_DETECTOR = demo_detector(11, _NIGHT)
# a light's defects are flagged by the bad-pixel map, and these lights have none
_FAULTLESS = replace(_DETECTOR, hot_pixels=(), low_pixels=(), bad_columns=())
_EXPTIME = 120.0
# variance of a row's level, the median of its 30 pixels of overscan
_OVERSCAN = np.float32(np.pi / 2 * (_NIGHT.read_noise / _NIGHT.gain) ** 2 / 30)


class _Frames:
    """What `member_statistics` reads: frames without overscan, as a stack gives them."""

    shape = _SHAPE

    def __init__(self, images, kind):
        self.kind, self.images, self.raws = kind, images, images
        self.light, self.pedestal = _NIGHT.gain, 0.0
        self.read_variance = np.float32((_NIGHT.read_noise / _NIGHT.gain) ** 2 + 1 / 12)

    def values(self, number, first, last):
        data = self.images[number][first:last].astype(np.float32)
        return data, np.zeros(data.shape, np.uint16)

    def level_variance(self, number, first, last):
        return _OVERSCAN

    def dark_charge(self, number, rows):
        return 0.0


def _exposed(kind, number, exptime=0.0, filter=None, scene=None):
    rng = generator(7, number)
    raw = expose(_DETECTOR, rng, kind, exptime, filter=filter, scene=scene).raw.astype(float)
    level = np.median(raw[:, _SHAPE[1] + 2 :], axis=1, keepdims=True)
    return raw[:, : _SHAPE[1]] - level


def _clipped(cube, noise):
    """How many pixels of each frame are further than 5 sigma from the median of all."""
    return (np.abs(cube - np.median(cube, axis=0)) > 5 * noise).sum(axis=(1, 2))


def _flagged(kind, images):
    levels = [float(np.median(image)) if kind == "flat" else 1.0 for image in images]
    cube = np.array(images) / np.array(levels)[:, None, None]
    found = member_statistics(_Frames(images, kind), levels)
    signal = np.maximum(np.median(images, axis=0), 0) if kind != "bias" else 0
    noise = np.sqrt(signal / _NIGHT.gain + (_NIGHT.read_noise / _NIGHT.gain) ** 2)
    clipped = _clipped(cube, noise / np.array(levels).mean())
    frames = [
        {"images": [statistics], "clipped_pixels": int(number)}
        for statistics, number in zip(found, clipped, strict=True)
    ]
    return member_outliers(kind, frames)


def _biases(count=7):
    return [_exposed("bias", number) for number in range(count)]


def _darks(count=5):
    return [_exposed("dark", 20 + number, _EXPTIME) for number in range(count)]


def _flats(count=5, filter="V"):
    scenes = [Scene(level * _NIGHT.gain / 5.0) for level in (15e3, 19e3, 24e3, 27e3, 30e3)]
    return [_exposed("flat", 40 + n, 5.0, filter, scenes[n]) for n in range(count)]


def _leaking(image):
    return image + np.linspace(0, 30, _SHAPE[0])[:, None]


def _starred(image):
    y, x = np.indices(_SHAPE)
    return image + 4000 * np.exp(-((y - 80.0) ** 2 + (x - 170.0) ** 2) / 12)


_GOOD = {"bias": _biases, "dark": _darks, "flat": _flats}


@pytest.mark.parametrize("kind", _GOOD)
def test_nothing_is_flagged_in_a_good_stack(kind):
    assert not any(_flagged(kind, _GOOD[kind]()))


@pytest.mark.parametrize("kind", _GOOD)
def test_consecutive_frames_of_a_stack_differ_as_the_noise_model_says(kind):
    bias = np.mean(_biases(), axis=0) if kind != "bias" else 0
    images = [image - bias for image in _GOOD[kind]()]
    levels = [float(np.median(image)) if kind == "flat" else 1.0 for image in images]
    found = [each["pair"] for each in member_statistics(_Frames(images, kind), levels)]
    assert found[0] is None
    # 65 000 pixels give 0.3 %
    assert found[1:] == pytest.approx([1] * (len(images) - 1), abs=0.012)


@pytest.mark.parametrize("kind", _GOOD)
def test_two_frames_are_never_told_apart(kind):
    images = _GOOD[kind](2)
    assert not any(_flagged(kind, [images[0], _leaking(images[1])]))


@pytest.mark.parametrize(
    ("kind", "spoil", "reason"),
    [
        ("bias", _leaking, "light leak"),
        ("bias", lambda image: image + 20, "level"),
        ("bias", lambda image: image + generator(1).normal(0, 6, _SHAPE), "noise"),
        ("dark", _leaking, "light leak"),
        ("dark", lambda _: _exposed("dark", 90, 60.0), r"hold 0\.(49|50|51) times"),
        ("dark", lambda _: _exposed("dark", 90, 240.0), r"hold (1\.9[89]|2\.0[012]) times"),
        ("flat", _starred, "a star"),
        ("flat", lambda _: _exposed("flat", 90, 5.0, "R", Scene(8000.0)), "another filter"),
    ],
)
@pytest.mark.parametrize("place", [0, 2])
def test_only_the_spoilt_frame_is_flagged_and_why(kind, spoil, reason, place):
    images = _GOOD[kind]()
    images[place] = spoil(images[place])
    found = _flagged(kind, images)
    assert [number for number, reasons in enumerate(found) if reasons] == [place]
    assert any(re.search(reason, each) for each in found[place]), found[place]


def _light(tmp_path, number, scene, exptime=_EXPTIME):
    """Record of a light without calibration but overscan, gain and cosmic rays."""
    from ccdlib.simulate.exposures import header, write_raw

    exposure = expose(
        _FAULTLESS, generator(7, 200 + number), "light", exptime, filter="V", scene=scene
    )
    path = tmp_path / f"light_{number}.fits"
    write_raw(
        path,
        _FAULTLESS,
        exposure,
        header(_FAULTLESS, "light", exptime, _NIGHT.lights_from, filter="V"),
    )
    ny, nx = _SHAPE
    whole, strip = f"[1:{nx},1:{ny}]", f"[{nx + 3}:{nx + 32},1:{ny}]"
    sections = {"data": whole, "place": whole, "overscan": strip}
    noise = {"gain": 1.6, "read_noise": 6.0, "saturation": 65535.0}
    amplifiers = amplifiers_from_rows([{"hdu": 0} | sections | noise])
    given = {"raw_dir": "raw", "camera": "demo", "cosmic_rays": {"method": "none"}}
    config = settings_of(load_config(given), KINDS["calibrated"])
    firsts = []
    _, raws, images = calibrate_frame(
        path,
        path.name,
        amplifiers,
        Calibration(),
        config,
        "light",
        watch=lambda shape: firsts.append(Before(shape)) or firsts[-1],
    )
    (image,) = frame_record("light", images, firsts, raws, Calibration())["images"]
    return {
        "object": "M13",
        "filter": "V",
        "exptime": exptime,
        "background": image["median"],
        "pull": image["pull"],
        "stars": image["stars"],
    }


def _scene(number):
    return demo_scene(11, "V", _NIGHT).shifted(*_NIGHT.dithers[number % 4])


def _trailed(scene):
    """The telescope moves 12 pixels during the exposure."""
    steps = 12
    stars = [scene.stars + np.array([step, 0.5 * step, 0.0]) for step in range(steps)]
    return Scene(scene.sky, np.vstack(stars) / np.array([1, 1, steps]), scene.fwhm)


def _behind_cloud(scene):
    return Scene(scene.sky * 1.2, scene.stars * np.array([1, 1, 0.4]), scene.fwhm)


def test_no_light_of_a_good_night_is_flagged(tmp_path):
    assert not any(light_outliers([_light(tmp_path, n, _scene(n)) for n in range(4)]))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_trailed, "trailed"),
        (_behind_cloud, "clouds"),
        (lambda scene: Scene(scene.sky * 3, scene.stars, scene.fwhm), r"sky (2\.9|3\.0)"),
        (lambda scene: Scene(scene.sky, scene.stars, 3 * scene.fwhm), "focus"),
    ],
)
def test_only_the_spoilt_light_is_flagged_and_why(tmp_path, spoil, reason):
    scenes = [_scene(number) for number in range(4)]
    scenes[1] = spoil(scenes[1])
    found = light_outliers([_light(tmp_path, n, scene) for n, scene in enumerate(scenes)])
    assert [number for number, reasons in enumerate(found) if reasons] == [1]
    assert re.search(reason, " ".join(found[1]))


def test_a_single_light_is_judged_by_its_own_stars_alone(tmp_path):
    assert light_outliers([_light(tmp_path, 0, _scene(0))]) == [[]]
    assert "trailed" in light_outliers([_light(tmp_path, 0, _trailed(_scene(0)))])[0][0]
