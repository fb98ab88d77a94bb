"""Pulls, (value - truth) / quoted sigma, and what is asked of them."""

import numpy as np

# what "one sigma is one sigma" allows, for the mean as for the standard deviation
ALLOWED = 0.02


def assert_true(pull, allowed=ALLOWED, mean=True):
    """Mean 0 and standard deviation 1 within `allowed`, at two of the Monte Carlo's own sigma.

    Without `mean` the pulls share an error (a row's level, a normalisation) that the mean
    would have to be allowed.
    """
    error = pull.size**-0.5
    assert error < allowed / 4, f"{pull.size} pulls cannot tell"
    if mean:
        assert abs(pull.mean()) + 2 * error < allowed, pull.mean()
    assert abs(pull.std() - 1) + 2 * error / 2**0.5 < allowed, pull.std()


def assert_gaussian_tail(pull, tail=0.0):
    """No more pulls beyond 5 than a Gaussian (or the stated fraction `tail`) gives.

    5.7e-7 of a Gaussian; the number found is Poisson, and more than expected + 4 sigma + 1 of
    it is an error.
    """
    expected = max(5.7e-7, tail) * pull.size
    assert (np.abs(pull) > 5).sum() <= expected + 4 * expected**0.5 + 1
