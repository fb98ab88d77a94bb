"""Compiled code: made once before the first job, and by no job."""

import os
import subprocess
import sys

import pytest


def _compiled(cache):
    return {path.name: path.stat().st_mtime_ns for path in cache.rglob("*.nb[ci]")}


@pytest.mark.slow
def test_no_job_compiles_anything(raw, tmp_path):
    cache = tmp_path / "cache"
    own = {"NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(raw.pipeline / "scripts")}
    subprocess.run(
        [sys.executable, "-m", "ccdlib.run.compile_kernels"], env=os.environ | own, check=True
    )
    before = _compiled(cache)
    assert before
    raw.run(environment=own)
    assert _compiled(cache) == before
