"""Stars are matched as the truth has it, or not at all."""

import numpy as np
import pytest
from star_fields import moved, star_lists

from ccdlib.registration.match_stars import NotMatched, match_stars
from ccdlib.registration.star_list import StarList
from ccdlib.registration.transforms import Transform


def wrong_by(match, reference, way):
    """RMS of the transform against the truth over the stars, in pixels."""
    x, y = reference.x[match.reference], reference.y[match.reference]
    there, found = way(x, y), match.transform(x, y)
    return float(np.sqrt(np.mean(np.square(np.subtract(there, found)).sum(axis=0))))


def in_common(reference, frame, way):
    """How many stars both lists have."""
    x, y = way(reference.x, reference.y)
    apart = np.hypot(frame.x[:, None] - x, frame.y[:, None] - y)
    return int((apart.min(axis=0) < 0.5).sum())


def plain(x, y, flux=None):
    ones = np.ones(len(x))
    flux = np.linspace(2e4, 1e4, len(x)) if flux is None else flux
    return StarList(x, y, 0.02 * ones, flux, flux / 100, 3 * ones, ones)


@pytest.mark.parametrize("number", [12, 40, 150, 500])
def test_any_angle_scale_parity_and_half_a_frame_of_shift(number):
    rng = np.random.default_rng(number)
    for _ in range(5):
        reference, frame, way = star_lists(rng, number)
        if in_common(reference, frame, way) < 7:
            continue
        match = match_stars(reference, frame)
        assert wrong_by(match, reference, way) < 0.25
        assert match.false_alarms < 1e-6


@pytest.mark.parametrize("number", [12, 40, 150, 500])
def test_other_fields_do_not_match(number):
    """Not even by the hot pixels, which both have at the same places."""
    rng = np.random.default_rng(number)
    for _ in range(5):
        reference, frame, _ = star_lists(rng, number, same=False)
        with pytest.raises(NotMatched, match=r"\d+ stars of the reference, \d+ of the frame"):
            match_stars(reference, frame)


WIDE = 0.3, 3.0


@pytest.mark.parametrize("scale", [0.35, 0.5, 0.63, 1.5, 2.0, 2.8])
def test_another_scale_is_found_when_it_is_asked_for(scale):
    rng = np.random.default_rng(15)
    for _ in range(2):
        reference, frame, way = star_lists(rng, 80, scales=(scale, scale))
        match = match_stars(reference, frame, scales=WIDE)
        assert wrong_by(match, reference, way) < 0.25
        with pytest.raises(NotMatched, match=r"at scales of 0\.93 to 1\.07: \d+ stars of the ref"):
            match_stars(reference, frame)


@pytest.mark.parametrize("number", [12, 150])
def test_other_fields_do_not_match_at_any_scale(number):
    rng = np.random.default_rng(number)
    for _ in range(2):
        reference, frame, _ = star_lists(rng, number, same=False, scales=WIDE)
        with pytest.raises(NotMatched, match=r"at scales of 0\.3 to 3"):
            match_stars(reference, frame, scales=WIDE)


def test_five_stars_will_do():
    rng = np.random.default_rng(5)
    for angle in rng.uniform(0, 6.28, 20):
        x, y = rng.uniform(0, 1000, (2, 5))
        way = moved(angle, 1.02, (30, -40), 1000, mirrored=angle > 3)
        there = [each + rng.normal(0, 0.02, 5) for each in way(x, y)]
        match = match_stars(plain(x, y), plain(*there))
        assert len(match.reference) == 5
        assert (match.reference == match.frame).all()


def test_three_of_five_stars_will_not():
    rng = np.random.default_rng(6)
    x, y = rng.uniform(0, 1000, (2, 5))
    there_x, there_y = moved(0.3, 1, (0, 0), 1000)(x, y)
    there_x[3:], there_y[3:] = rng.uniform(0, 1000, (2, 2))
    with pytest.raises(NotMatched, match=r"not certain: at best 3 stars agree"):
        match_stars(plain(x, y), plain(there_x, there_y))


@pytest.mark.parametrize("number", [0, 2])
def test_fewer_than_three_are_refused_with_their_number(number):
    rng = np.random.default_rng(7)
    few, many = (plain(*rng.uniform(0, 1000, (2, n))) for n in (number, 30))
    with pytest.raises(NotMatched, match=f"too few stars to match: {number} stars of the ref"):
        match_stars(few, many)
    with pytest.raises(NotMatched, match=f"30 stars of the reference, {number} of the frame"):
        match_stars(many, few)


def test_distortion_is_followed():
    rng = np.random.default_rng(8)
    for _ in range(5):
        reference, frame, way = star_lists(rng, 300, distortion=6.0, false=0.1)
        match = match_stars(reference, frame)
        assert match.transform.degree == 3
        assert wrong_by(match, reference, way) < 0.1


def test_stars_that_stand_still_are_matched():
    """Frames that were not dithered: hot pixels agree, and so do the stars."""
    rng = np.random.default_rng(9)
    x, y = rng.uniform(0, 1000, (2, 60))
    first, second = (plain(x + rng.normal(0, 0.02, 60), y) for _ in range(2))
    assert len(match_stars(first, second).reference) >= 55


def test_sharp_ones_are_left_out():
    rng = np.random.default_rng(10)
    x, y = rng.uniform(0, 1000, (2, 40))
    stars = plain(x, y)
    stars.fwhm[:10] = 1.2
    assert not {*range(10)} & {*match_stars(stars, stars).reference.tolist()}


def test_a_regular_grid_is_not_guessed_at():
    """Spots of a mask: a shift by one of them is as good as none, but for the edge."""
    rows, columns = np.mgrid[:12, :12] * 80.0
    rng = np.random.default_rng(11)
    x, y = (each.ravel() + rng.normal(0, 0.02, 144) for each in (columns, rows))
    with pytest.raises(NotMatched, match="two transforms are as good: one brings 144 stars"):
        match_stars(plain(x, y), plain(x, y))


def test_a_guess_is_refined_and_a_wrong_one_is_no_harm():
    rng = np.random.default_rng(12)
    x, y = rng.uniform(0, 1000, (2, 40))
    way = moved(0.2, 1, (100, 50), 1000)
    frame = plain(*(each + rng.normal(0, 0.02, 40) for each in way(x, y)))
    near = Transform.linear([[np.cos(0.2), -np.sin(0.2)], [np.sin(0.2), np.cos(0.2)]], (0.0, 0.0))
    off = np.subtract(way(500.0, 500.0), near(500.0, 500.0))
    for dx, dy in ((0, 0), (30, -20), (3000, 0)):
        guess = Transform.linear(near.jacobian(0, 0), (off[0] + dx, off[1] + dy))
        match = match_stars(plain(x, y), frame, guess=guess)
        assert wrong_by(match, plain(x, y), way) < 0.02


def test_a_guess_helps_where_few_stars_are_common():
    """Four of six agree at the place that was foretold."""
    rng = np.random.default_rng(13)
    x, y = rng.uniform(0, 1000, (2, 6))
    there_x, there_y = x + 12.0, y - 5.0
    there_x[4:], there_y[4:] = rng.uniform(0, 1000, (2, 2))
    reference, frame = plain(x, y), plain(there_x, there_y)
    assert len(match_stars(reference, frame, guess=Transform.identity()).reference) == 4


def test_the_same_twice():
    rng = np.random.default_rng(14)
    reference, frame, _ = star_lists(rng, 100)
    texts = {match_stars(reference, frame).transform.to_text() for _ in range(3)}
    assert len(texts) == 1
