"""What goes into a pixel of a stack, and what is left out."""

import itertools

import numpy as np
import pytest
from dithered import SHAPE, SKY, exposures, stacked, star_field, turned
from hypothesis import given, settings
from hypothesis import strategies as st

from ccdlib import dq
from ccdlib.registration.star_list import find_stars
from ccdlib.registration.transforms import Transform
from ccdlib.stack.combine import _tiles
from ccdlib.stack.resample_kernels import KINDS, resample, weights_of

INNER = slice(25, -25)


def _planes(stack):
    image = stack.image
    return [
        *(image.data, image.variance, image.dq, stack.shared, stack.any_dq),
        *(stack.coverage, stack.rejected, stack.exptime),
    ]


@pytest.mark.parametrize("distorted", [False, True])
def test_the_bits_do_not_depend_on_memory_or_threads(distorted):
    lights = exposures(5, 6.0, 11, angle=0.02)
    if distorted:
        # a pixel's area changes over the field
        for light in lights[1:]:
            light.transform = Transform(
                *(2, (80.0, 80.0), 80.0),
                *((80.0, 80.0, 0.3, 6.0, 0.5, 1.0), (80.0, 0.2, 80.0, 0.3, 4.0, -5.0)),
            )
    first = _planes(stacked(lights))
    for memory, threads in ((0.1, 1), (1.0, 3), (250.0, 2)):
        other = _planes(stacked(lights, memory_mb=memory, threads=threads))
        assert all(np.array_equal(one, two) for one, two in zip(first, other, strict=True))


