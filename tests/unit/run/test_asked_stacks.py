"""When stacks are part of a run whose config leaves that open."""

from types import SimpleNamespace

import pytest

from ccdlib.config import load_config, remember
from ccdlib.run.asked_stacks import grouping, settle

BY = ["object", "filter"]
OTHER = ["night", "object"]


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def _config(**stack):
    return load_config({"raw_dir": "raw", "camera": "demo", "stack": stack})


def _keep_stack(path):
    (path / "results/stacks").mkdir(parents=True)
    (path / "results/stacks/M13_V.fits").touch()


@pytest.mark.parametrize(
    "asked",
    ["stacks", "make_stack", "results/stacks/M13_V.fits", "./results//stacks/M13_V.fits"],
)
def test_a_command_line_asks_for_stacks(asked):
    assert grouping(_config(), {}, ["calibrated", asked]) == BY
    assert grouping(_config(by=[]), {}, [asked]) == []
    assert grouping(_config(by=OTHER), {}, [asked]) == OTHER


@pytest.mark.parametrize("asked", ["", "night", "results/stacks", "results/calibrated/stacks.fits"])
def test_a_command_line_does_not(asked):
    assert grouping(_config(), {}, [asked]) == []


def test_a_setting_on_the_command_line_asks_for_them():
    assert grouping(_config(scale=2), {"stack": {"scale": 2}}) == BY
    # in the config file it says how, not whether
    assert grouping(_config(scale=2), {}) == []
    assert grouping(_config(), {"stack": {}}) == []


def test_it_stays_as_in_the_last_run(tmp_path):
    """Also where a stack could not be made and its file is gone."""
    remember(_config(by=OTHER), {})
    assert grouping(_config(), {}) == OTHER
    assert grouping(_config(), {}, ["stacks"]) == OTHER
    assert grouping(_config(by=[]), {}) == []
    remember(_config(by=[]), {})
    _keep_stack(tmp_path)
    assert grouping(_config(), {}) == []
    assert grouping(_config(), {}, ["stacks"]) == BY


def test_where_the_last_run_is_not_known_stacks_that_are_there_stay(tmp_path):
    assert grouping(_config(), {}) == []
    _keep_stack(tmp_path)
    assert grouping(_config(), {}) == BY
    # what a folder without a state is given, before it is settled
    remember(_config(), {})
    assert grouping(_config(), {}) == BY


def _workflow(is_main, *asked, until=()):
    settings = SimpleNamespace(targets=set(asked), until=set(until))
    return SimpleNamespace(is_main_process=is_main, dag_settings=settings)


def test_a_run_settles_it_and_its_jobs_follow():
    """They are not told what the command line named, and nothing may be there yet."""
    settle(config := _config(), {}, _workflow(True, "night"))
    assert config["stack"]["by"] == []
    settle(config := _config(), {}, _workflow(True, until=["make_stack"]))
    assert config["stack"]["by"] == BY
    settle(config := _config(), {}, _workflow(True, "stacks"))
    assert config["stack"]["by"] == BY
    remember(config, {})
    of_job = _config()
    settle(of_job, {}, _workflow(False, "results/calibrated/M13_V_001.fits"))
    assert of_job["stack"]["by"] == BY
