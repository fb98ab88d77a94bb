"""The pipeline on a real SLURM of two nodes, with what goes wrong on clusters."""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from pages import blocks
from slurm_cluster import PROFILES, generic, idle, running, submit, until, why_not
from small_archive import Archive, simulate_night
from small_night import LIGHTS, PIPELINE, PRODUCTS, TABLES, V1, Work

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(why_not() is not None, reason=str(why_not())),
]

NIGHT = PROFILES / "slurm/night.sbatch"


@pytest.fixture(scope="module")
def cluster():
    with running() as cluster:
        yield cluster


@pytest.fixture
def work(simulated, tmp_path):
    """The small night, to be reduced."""
    (tmp_path / "work").mkdir()
    work = Work(tmp_path / "work", simulated)
    work.forks = False
    return work


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
    submit(work, "sbatch", "--mem=4000", NIGHT)
    masters = work.folder / "results/masters/bias"
    until(lambda: masters.exists() or idle(), "a master")
    assert masters.exists(), "the job ended before"
    subprocess.run(["scancel", "--full", "--signal=KILL", "-u", "root"], check=True)
    until(idle, "the end of it")
    assert LIGHTS - set(work.files())
    submit(work, "sbatch", "--mem=4000", "--wait", NIGHT)
    assert work.content() == reduced.content()
    assert nothing_to_do(work)


def test_batches_side_by_side_then_other_ways_find_nothing_to_do(work, reduced, cluster):
    """More shares than frames: the fourth is empty, and ends well."""
    submit(work, PROFILES / "slurm/batches.sh", "4", "--")
    until(idle, "the end of it")
    told = [path.read_text() for path in work.folder.glob("ccd-*.out")]
    assert sum("share 4 of 5 is empty" in text for text in told) == 1
    assert not any("less input files" in text for text in told)
    assert work.content() == reduced.content()
    assert (work.folder / "results/report/index.html").exists()
    assert nothing_to_do(work)
    assert nothing_to_do(work, "--profile", str(PROFILES / "slurm"))


def test_the_generic_profile_through_sbatch(work, reduced, cluster):
    profile = str(PROFILES / "generic-cluster")
    work.run("masters", "--profile", profile, environment=generic())
    masters = {name: content for name, content in reduced.content().items() if name not in LIGHTS}
    assert work.content() == masters
    assert list((work.folder / "logs/cluster").iterdir())


@pytest.mark.slow
def test_the_tutorials_night_on_a_cluster(simulated, reduced, tmp_path, cluster):
    """Its lines as they stand, but for the night, and for what these two nodes have."""
    once, init, allocation, shares, look = (
        block.text
        for block in blocks(PIPELINE / "docs/tutorials/cluster_night.md")
        if block.language == "bash"
    )
    for there, here in {
        "/data/2024-05-13": str(simulated),
        "--cpus-per-task=16 --mem=32G": "--cpus-per-task=2 --mem=4000",
        "batches.sh 12": "batches.sh 2",
        "tail -f": "tail",
    }.items():
        init, allocation, shares, look = (
            text.replace(there, here) for text in (init, allocation, shares, look)
        )
    assert "pip install" in once
    environment = os.environ | {
        "PYTHONPATH": str(PIPELINE / "scripts"),
        # as in an environment that is active
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "USER": "root",
    }

    def typed(text):
        done = subprocess.run(
            ["bash", "-eu", "-c", text],
            env=environment,
            cwd=tmp_path,
            text=True,
            capture_output=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    work = Work(tmp_path / "work", simulated)
    typed(init)
    assert "Submitted batch job" in typed(allocation)
    until(idle, "the end of it")
    print(typed(look))
    told = "".join(path.read_text() for path in tmp_path.glob("ccd-*.out"))
    assert work.content() == reduced.content(), told
    assert (work.folder / "results/report/index.html").exists()

    (work.folder / "results" / V1).unlink()
    assert "masters" in typed(allocation.splitlines()[0] + "\n" + shares)
    until(idle, "the end of it")
    assert work.content() == reduced.content()


@pytest.mark.slow
def test_an_archive_loses_a_node_and_its_controller(cluster, tmp_path):
    """Nights as submitted jobs: one node lost, Snakemake killed and started again."""
    for number in range(3):
        simulate_night(tmp_path / "raw", number, lacking=("flat",) if number == 1 else ())
    here = Archive(tmp_path / "here", tmp_path / "raw")
    here.run()
    archive = Archive(tmp_path / "work", tmp_path / "raw")
    profile = ("--profile", PROFILES / "slurm")
    with started(archive, *profile) as first:
        until(lambda: cluster.jobs("-w", "n2"), "something on n2", first)
        until(lambda: of_rule(cluster, "reduce_night"), "a night at work", first)
        cluster.crash("n2")
        until(archive.runs, "a night that was made", first)
    cluster.boot("n2")
    text = archive.run(*profile)
    assert "3 of 3 nights made, 0 failed" in text
    made = here.products()
    assert set(archive.products()) == set(made)
    for path in made:
        assert (archive.folder / path).read_bytes() == (here.folder / path).read_bytes(), path
    nights, text = archive.made_by()
    assert not nights and "3 nights up to date" in text
