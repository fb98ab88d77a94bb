"""What is to be installed is said in several files; they agree."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def requirements(lines):
    """{package: least version} of lines such as numpy>=2.0 and numpy >=2.0."""
    return dict(re.fullmatch(r"([a-z-]+) ?>=([\d.]+)", line).groups() for line in lines)


# what conda-forge calls otherwise than PyPI
CONDA = {"isal": "python-isal"}


def test_the_conda_environment_is_that_of_pyproject():
    environment = yaml.safe_load((ROOT / "envs/ccd.yaml").read_text())["dependencies"]
    python = {"python": PROJECT["requires-python"].removeprefix(">=")}
    wanted = {CONDA.get(name, name): least for name, least in
              requirements(PROJECT["dependencies"]).items()}  # fmt: skip
    assert requirements(environment) == wanted | python


def test_the_rules_ask_for_the_version_of_pyproject():
    rules = (ROOT / "workflow/rules/package.smk").read_text()
    assert re.search(r'own, found = "(.*?)"', rules)[1] == PROJECT["version"]


def test_the_container_installs_the_package_with_the_python_that_it_needs():
    recipe = (ROOT / "envs/ccd.def").read_text()
    least = PROJECT["requires-python"].removeprefix(">=")
    python = re.search(r"^From: python:([\d.]+)-slim$", recipe, re.MULTILINE)[1]
    assert [int(part) for part in python.split(".")] >= [int(part) for part in least.split(".")]
    extras = re.search(r"pip install .*'/opt/ccd\[(.*)\]'", recipe)[1].split(",")
    assert set(extras) <= set(PROJECT["optional-dependencies"])


@pytest.mark.parametrize("profile, extra", [("slurm", "slurm"), ("generic-cluster", "cluster")])
def test_the_executors_of_the_profiles_are_extras(profile, extra):
    name = yaml.safe_load((ROOT / f"profiles/{profile}/config.yaml").read_text())["executor"]
    assert list(requirements(PROJECT["optional-dependencies"][extra])) == [
        f"snakemake-executor-plugin-{name}"
    ]
