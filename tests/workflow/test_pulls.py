"""Whole nights: what is quoted as one sigma is one sigma, in masters and lights."""

from dataclasses import replace

import numpy as np
import pytest

from ccdlib.cli import main
from ccdlib.commands.selftest import Moments, Night, measure, moments, reduced, regimes
from ccdlib.config import PIPELINE
from ccdlib.simulate import exposures as simulate

SLOW = pytest.mark.slow
SIZE = 160
AMPLIFIER = simulate.Amplifier(0, SIZE, gain=1.5, read_noise=8.0, bias_level=1000.0, overscan=32)
DETECTOR = simulate.Detector((SIZE, SIZE), (AMPLIFIER,), bias_columns=1.5, pixel_response=0.01)
NIGHT = Night(DETECTOR, biases=5, darks=5, flats=5)
MEDIAN = ("method", "median")


def combine(*settings):
    return (("combine", dict(settings)),)


def check(found, mean=True):
    """Mean 0 and standard deviation 1 within 2 % at two of the Monte Carlo's own sigma."""
    assert set(found) >= {"calibrated"}
    for kind, pulls in found.items():
        assert pulls.std_error < 0.005, kind
        assert abs(pulls.std - 1) + 2 * pulls.std_error < 0.02, (kind, pulls)
        assert not mean or abs(pulls.mean) < 0.02 + 2 * pulls.mean_error, (kind, pulls)
        # 5.7e-7 of a Gaussian, three times that with the skewness of tens of electrons
        assert pulls.beyond <= 2e-6 * pulls.number + 4, (kind, pulls)


@pytest.mark.parametrize("regime", regimes(NIGHT))
def test_regime(regime):
    check(measure(regimes(NIGHT)[regime], 2))


@SLOW
@pytest.mark.parametrize("regime", regimes(NIGHT))
@pytest.mark.parametrize("frames", [3, 5, 10, 20])
@pytest.mark.parametrize("method", ["mean", "median"])
@pytest.mark.parametrize("clip", ["sigma", "none"])
def test_masters(regime, frames, method, clip):
    night = replace(
        NIGHT,
        biases=frames,
        darks=frames,
        flats=min(frames, 10),
        config=combine(("method", method), ("clip", clip)),
    )
    check(measure(regimes(night)[regime], 3))


@SLOW
@pytest.mark.parametrize(
    "settings",
    [
        (("spread", "mad"), ("low", 3.0), ("high", 3.0)),
        (("spread", "std"), ("low", 3.0), ("high", 3.0)),
        (("low", 3.0), ("high", 3.0), ("center", "mean")),
        (("clip", "minmax"),),
    ],
)
@pytest.mark.parametrize("frames", [5, 10])
def test_clipping(settings, frames):
    night = replace(NIGHT, biases=frames, darks=frames, flats=frames, config=combine(*settings))
    check(measure(regimes(night)["sky-limited"], 4))


@SLOW
@pytest.mark.parametrize("frames", [5, 10])
def test_unequal_extremes_shift_a_master_and_its_sigma_holds_the_shift(frames):
    settings = ("clip", "minmax"), ("nhigh", 2), ("min_frames", 5), MEDIAN
    night = replace(NIGHT, biases=frames, darks=frames, flats=frames, config=combine(*settings))
    pulls = measure(regimes(night)["bias-limited"], 4)["bias"]
    assert pulls.mean < -0.2
    assert abs(np.hypot(pulls.mean, pulls.std) - 1) + 2 * pulls.std_error < 0.02


@SLOW
@pytest.mark.parametrize("frames", [3, 10])
@pytest.mark.parametrize(("gain", "noise"), [(0.5, 3.0), (1.0, 3.0), (4.0, 5.0)])
def test_quiet_and_coarse_detectors(gain, noise, frames):
    """Digitisation coarser than the read noise, and as few electrons as there can be."""
    amp = replace(AMPLIFIER, gain=gain, read_noise=noise)
    night = replace(
        NIGHT,
        detector=replace(DETECTOR, amplifiers=(amp,)),
        biases=frames,
        darks=frames,
        flat_level=15_000.0,
    )
    for regime in ("bias-limited", "dark scaled by 2", "sky-limited"):
        check(measure(regimes(night)[regime], 3))


