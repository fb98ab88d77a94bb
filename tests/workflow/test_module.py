"""The workflow as a module of someone else's, from a clone and fetched from GitHub."""

import shutil
import subprocess
import tomllib

import pytest
from small_night import HALF_WRITTEN, LIGHTS, PIPELINE, PRODUCTS, TABLES, Work

MODULE = """
from ccdlib import config as settings
from ccdlib.run import begin_and_end

NIGHT = {{"raw_dir": "{raw}", "camera": "demo"}}

module ccd:
    snakefile: {snakefile}
    config: NIGHT

use rule * from ccd

rule mine:
    default_target: True
    input: {wanted}
    output: "mine.txt"
    shell: "echo {{input}} | wc -w > {{output}}"

onstart:
    workflow.ccd_lock = begin_and_end.begin(settings.load(NIGHT)[0], NIGHT, workflow)
"""


class Other(Work):
    """A workflow of one's own in `folder`, which has no profile."""

    def __init__(self, folder, raw, snakefile, wanted):
        folder.mkdir()
        text = MODULE.format(snakefile=snakefile, raw=raw, wanted=wanted)
        (folder / "Snakefile").write_text(text)
        super().__init__(folder, raw)

    def command(self, *arguments, **config):
        command, environment = super().command(*arguments)
        snakemake = command[: command.index("--snakefile")]
        return [*snakemake, "--cores", "2", *arguments], environment


def test_a_module_from_a_clone(simulated, reduced, tmp_path):
    snakefile = f'"{PIPELINE}/workflow/Snakefile"'
    other = Other(tmp_path / "other", simulated, snakefile, "rules.all.input")
    other.run()
    assert set(other.files()) == PRODUCTS | TABLES
    assert other.content() == reduced.content()
    # with Snakemake's own triggers, as no profile is loaded
    assert other.run().made == set()
    again = other.run("-n", "--forcerun", "combine_bias").text
    assert "Params have changed" not in again and "master bias" in again


@pytest.fixture
def fetched(tmp_path, monkeypatch):
    """As if Snakemake had cloned this working tree from github.com, tag v1, into its cache."""
    tree = tmp_path / "tree"
    (tree / "scripts").mkdir(parents=True)
    for folder in ("workflow", "envs"):
        shutil.copytree(PIPELINE / folder, tree / folder)
    shutil.copy(PIPELINE / "pyproject.toml", tree)
    for script in (PIPELINE / "scripts").glob("*.py"):
        shutil.copy(script, tree / "scripts")
    cache = tmp_path / "cache/snakemake/snakemake/source-cache/snakemake-git-cache"
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-C", tree]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "1"], ["tag", "v1"]):
        subprocess.run([*git, *command], check=True)
    clone = [*git, "clone", "-q", "--bare", tree, cache / "github.com/owner/ccd"]
    subprocess.run(clone, check=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return 'github("owner/ccd", path="workflow/Snakefile", tag="v1")'


def test_a_module_of_which_only_rules_and_scripts_are_fetched(simulated, fetched, tmp_path):
    other = Other(tmp_path / "other", simulated, fetched, '"results/plan.csv"')
    other.run()
    assert set(other.files()) == TABLES
    assert (other.folder / ".ccdlib/config.json").exists()
    assert not LIGHTS - other.planned("all")


def test_a_package_of_another_version_is_refused(simulated, fetched, tmp_path):
    installed = tmp_path / "site/ccdlib-0.0.9.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: ccdlib\nVersion: 0.0.9\n")
    other = Other(tmp_path / "other", simulated, fetched, "rules.all.input")
    path = f"{tmp_path / 'site'}:{PIPELINE / 'scripts'}"
    text = other.run("-n", code=1, environment={"PYTHONPATH": path}).text
    version = tomllib.loads((PIPELINE / "pyproject.toml").read_text())["project"]["version"]
    assert f"these rules go with ccdlib {version}, not with 0.0.9: pip install" in text


def test_another_clone_than_the_installed_package_is_refused(raw, tmp_path):
    clone = tmp_path / "clone"
    shutil.copytree(PIPELINE / "workflow", clone / "workflow")
    shutil.copytree(PIPELINE / "scripts", clone / "scripts", ignore=HALF_WRITTEN)
    shutil.copy(PIPELINE / "Snakefile", clone)
    raw.pipeline = clone
    text = raw.run("-n", code=1, environment={"PYTHONPATH": str(PIPELINE / "scripts")}).text
    assert f"these rules go with ccdlib {clone}/scripts/ccdlib, not with {PIPELINE}" in text
    assert f"pip install -e {clone}" in text
