"""Which lights are in a stack, and which one is its reference."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.linalg import eigh

from ccdlib.errors import CcdlibError
from ccdlib.registration.match_stars import NotMatched
from ccdlib.registration.register import Registration, register_stars
from ccdlib.registration.star_list import StarList
from ccdlib.registration.transforms import Transform
from ccdlib.stack import members
from ccdlib.stack.lights import Light
from ccdlib.stack.members import place_lights, weights_of
from ccdlib.stack.residuals import residuals_of

LEAVE = dict.fromkeys(("max_fwhm", "max_elongation", "max_sky", "min_stars", "min_transparency"))


def _field(seed, number=30):
    """Places and fluxes of the stars of a field."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 500, (2, number)), -np.sort(-(10 ** rng.uniform(3, 5, number)))


def _light(name, field, shift=0.0, flat="abc", bright=1.0):
    (x, y), flux = field
    spread = 0.02 * np.random.default_rng([*name.encode()]).standard_normal((2, len(flux)))
    stars = StarList(
        x=x + shift + spread[0],
        y=y + spread[1],
        error=np.full(len(flux), 0.03),
        flux=bright * flux,
        flux_error=np.sqrt(bright * flux),
        fwhm=np.full(len(flux), 3.0),
        elongation=np.full(len(flux), 1.1),
    )
    image = SimpleNamespace(unit="electron", shape=(500, 500))
    product = SimpleNamespace(images=[image], name=name, sha256="")
    header = {"FLATSHA": flat} if flat else {}
    return Light(name, product, header, {"exptime": 60.0}, stars, 100.0, 0.1, 10.0)


def _placed(lights, wanted="best"):
    reference, placed = place_lights(lights, wanted, LEAVE)
    return reference.name, {each.light.name: each.left for each in placed}


def test_a_light_without_a_good_pixel_is_left_out():
    one, two = (_light(name, _field(1), shift) for name, shift in (("a", 0.0), ("b", 3.0)))
    flagged = replace(_light("c", _field(1, 0)), sky=np.nan, sky_error=np.nan, noise=np.nan)
    _, left = _placed([flagged, one, two])
    assert left == {"a": "", "b": "", "c": "every pixel is flagged"}
    with pytest.raises(CcdlibError, match="every light is to be left out: c: every pixel"):
        _placed([flagged])


def test_a_light_without_a_flat_is_not_among_those_with_one():
    """It was the brightest, and so the reference: with its vignetting the stack was made."""
    lights = [_light("a", _field(1)), _light("b", _field(1), 3.0)]
    lights.append(_light("c", _field(1), 1.0, flat=None, bright=2.0))
    reference, left = _placed(lights)
    assert reference in ("a", "b")
    assert left == {"a": "", "b": "", "c": "it is not divided by a flat, a is"}
    before = replace(lights[2], facts={"exptime": 60.0, "done": "bias+flat (CALSTAT)"})
    assert _placed([*lights[:2], before]) == ("c", {"a": "", "b": "", "c": ""})
    alone = [replace(light, header={}) for light in lights]
    assert _placed(alone) == ("c", {"a": "", "b": "", "c": ""})


def test_one_exposure_under_two_names_counts_once():
    one, two = _light("a", _field(1)), _light("b", _field(1), 3.0)
    again = replace(one, name="c")
    _, left = _placed([one, two, again])
    assert left == {"a": "", "b": "", "c": "same pixels as a: one exposure under two names"}


@pytest.mark.parametrize("scatter, left", [(0.05, False), (0.6, True)])
def test_a_light_whose_stars_have_no_common_flux_scale_is_left_out(scatter, left):
    """Its stars were of two images each: the scale was 0.16 for 2, with a weight of 13 %."""
    lights = [_light("a", _field(1)), _light("b", _field(1), 3.0)]
    odd = _light("c", _field(1), 1.0, bright=0.5)
    factor = np.exp(scatter * np.random.default_rng(3).standard_normal(len(odd.stars)))
    stars = replace(odd.stars, flux=odd.stars.flux * factor)
    reason = _placed([*lights, replace(odd, stars=stars)])[1]["c"]
    assert reason.startswith("its stars are of no one flux scale: ") == left
    assert bool(reason) == left


