"""Stars of images are where they are, and a frame lies where it lies."""

import numpy as np
import pytest
from astropy.nddata import StdDevUncertainty
from astropy.wcs import WCS, Sip
from star_fields import moved, spread_places, star_fluxes, star_image

from ccdlib import CCDData, find_stars, register
from ccdlib.errors import CcdlibError
from ccdlib.frame.image import Image
from ccdlib.registration.flux_ratio import flux_ratio
from ccdlib.registration.match_stars import NotMatched
from ccdlib.registration.register import stars_of


def nearest(stars, places):
    """Distances along x and y of each found star from the true one, and which that is."""
    apart = np.hypot(stars.x[:, None] - places[:, 0], stars.y[:, None] - places[:, 1])
    own = apart.argmin(axis=1)
    return stars.x - places[own, 0], stars.y - places[own, 1], own


@pytest.mark.parametrize("fwhm", [1.5, 2.0, 3.0, 5.0])
def test_centroids_are_true_and_so_are_their_errors(fwhm):
    rng = np.random.default_rng(int(10 * fwhm))
    places = spread_places(120, rng)
    image, sigma = star_image(places, star_fluxes(120, rng, 2e4), fwhm, rng)
    stars = find_stars(image, sigma)
    dx, dy, own = nearest(stars, places)
    assert len(stars) == len({*own.tolist()}) == 120
    bright = stars.flux > 200 * stars.flux_error
    for off in (dx, dy):
        assert np.sqrt(np.square(off[bright]).mean()) < 0.01
        # a hundredth of a pixel is left of narrow stars' places within a pixel
        pulls = off / np.hypot(stars.error, 0.004)
        assert np.sqrt(np.square(pulls).mean()) == pytest.approx(1, abs=0.25)
    assert np.median(stars.fwhm) == pytest.approx(np.hypot(fwhm, 0.8), abs=0.15)
    assert np.median(stars.elongation) == pytest.approx(1, abs=0.03)


def test_defocused_stars_are_one_each():
    rng = np.random.default_rng(2)
    places = spread_places(12, rng, apart=80, edge=50)
    image, sigma = star_image(places, np.full(12, 3e5), 0, rng, ring=15.0)
    stars = find_stars(image, sigma)
    dx, dy, own = nearest(stars, places)
    assert sorted(own.tolist()) == [*range(12)]
    # of 24 pixels
    assert np.hypot(dx, dy).max() < 0.5
    assert 20 < np.median(stars.fwhm) < 30


def test_hot_pixels_and_flagged_ones_are_no_stars():
    rng = np.random.default_rng(3)
    places = spread_places(20, rng)
    image, sigma = star_image(places, np.full(20, 5e4), 3.0, rng)
    rows, columns = rng.integers(20, 490, (2, 60))
    image[rows, columns] += 5e4
    flags = np.zeros(image.shape, np.uint16)
    x, y = np.rint(places[0]).astype(int)
    flags[y, x] = 2
    stars = find_stars(image, sigma, flags)
    dx, dy, own = nearest(stars, places)
    assert np.hypot(dx, dy).max() < 3
    assert 0 not in own


def test_bad_pixels_beside_a_star_do_not_draw_it_aside():
    rng = np.random.default_rng(4)
    places = spread_places(40, rng)
    image, sigma = star_image(places, np.full(40, 1e5), 3.0, rng)
    flags = np.zeros(image.shape, np.uint16)
    for x, y in np.rint(places).astype(int):
        image[y, x + 2], flags[y, x + 2] = 6e4, 8
    stars = find_stars(image, sigma, flags)
    dx, dy, _ = nearest(stars, places)
    assert len(stars) == 40
    assert np.abs(np.concatenate([dx, dy])).max() < 0.06


def test_nothing_is_found_in_nothing():
    rng = np.random.default_rng(5)
    assert len(find_stars(rng.normal(100, 5, (300, 300)))) <= 1
    assert len(find_stars(np.full((300, 300), np.nan))) == 0
    assert len(find_stars(np.zeros((300, 300)))) == 0
    assert len(find_stars(np.ones((5, 300)))) == 0


@pytest.mark.parametrize("name", ["sigma", "dq"])
def test_planes_of_another_shape_are_refused(name):
    with pytest.raises(CcdlibError, match=rf"{name} has the shape \(3, 4\), the image \(50, 50\)"):
        find_stars(np.zeros((50, 50)), **{name: np.ones((3, 4), int)})


def pair(rng, way, number=60, fwhm=(2.5, 4.0), brightness=0.7):
    """A reference, and a frame of the same stars in other seeing through another sky."""
    size = 512
    places = rng.uniform(-size / 2, 1.5 * size, (4 * number, 2))
    fluxes = star_fluxes(4 * number, rng, 5e3)
    there = np.column_stack(way(*places.T))
    images = []
    for where, width, factor in ((places, fwhm[0], 1), (there, fwhm[1], brightness)):
        inside = ((where > -20) & (where < size + 20)).all(axis=1)
        image, sigma = star_image(where[inside], factor * fluxes[inside], width, rng)
        images.append(Image(image, np.square(sigma), np.zeros(image.shape, np.uint16), "electron"))
    return images


WAYS = {
    "shift": moved(0, 1, (37.3, -80.6), 512),
    "meridian flip": moved(np.pi, 1, (12.2, 7.9), 512),
    "turned and larger": moved(1.1, 1.04, (-60, 100), 512),
    "mirrored": moved(0.4, 0.97, (20, 30), 512, mirrored=True),
}


