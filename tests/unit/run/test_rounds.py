"""What rounds of a watch leave behind, and what of it is taken away."""

import os
from pathlib import Path

import pytest

from ccdlib.kinds import record_of
from ccdlib.run.rounds import conclude_round, made_masters, remove_unused

BIAS, FLAT = "results/masters/bias/b.fits", "results/masters/flat/f.fits"
OLD, LIGHT = "results/masters/dark/old.fits", "results/calibrated/l.fits"


class FakePlan:
    """A plan of some products, none of which is outdated."""

    def __init__(self, *products):
        self.products = products

    def targets(self, keep, folder="results/"):
        """What is to be made."""
        return [each for each in self.products if each.startswith(folder)]

    def outdated(self, keys):
        """What is to be made again."""
        return []


@pytest.fixture
def there(tmp_path, monkeypatch):
    """Products that are there: a dark of 1970, the others of now."""
    monkeypatch.chdir(tmp_path)
    for product in (BIAS, FLAT, OLD, LIGHT):
        for path in filter(None, (product, record_of(product))):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text("x")
    os.utime(OLD, ns=(5, 5))


@pytest.mark.parametrize("target", ["arrived", "improved"])
def test_masters_that_no_plan_has_any_more_are_removed_if_rounds_made_them(there, target):
    assert made_masters() == []
    conclude_round(target, False, FakePlan(BIAS, FLAT, OLD, LIGHT), [], {}, since=6)
    assert made_masters() == [BIAS, FLAT]
    # the next round made nothing
    conclude_round(target, False, FakePlan(BIAS, OLD, LIGHT), [], {}, since=2**62)
    assert made_masters() == [BIAS, FLAT]
    assert remove_unused(FakePlan(BIAS)) == [FLAT]
    assert not os.path.exists(FLAT) and not os.path.exists(record_of(FLAT))
    # what a run made before, and a light whose frame is gone, are for `prune`
    assert all(os.path.exists(each) for each in (BIAS, OLD, LIGHT))
    assert made_masters() == []


def test_where_nothing_is_noted_nothing_is_removed(there):
    assert remove_unused(FakePlan()) == []
    assert os.path.exists(FLAT)
