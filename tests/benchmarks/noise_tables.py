"""The tables of docs/noise.md and docs/noise_tables.md.

`python tests/benchmarks/noise_tables.py [TABLE ...]` prints them as Markdown: expected_signal,
edges, clipping, cosmic_rays, special, and of whole nights by their number of frames whole_nights_3,
_5, _10 and _20.
"""

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from ccdlib.commands.selftest import Night, measure, regimes
from ccdlib.simulate import exposures as simulate
from ccdlib.statistics.clip import Clip
from ccdlib.statistics.combine import combine_values

sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("helpers", "unit/frame")]

SIZE = 200
AMPLIFIER = simulate.Amplifier(0, SIZE, gain=1.5, read_noise=8.0, bias_level=1000.0, overscan=32)
DETECTOR = simulate.Detector((SIZE, SIZE), (AMPLIFIER,), bias_columns=1.5, pixel_response=0.01)
NIGHTS = 4
KINDS = {"bias": "bias", "dark": "dark", "flat": "flat", "calibrated": "light"}


def row(*cells):
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def header(*cells):
    row(*cells)
    row(*["---"] * len(cells))


def numbers(found):
    return (
        f"{found.mean:+.4f} ± {found.mean_error:.4f}",
        f"{found.std:.4f} ± {found.std_error:.4f}",
        f"{found.beyond} of {found.number}",
    )


def whole_nights(frames):
    """Every regime, mean and median, clipped or not."""
    header("frames", "combined by", "regime", "product", "mean", "standard deviation", "beyond 5")
    for method, clip in (("mean", "sigma"), ("mean", "none"), ("median", "none")):
        night = Night(
            DETECTOR,
            frames,
            frames,
            min(frames, 10),
            config=(("combine", {"method": method, "clip": clip}),),
        )
        for regime, own in regimes(night).items():
            for kind, found in measure(own, NIGHTS).items():
                # the masters are the same in most regimes
                if kind == "calibrated" or regime == "dark-limited":
                    label = f"{method}, clipped" if clip == "sigma" else method
                    row(frames, label, regime, KINDS[kind], *numbers(found))


def expected_signal():
    """Near stars and edges, by the estimate and by the pixel's own value."""
    from test_noise import read_variance, stars

    from ccdlib.frame.noise import expected_signal, photon_variance

    header("field", "sky", "read noise", "pixels", "estimate", "own value")
    for fwhm in (3.2, 1.5):
        for sky, noise in ((0, 3), (20, 8), (100, 5), (2000, 8)):
            electrons = stars(fwhm, sky)
            floor = read_variance(1.0, noise)
            rng = simulate.generator(1)
            pulls = {"estimate": [], "own": []}
            for _ in range(100):
                frame = rng.poisson(electrons) + rng.normal(0, noise, electrons.shape)
                frame = np.rint(frame).astype(np.float32)
                good = np.ones(frame.shape, bool)
                signals = expected_signal(frame, good, np.float32(1), floor), np.maximum(frame, 0)
                for name, signal in zip(pulls, signals, strict=True):
                    sigma = np.sqrt(photon_variance(signal, 1.0, floor))
                    pulls[name].append((frame - electrons) / sigma)
            excess = (electrons - sky) / np.sqrt(sky + noise**2)
            for label, chosen in (
                ("sky", excess < 0.3),
                ("wings", (excess >= 0.3) & (excess < 5)),
                ("above 5 sigma", excess >= 5),
            ):
                cells = [np.array(each)[:, chosen] for each in pulls.values()]
                text = [f"{cell.mean():+.3f}, {cell.std():.3f}" for cell in cells]
                row(f"stars, FWHM {fwhm}", sky, noise, label, *text)


def edges():
    """The three columns on each side of a step from 20 electrons."""
    from test_noise import pulls

    header("step to", "three columns below the edge", "three columns above")
    for high in (40, 60, 100, 200, 1000, 100_000):
        electrons = np.full((600, 30), 20.0)
        electrons[:, 15:] = high
        found = pulls(electrons, 1.0, 5.0, 40).std(axis=(0, 1))
        row(
            high,
            *(
                ", ".join(f"{s:.3f}" for s in found[part])
                for part in (slice(12, 15), slice(15, 18))
            ),
        )