@pytest.mark.parametrize(
    "settings",
    [
        {"method": "median"},
        pytest.param({"method": "mean"}, marks=SLOW),
        pytest.param({"method": "mean", "clip": 0}, marks=SLOW),
        pytest.param({"method": "polynomial", "degree": 0}, marks=SLOW),
    ],
)
def test_overscan_methods(settings):
    """A level that is drawn row by row is shared by the row; its variance is in every pixel."""
    night = replace(NIGHT, config=(("overscan", settings),))
    check(measure(regimes(night)["bias-limited"], 3))


@pytest.mark.parametrize("sky", [0.0, 400.0])
def test_pickup_in_the_lights(sky):
    """Twice the read noise that the biases have: a frame's own overscan tells its noise."""
    detector = replace(DETECTOR, pickup=(("light", 6.0), ("dark", 3.0)))
    check(measure(replace(NIGHT, detector=detector, sky=sky), 3))


def test_a_level_that_the_overscan_does_not_see():
    """The error of a light's level is what the biases' levels say, once more for the master."""
    detector = replace(
        DETECTOR, shape=(48, 48), amplifiers=(replace(AMPLIFIER, x1=48),), level_jitter=2.0
    )
    night = replace(NIGHT, detector=detector, biases=10, darks=0, flats=3, lights=6, sky=0.0)
    found, quoted = [], []
    for seed in range(12):
        for product, exposure in reduced(night, seed):
            image, header = product.images[0], product.header
            residual = (image.data - exposure.truth)[image.dq == 0] / AMPLIFIER.gain
            found.append(residual.mean() ** 2)
            quoted.append(header["LEVSIG1"] ** 2)
    # of a variance from ten biases a night, and of twelve nights' lights that share a master
    error = (2 / (12 * 9) + 2 / (12 * 6) + 2 * 6 / 12 / 11**2) ** 0.5
    assert abs(np.mean(found) / np.mean(quoted) / 1.1 - 1) < 3 * error
    assert abs(np.mean(quoted) / 4 - 1) < 3 * (2 / (12 * 9)) ** 0.5


def bare():
    """A detector without overscan."""
    return replace(DETECTOR, amplifiers=(replace(AMPLIFIER, overscan=0),))


def test_no_overscan():
    check(measure(regimes(replace(NIGHT, detector=bare()))["sky-limited"], 2))


@pytest.mark.parametrize("charge", [0.0, 300.0])
def test_darks_that_hold_the_pedestal(charge):
    """No bias frames: darks for the lights, dark-flats for the flats, nothing scaled."""
    detector = replace(bare(), dark_current=charge / NIGHT.exptime)
    night = replace(NIGHT, detector=detector, biases=0, flat_darks=True, sky=100.0)
    check(measure(night, 2))


