"""Registration of images by several libraries: the second table in docs/registration.md.

python -m tests.benchmarks.registration_peers, by a Python that has astroalign, photutils, tweakwcs
and scikit-image. Pairs of images of 40 stars: shifted by up to 20 pixels, turned by up to 0.01
radians as well, turned by any angle, and mirrored on top of that.
"""

import time

import numpy as np

__all__ = ["main"]

SIDE, STARS, PAIRS, WIDTH, SKY = 400, 40, 20, 3.0, 100.0
RIGHT = 1.0
CASES = {"shifted": (0.0, False), "turned by 0.01": (0.01, False)}
CASES |= {"any angle": (np.pi, False), "mirrored": (np.pi, True)}


def _turned(x, y, angle, shift, mirrored):
    half, cos, sin = SIDE / 2, np.cos(angle), np.sin(angle)
    x, y = (half - x if mirrored else x - half), y - half
    return cos * x - sin * y + half + shift[0], sin * x + cos * y + half + shift[1]


def _image(rng, x, y, fluxes):
    rows, columns = np.mgrid[:SIDE, :SIDE]
    found, square = np.full((SIDE, SIDE), SKY), (WIDTH / 2.3548) ** 2
    for column, row, flux in zip(x, y, fluxes, strict=True):
        apart = (columns - column) ** 2 + (rows - row) ** 2
        found += flux / (2 * np.pi * square) * np.exp(-apart / (2 * square))
    return found + rng.normal(0, np.sqrt(found))


def _pair(number, angle, mirrored):
    rng = np.random.default_rng([181, number])
    x, y = rng.uniform(10, SIDE - 10, (2, STARS))
    fluxes = 10 ** rng.uniform(3.3, 4.8, STARS)
    way = rng.uniform(-angle, angle), rng.uniform(-20, 20, 2), mirrored
    there = _turned(x, y, *way)
    return _image(rng, x, y, fluxes), _image(rng, *there, fluxes), np.array([x, y]), np.array(there)


def ours(reference, frame, x, y):
    from ccdlib import register

    return register(frame, reference).transform(x, y)


def astroalign(reference, frame, x, y):
    import astroalign as peer

    transform, _ = peer.find_transform(reference, frame)
    return transform(np.column_stack([x, y])).T


def _by_photutils(image):
    from astropy.table import Table
    from photutils.detection import DAOStarFinder

    found = DAOStarFinder(threshold=10 * np.sqrt(SKY), fwhm=WIDTH)(image - np.median(image))
    found.sort("flux", reverse=True)
    names = (
        ("x_centroid", "y_centroid")
        if "x_centroid" in found.colnames
        else ("xcentroid", "ycentroid")
    )
    return Table({"TPx": found[names[0]], "TPy": found[names[1]]})


def tweakwcs(reference, frame, x, y):
    from tweakwcs import XYXYMatch
    from tweakwcs.linearfit import iter_linear_fit

    here, there = _by_photutils(reference), _by_photutils(frame)
    match = XYXYMatch(searchrad=30, separation=1, tolerance=3)
    first, second = match(here, there, tp_units="pix")
    xy = (np.column_stack([each["TPx"], each["TPy"]]) for each in (there[second], here[first]))
    fit = iter_linear_fit(*xy, fitgeom="general")
    center = fit["center"]
    return ((np.column_stack([x, y]) - center) @ fit["matrix"].T + fit["shift"] + center).T


def skimage(reference, frame, x, y):
    from skimage.registration import phase_cross_correlation

    shift = phase_cross_correlation(reference, frame, upsample_factor=100)[0]
    return x - shift[1], y - shift[0]


PEERS = {
    "ccdlib": ours,
    "astroalign": astroalign,
    "photutils and tweakwcs": tweakwcs,
    "scikit-image, phase correlation": skimage,
}


def _tried(peer, angle, mirrored):
    """How many are right, wrong and refused, how far off those are that are right; seconds."""
    right, wrong, off, spent = 0, 0, [], 0.0
    for number in range(PAIRS):
        reference, frame, here, there = _pair(number, angle, mirrored)
        start = time.process_time()
        try:
            found = np.array(peer(reference, frame, *here))
        # each library has errors of its own; it found nothing
        except Exception:
            continue
        finally:
            spent += time.process_time() - start
        rms = np.sqrt(np.square(found - there).sum(axis=0).mean())
        right, wrong = right + (rms < RIGHT), wrong + (rms >= RIGHT)
        off += [rms] if rms < RIGHT else []
    middle = f"{np.median(off):.3f}" if off else "-"
    return f"{right}, {wrong}, {PAIRS - right - wrong}; {middle}", spent / PAIRS


def main() -> None:
    """Print the table: right, wrong and refused of each case, and how far off, in pixels."""
    print(f"| | {' | '.join(CASES)} | s of processor |")
    print(f"|{'---|' * (len(CASES) + 2)}")
    for name, peer in PEERS.items():
        # the first one compiles and imports
        reference, frame, here, _ = _pair(999, 0.0, False)
        peer(reference, frame, *here)
        cells, spent = zip(*(_tried(peer, *case) for case in CASES.values()), strict=True)
        print(f"| {name} | {' | '.join(cells)} | {np.mean(spent):.3f} |", flush=True)


if __name__ == "__main__":
    main()
