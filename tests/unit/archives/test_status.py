"""What earlier runs of an archive left, read again."""

from pathlib import Path

import pytest

from ccdlib.archives import status, survey
from ccdlib.state import sealed


def written(name, **content):
    """A sealed file of a night."""
    path = Path("nights/n", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(sealed(content))


@pytest.mark.parametrize("lost", sorted(status.KEYS))
def test_a_record_of_an_earlier_state_of_the_code_is_as_good_as_none(tmp_path, monkeypatch, lost):
    monkeypatch.chdir(tmp_path)
    whole = dict.fromkeys(status.KEYS) | {"format": status.FORMAT}
    written(status.RECORD, **whole)
    assert status.read_record("n").keys() >= status.KEYS
    del whole[lost]
    written(status.RECORD, **whole)
    assert status.read_record("n") is None


def test_a_look_of_an_earlier_state_of_the_code_is_as_good_as_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with_problem = {"format": 1, "key": "k", "problem": "no frames", "seen": {}}
    written(survey.NAME, **with_problem)
    assert survey.read_survey("n")["problem"] == "no frames"
    for lacking in with_problem:
        written(survey.NAME, **{key: each for key, each in with_problem.items() if key != lacking})
        assert survey.read_survey("n") is None
    # without a problem there is more to tell
    written(survey.NAME, **with_problem | {"problem": None})
    assert survey.read_survey("n") is None
