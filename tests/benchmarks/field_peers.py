"""The field of `field` by SWarp, and by a script of ccdproc and astroalign.

SWarp registers nothing: it gets the true WCS and flux scale of each light. The script is what an
observer writes; `python -m tests.benchmarks.field_peers FOLDER` runs it.
"""

import sys
from pathlib import Path

import numpy as np

__all__ = ["SWARP", "write_headers"]

# pixels of 0.4 arcsec
_STEP = 0.4 / 3600
SWARP = [
    *("-c", "/dev/null", "-IMAGEOUT_NAME", "swarp.fits", "-WEIGHTOUT_NAME", "swarp_weight.fits"),
    *("-COMBINE_TYPE", "CLIPPED", "-CLIP_SIGMA", "5.0", "-RESAMPLING_TYPE", "LANCZOS3"),
    *("-SUBTRACT_BACK", "Y", "-BACK_SIZE", "256", "-CENTER_TYPE", "MANUAL"),
    *("-PIXELSCALE_TYPE", "MANUAL", "-PIXEL_SCALE", "0.4", "-WRITE_XML", "N", "-NTHREADS", "2"),
    *("-VERBOSE_TYPE", "QUIET", "-DELETE_TMPFILES", "Y"),
]


def write_headers(paths, conditions, side):
    """A .head file beside each light, as SWarp reads it: the WCS that the light was made with.

    The reference has the celestial pole of its projection in the middle of the image; a place of it
    lies in a light where `field.placed` says.
    """
    for path, (angle, shift, clear, _) in zip(paths, conditions, strict=True):
        cos, sin = np.cos(angle), np.sin(angle)
        # the middle of the reference, from 1 in FITS
        middle = side / 2 + 1
        cards = {
            "CTYPE1": "'RA---TAN'",
            "CTYPE2": "'DEC--TAN'",
            "CRVAL1": 150.0,
            "CRVAL2": 2.0,
            "CRPIX1": middle + shift[0],
            "CRPIX2": middle + shift[1],
            # back to the reference, and east to the left
            "CD1_1": -_STEP * cos,
            "CD1_2": -_STEP * sin,
            "CD2_1": -_STEP * sin,
            "CD2_2": _STEP * cos,
            "FLXSCALE": 1 / clear,
        }
        lines = [f"{key:8}= {value}" for key, value in cards.items()]
        Path(path).with_suffix(".head").write_text("\n".join([*lines, "END", ""]))


def by_ccdproc(folder):
    """Register by astroalign, combine by ccdproc, as a script does."""
    import astroalign
    from astropy import units
    from astropy.io import fits
    from astropy.nddata import CCDData
    from ccdproc import Combiner

    paths = sorted(Path(folder, "lights").glob("light_*.fits"))
    # astroalign wants the byte order of the machine
    images = [fits.getdata(path).astype(np.float64) for path in paths]
    lights = []
    for image in images:
        moved, outside = astroalign.register(
            image - np.median(image), images[0] - np.median(images[0])
        )
        lights.append(CCDData(moved, unit=units.electron, mask=outside))
    combiner = Combiner(lights)
    combiner.sigma_clipping(5, 5, func=np.ma.median)
    combiner.average_combine().write(Path(folder, "ccdproc.fits"), overwrite=True)


if __name__ == "__main__":
    by_ccdproc(sys.argv[1])