def clipping():
    """Stacks of normal values whose noise is known: deviation of pulls by what was clipped."""
    header("frames", "clipped at", "all pixels", "lost nothing", "lost one", "of these")
    for frames in (3, 5, 10, 20):
        rng = np.random.default_rng(frames)
        cube = (1000 + rng.standard_normal((frames, 1, 400_000))).astype(np.float32)
        for spread, limit in (("noise", 5), ("noise", 3), ("std", 3), ("mad", 3)):
            rule = Clip("sigma", limit, limit, spread=spread)
            result = combine_values(cube, variance=np.ones(frames), clip=rule, step=0)
            pull = (result.data - 1000) / np.sqrt(result.model_variance)
            one = result.count == frames - 1
            enough = one.sum() > 2000
            row(
                frames,
                f"{limit} {spread}",
                f"{pull.std():.4f}",
                f"{pull[result.count == frames].std():.3f}",
                f"{pull[one].std():.3f}" if enough else "",
                f"{one.mean():.1%}" if enough else "",
            )


def cosmic_rays():
    """Found and lost, by sampling and sky."""
    from test_cosmic_rays import NOISE, SETTINGS, beside, field, near

    from ccdlib.frame.cosmic_rays import find_lacosmic

    header("FWHM", "sky", "found above 10 sigma", "good pixels lost", "of star cores (3 x 3)")
    for fwhm in (3.2, 2.0, 1.5):
        for sky in (20, 500):
            found, lost, cores = [], [], []
            for seed in range(1000, 1006):
                image, exposure, places = field(fwhm, sky, seed)
                mask = find_lacosmic(image, image.variance, SETTINGS)
                above = image.data - exposure.truth > 10 * np.sqrt(exposure.truth + NOISE**2)
                good = ~beside(exposure.cosmic_ray)
                found.append(mask[exposure.cosmic_ray & above])
                lost.append(mask[good])
                cores.append(mask[good & near(places, 1)])
            found, lost, cores = map(np.concatenate, (found, lost, cores))
            row(
                fwhm,
                sky,
                f"{found.mean():.1%} of {found.size}",
                f"{lost.mean():.4%}",
                f"{cores.mean():.2%}",
            )


def special():
    """Detectors and settings that differ from the usual."""
    night = Night(DETECTOR, 5, 5, 5)
    bare = replace(DETECTOR, amplifiers=(replace(AMPLIFIER, overscan=0),))
    cases = {
        f"overscan {method}": replace(night, config=(("overscan", {"method": method}),), sky=0.0)
        for method in ("median", "mean", "polynomial")
    }
    cases["no overscan"] = replace(night, detector=bare)
    cases["no bias, darks hold the pedestal"] = replace(
        night, detector=replace(bare, dark_current=3.0), biases=0, flat_darks=True
    )
    quiet = replace(AMPLIFIER, x1=SIZE // 2, gain=2.2, read_noise=5.0, bias_level=600.0)
    loud = replace(AMPLIFIER, x0=SIZE // 2, gain=1.2, read_noise=12.0)
    cases["two amplifiers"] = replace(night, detector=replace(DETECTOR, amplifiers=(quiet, loud)))
    for gain, noise in ((0.5, 3.0), (4.0, 5.0)):
        amp = replace(AMPLIFIER, gain=gain, read_noise=noise)
        own = replace(night, detector=replace(DETECTOR, amplifiers=(amp,)), flat_level=15_000.0)
        cases[f"gain {gain:g}, read noise {noise:g}"] = regimes(own)["bias-limited"]
    header("night", "product", "mean", "standard deviation", "beyond 5")
    for name, own in cases.items():
        for kind, found in measure(own, NIGHTS).items():
            row(name, KINDS[kind], *numbers(found))


TABLES = {
    table.__name__: table for table in (expected_signal, edges, clipping, cosmic_rays, special)
} | {f"whole_nights_{frames}": partial(whole_nights, frames) for frames in (3, 5, 10, 20)}


def main():
    asked = sys.argv[1:] or list(TABLES)
    if unknown := set(asked) - set(TABLES):
        raise SystemExit(f"no table {', '.join(sorted(unknown))}; there are {', '.join(TABLES)}")
    for name in asked:
        print(f"\n{getattr(TABLES[name], 'func', TABLES[name]).__doc__}\n")
        TABLES[name]()


if __name__ == "__main__":
    main()
