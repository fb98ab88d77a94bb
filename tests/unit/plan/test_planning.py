"""The job of the plan, and what it notes of what it was given."""

from importlib import util

import pytest
from small_night import PIPELINE

from ccdlib.errors import CcdlibError
from ccdlib.plan.planning import digest_of_planning


class Inputs(dict):
    __getattr__ = dict.__getitem__


def test_a_table_of_corrections_is_the_one_that_the_run_began_with(tmp_path):
    """Else what is planned by another one would be kept as planned by this."""
    spec = util.spec_from_file_location("make_plan", PIPELINE / "scripts/make_plan.py")
    script = util.module_from_spec(spec)
    spec.loader.exec_module(script)
    table = tmp_path / "fixes.csv"
    table.write_text("file,exptime\n")
    inputs = Inputs(index="index.csv", amplifiers="amplifiers.csv", corrections=str(table))
    with pytest.raises(CcdlibError, match=rf"corrections: {table}: changed since it was indexed"):
        script.main(inputs, Inputs(), {}, ["0" * 64], "code")


def test_whatever_the_plan_depends_on_is_in_its_digest():
    digests = {
        digest_of_planning(*given)
        for given in (
            ({"a": 1}, [], "code"),
            ({"a": 2}, [], "code"),
            ({"a": 1}, ["sha"], "code"),
            ({"a": 1}, [], "other code"),
        )
    }
    assert len(digests) == 4