def test_a_named_reference_that_is_to_be_left_out_is_refused():
    lights = [
        _light("a", _field(1)),
        _light("b", _field(1), 3.0, flat=None),
        _light("c", _field(1)),
    ]
    with pytest.raises(CcdlibError, match="'b' is to be left out: it is not divided by a flat"):
        _placed(lights, "b")


def test_lights_of_many_fields_are_not_all_tried_on_each_other(monkeypatch):
    """The commonest field is found behind brighter lights of another."""
    lights = [_light(f"b{n}", _field(2), n, bright=4.0) for n in range(4)]
    lights += [_light(f"o{n}", _field(10 + n), bright=3.0) for n in range(5)]
    lights += [_light(f"a{n}", _field(1), n) for n in range(6)]
    field_of = {
        id(light.stars): light.name[0] + light.name[1] * (light.name[0] == "o") for light in lights
    }
    own = Registration(Transform.identity(), 9, 0.1, 1.0, 0.01, 9, 0.0)
    tried = set()

    def registered(there, here, guess):
        tried.add(id(here))
        if field_of[id(there)] != field_of[id(here)]:
            raise NotMatched("another field")
        return own

    monkeypatch.setattr(members, "register_stars", registered)
    reference, left = _placed(lights)
    assert reference.startswith("a")
    assert [name for name, reason in left.items() if not reason] == [f"a{n}" for n in range(6)]
    # no field has half of the lights, so that the search ends by their number
    assert len(tried) == 12


def test_what_the_registration_leaves_is_that_of_each_star():
    """A frame that is turned has the same residuals, along the axes of the reference."""
    rng = np.random.default_rng(5)
    places = rng.uniform(10, 190, (150, 2))
    off = np.zeros((150, 2))
    off[3] = 0.04, -0.03
    turn = Transform.linear([[0.0, -1.0], [1.0, 0.0]], (200.0, 0.0))

    def stars(x, y):
        same = np.full(150, 0.02)
        flux = np.linspace(2000, 500, 150)
        return StarList(x, y, same, flux, flux / 50, same + 3, same + 1)

    found = register_stars(stars(*turn(*(places + off).T)), stars(*places.T))
    row = found.residuals[np.argmin(np.abs(found.residuals[:, 0] - places[3, 0]))]
    assert row[:2] == pytest.approx(places[3])
    assert row[2:] == pytest.approx(off[3], abs=0.01)
    placed = [
        SimpleNamespace(registration=found),
        SimpleNamespace(registration=None),
        SimpleNamespace(registration=found),
    ]
    told = residuals_of(SimpleNamespace(shape=(200, 200)), placed)
    assert told["shape"] == [200, 200]
    assert {each[4] for each in told["stars"]} == {2.0}
    assert residuals_of(SimpleNamespace(shape=(5, 5)), placed[1:2])["stars"] == []


def test_hardly_any_weights_show_stars_better():
    rng = np.random.default_rng(4)
    for _ in range(100):
        widths, noises = rng.uniform(2, 5, 8), rng.uniform(5, 15, 8)
        lights = [
            SimpleNamespace(light=SimpleNamespace(noise=noise / 1.1, fwhm=width), scale=1.1)
            for noise, width in zip(noises, widths, strict=True)
        ]
        # of Gaussian stars, the square of the signal of a sum that is measured with its own profile
        squared = (widths[:, None] / 2.3548) ** 2
        signal, noise = 1 / (2 * np.pi * (squared + squared.T)), np.diag(noises**2)
        best = eigh(signal, noise, eigvals_only=True)[-1]
        of_kind = {}
        for kind in ("seeing", "noise", "equal"):
            weights = weights_of(lights, kind)
            of_kind[kind] = np.sqrt(weights @ signal @ weights / (weights @ noise @ weights) / best)
            assert weights.sum() == pytest.approx(1)
        assert of_kind["seeing"] > 0.998
        assert of_kind["seeing"] > of_kind["noise"] > of_kind["equal"]
