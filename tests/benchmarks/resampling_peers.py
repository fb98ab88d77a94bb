"""Our interpolation beside reproject and drizzle: the second table in docs/stacks.md.

python -m tests.benchmarks.resampling_peers, by a Python that has these two. Each gets the same
images: stars of 2 pixels at 40 places, noise of the variance 1, and a megapixel for the time.
"""

import time

import numpy as np
from astropy.wcs import WCS

from .resampling import CASES, FIELD, STARS, _moved, _star

__all__ = ["main"]

SIDE, NOISES, RADIUS = 1024, 40, 5.0
STEP = 1e-4


def _wcs(scale, angle, side):
    """Of the field and of the image, whose pixels lie where `_moved` says."""
    found = []
    for turn, step, place in ((0.0, 1.0, (0, 0)), (angle, scale, (0.3, 0.6))):
        wcs = WCS(naxis=2)
        wcs.wcs.ctype, wcs.wcs.crval = ("RA---TAN", "DEC--TAN"), (10.0, 0.0)
        wcs.wcs.crpix = side / 2 + 1 + np.array(place)
        cos, sin = np.cos(turn), np.sin(turn)
        wcs.wcs.cd = STEP / step * np.array([[cos, sin], [-sin, cos]])
        found.append(wcs)
    return found


def _places(scale, angle, side):
    y, x = np.mgrid[:side, :side].astype(float)
    half, cos, sin = side / 2, np.cos(angle), np.sin(angle)
    x, y = x - half, y - half
    return scale * (cos * x - sin * y) + half + 0.3, scale * (sin * x + cos * y) + half + 0.6


def ours(image, scale, angle):
    from ccdlib.stack.resample_kernels import resample, weights_of

    side = len(image)
    planes = (
        image.astype(np.float32),
        np.ones(image.shape, np.float32),
        np.zeros_like(image, "f4"),
    )
    out = tuple(np.empty(image.shape, np.float32) for _ in range(3))
    flags, factor = np.zeros(image.shape, np.uint16), np.full(image.shape, scale**2)
    resample(
        planes, flags, *_places(scale, angle, side), weights_of("cubic"), factor, out, flags + 0
    )
    return out[0]


def _reproject(function, **options):
    def peer(image, scale, angle):
        field, own = _wcs(scale, angle, len(image))
        found = function(
            (image, own), field, shape_out=image.shape, return_footprint=False, **options
        )
        return np.nan_to_num(found) * (1 if options.get("conserve_flux") else scale**2)

    return peer


def _drizzle(kernel):
    def peer(image, scale, angle):
        from drizzle.resample import Drizzle

        side = len(image)
        field, own = _wcs(scale, angle, side)
        y, x = np.mgrid[:side, :side].astype(float)
        # back to the field, as places of it
        to = np.stack(field.world_to_pixel_values(*own.pixel_to_world_values(x, y)), axis=-1)
        found = Drizzle(kernel=kernel, out_shape=image.shape)
        found.add_image(image.astype(np.float32), exptime=1.0, pixmap=to, pixfrac=1.0)
        return np.nan_to_num(found.out_img) * scale**2

    return peer


def _peers():
    from reproject import reproject_adaptive, reproject_interp

    return {
        "ccdlib, cubic 6 x 6": ours,
        "reproject, bicubic spline": _reproject(reproject_interp, order="bicubic"),
        "reproject, adaptive": _reproject(
            reproject_adaptive, conserve_flux=True, kernel="gaussian"
        ),
        "drizzle, square": _drizzle("square"),
        "drizzle, lanczos3": _drizzle("lanczos3"),
    }


def _flux_errors(peer, scale, angle):
    rng = np.random.default_rng(0)
    inner, errors = slice(20, 60), []
    for _ in range(STARS):
        place = FIELD / 2 + rng.uniform(-0.5, 0.5, 2)
        image = _star(*_moved(*place, scale, angle))
        errors.append(1e3 * (peer(image, scale, angle)[inner, inner].sum() - 1))
    return f"{np.std(errors):.2f}, {np.abs(errors).max():.2f}"


def _noise(peer):
    """Variance of a pixel, and of the sum within an aperture over that of the image itself."""
    rng, pixels, sums = np.random.default_rng(1), [], []
    y, x = np.mgrid[-5:6, -5:6]
    inside = x * x + y * y <= RADIUS**2
    for _ in range(NOISES):
        found = peer(rng.normal(0, 1, (FIELD, FIELD)), 1.0, 0.3)
        pixels.append(found[22:58, 22:58])
        sums += [
            found[row - 5 : row + 6, column - 5 : column + 6][inside].sum()
            for row in range(27, 54, 12)
            for column in range(27, 54, 12)
        ]
    return f"{np.var(pixels):.2f}", f"{np.var(sums) / inside.sum():.2f}"


def main() -> None:
    """Print the table."""
    print(f"| | {' | '.join(CASES)} | a pixel's variance | of a sum | s of processor |")
    print(f"|{'---|' * (len(CASES) + 4)}")
    image = np.random.default_rng(2).normal(100, 10, (SIDE, SIDE))
    for name, peer in _peers().items():
        cells = [_flux_errors(peer, *case) for case in CASES.values()]
        spent = []
        for _ in range(3):
            start = time.process_time()
            peer(image, 1.0, 0.01)
            spent.append(time.process_time() - start)
        print(f"| {name} | {' | '.join([*cells, *_noise(peer)])} | {min(spent):.2f} |", flush=True)


if __name__ == "__main__":
    main()
