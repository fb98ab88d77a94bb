"""The pixels of a stack: flux, places and sigma on each grid."""

from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from dithered import SHAPE, SKY, exposures, stacked, star_field

from ccdlib.errors import CcdlibError
from ccdlib.raw.header_cards import shift_wcs
from ccdlib.registration.transforms import Transform, exponents
from ccdlib.stack.aperture import disc, sigma_of_sum
from ccdlib.stack.grid import Chain, grid_of
from ccdlib.stack.place_kernels import places, table_of

IDENTITY = Transform.identity()
PLAIN = {"grid": "reference", "scale": 1, "north_up": False}


def _reference(header=(), shape=SHAPE):
    return SimpleNamespace(name="light_1", shape=shape, header=fits.Header(header))


def _sky(turn=0.0, mirrored=False, shape=SHAPE):
    """The WCS of a reference whose north is `turn` degrees from its top."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.crval, wcs.wcs.crpix = (250.0, 36.0), (30.0, 100.0)
    cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    side = -1 if not mirrored else 1
    wcs.wcs.cd = 1e-4 * np.array([[side * cos, sin], [-side * sin * -1, cos]])
    return _reference(wcs.to_header(), shape)


def _grid(reference=None, transforms=(IDENTITY,), **settings):
    shapes = [SHAPE] * len(transforms)
    return grid_of(PLAIN | settings, reference or _reference(), transforms, shapes)


def _of_stars(light, x, y, flux, width=3.0):
    light.truth = star_field(*light.transform(x, y), flux, width)
    return light


@pytest.mark.parametrize(
    ("kind", "shape", "first"),
    [
        ("reference", (160, 160), (0, 0)),
        # the light shows columns -3 to 157 and rows 5 to 165 of the reference
        ("union", (165, 163), (-3, 0)),
        ("intersection", (155, 157), (0, 5)),
    ],
)
def test_what_a_grid_covers(kind, shape, first):
    moved = Transform.linear([[1, 0], [0, 1]], (3.0, -5.0))
    grid = _grid(transforms=[IDENTITY, moved], grid=kind)
    assert (grid.shape, tuple(map(float, grid.base(0, 0)))) == (shape, first)
    assert grid.scale == 1


@pytest.mark.parametrize(("scale", "shape"), [(2, (80, 80)), (0.5, (320, 320)), (3, (53, 53))])
def test_pixels_of_another_size_begin_where_the_reference_does(scale, shape):
    grid = _grid(scale=scale)
    assert np.abs(np.subtract(grid.shape, shape)).max() <= 1
    # the middle of the first pixel, seen from the corner of the reference
    assert np.allclose(grid.base(0.0, 0.0), scale / 2 - 0.5)
    assert grid.scale == pytest.approx(scale)


@pytest.mark.parametrize("resampling", ["cubic", "lanczos", "bilinear"])
@pytest.mark.parametrize("scale", [0.5, 0.8, 2, 3.3])
def test_flux_and_place_of_a_star_stay(scale, resampling):
    rng = np.random.default_rng(7)
    x, y, flux = rng.uniform(40, 120, 8), rng.uniform(40, 120, 8), np.full(8, 30_000.0)
    lights = exposures(3, 4.0, 71, angle=0.4, stars=0)
    lights = [_of_stars(light, x, y, flux, 4.0) for light in lights]
    grid = _grid(scale=scale)
    found = stacked(lights, noisy=False, clip=0.0, grid=grid, resampling=resampling).image.data
    # its neighbours may be near: all of them at once
    assert found.sum() == pytest.approx(flux.sum(), rel=2e-3 if resampling == "lanczos" else 1e-3)
    rows, columns = np.indices(found.shape)
    middle = [(found * each).sum() / found.sum() for each in (columns, rows)]
    assert np.allclose(middle, grid.base.inverse(x.mean(), y.mean()), atol=0.01)


@pytest.mark.parametrize("scale", [0.5, 0.75, 2])
def test_the_pulls_of_pixels_and_apertures_have_the_standard_deviation_one(scale):
    pixels, sums, radius = [], [], 3.0
    grid, edge = _grid(scale=scale), int(12 / scale)
    inner = slice(edge, -edge)
    for seed in range(4):
        lights = exposures(4, 4.0, 700 + seed, angle=0.1, bias=1.0, flat=0.01, stars=0)
        stack = stacked(lights, grid=grid, clip=0.0)
        truth = stacked(lights, noisy=False, grid=grid, clip=0.0).image.data
        off, variance = (
            (each)[inner, inner] for each in (stack.image.data - truth, stack.image.variance)
        )
        pixels.append((off / np.sqrt(variance)).ravel())
        noise = stack.footprints
        kernels = noise.correlation(grid.middle), noise.shared_correlation(grid.middle)
        columns, rows = (each.astype(int) for each in disc(0, 0, radius))
        places = np.arange(4, len(off) - 4, 7)
        at = places[:, None, None] + rows, places[:, None] + columns
        y, x = (each.ravel() for each in np.meshgrid(places, places, indexing="ij"))
        every, shared = np.ones(off.shape, bool), stack.shared[inner, inner]
        sigma = sigma_of_sum(variance, shared, every, kernels, radius, x, y)
        sums.append(off[at].sum(axis=2).ravel() / sigma)
    pixels, sums = np.concatenate(pixels), np.concatenate(sums)
    # neighbours are alike as far as interpolation reaches
    alone = pixels.size * min(scale, 1) ** 2 / 4
    assert abs(pixels.std() - 1) < 0.02 + 2 / np.sqrt(2 * alone)
    assert abs(sums.std() - 1) < 0.05 + 2 / np.sqrt(2 * sums.size)


def test_the_sky_of_larger_pixels_is_that_of_their_area():
    lights = exposures(3, 2.0, 72, stars=0)
    stack = stacked(lights, grid=_grid(scale=2), skies=[SKY] * 3)
    good = stack.image.dq == 0
    assert stack.image.data[good].mean() == pytest.approx(4 * SKY, rel=1e-3)
    one = stacked(lights, skies=[SKY] * 3).image
    noise = np.sqrt(stack.image.variance[good].mean() / one.variance[one.dq == 0].mean())
    # twice as much for four times the light, and what interpolation took from one pixel's noise
    assert 2.0 < noise < 3.0


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize(("turn", "scale"), [(0.0, 1), (25.0, 1), (140.0, 2), (-90.0, 0.5)])
def test_north_is_up_and_east_to_the_left(turn, mirrored, scale):
    reference = _sky(turn, mirrored)
    grid = _grid(reference, north_up=True, scale=scale)
    wcs, own = WCS(fits.Header(grid.wcs)), WCS(reference.header)
    x, y = np.array([10.0, 90.0, 30.0]), np.array([20.0, 40.0, 80.0])
    # the same sky by both ways
    assert np.allclose(
        wcs.pixel_to_world_values(x, y), own.pixel_to_world_values(*grid.base(x, y)), atol=1e-9
    )
    (ra, dec) = wcs.pixel_to_world_values([50, 50, 60], [50, 60, 50])
    assert dec[1] > dec[0] and abs(ra[1] - ra[0]) < 1e-6
    assert ra[2] < ra[0] and abs(dec[2] - dec[0]) < 1e-6
    assert grid.scale == pytest.approx(scale, rel=1e-6)
    # every corner of the reference is on it
    corners = grid.base.inverse(np.array([0.0, 159, 0, 159]), np.array([0.0, 0, 159, 159]))
    for along, length in zip(corners, grid.shape[::-1], strict=True):
        assert along.min() > -0.51 and along.max() < length - 0.49


def test_a_stack_with_north_up_has_the_flux_and_the_places_of_the_stars():
    reference = _sky(33.0)
    x, y, flux = np.array([60.0, 95.0]), np.array([100.0, 70.0]), np.array([20_000.0, 10_000.0])
    lights = [_of_stars(light, x, y, flux) for light in exposures(3, 3.0, 73, stars=0)]
    grid = _grid(reference, [light.transform for light in lights], north_up=True, grid="union")
    found = stacked(lights, noisy=False, clip=0.0, grid=grid).image.data
    assert found.sum() == pytest.approx(flux.sum(), rel=1e-3)
    sky = WCS(reference.header).pixel_to_world_values(x, y)
    for column, row, expected in zip(
        *WCS(fits.Header(grid.wcs)).world_to_pixel_values(*sky), flux, strict=True
    ):
        rows, columns = np.mgrid[
            round(row) - 8 : round(row) + 9, round(column) - 8 : round(column) + 9
        ]
        part = found[rows, columns]
        assert part.sum() == pytest.approx(expected, rel=1e-3)
        assert (part * columns).sum() / part.sum() == pytest.approx(column, abs=0.01)
        assert (part * rows).sum() / part.sum() == pytest.approx(row, abs=0.01)


def test_a_given_footprint():
    reference = _sky(10.0)
    cards = dict(_sky(80.0).header)
    grid = _grid(reference, grid={"shape": [50, 70], "cards": cards})
    assert grid.shape == (50, 70)
    there = WCS(fits.Header(cards)).pixel_to_world_values(20.0, 30.0)
    assert np.allclose(
        there, WCS(reference.header).pixel_to_world_values(*grid.base(20.0, 30.0)), atol=1e-9
    )
    elsewhere = cards | {"CRVAL1": 70.0, "CRVAL2": -36.0}
    with pytest.raises(CcdlibError, match=r"light_1 share no sky.* CRVAL1=70\.0, CRVAL2=-36\.0"):
        _grid(reference, grid={"shape": [50, 70], "cards": elsewhere})


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"north_up": True}, "stack.north_up: the reference light_1 has no WCS"),
        (
            {"grid": {"shape": [5, 5], "cards": {}}},
            "a given stack.grid: the reference light_1 has no WCS",
        ),
    ],
)
def test_a_grid_on_the_sky_needs_a_wcs(asked, message):
    with pytest.raises(CcdlibError, match=message):
        _grid(**asked)


def test_lights_without_a_pixel_in_common():
    away = Transform.linear([[1, 0], [0, 1]], (500.0, 0.0))
    with pytest.raises(CcdlibError, match="no pixel in common"):
        _grid(transforms=[IDENTITY, away], grid="intersection")


@pytest.mark.parametrize("form", ["CD", "PC", "CDELT", "SIP"])
def test_the_wcs_of_other_pixels_is_that_of_the_same_sky(form):
    header = fits.Header()
    header.update(
        {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 10.0, "CRVAL2": 20.0}
        | {"CRPIX1": 70.0, "CRPIX2": 40.0}
    )
    if form in ("CD", "SIP"):
        header.update({"CD1_1": -1e-4, "CD1_2": 2e-5, "CD2_1": 2e-5, "CD2_2": 1e-4})
    else:
        header.update({"CDELT1": -1e-4, "CDELT2": 1e-4})
    if form == "PC":
        header.update({"PC1_1": 0.9, "PC1_2": 0.4, "PC2_1": -0.4, "PC2_2": 0.9})
    if form == "SIP":
        header.update({"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP"})
        header.update({"A_ORDER": 3, "B_ORDER": 2, "A_2_1": 1e-6, "B_1_1": 2e-5})
    other = header.copy()
    shift_wcs(other, 10.25, -3.5, 2.5)
    x, y = np.array([0.0, 30.0]), np.array([5.0, 60.0])
    expected = WCS(header).all_pix2world(10.25 + 2.5 * x, -3.5 + 2.5 * y, 0)
    assert np.allclose(WCS(other).all_pix2world(x, y, 0), expected, atol=1e-9)


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_the_places_that_the_kernel_fills_in_are_those_of_the_transforms(degree):
    rng = np.random.default_rng(degree)
    number = len(exponents(degree))
    to_x, to_y = (tuple(map(float, rng.normal(0, 3, number))) for _ in range(2))
    curved = Transform(degree, (40.0, 30.0), 50.0, to_x, to_y)
    first = Transform.linear([[0.5, 0.1], [-0.1, 0.5]], (3.0, -2.0))
    u, v, area = (np.empty((20, 30)) for _ in range(3))
    places(*table_of([first, curved]), 7, -5, u, v, area)
    y, x = np.mgrid[-5:15, 7:37].astype(float)
    both = Chain(first, curved)
    expected = both(x, y)
    assert np.array_equal(u, expected[0]) and np.array_equal(v, expected[1])
    (a, b), (c, d) = both.jacobian(x, y)
    assert np.allclose(area, np.abs(a * d - b * c), rtol=1e-9)
