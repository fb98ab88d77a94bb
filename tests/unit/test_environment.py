"""What is to be installed is said in several files; they agree."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
import yaml

import ccdlib

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def requirements(lines):
    """{package: versions} of lines such as numpy>=2.0 and numpy >=2.0."""
    return dict(re.fullmatch(r"([a-z-]+) ?>=([\d.,<]+)", line).groups() for line in lines)


# what conda-forge calls otherwise than PyPI
CONDA = {"isal": "python-isal"}


def test_the_conda_environment_is_that_of_pyproject():
    environment = yaml.safe_load((ROOT / "envs/ccd.yaml").read_text())["dependencies"]
    python = {"python": PROJECT["requires-python"].removeprefix(">=")}
    wanted = {CONDA.get(name, name): least for name, least in
              requirements(PROJECT["dependencies"]).items()}  # fmt: skip
    assert requirements(environment) == wanted | python


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


def test_the_version_is_said_in_pyproject_and_the_citation_alone():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited["version"] == PROJECT["version"]
    listed = subprocess.run(
        ["git", "grep", "-lF", f'"{PROJECT["version"]}"', "--", ".", ":!tests", ":!docs"],
        cwd=ROOT,
        text=True,
        capture_output=True,
    )
    assert listed.stdout.split() == ["pyproject.toml"]


def test_the_least_snakemake_is_that_of_the_rules():
    rules = (ROOT / "workflow/Snakefile").read_text()
    asked = re.search(r'min_version\("(.*?)"\)', rules)[1]
    assert requirements(PROJECT["dependencies"])["snakemake"].split(",")[0] == asked


def test_whoever_looks_at_the_code_runs_the_linters_of_ci():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    linters = [hook["entry"] for repository in hooks for hook in repository["hooks"]]
    ran = re.findall(
        r"^\.venv/bin/((?:ruff|snakefmt|mypy).*)$", (ROOT / ".ci/run").read_text(), re.M
    )
    told = re.findall(r"^((?:ruff|snakefmt|mypy).*)$", (ROOT / "CONTRIBUTING.md").read_text(), re.M)
    assert len(linters) == 4 and linters == ran == told
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    assert [step.get("run") for step in jobs["ci"]["steps"]][-1] == ".ci/run"


def test_contributing_names_files_that_are_there():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = re.findall(
        r"[\w./]+/[\w./]*|[\w.]+\.(?:md|toml|cff|py)\b", re.sub(r"https?:\S+", "", text)
    )
    # what an installation and a build of the site make is not there yet
    made = (".venv", "docs/_build")
    own = [name.rstrip(".") for name in named if not name.startswith(made)]
    assert len(own) > 15
    folders = (ROOT, ROOT / "scripts/ccdlib")
    assert not [name for name in own if not any((folder / name).exists() for folder in folders)]


def test_the_catalog_gives_the_flags_of_the_profile():
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    flags = usage["mandatory-flags"]["flags"]
    assert f"`{flags}`" in (ROOT / "docs/cluster.md").read_text()
    profile = yaml.safe_load((ROOT / "profiles/default/config.yaml").read_text())
    for flag in re.findall(r"--(\S+)", flags):
        said = profile[flag]
        words = said if isinstance(said, list) else [] if said is True else [said]
        assert " ".join([f"--{flag}", *map(str, words)]) in flags


def test_a_type_checker_knows_the_names_that_are_found_when_asked_for():
    stub = (ROOT / "scripts/ccdlib/__init__.pyi").read_text()
    known = re.findall(r"^from \.(\S+) import (\w+) as \2$", stub, re.MULTILINE)
    assert {name: module for module, name in known} == ccdlib._TABLE


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The unpacked wheel, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    # hidden: .git, .venv, and what other workers write meanwhile
    left_out = shutil.ignore_patterns(".*", "build", "*.egg-info", "__pycache__", "tests")
    shutil.copytree(ROOT, folder / "clone", ignore=left_out)
    build = "from setuptools import build_meta; build_meta.build_wheel('..')"
    subprocess.run(
        [sys.executable, "-c", build], cwd=folder / "clone", check=True, capture_output=True
    )
    (built,) = folder.glob("*.whl")
    zipfile.ZipFile(built).extractall(folder / "unpacked")
    return folder / "unpacked"


def test_a_wheel_has_version_license_and_types(wheel):
    (metadata,) = wheel.glob("*.dist-info/METADATA")
    told = message_from_bytes(metadata.read_bytes())
    assert told["Version"] == PROJECT["version"]
    assert told["License-Expression"] == "BSD-3-Clause"
    assert (metadata.parent / "licenses/LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert (wheel / "ccdlib/py.typed").exists() and (wheel / "ccdlib/__init__.pyi").exists()


def _in_wheel(wheel, *command, package=None):
    """What a command says in a folder elsewhere, with the wheel's package or another."""
    elsewhere = wheel.parent / "a folder"
    elsewhere.mkdir(exist_ok=True)
    environment = os.environ | {"PYTHONPATH": str(package or wheel)}
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.run([sys.executable, *command], env=environment, cwd=elsewhere, **both)


def test_a_wheel_has_the_whole_workflow_as_the_clone_has_it(wheel):
    inside = wheel / "ccdlib/pipeline"
    for name in ("Snakefile", "config", "envs", "profiles", "workflow"):
        files = [ROOT / name] if (ROOT / name).is_file() else (ROOT / name).rglob("*")
        for path in filter(Path.is_file, files):
            assert (inside / path.relative_to(ROOT)).read_bytes() == path.read_bytes()


def test_a_wheel_plans_a_night_without_a_clone(wheel):
    done = _in_wheel(wheel, "-m", "ccdlib.cli", "run", "-n", "--cores", "1")
    assert done.returncode == 0, done.stdout
    assert "Using workflow specific profile" in done.stdout
    assert "simulating the demo night" in done.stdout
    said = _in_wheel(wheel, "-m", "ccdlib.cli", "snakefile").stdout
    assert said == f"{wheel / 'ccdlib/pipeline/Snakefile'}\n"


def test_rules_of_a_wheel_go_with_no_other_package(wheel):
    snakefile = wheel / "ccdlib/pipeline/Snakefile"
    command = ["-m", "snakemake", "--snakefile", snakefile, "-n", "--cores", "1"]
    done = _in_wheel(wheel, *command, package=ROOT / "scripts")
    assert done.returncode == 1
    told = f"these rules go with ccdlib {wheel / 'ccdlib'}, not with {ROOT / 'scripts/ccdlib'}"
    assert told in done.stdout
    own = _in_wheel(wheel, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "-n")
    assert f"these rules go with ccdlib {ROOT / 'scripts/ccdlib'}" in own.stdout


def test_a_wheel_knows_cameras_schemas_scripts_and_its_version(wheel):
    script = (
        "import ccdlib; from ccdlib import config; from ccdlib.rerun import code_digests;"
        "config.load({'raw_dir': 'x', 'camera': 'lick_nickel'});"
        "code_digests.rule_digest('make_plan'); print(ccdlib.__version__, config.PIPELINE)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(wheel)},
        cwd=wheel,
        check=True,
        text=True,
        capture_output=True,
    )
    assert done.stdout.split() == [PROJECT["version"], str(wheel / "ccdlib/pipeline")]
