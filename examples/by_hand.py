"""A night by hand: the pipeline's steps with ccdlib, one cell at a time (# %% as in notebooks).

Run it whole with ``python examples/by_hand.py``, or cell by cell in an editor that knows them.
"""

# %% A simulated night: raw frames, and the truth behind them
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from astropy import units as u
from astropy.io import fits

import ccdlib
from ccdlib.simulate.exposures import simulate_demo

folder = TemporaryDirectory()
raw, truth = Path(folder.name, "raw"), Path(folder.name, "truth")
simulate_demo(raw, truth)

# %% What is there: the headers tell
night = ccdlib.ImageFileCollection(raw, keywords=["imagetyp", "filter", "exptime"])
print(night.summary)


# %% Overscan and trim: the same first step for every frame
def read(path):
    """A raw frame in adu without its overscan, saturated pixels masked."""
    frame = ccdlib.CCDData.read(path, unit="adu")
    frame.mask = frame.data >= 65535
    frame = ccdlib.subtract_overscan(frame, fits_section="[515:544, :]", median=True)
    return ccdlib.trim_image(frame, fits_section="[1:512, 1:512]")


def read_all(pattern):
    """All frames whose names match, in order."""
    return [read(path) for path in sorted(raw.glob(pattern))]


# %% Masters: the mean of what 5 sigma clipping about the median leaves
clipping = {
    "sigma_clip": True,
    "sigma_clip_low_thresh": 5,
    "sigma_clip_high_thresh": 5,
    "sigma_clip_func": np.ma.median,
}
bias = ccdlib.combine(read_all("bias_*.fits"), method="average", **clipping)
darks = [ccdlib.subtract_bias(dark, bias) for dark in read_all("dark_*.fits")]
dark = ccdlib.combine(darks, method="average", **clipping)
dark_times = {"exposure_time": "EXPTIME", "exposure_unit": u.s}

# flats are shorter than the dark, which has no bias left and may be scaled
flats = [ccdlib.subtract_bias(flat, bias) for flat in read_all("flat_V_*.fits")]
flats = [ccdlib.subtract_dark(flat, dark, scale=True, **dark_times) for flat in flats]
# flats of different level are brought to one before they are clipped
flat = ccdlib.combine(flats, method="average", scale=lambda a: 1 / np.ma.median(a), **clipping)
print("master flat:", flat.shape, f"median {np.median(flat.data):.4f}")

# %% One light: noise from the light itself, dark, gain, flat, cosmic rays
light = ccdlib.subtract_bias(read(raw / "M13_V_001.fits"), bias)
light = ccdlib.create_deviation(
    light, gain=1.6 * u.electron / u.adu, readnoise=6 * u.electron, signal="expected"
)
light = ccdlib.subtract_dark(light, dark, **dark_times)
light = ccdlib.gain_correct(light, 1.6 * u.electron / u.adu)
# the master's median is 1; its mean, which would be the default, is not
light = ccdlib.flat_correct(light, flat, norm_value=1)
light = ccdlib.cosmicray_lacosmic(light, sigclip=4.5, gain=1, readnoise=6, gain_apply=False)

# %% Is it true? The pull, (value - truth) / sigma, has mean 0 and standard deviation 1
with fits.open(truth / "M13_V_001.fits") as hdus:
    expected = hdus[0].data
    left_out = (hdus["COSMIC_RAY"].data > 0) | (hdus["SATURATED"].data > 0)
    left_out |= hdus["BLEED"].data > 0
# hot pixels and dead columns, from the masters themselves; the pipeline makes maps of them
left_out |= (dark.data > 50) | (flat.data < 0.5) | light.mask
pull = ((light.data - expected) / light.uncertainty.array)[~left_out]
print(f"pull: mean {pull.mean():+.4f}, standard deviation {pull.std():.4f}, {pull.size} pixels")

# %% The end
folder.cleanup()
