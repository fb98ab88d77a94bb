"""Raw frames from a storage of Snakemake's, one that only copies."""

import os
import subprocess
import sys

from small_archive import PIPELINE

PLUGIN = """
import shutil
from pathlib import Path
from snakemake_interface_storage_plugins.storage_object import StorageObjectRead
from snakemake_interface_storage_plugins.storage_provider import (
    StorageProviderBase, StorageQueryValidationResult
)

class StorageProvider(StorageProviderBase):
    @classmethod
    def example_queries(cls):
        return []

    @classmethod
    def is_valid_query(cls, query):
        return StorageQueryValidationResult(query, query.startswith("copy://"))

    def use_rate_limiter(self):
        return False

    def rate_limiter_key(self, query, operation):
        return None

    def default_max_requests_per_second(self):
        return 1.0

class StorageObject(StorageObjectRead):
    def path(self):
        return Path(self.query.removeprefix("copy:/"))

    async def inventory(self, cache):
        pass

    def get_inventory_parent(self):
        return None

    def local_suffix(self):
        return self.query.removeprefix("copy://")

    def cleanup(self):
        pass

    def exists(self):
        return self.path().exists()

    def mtime(self):
        return self.path().stat().st_mtime

    def size(self):
        return self.path().stat().st_size

    def retrieve_object(self):
        shutil.copy(self.path(), self.local_path())
"""


def run(folder, *arguments):
    """Exit code and output of the workflow that fetches."""
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *arguments]
    command += ["--snakefile", str(PIPELINE / "workflow/fetch.smk")]
    command += ["--workflow-profile", str(PIPELINE / "profiles/default")]
    path = os.pathsep.join([str(PIPELINE / "scripts"), str(folder / "plugins")])
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=600,
    )
    return done.returncode, done.stdout


def test_frames_that_a_list_names_are_fetched_once(tmp_path):
    plugin = tmp_path / "plugins/snakemake_storage_plugin_copy"
    plugin.mkdir(parents=True)
    (plugin / "__init__.py").write_text(PLUGIN)
    stored = tmp_path / "stored/2024-05-13"
    stored.mkdir(parents=True)
    names = ["bias 1.fits", "m13.fits"]
    for name in names:
        (stored / name).write_bytes(name.encode() * 1000)
    # a raw file that is there is never written to, though what is stored is newer
    there = tmp_path / "raw/2024-05-13/dark.fits"
    there.parent.mkdir(parents=True)
    there.write_bytes(b"mine")
    os.utime(there, (1e9, 1e9))
    (stored / there.name).write_bytes(b"another")
    listed = [*names, there.name]
    (tmp_path / "frames.txt").write_text("".join(f"copy:/{stored / name}\n" for name in listed))
    code, text = run(tmp_path)
    assert code == 0, text
    assert there.read_bytes() == b"mine" and there.stat().st_mtime == 1e9
    for name in names:
        fetched = tmp_path / "raw/2024-05-13" / name
        assert fetched.read_bytes() == (stored / name).read_bytes()
    times = [path.stat().st_mtime_ns for path in there.parent.iterdir()]
    code, text = run(tmp_path)
    assert code == 0 and "all 3 frames of the list are there" in text
    assert times == [path.stat().st_mtime_ns for path in there.parent.iterdir()]
    (tmp_path / "frames.txt").write_text("copy://m13.fits\n")
    code, text = run(tmp_path)
    assert code == 1 and "line 1: copy://m13.fits does not end in NIGHT/FILE" in text
