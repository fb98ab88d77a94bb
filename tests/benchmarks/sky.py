"""Skies made even by ours and by IRAF's ccdred: python tests/benchmarks/sky.py [RESULTS ...]

Simulated lights of known truth (5, 12 and 40, dithered; a gradient of 3 %, fringes of 2 %), and
the calibrated lights of nights, given as their folders of results, made with `sky`. Prints
Markdown. It is no test of speed: processors and load do not count.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from ccdlib.frame.image import Image
from ccdlib.products.product_files import read_product
from ccdlib.quality.sky_blocks import shared_structure, sky_blocks

sys.path.append(str(Path(__file__).parents[1] / "helpers"))

from iraf_sky import PROGRAM, IrafNight
from skies import READ_NOISE, fringes, gradient, make_sky

# IRAF's ways: are sources masked, and mkskycor's boxes at the edges (5 pixels by default)
WAYS = {
    "IRAF": (False, {}),
    "IRAF, boxes of 50 pixels at the edges": (False, {"xboxmin": 50, "yboxmin": 50}),
    "IRAF, objmasks": (True, {}),
    "IRAF, objmasks, boxes of 50 pixels": (True, {"xboxmin": 50, "yboxmin": 50}),
}
OF_LIGHTS = 3


def percent(error):
    """Root mean square and worst of relative deviations, after their median, in percent."""
    error = 100 * (error - np.median(error))
    return f"{error.std():.3f}, {np.abs(error).max():.2f}"


def against(found, true):
    return percent(found / np.median(found) / (true / np.median(true)) - 1)


def inside(plane):
    """Without the 24 pixels at the edges."""
    return plane[24:-24, 24:-24]


def copied(folder, paths, read_noise):
    """Calibrated lights as IRAF has them."""
    images = [read_product(path).images[0] for path in paths]
    planes = [np.where(image.dq == 0, image.data, np.nan) for image in images]
    return IrafNight(folder, planes, read_noise)


def row(*columns):
    print("| " + " | ".join(columns) + " |")


def illuminations(night, ours, true):
    """One line for each way of the illumination; their names."""
    row("ours", against(ours, true), against(inside(ours), inside(true)), "")
    for at, (way, (masked, boxes)) in enumerate(WAYS.items()):
        sky = night.combined(f"sky{at}", masked=masked)
        found = night.data(night.made("mkskycor", sky, f"illum{at}", **boxes))
        parts = (found, true), (inside(found), inside(true)), (found, ours)
        row(way, *(against(*each) for each in parts))


def fringed(sky, night, waves, response):
    """One line for each way of the fringe frame and of what is left in the lights."""
    illumination = sky.illumination(fringe=True)
    used = {"illumination": illumination, "fringe": sky.fringe(illumination)}
    ours = read_product(used["illumination"]).images[0].data.astype(float)
    pattern = read_product(used["fringe"]).images[0]
    # where too few lights show sky there is no value
    pattern = np.where(pattern.dq == 0, pattern.data.astype(float), np.nan)
    lights = [sky.flattened(at, **used).images[0].data for at in range(OF_LIGHTS)]
    lights = [np.where(np.isnan(pattern), np.nan, each) for each in lights]
    row("none", "", "", "", left(sky, None, waves, response, np.ones_like(waves)))
    row("ours", *of_pattern(pattern, waves), left(sky, lights, waves, response, ours))
    for at, (way, (masked, boxes)) in enumerate(WAYS.items()):
        illum = night.made("mkskycor", night.combined(f"s{at}", masked=masked), f"i{at}", **boxes)
        prefix = night.corrected(f"c{at}", illum=illum)
        combined = night.combined(f"f{at}", prefix, masked)
        frame = night.made("mkfringecor", combined, f"fr{at}", **boxes)
        level, divisor = np.median(night.data(combined)), night.data(illum)
        found = of_pattern(night.data(frame) / level, waves)
        for how in ("exposure", "sky"):
            if how == "sky":
                night.scaled_by_sky(prefix, combined)
            done = night.corrected(how[0], prefix, fringe=frame)
            lights = [night.data(done + name) for name in night.names[:OF_LIGHTS]]
            row(
                f"{way}, by {how}",
                *found,
                left(sky, lights, waves, response, divisor / divisor.mean()),
            )


def of_pattern(found, true):
    """Pixels of a fringe frame, its strength in units of the truth, and its error after that."""
    good = np.isfinite(found)
    slope = np.dot(found[good], true[good]) / np.dot(true[good], true[good])
    rest = (found / slope - true)[good]
    return f"{100 * good.mean():.1f}", f"{slope:.3f}", f"{100 * rest.std():.3f}"


def left(sky, lights, waves, response, divisor):
    """What of gradient and fringes is left in lights, without noise and stars, in percent."""
    values = []
    for at in range(OF_LIGHTS):
        truth = sky.truth[at]
        level = truth.min()
        free = truth < 1.0005 * level
        expected = response * (truth + level * waves)
        raw = read_product(sky.paths[at]).images[0].data
        after = expected if lights is None else lights[at] - (raw - expected) / divisor
        free &= np.isfinite(after)
        rest = (after - truth)[free] / level
        slope = np.dot(rest - rest.mean(), waves[free]) / np.dot(waves[free], waves[free])
        values.append((100 * rest.std(), 100 * slope))
    values = np.array(values)
    return f"{values[:, 0].mean():.3f}, {np.abs(values[:, 1]).mean():.1f}"


def simulated(folder, number, seed):
    """The tables of one simulated night without, and of one with fringes."""
    true, waves = gradient(0.03), fringes(0.02)
    print(f"\n{number} lights, seed {seed}: rms and worst error, percent\n")
    row("illumination", "of the truth", "without 24 pixels at the edges", "of ours")
    print("|---|---|---|---|")
    sky = make_sky(folder / "even", number, [seed, number], illumination=true)
    ours = read_product(sky.illumination()).images[0].data.astype(float)
    illuminations(copied(folder / "i", sky.paths, READ_NOISE), ours, true)
    print()
    row("fringes", "pixels", "strength", "rms error, percent", "left in lights: rms, fringes")
    print("|---|---|---|---|---|")
    sky = make_sky(folder / "waves", number, [seed, number, 2], illumination=true, pattern=waves)
    fringed(sky, copied(folder / "w", sky.paths, READ_NOISE), waves, true)


def real(folder, results):
    """The table of a real night."""
    print(f"\n{results}: rms and worst, percent\n")
    row("illumination", "difference to ours", "without 24 pixels", "MAD of 8 x 8 blocks, error")
    print("|---|---|---|---|")
    for at, path in enumerate(sorted(results.glob("sky/illumination/*.fits"))):
        frames = Table.read(path, "FRAMES")
        names = [each["FRAME"].strip() for each in frames if each["WEIGHT"] > 0]
        lights = [read_product(results / "calibrated" / f"{name}.fits") for name in names]
        night = copied(folder / f"r{at}", [results / "calibrated" / f"{n}.fits" for n in names], 5)
        ours = fits.getdata(path).astype(float)
        row(path.stem, "", "", "before " + evenness(lights, 1.0))
        row("ours", "", "", evenness(lights, ours))
        for number, (way, (masked, boxes)) in enumerate(WAYS.items()):
            sky = night.combined(f"sky{number}", masked=masked)
            found = night.data(night.made("mkskycor", sky, f"illum{number}", **boxes))
            row(
                way,
                against(found, ours),
                against(inside(found), inside(ours)),
                evenness(lights, found / np.median(found)),
            )


def evenness(lights, divisor):
    """How uneven what lights have in common is after an illumination, in percent."""
    images = [each.images[0] for each in lights]
    even = [Image(each.data / divisor, each.variance, each.dq, each.unit) for each in images]
    mad, error = shared_structure([sky_blocks(each) for each in even])
    return f"{100 * mad:.2f}, {100 * error:.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="*", type=Path)
    parser.add_argument("--numbers", nargs="*", type=int, default=[5, 12, 40])
    parser.add_argument("--seeds", nargs="*", type=int, default=[1])
    given = parser.parse_args()
    if PROGRAM is None:
        sys.exit("irafcl is not installed (Debian packages iraf and iraf-noao)")
    with tempfile.TemporaryDirectory() as folder:
        for number in given.numbers:
            for seed in given.seeds:
                place = Path(folder, f"{number}_{seed}")
                place.mkdir()
                simulated(place, number, seed)
        for at, results in enumerate(given.results):
            real(Path(folder, f"real{at}"), results)


if __name__ == "__main__":
    main()