WAYS = {
    "shifted": (1.0, 1.0, 0.0),
    "after a meridian flip": (-1.0, -1.0, 0.0),
    "turned": (1.0, 1.0, 0.02),
    "on smaller pixels": (0.9, 0.9, 0.001),
    "on larger pixels": (2.0, 2.0, 0.001),
    "stretched": (1.0, 0.4, 0.0),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_values_that_are_made_together_have_the_bits_of_each_alone(way, kind):
    rng = np.random.default_rng(7)
    planes = tuple(rng.normal(100, 10, (70, 90)).astype(np.float32) for _ in range(3))
    flags = np.where(rng.random((70, 90)) < 0.002, dq.HOT, 0).astype(np.uint16)
    y, x = np.mgrid[:64, :80] - 35.0
    u = way[0] * (x - way[2] * y) + 40.37
    v = way[1] * (y + way[2] * x) + 33.81
    factor = rng.uniform(0.9, 1.1, u.shape)

    def made(part):
        own = [np.ascontiguousarray(each[part]) for each in (u, v, factor)]
        out = tuple(np.empty(own[0].shape, np.float32) for _ in range(3))
        out_flags = np.empty(own[0].shape, np.uint16)
        resample(planes, flags, own[0], own[1], weights_of(kind), own[2], out, out_flags)
        return *out, out_flags

    whole = made(np.s_[:, :])
    assert 0.2 < (whole[3] == 0).mean() < 1
    # in columns as narrow as these there are no runs
    alone = [made(np.s_[:, left : left + 8]) for left in range(0, 80, 8)]
    for one, *parts in zip(whole, *alone, strict=True):
        assert one.tobytes() == np.hstack(parts).tobytes()


def _hit(lights, seed=1):
    """Cosmic rays and a satellite in each light, and where they are."""
    rng = np.random.default_rng(seed)
    for number, light in enumerate(lights):
        y, x = rng.integers(5, SHAPE[0] - 5, (2, 10))
        light.data[y, x] += rng.uniform(500, 20000, 10)
        # no two cross the same pixels
        row = 30 + 11 * number
        light.data[row : row + 2, 10:150] += 900.0


@pytest.mark.parametrize("number", [3, 5, 10])
def test_cosmic_rays_and_satellites_go_and_star_cores_stay(number):
    clean = exposures(number, 2.0, 21)
    struck = exposures(number, 2.0, 21)
    _hit(struck)
    expected = stacked(clean, noisy=False, clip=0.0).image.data[INNER, INNER]
    stack = stacked(struck)
    left = stack.image.data[INNER, INNER] - expected
    sigma = np.sqrt(stack.image.variance[INNER, INNER])
    seen = np.abs(left) > 6 * sigma
    # the slope of a star hides some, and so does a second hit beside the first
    flat = expected < SKY + 20
    assert seen[flat].mean() < (5e-4 if number > 3 else 2e-3)
    assert seen.mean() < 0.01
    unclipped = stacked(struck, clip=0.0).image.data[INNER, INNER] - expected
    assert (np.abs(unclipped) > 6 * sigma).mean() > 0.02
    unhit = stacked(clean)
    bright = unhit.image.data > SKY + 200
    assert bright.sum() > 100
    assert unhit.rejected[bright].sum() == 0


def test_seeing_that_changes_takes_nothing_from_star_cores():
    lights = [exposures(1, 0.0, 31, width=width)[0] for width in (2.2, 2.6, 3.0, 3.4, 2.4)]
    stack = stacked(lights)
    cores = stack.image.data > SKY + 1000
    assert stack.rejected[cores].mean() < 0.01


@pytest.mark.parametrize("method", ["mean", "median"])
def test_skies_that_are_kept_make_no_outliers(method):
    """Of four lights with a brighter sky each, more than two were left out at each pixel."""
    lights = exposures(4, 2.0, 33, stars=0)
    skies = [SKY + 150.0 * number for number in range(4)]
    for light, sky in zip(lights, skies, strict=True):
        light.data = light.data + (sky - SKY)
    stack = stacked(lights, skies=skies, method=method)
    assert stack.rejected.mean() < 1e-3
    whole = stack.coverage == 4
    expected = np.median(skies) if method == "median" else np.mean(skies)
    assert stack.image.data[whole].mean() == pytest.approx(expected, abs=0.5)


def test_a_pixel_that_is_bad_in_some_lights_is_made_of_the_others():
    lights = exposures(4, 0.0, 41)
    lights[1].flags[60, 70] = dq.HOT
    lights[1].data[60, 70] = 1e6
    stack = stacked(lights)
    assert stack.image.dq[60, 70] == 0
    assert stack.any_dq[60, 70] == dq.HOT
    assert (stack.coverage[60, 70], stack.rejected[60, 70]) == (3, 0)
    assert stack.exptime[60, 70] == 180.0
    assert stack.image.data[60, 70] < 1e4
    assert stack.image.variance[60, 70] > stack.image.variance[60, 71]


def test_a_pixel_that_is_bad_in_all_says_why():
    lights = exposures(3, 0.0, 42)
    for light in lights:
        light.flags[60, 70] = dq.BAD
    lights[0].flags[60, 70] |= dq.COSMIC_RAY
    stack = stacked(lights)
    assert stack.image.dq[60, 70] == dq.BAD | dq.COSMIC_RAY
    assert np.isfinite(stack.image.data[60, 70])
    assert stack.image.variance[60, 70] > 0


def test_where_no_light_is_there_is_no_data():
    lights = exposures(2, 0.0, 43)
    for light in lights:
        light.transform = turned(0.0, (50.0, 0.0))
    stack = stacked(lights)
    assert (stack.image.dq[:, 115:] == dq.NO_DATA).all()
    assert (stack.coverage[:, 115:] == 0).all()
    assert (stack.image.data[:, 115:] == 0).all()
    assert (stack.image.dq[:, 5:105] == 0).all()


def test_one_of_two_that_is_hit_is_left_out():
    lights = exposures(2, 0.0, 44, stars=0)
    lights[0].data[50, 50] += 5000
    stack = stacked(lights)
    assert stack.rejected[50, 50] == 1
    assert abs(stack.image.data[50, 50] - SKY) < 100


def test_fluxes_and_places_of_stars_are_kept():
    rng = np.random.default_rng(5)
    y, x = np.mgrid[30:130:25, 30:130:25]
    x, y = (each.ravel() + rng.uniform(-0.5, 0.5, each.size) for each in (x, y))
    fluxes = np.full(x.size, 50000.0)
    lights = exposures(6, 8.0, 51, angle=3.0)
    for light in lights:
        light.truth = SKY + star_field(*light.transform(x, y), fluxes, 2.5)
    expected = star_field(x, y, fluxes, 2.5)
    found = stacked(lights, noisy=False, clip=0.0).image.data - SKY
    for column, row in zip(np.rint(x).astype(int), np.rint(y).astype(int), strict=True):
        box = slice(row - 9, row + 10), slice(column - 9, column + 10)
        assert found[box].sum() == pytest.approx(expected[box].sum(), rel=1e-3)
    stars = find_stars((found + rng.normal(0, 1, SHAPE)).astype(np.float32))
    for column, row in zip(x, y, strict=True):
        apart = np.hypot(stars.x - column, stars.y - row)
        assert apart.min() < 0.01


def test_a_scale_keeps_the_flux():
    lights = exposures(2, 0.0, 52, stars=0)
    for light in lights:
        light.transform = Transform.linear([[1.05, 0.0], [0.0, 1.05]], (-4.0, -4.0))
        light.truth = star_field(np.array([80.0]), np.array([80.0]), np.array([30000.0]), 3.0)
    found = stacked(lights, noisy=False, clip=0.0).image.data
    assert found[INNER, INNER].sum() == pytest.approx(30000.0, rel=1e-3)


@pytest.mark.parametrize("kind", KINDS)
@given(shift=st.tuples(*[st.floats(-3, 3)] * 2), level=st.floats(-100, 1e5))
@settings(max_examples=20, deadline=None)
def test_an_even_image_stays_even(kind, shift, level):
    plane = np.full((24, 24), level, np.float32)
    ones, zeros = np.ones((24, 24), np.float32), np.zeros((24, 24), np.float32)
    v, u = np.mgrid[8:16, 8:16].astype(float)
    out = tuple(np.empty((8, 8), np.float32) for _ in range(3))
    bits = np.empty((8, 8), np.uint16)
    flags = np.zeros((24, 24), np.uint16)
    places = u + shift[0], v + shift[1]
    resample((plane, ones, zeros), flags, *places, weights_of(kind), np.ones(u.shape), out, bits)
    assert np.allclose(out[0], np.float32(level), rtol=1e-5)
    assert (bits == 0).all()
    # an average is never noisier than what it is of, but for the negative weights of Lanczos
    assert (out[1] <= 1.001).all()


def test_the_weights_are_those_of_lanczos():
    weights = weights_of("lanczos")
    fraction = np.arange(len(weights)) / (len(weights) - 1)
    apart = fraction[:, None] + np.array([2.0, 1, 0, -1, -2, -3])
    expected = np.sinc(apart) * np.sinc(apart / 3)
    assert np.allclose(weights, expected / expected.sum(axis=1, keepdims=True), atol=1e-12)


def test_the_weights_of_the_cubic_give_back_cubic_polynomials():
    weights = weights_of("cubic")
    fraction = np.arange(len(weights)) / (len(weights) - 1)
    for power in range(4):
        found = weights @ np.arange(-2.0, 4.0) ** power
        assert np.allclose(found, fraction**power, atol=1e-12)


@pytest.mark.parametrize("method", ["mean", "median"])
def test_the_order_of_the_lights_does_not_count(method):
    lights = exposures(4, 5.0, 61)
    first = stacked(lights, method=method)
    for order in itertools.islice(itertools.permutations(range(4)), 3, 9):
        other = stacked([lights[number] for number in order], method=method)
        assert np.allclose(first.image.data, other.image.data, rtol=3e-7)
        assert np.array_equal(first.image.dq, other.image.dq)
        assert np.array_equal(first.rejected, other.rejected)


@pytest.mark.parametrize("lights", [3, 100, 1000])
@pytest.mark.parametrize("memory", [1.0, 60.0, 1400.0])
def test_tiles_are_low_before_they_are_narrow_and_cover_all(lights, memory):
    """Whole rows of the lights are read for each: narrow ones read a night a hundred times."""
    shape = (1000, 8192)
    found = list(_tiles(shape, lights, memory))
    pixels = [(rows.stop - rows.start) * (columns.stop - columns.start) for rows, columns in found]
    assert sum(pixels) == shape[0] * shape[1]
    rows, columns = found[0]
    height, width = rows.stop, columns.stop
    assert width == shape[1] or height == 8
    least = 8 * 64
    assert max(pixels) <= max(memory * 1e6 / 40 / lights, least)
