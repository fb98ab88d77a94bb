"""The noise model: what one standard deviation of a pixel is, and why.

After the pedestal is gone the variance of a pixel in adu is

    signal / gain + (read_noise / gain)^2 + 1/12

with the *expected* signal. The pixel's own value is the wrong estimate of it: it makes low
values look precise and high ones uncertain, so that (value - truth) / sigma is biased.
docs/noise.md derives the terms.
"""

import numpy as np

__all__ = ["DIGITISATION", "expected_signal", "master_variance", "photon_variance"]

# variance of rounding to whole adu
DIGITISATION = 1 / 12

# a pixel further than this from its neighbours' mean is structure and not noise: a star, a
# hot pixel, a cosmic ray
_STRUCTURE = 4.0


def _box_sum(values):
    """Sum over the 5 x 5 box around each pixel; outside the image counts as zero."""
    padded = np.pad(values, 2)
    ny, nx = values.shape
    columns = sum(padded[:, shift : shift + nx] for shift in range(5))
    return sum(columns[shift : shift + ny] for shift in range(5))


def _neighbour_mean(data, good):
    """Mean of the good ones of the 24 neighbours, and their number."""
    kept = np.where(good, data, np.float32(0))
    weight = good.astype(np.float32)
    count = _box_sum(weight) - weight
    total = _box_sum(kept) - kept
    return total / np.maximum(count, 1), count


def expected_signal(data, good, gain, read_variance):
    """The signal that a pixel was expected to have, an estimate without its own noise.

    Where a pixel agrees with the mean of its 24 neighbours within 4 sigma, that mean; where
    it does not (a star, a hot pixel) its own value, whose noise is then small against it.

    Parameters
    ----------
    data : ndarray, shape (ny, nx)
        adu above the pedestal.
    good : ndarray of bool
        Pixels that may speak for their neighbours.
    gain : float or ndarray
        Electrons per adu.
    read_variance : float or ndarray
        (read_noise / gain)^2 + 1/12, adu^2.

    Returns
    -------
    ndarray of float32
        adu, not negative.
    """
    mean, count = _neighbour_mean(data, good)
    mean = np.maximum(mean, 0)
    variance = (mean / gain + read_variance) * (1 + 1 / np.maximum(count, 1))
    structure = (data - mean) ** 2 > _STRUCTURE**2 * variance
    own = structure | (count == 0)
    return np.where(own, np.maximum(data, 0), mean).astype(np.float32)


def photon_variance(signal, gain, read_variance):
    """signal / gain + read_variance, float32, adu^2."""
    return np.asarray(signal / gain + read_variance, dtype=np.float32)


def master_variance(model, scatter, count):
    """Variance of a master: the noise model's, unless the frames scatter far more than it.

    With a handful of frames the scatter of one pixel is too rough to quote (with three its
    own relative error is 100 %), while the model is smooth; but the model knows nothing of
    a pixel that flickers.

    Parameters
    ----------
    model, scatter : ndarray
        Variance of the combined value from the noise model and from the frames.
    count : ndarray
        Frames used in each pixel.

    Returns
    -------
    variance : ndarray of float32
    unstable : ndarray of bool
        Where the scatter won: it exceeds the model by more than chance allows in one pixel
        of a million (Wilson and Hilferty's approximation of chi-square).
    """
    freedom = np.maximum(count.astype(np.float32) - 1, 1)
    limit = (1 - 2 / (9 * freedom) + 4.75 * np.sqrt(2 / (9 * freedom))) ** 3
    unstable = (count > 1) & (scatter > limit * model)
    return np.where(unstable, scatter, model).astype(np.float32), unstable
