"""What the page of a night reads of its lights."""

import pytest

from ccdlib.report import night


@pytest.mark.parametrize("spectra", [False, True])
def test_nothing_in_a_spectrum_is_a_star(monkeypatch, spectra):
    """Lines of an arc that look like trailed stars beside others tell nothing of the tracking."""

    def record(product):
        long = 4.0 if "light4" in product else 1.1
        stars = {"count": 50, "measured": 50, "fwhm": 3.0, "elongation": long, "brightest": []}
        image = {"median": 100.0, "pull": 1.0, "pick": None, "stars": stars}
        return {"kind": "light", "images": [image]}

    monkeypatch.setattr(night, "record_left", record)
    monkeypatch.setattr(night, "_compare_consecutive", lambda lights: None)
    names = [f"light{number}" for number in range(5)]
    members = [{"master": f"results/calibrated/{name}.fits", "frame": name} for name in names]
    index = [{"frame": name, "object": "M 1", "filter": "V", "exptime": 9.0} for name in names]
    *others, last = night._lights(members, index, spectra)
    assert not any(light.odd for light in others)
    assert last.odd == ([] if spectra else ["stars 4.0 times as long as wide: trailed?"])
    assert ("stars" in last.image) is not spectra
