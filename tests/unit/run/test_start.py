"""Where snakemake keeps its caches when it is started by ``ccdlib run``."""

import os
import subprocess
import sys

import pytest

from ccdlib.run.start import keep_caches

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other folders elsewhere")


@pytest.fixture
def homeless(tmp_path, monkeypatch):
    """A home in which nothing can be made, by root either: it is a file."""
    (tmp_path / "home").touch()
    monkeypatch.setitem(os.environ, "HOME", str(tmp_path / "home"))
    monkeypatch.setitem(os.environ, "XDG_CACHE_HOME", "")


@pytest.mark.parametrize("option", [["-d", "WORK"], ["--directory=WORK", "--cores", "1"]])
def test_caches_go_where_the_products_go(tmp_path, homeless, monkeypatch, option):
    monkeypatch.chdir(tmp_path)
    told = keep_caches(["-n", *option, "--config", "a=b"])
    assert "are kept in WORK/.ccdlib/cache" in told
    assert f"{tmp_path}/home/.cache cannot be written" in told
    assert os.environ["XDG_CACHE_HOME"] == f"{tmp_path}/WORK/.ccdlib/cache"


def test_a_home_that_can_be_written_is_used(tmp_path, monkeypatch):
    monkeypatch.setitem(os.environ, "XDG_CACHE_HOME", str(tmp_path))
    assert keep_caches([]) is None
    assert os.environ["XDG_CACHE_HOME"] == str(tmp_path)


def test_a_dry_run_without_a_home(tmp_path, homeless):
    command = [sys.executable, "-m", "ccdlib.cli", "run", "-n", "--cores", "1"]
    done = subprocess.run(command, cwd=tmp_path, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert "are kept in .ccdlib/cache" in done.stderr