@pytest.mark.parametrize("name", WAYS)
def test_a_frame_is_laid_on_its_reference(name):
    way = WAYS[name]
    reference, frame = pair(np.random.default_rng(6), way)
    found = register(frame, reference)
    rows, columns = np.mgrid[50:460:50, 50:460:50]
    there, true = found.transform(columns, rows), way(columns, rows)
    assert np.abs(np.subtract(there, true)).max() < 0.05
    assert found.rms < 0.1
    assert found.flux_ratio == pytest.approx(1 / 0.7, abs=4 * found.flux_ratio_error)
    assert found.flux_ratio_error < 0.02


@pytest.mark.parametrize("scale", [0.5, 0.63, 2.0])
def test_a_frame_of_another_scale(scale):
    """Another camera, or a focal reducer; its pixels are larger or smaller."""
    way = moved(0.7, scale, (20, 30), 512)
    reference, frame = pair(np.random.default_rng(11), way, number=100)
    with pytest.raises(NotMatched, match=r"at scales of 0\.93 to 1\.07"):
        register(frame, reference)
    found = register(frame, reference, scales=(0.3, 3))
    columns = np.array([200.0, 256.0, 300.0])
    assert np.abs(np.subtract(found.transform(columns, columns), way(columns, columns))).max() < 0.1
    assert found.flux_ratio == pytest.approx(1 / 0.7, abs=4 * found.flux_ratio_error)


@pytest.mark.parametrize("scales", [(0.0, 2.0), (2.0, 0.5), (1.0, np.inf), (np.nan, 2.0)])
def test_scales_that_are_none_are_refused(scales):
    with pytest.raises(CcdlibError, match="are not two numbers above 0, the lesser first"):
        register(np.zeros((50, 50)), np.zeros((50, 50)), scales=scales)


def test_images_of_all_kinds_give_the_same():
    reference, frame = pair(np.random.default_rng(7), WAYS["shift"])

    def ccd(image):
        spread = StdDevUncertainty(np.sqrt(image.variance))
        return CCDData(image.data, uncertainty=spread, unit="electron", dq=image.dq)

    given = [register(frame, reference), register(ccd(frame), ccd(reference))]
    given.append(register(stars_of(frame), stars_of(reference)))
    assert given[0] == given[1] == given[2]
    assert register(frame.data, reference.data).rms < 0.15


def sky(crpix, angle=0.0):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [150.0, 20.0]
    cos, sin = 1e-4 * np.cos(angle), 1e-4 * np.sin(angle)
    wcs.wcs.crpix, wcs.wcs.cd = crpix, [[-cos, sin], [sin, cos]]
    return wcs


@pytest.mark.parametrize("off", [0.0, 15.0, 4000.0])
def test_a_wcs_is_a_first_guess(off):
    """One that is far off is none; patterns of stars are found all the same."""
    images = pair(np.random.default_rng(8), WAYS["shift"])
    places = (256.0, 256.0), (256.0 + 37.3 + off, 256.0 - 80.6)
    reference, frame = (
        CCDData(image.data, unit="electron", wcs=sky(crpix))
        for image, crpix in zip(images, places, strict=True)
    )
    found = register(frame, reference)
    assert np.abs(np.subtract(found.transform(256, 256), (293.3, 175.4))).max() < 0.05
    without = register(frame, reference, wcs=False)
    assert found.n_stars == without.n_stars


def _moved(wcs):
    wcs.wcs.crpix = [1e300, 0.0]


def _unknown(wcs):
    wcs.wcs.radesys = "JNOW"


def _diverging(wcs):
    wcs.sip = Sip(np.diag([0.0, 0.1, 1.0])[::-1], np.eye(3) / 10, None, None, wcs.wcs.crpix)
    wcs.wcs.ctype = ["RA---TAN-SIP", "DEC--TAN-SIP"]


@pytest.mark.parametrize("spoil", [_moved, _unknown, _diverging])
def test_a_wcs_that_tells_no_place_is_no_guess(spoil):
    images = pair(np.random.default_rng(8), WAYS["shift"])
    reference, frame = (
        CCDData(image.data, unit="electron", wcs=sky((256.0, 256.0))) for image in images
    )
    spoil(frame.wcs)
    frame.wcs.wcs.set()
    assert register(frame, reference) == register(frame, reference, wcs=False)


def test_other_fields_are_refused():
    rng = np.random.default_rng(9)
    first, second = (pair(rng, WAYS["shift"])[0] for _ in range(2))
    with pytest.raises(NotMatched, match="stars of the reference"):
        register(first, second)


def test_no_image_is_refused():
    with pytest.raises(CcdlibError, match="str is no image"):
        register("light.fits", np.zeros((50, 50)))


def test_ratios_of_fluxes_and_their_errors_are_true():
    rng = np.random.default_rng(10)
    pulls = []
    for _ in range(400):
        flux = star_fluxes(40, rng, 2e3)
        errors = np.sqrt(flux + 4e4), np.sqrt(flux / 2 + 9e3)
        first, second = rng.normal(flux, errors[0]), rng.normal(flux / 2, errors[1])
        # a variable star
        second[3] *= 1.5
        found = flux_ratio(first, second, *errors)
        pulls.append((found.ratio - 2) / found.error)
    assert np.mean(pulls) == pytest.approx(0, abs=0.2)
    # a scatter that is not there can only be found, so the errors are somewhat too large
    assert 0.75 < np.std(pulls) < 1.05


def test_no_bright_star_gives_no_ratio():
    ones = np.ones(3)
    found = flux_ratio(ones, ones, ones, ones)
    assert np.isnan(found.ratio) and found.n_stars == 0
