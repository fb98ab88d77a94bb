"""The pipeline on a real SLURM of two nodes, with what goes wrong on clusters."""

import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from cluster import Cluster, until, why_not
from conftest import LIGHTS, PIPELINE, PRODUCTS, TABLES, Work

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(why_not() is not None, reason=str(why_not())),
]

PROFILES = PIPELINE / "profiles"


@pytest.fixture(scope="module")
def cluster():
    folder = Path(tempfile.mkdtemp(prefix="slurm"))
    cluster = Cluster(folder)
    cluster.start()
    yield cluster
    cluster.stop()
    shutil.rmtree(folder)


@pytest.fixture
def work(simulated, tmp_path):
    """The small night, to be reduced."""
    (tmp_path / "work").mkdir()
    return Work(tmp_path / "work", simulated)


def submit(work, script, *arguments, before=(), **config):
    """Submit a script of profiles/slurm and return what sbatch said."""
    command, environment = work.command(*arguments, **config)
    # as in an environment that is active
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    cores = command.index("--cores")
    arguments = command[command.index("--snakefile") : cores] + command[cores + 2 :]
    done = subprocess.run(
        [*before, PROFILES / "slurm" / script, *script_options(script), *arguments],
        env=environment,
        cwd=work.folder,
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def script_options(script):
    return ["2", "--"] if script == "batches.sh" else []


def idle():
    """Whether SLURM has nothing left to do."""
    return not subprocess.run(["squeue", "-h"], check=True, capture_output=True).stdout


def nothing_to_do(work, *arguments):
    """Whether a run on this machine finds all up to date."""
    return work.run(*arguments).made == set()


def test_jobs_by_themselves_survive_what_happens_to_them(work, reduced, cluster):
    """One job cancelled, one node lost, Snakemake itself killed and started again."""
    with started(work, "--profile", str(PROFILES / "slurm")) as first:
        bias = until(lambda: of_rule(cluster, "combine_bias"), "a master bias at work", first)
        subprocess.run(["scancel", bias], check=True)
        until(lambda: of_rule(cluster, "combine_bias", bias), "the master bias again", first)
        until(lambda: cluster.jobs("-w", "n2"), "something on n2", first)
        cluster.crash("n2")
        frames = work.folder / "results/calibrated"
        until(lambda: list(frames.glob("*.fits")), "a frame", first)
    # what was submitted runs on; the report was not
    assert not (work.folder / "results/report").exists()
    cluster.boot("n2")

    second = work.run("--profile", str(PROFILES / "slurm"))
    assert set(work.files()) == PRODUCTS | TABLES, second.text
    assert work.content() == reduced.content()
    assert nothing_to_do(work)


@contextmanager
def started(work, *arguments):
    """A run of Snakemake that is killed in the end."""
    command, environment = work.command(*arguments)
    with (work.folder / "first.log").open("w") as log:
        run = subprocess.Popen(command, env=environment, cwd=work.folder, stdout=log, stderr=log)
        try:
            yield run
        finally:
            run.kill()
            run.wait()


def of_rule(cluster, rule, other_than=None):
    """A running job of a rule."""
    jobs = cluster.jobs().items()
    return next((job for job, it in jobs if rule in it and job != other_than), None)


def test_one_allocation_killed_and_submitted_again(work, reduced, cluster):
    submit(work, "night.sbatch", before=["sbatch", "--mem=4000"])
    masters = work.folder / "results/masters/bias"
    until(lambda: masters.exists() or idle(), "a master")
    assert masters.exists(), "the job ended before"
    subprocess.run(["scancel", "--full", "--signal=KILL", "-u", "root"], check=True)
    until(idle, "the end of it")
    assert LIGHTS - set(work.files())
    submit(work, "night.sbatch", before=["sbatch", "--mem=4000", "--wait"])
    assert work.content() == reduced.content()
    assert nothing_to_do(work)


def test_batches_side_by_side_then_other_ways_find_nothing_to_do(work, reduced, cluster):
    submit(work, "batches.sh")
    until(idle, "the end of it")
    assert work.content() == reduced.content()
    assert (work.folder / "results/report/index.html").exists()
    assert nothing_to_do(work)
    assert nothing_to_do(work, "--profile", str(PROFILES / "slurm"))


def test_the_generic_profile_through_sbatch(work, reduced, cluster):
    script = f". {PROFILES}/generic-cluster/slurm.sh && env"
    told = subprocess.run(["bash", "-c", script], check=True, text=True, capture_output=True).stdout
    variables = dict(line.split("=", 1) for line in told.splitlines() if line.startswith("CCD_"))
    profile = str(PROFILES / "generic-cluster")
    work.run("masters", "--profile", profile, environment=variables)
    masters = {name: content for name, content in reduced.content().items() if name not in LIGHTS}
    assert work.content() == masters
    assert list((work.folder / "logs/cluster").iterdir())
