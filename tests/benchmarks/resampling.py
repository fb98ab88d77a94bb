"""What interpolation does to the flux of a star, for each kernel: the table in docs/stacks.md.

python tests/benchmarks/resampling.py
"""

import numpy as np
from scipy.special import erf

FIELD, STARS, WIDTH = 80, 40, 2.0


def lanczos(d):
    return np.sinc(d) * np.sinc(d / 3) * (np.abs(d) < 3)


def cubic6(d):
    s = np.abs(d)
    first = 4 / 3 * s**3 - 7 / 3 * s**2 + 1
    second = -7 / 12 * s**3 + 3 * s**2 - 59 / 12 * s + 15 / 6
    third = s**3 / 12 - 2 / 3 * s**2 + 21 / 12 * s - 3 / 2
    return np.select([s < 1, s < 2, s < 3], [first, second, third], 0.0)


def cubic4(d):
    s = np.abs(d)
    first, second = 1.5 * s**3 - 2.5 * s**2 + 1, -0.5 * s**3 + 2.5 * s**2 - 4 * s + 2
    return np.select([s < 1, s < 2], [first, second], 0.0)


def lagrange6(d):
    """Quintic polynomials through six pixels."""
    s = np.abs(d)
    first = -(s**5) / 12 + s**4 / 4 + 5 / 12 * s**3 - 5 / 4 * s**2 - s / 3 + 1
    second = s**5 / 24 - 3 / 8 * s**4 + 25 / 24 * s**3 - 5 / 8 * s**2 - 13 / 12 * s + 1
    third = -(s**5) / 120 + s**4 / 8 - 17 / 24 * s**3 + 15 / 8 * s**2 - 137 / 60 * s + 1
    return np.select([s < 1, s < 2, s < 3], [first, second, third], 0.0)


KERNELS = {
    "cubic, 6 x 6": cubic6,
    "Lanczos, 6 x 6": lanczos,
    "cubic, 4 x 4": cubic4,
    "quintic Lagrange, 6 x 6": lagrange6,
}
CASES = {"0.1": (1.0, 0.1), "0.3": (1.0, 0.3), "45 degrees": (1.0, np.pi / 4), "1.05": (1.05, 0.0)}


def _weights(kernel, fraction):
    found = kernel(fraction[..., None] - np.arange(-2, 4))
    return found / found.sum(axis=-1, keepdims=True)


def _resampled(image, u, v, kernel):
    x, y = np.floor(u).astype(int), np.floor(v).astype(int)
    of_x, of_y = _weights(kernel, u - x), _weights(kernel, v - y)
    value, variance = np.zeros(u.shape), np.zeros(u.shape)
    for j in range(6):
        for i in range(6):
            weight = of_x[..., i] * of_y[..., j]
            value += weight * image[y - 2 + j, x - 2 + i]
            variance += weight**2
    return value, variance


def _moved(x, y, scale, angle):
    """A place of the field turned about the middle, in the image."""
    half, cos, sin = FIELD / 2, np.cos(angle), np.sin(angle)
    x, y = x - half, y - half
    return scale * (cos * x - sin * y) + half + 0.3, scale * (sin * x + cos * y) + half + 0.6


def _star(x, y):
    """A Gaussian star of flux 1 over whole pixels."""
    edges = (np.arange(FIELD + 1) - 0.5)[None, :] - np.array([[x], [y]])
    across, up = np.diff(erf(edges / (WIDTH / 2.3548 * np.sqrt(2)))) / 2
    return np.outer(up, across)


def main() -> None:
    """Print the table: spread and largest error of the flux in thousandths, mean variance."""
    y, x = np.mgrid[20:60, 20:60].astype(float)
    for name, kernel in KERNELS.items():
        cells, left = [], []
        for scale, angle in CASES.values():
            rng = np.random.default_rng(0)
            errors = []
            for _ in range(STARS):
                place = FIELD / 2 + rng.uniform(-0.5, 0.5, 2)
                image = _star(*_moved(*place, scale, angle))
                value, variance = _resampled(image, *_moved(x, y, scale, angle), kernel)
                errors.append(1e3 * (value.sum() * scale**2 - 1))
                left.append(variance.mean())
            cells.append(f"{np.std(errors):.2f}, {np.abs(errors).max():.2f}")
        print(f"| {name} | {' | '.join(cells)} | {np.mean(left):.2f} |")


if __name__ == "__main__":
    main()
