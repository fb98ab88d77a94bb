"""Fields of stars with a known truth, as images and as lists."""

import numpy as np
from scipy.special import erf

from ccdlib.registration.star_list import StarList

SKY, READ_NOISE = 100.0, 5.0


def _gaussian(x, fwhm, length, reach):
    """Share of each pixel of a row in a star's light, integrated over the pixel."""
    first = max(int(x) - reach, 0)
    edges = np.arange(first, min(int(x) + reach + 1, length) + 1) - 0.5 - x
    return first, np.diff(erf(edges / (fwhm / 2.35482) / np.sqrt(2))) / 2


def _ring(field, x, y, flux, outer):
    """A star far out of focus: the image of the mirror with the hole of the secondary."""
    rows, columns = np.indices(field.shape)
    radius = np.hypot(columns - x, rows - y)
    share = np.clip(outer + 0.5 - radius, 0, 1) - np.clip(outer / 2 + 0.5 - radius, 0, 1)
    field += flux * share / (np.pi * outer**2 * 0.75)


def star_image(places, fluxes, fwhm, rng, shape=(512, 512), ring=None):
    """(image, sigma) of stars on a sky with photon and read noise, in electrons."""
    field = np.zeros(shape)
    for (x, y), flux in zip(places, fluxes, strict=True):
        if ring is not None:
            _ring(field, x, y, flux, ring)
            continue
        column, along = _gaussian(x, fwhm, shape[1], int(4 * fwhm) + 2)
        row, up = _gaussian(y, fwhm, shape[0], int(4 * fwhm) + 2)
        if along.size and up.size:
            field[row : row + up.size, column : column + along.size] += flux * up[:, None] * along
    image = rng.poisson(field + SKY) + rng.normal(0, READ_NOISE, shape)
    return image.astype(np.float32), np.sqrt(field + SKY + READ_NOISE**2).astype(np.float32)


def spread_places(number, rng, size=512, apart=25.0, edge=25.0):
    """Places that stand clear of each other, shape (number, 2)."""
    found = np.empty((0, 2))
    while len(found) < number:
        place = rng.uniform(edge, size - edge, (1, 2))
        if not len(found) or np.hypot(*(found - place).T).min() > apart:
            found = np.vstack([found, place])
    return found


def star_fluxes(number, rng, faintest=1e3):
    """About three times as many stars a magnitude fainter."""
    return faintest * 10 ** rng.exponential(0.45, number)


def moved(angle, scale, shift, size, mirrored=False, distortion=0.0):
    """A function from places of one frame to those of another, about the middle of the frame.

    A distortion of d moves a star at the edge of the frame outward by d pixels.
    """
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    middle = size / 2

    def there(x, y):
        u, v = x - middle, (y - middle) * (-1 if mirrored else 1)
        u, v = cos * u - sin * v, sin * u + cos * v
        stretch = 1 + distortion * (u * u + v * v) / middle**3
        return u * stretch + middle + shift[0], v * stretch + middle + shift[1]

    return there


def _as_list(x, y, flux, rng, noise):
    """What would be measured of them, the brightest 200, some of the faint ones missed."""
    seen = rng.random(len(x)) > np.where(flux < 2e3, 0.3, 0.03)
    flux = flux * 10 ** rng.normal(0, 0.02, len(x))
    order = np.flatnonzero(seen)[np.argsort(-flux[seen], kind="stable")][:200]
    error = 0.01 + noise * np.sqrt(1e4 / flux)
    x, y = x + rng.normal(0, error), y + rng.normal(0, error)
    ones = np.ones(len(x))
    columns = x, y, error, flux, flux / 100, 3 * ones, ones
    return StarList(*(each[order] for each in columns))


def _scale(rng, least, most):
    """Evenly between them; by their logarithms where they are far apart."""
    even = most < 1.5 * least
    return rng.uniform(least, most) if even else least * (most / least) ** rng.random()


def star_lists(
    rng,
    number,
    same=True,
    size=1000.0,
    false=0.3,
    distortion=0.0,
    noise=0.05,
    scales=(0.95, 1.05),
):
    """Two lists of stars and the way from one to the other.

    Any angle, any of the scales, mirrored or not, shifts of up to half a frame (a tenth with
    less than 30 stars); a share of each list are false stars: half of them hits, which are
    elsewhere in the other, half hot pixels, which are not.
    """
    reach = 0.5 if number >= 30 else 0.1
    way = moved(
        rng.uniform(0, 2 * np.pi),
        _scale(rng, *scales),
        rng.uniform(-reach, reach, 2) * size,
        size,
        bool(rng.random() < 0.5),
        distortion,
    )
    total = 9 * number

    def sky():
        return *rng.uniform(-size, 2 * size, (2, total)), star_fluxes(total, rng)

    first = sky()
    second = (*way(*first[:2]), first[2]) if same else sky()
    share = round(number * false / (1 - false) / 2)
    hot = *rng.uniform(0, size, (2, share)), star_fluxes(share, rng)
    lists = []
    for x, y, flux in (first, second):
        inside = (x > 0) & (x < size) & (y > 0) & (y < size)
        hits = *rng.uniform(0, size, (2, share)), star_fluxes(share, rng)
        parts = zip((x[inside], y[inside], flux[inside]), hits, hot, strict=True)
        lists.append(_as_list(*(np.concatenate(each) for each in parts), rng, noise))
    return *lists, way