@pytest.mark.parametrize("layout", ["single", "extensions"])
def test_several_amplifiers(layout):
    quiet = replace(AMPLIFIER, x1=SIZE // 2, gain=2.2, read_noise=5.0, bias_level=600.0)
    loud = replace(AMPLIFIER, x0=SIZE // 2, gain=1.2, read_noise=12.0)
    detector = replace(DETECTOR, amplifiers=(quiet, loud), layout=layout)
    check(measure(regimes(replace(NIGHT, detector=detector))["sky-limited"], 2))


def test_stars_hot_pixels_and_cosmic_rays():
    """Everything at once; LA Cosmic on, what it flags is left out."""
    rng = np.random.default_rng(3)
    places = rng.uniform(5, SIZE - 5, (2, 40))
    flux = np.exp(rng.uniform(np.log(300), np.log(200_000), 40))
    hot = tuple((int(y), int(x), 20.0) for x, y in rng.integers(0, SIZE, (30, 2)))
    detector = replace(
        DETECTOR,
        hot_pixels=hot,
        dark_current=0.05,
        cosmic_rays=simulate.CosmicRays(rate=1.3e-6),
        vignetting=(("V", 0.2),),
    )
    night = replace(
        NIGHT,
        detector=detector,
        sky=80.0,
        stars=np.column_stack([*places, flux]),
        config=(("cosmic_rays", {"method": "lacosmic"}),),
    )
    check(measure(night, 3))


def test_measured_gain_and_read_noise():
    """The error of the gain is shared by all pixels: it is left out of sigma, and of this."""
    night = replace(NIGHT, camera=(("gain", "measure"), ("read_noise", "measure")))
    check(measure(regimes(night)["sky-limited"], 3), mean=False)


def test_moments_count_a_shared_error():
    rng = np.random.default_rng(1)
    sets = [rng.normal(shift, 1, 10_000) for shift in rng.normal(0, 0.1, 20)]
    found = moments(sets)
    assert 0.012 < found.mean_error < 0.035
    assert found.std_error == pytest.approx((2 * found.number) ** -0.5, rel=0.5)


def test_selftest_prints_a_table(capsys):
    options = ["--gain", "1.5", "--read-noise", "8", "--frames", "3"]
    assert main(["selftest", *options, "--size", "64", "--nights", "2"]) == 0
    text = capsys.readouterr().out
    assert "dark-limited" in text and "master flat" in text
    assert "every quoted sigma is right within 2 %" in text


SHIPPED = sorted(path.stem for path in (PIPELINE / "config/cameras").glob("*.yaml"))


@pytest.mark.parametrize(
    "camera", [name if name == "arcsat" else pytest.param(name, marks=SLOW) for name in SHIPPED]
)
def test_selftest_of_each_camera_that_is_shipped(camera, capsys):
    options = ["--camera", camera, "--gain", "1.5", "--read-noise", "8", "--frames", "3"]
    assert main(["selftest", *options, "--size", "64", "--nights", "2"]) == 0
    assert "every quoted sigma is right within 2 %" in capsys.readouterr().out


def test_selftest_of_amplifiers_in_extensions(capsys):
    options = ["--camera", "lco_sinistro", "--gain", "1.5", "--read-noise", "8", "--frames", "3"]
    options += ["--amplifiers", "4", "--size", "64", "--nights", "2"]
    assert main(["selftest", *options]) == 0
    assert "every quoted sigma is right within 2 %" in capsys.readouterr().out


def test_selftest_says_what_is_wrong(capsys, monkeypatch):
    wrong = Moments(0.0, 0.001, 0.9, 0.001, 0, 1000)
    monkeypatch.setattr("ccdlib.commands.selftest.measure", lambda *_: {"calibrated": wrong})
    assert main(["selftest", "--gain", "1.5", "--read-noise", "8"]) == 1
    assert "5 wrong" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--gain", "1.5", "--read-noise", "8", "--nights", "0"], "--nights is 0, not at least 1"),
        (["--gain", "1.5", "--read-noise", "8", "--overscan", "-3"], "--overscan is -3, not"),
        (["--gain", "1.5", "--read-noise", "8", "--bias-level", "7e4"], "--bias-level is 70000"),
        ([], "give --gain, or --camera"),
        (["--gain", "-1"], "--gain is -1, not positive"),
        (["--gain", "1e300"], "--gain is 1e+300, no detector has more than 1e+06"),
        (["--gain", "1", "--amplifiers", "99"], "--amplifiers is 99, not from 1 to 25"),
        (["--camera", "lick_nickel"], "no number for its gain ('measure'): give --gain"),
        (["--camera", "nickel"], "no camera 'nickel'"),
    ],
)
def test_selftest_refuses(options, message, capsys):
    assert main(["selftest", *options]) == 1
    assert message in capsys.readouterr().err
