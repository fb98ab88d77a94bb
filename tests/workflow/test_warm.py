"""Jobs that start warm, in a workflow of a few lines: what a fork sees, and whatever may die."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
PROCESS = "snakemake_executor_plugin_warm/warm_process.py"

SNAKEFILE = """
rule all:
    input: expand("out/{name}", name=config["jobs"].split("+"))

rule job:
    output: "out/{name}"
    log: "logs/{name}.log"
    benchmark: "benchmarks/{name}.tsv"
    script: "scripts/job.py"
"""
# what each job does, by its name; `note` is left beside, also of a job that fails
JOB = """
import json, os, signal, sys, time
import held
name = snakemake.wildcards.name
what = name.rstrip("0123456789")
def note(**facts):
    with open(f"note.{name}.part", "w") as file:
        own = {"pid": os.getpid(), "parent": os.getppid(), "version": held.VERSION}
        json.dump(own | facts, file)
    os.rename(f"note.{name}.part", f"note.{name}")
note()
if what == "abort":
    os.abort()
if what == "refuse":
    print("M13.fits: no gain", file=open(snakemake.log[0], "w"))
    sys.exit(1)
if what == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
if what == "edit":
    time.sleep(0.1)
    with open(held.__file__, "w") as file:
        file.write("VERSION = 22\\n")
try:
    while what == "wait" and not os.path.exists("go"):
        time.sleep(0.02)
except KeyboardInterrupt:
    note(interrupted=True)
    sys.exit(1)
open(snakemake.output[0], "w").write("made")
"""


class Tiny:
    """A workflow in a folder of its own."""

    def __init__(self, folder):
        self.folder, self.runs = folder, []
        (folder / "scripts").mkdir()
        (folder / "held").mkdir()
        (folder / "Snakefile").write_text(SNAKEFILE)
        (folder / "scripts/job.py").write_text(JOB)
        (folder / "held/held.py").write_text("VERSION = 1\n")

    def start(self, jobs, *arguments, executor="warm", launcher=("-m", "snakemake"), **popen):
        command = [sys.executable, *launcher, "--cores", "2", "--executor", executor]
        command += ["--keep-going", "--rerun-incomplete", "--nolock", *arguments]
        if executor == "warm":
            command += ["--warm-preload", "held"]
        own = {"PYTHONPATH": f"{SCRIPTS}:{self.folder / 'held'}"}
        run = subprocess.Popen(
            [*command, "--config", f"jobs={jobs}"],
            cwd=self.folder,
            env=os.environ | own,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **popen,
        )
        self.runs.append(run)
        return run

    def end(self):
        """End what a test that failed has left."""
        for run in self.runs:
            run.kill()
            run.communicate()

    def run(self, jobs, *arguments, code=0, **how):
        run = self.start(jobs, *arguments, **how)
        text, _ = run.communicate(timeout=120)
        assert run.returncode == code, text
        assert not self.left()
        return text

    def note(self, name, **having):
        """What a job has noted, as soon as it has; with certain facts in it."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if (self.folder / f"note.{name}").exists():
                found = json.loads((self.folder / f"note.{name}").read_text())
                if having.items() <= found.items():
                    return found
            time.sleep(0.02)
        raise AssertionError(f"job {name} has noted nothing")

    def made(self):
        return {path.name for path in self.folder.glob("out/*")}

    def left(self, seconds=10):
        """Processes that still work in this folder after a while."""
        until = time.monotonic() + seconds
        while (found := self._at_work()) and time.monotonic() < until:
            time.sleep(0.05)
        return found

    def _at_work(self):
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                state = (path / "stat").read_text().rpartition(")")[2].split()[0]
                if (path / "cwd").resolve() == self.folder and state != "Z":
                    found.append((path / "cmdline").read_bytes())
            except OSError:
                continue
        return found


@pytest.fixture
def tiny(tmp_path):
    tiny = Tiny(tmp_path.resolve())
    yield tiny
    tiny.end()


def test_one_fork_a_job_of_one_process(tiny):
    tiny.run("a+b+c")
    notes = [tiny.note(name) for name in "abc"]
    assert len({note["pid"] for note in notes}) == 3
    assert len({note["parent"] for note in notes}) == 1


@pytest.mark.parametrize("arguments", [(), ("--set-threads", "look=2"), ("--default-resources",
                         "tmpdir='/var/tmp'")], ids=["plain", "threads", "tmpdir"])  # fmt: skip
def test_a_job_sees_what_it_sees_without(tiny, arguments):
    """Environment, path, arguments, signals, descriptors and more: see look.py."""
    rule = SNAKEFILE.replace("job", "look").replace("looks", "jobs")
    (tiny.folder / "Snakefile").write_text(rule)
    look = Path(__file__).with_name("look.py").read_text()
    (tiny.folder / "scripts/look.py").write_text(look)
    found = {}
    for executor in ("local", "warm"):
        tiny.run("x", *arguments, executor=executor)
        found[executor] = json.loads((tiny.folder / "out/x").read_text())
        (tiny.folder / "out/x").unlink()
    assert found["local"]["threads"] == found["warm"]["threads"] == 1
    assert found["warm"] == found["local"]


def test_random_numbers_are_not_those_of_another_job(tiny):
    (tiny.folder / "held/held.py").write_text("import numpy.random, random\n")
    (tiny.folder / "scripts/job.py").write_text(
        "import random, numpy, uuid\n"
        "numbers = random.random(), numpy.random.random(), uuid.uuid4()\n"
        "print(*numbers, file=open(snakemake.output[0], 'w'))"
    )
    tiny.run("a+b")
    a, b = ((tiny.folder / f"out/{name}").read_text().split() for name in "ab")
    assert len(a) == 3
    assert not set(a) & set(b)


@pytest.mark.parametrize(
    "job, told",
    [
        ("abort", "died with <Signals.SIGABRT: 6>"),
        ("refuse", "returned non-zero exit status 1"),
        ("killed", "died with <Signals.SIGKILL: 9>"),
    ],
)
def test_a_job_that_dies_alone(tiny, job, told):
    """The others are made, and the run ends with an error."""
    text = tiny.run(f"a+{job}+b", code=1)
    assert told in text
    assert tiny.made() == {"a", "b"}
    if job == "refuse":
        assert (tiny.folder / "logs/refuse.log").read_text() == "M13.fits: no gain\n"


def test_a_job_that_is_killed_is_tried_again_if_wanted(tiny):
    run = tiny.start("wait", "--retries", "1")
    first = tiny.note("wait")
    (tiny.folder / "note.wait").unlink()
    os.kill(first["pid"], signal.SIGKILL)
    second = tiny.note("wait")
    (tiny.folder / "go").touch()
    text, _ = run.communicate(timeout=60)
    assert run.returncode == 0, text
    assert second["parent"] == first["parent"]


_FIRST = ("--prioritize", "out/wait", "out/wait2")


def test_ctrl_c(tiny):
    """It reaches the jobs, and the run ends when they have."""
    run = tiny.start("wait+wait2+a", *_FIRST, start_new_session=True)
    tiny.note("wait"), tiny.note("wait2")
    os.killpg(run.pid, signal.SIGINT)
    text, _ = run.communicate(timeout=60)
    assert run.returncode == 1, text
    assert tiny.note("wait", interrupted=True) and tiny.note("wait2", interrupted=True)
    assert "Terminating processes on user request" in text
    assert "Traceback" not in text, text
    assert not tiny.made()
    assert not tiny.left()


def test_sigterm(tiny):
    """The jobs that are at work end well, no other is started."""
    run = tiny.start("wait+wait2+a", *_FIRST)
    tiny.note("wait"), tiny.note("wait2")
    run.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert run.poll() is None
    (tiny.folder / "go").touch()
    text, _ = run.communicate(timeout=60)
    assert run.returncode == 1, text
    assert tiny.made() == {"wait", "wait2"}
    assert not tiny.left()


def test_snakemake_is_killed(tiny):
    """Neither the warm process nor a fork outlives it."""
    run = tiny.start("wait+wait2")
    tiny.note("wait"), tiny.note("wait2")
    run.kill()
    run.wait()
    assert not tiny.left()
    assert not tiny.made()
    (tiny.folder / "go").touch()
    tiny.run("wait+wait2")


def test_the_warm_process_is_killed(tiny):
    """The jobs that it had forked end with it and are told as killed; others get a new one."""
    run = tiny.start("wait+wait2+a+b", *_FIRST)
    parent = tiny.note("wait")["parent"]
    tiny.note("wait2")
    os.kill(parent, signal.SIGKILL)
    text, _ = run.communicate(timeout=60)
    assert run.returncode == 1, text
    assert text.count("died with <Signals.SIGKILL: 9>") == 2
    assert tiny.made() == {"a", "b"}
    assert tiny.note("a")["parent"] == tiny.note("b")["parent"] != parent
    assert not tiny.left()


def test_code_that_is_edited_while_jobs_run(tiny):
    """What starts after it has the new code; what is at work is not disturbed."""
    run = tiny.start("wait+edit+z1+z2", "--prioritize", "out/wait", "out/edit")
    old = tiny.note("edit")
    new = tiny.note("z1")
    (tiny.folder / "go").touch()
    text, _ = run.communicate(timeout=60)
    assert run.returncode == 0, text
    assert (old["version"], new["version"], tiny.note("z2")["version"]) == (1, 22, 22)
    assert new["parent"] == tiny.note("z2")["parent"] != old["parent"]
    assert tiny.note("wait")["version"] == 1
    assert not tiny.left()


@pytest.mark.parametrize(
    "held, told",
    [
        ("raise ImportError('no numba')", "held cannot be imported: ImportError: no numba"),
        (
            "import threading, time\nthreading.Thread(target=time.sleep, args=[60], "
            "daemon=True).start()",
            "2 threads are alive",
        ),
    ],
    ids=["import fails", "thread"],
)
def test_no_fork_where_it_would_not_be_safe(tiny, held, told):
    """The jobs run as ever, and it is said once why."""
    (tiny.folder / "held/held.py").write_text(f"VERSION = 1\nimport __main__\n"
                                              f"if 'warm_process' in __main__.__file__:\n"
                                              f"    exec({held!r})\n")  # fmt: skip
    text = tiny.run("a+b")
    assert text.count(told) == 1, text
    assert tiny.made() == {"a", "b"}
    # both are children of Snakemake, of which nothing is left
    assert tiny.note("a")["parent"] == tiny.note("b")["parent"]


def test_a_failure_of_what_is_loaded_late_is_told(tiny):
    (tiny.folder / "held/held.py").write_text("VERSION = 1\ndef while_idle(): 1 / 0\n")
    run = tiny.start("wait+a+b+c", "--prioritize", "out/wait")
    tiny.note("wait"), tiny.note("a"), tiny.note("b"), tiny.note("c")
    (tiny.folder / "go").touch()
    text, _ = run.communicate(timeout=60)
    assert text.count("held.while_idle failed: ZeroDivisionError") == 1, text
    assert tiny.made() == {"wait", "a", "b", "c"}


def test_where_a_fork_is_not_safe_there_is_no_warm_process(tiny):
    """As on macOS: Snakemake's local executor, and nothing else."""
    mac = ("import sys, snakemake_executor_plugin_warm as w; w.can_fork = lambda: False; "
           "from snakemake.cli import main; main()")  # fmt: skip
    run = tiny.start("wait", launcher=("-c", mac))
    parent = tiny.note("wait")["parent"]
    assert parent == run.pid
    assert not any(PROCESS.encode() in command for command in tiny._at_work())
    (tiny.folder / "go").touch()
    assert run.wait(60) == 0


OTHERS = """
rule all:
    input: "out/shell", "out/bash", "out/shadow", "out/run", "out/container"

rule shell:
    output: "out/shell"
    shell: "echo $PPID > {output}"

rule bash:
    output: "out/bash"
    script: "scripts/job.sh"

rule shadow:
    output: "out/shadow"
    shadow: "minimal"
    script: "scripts/where.py"

rule run:
    output: "out/run"
    run:
        open(output[0], "w").write("made")

rule container:
    output: "out/container"
    conda: "env.yaml"
    container: "docker://nowhere"
    script: "scripts/where.py"
"""


def test_what_is_no_script_of_this_python_runs_as_ever(tiny):
    """A container and a conda environment that are not asked for are left out as ever."""
    (tiny.folder / "Snakefile").write_text(OTHERS)
    (tiny.folder / "env.yaml").write_text("dependencies: [python]\n")
    (tiny.folder / "scripts/job.sh").write_text("echo made > ${snakemake_output[0]}\n")
    (tiny.folder / "scripts/where.py").write_text(
        "import os\n"
        "command = open(f'/proc/{os.getppid()}/cmdline').read()\n"
        "with open(snakemake.output[0], 'w') as file:\n"
        "    print(os.getcwd(), 'warm_process.py' in command, file=file)\n"
    )
    tiny.run("x")
    assert tiny.made() == {"shell", "bash", "shadow", "run", "container"}
    where, warm = (tiny.folder / "out/shadow").read_text().split()
    assert "/.snakemake/shadow/" in where
    assert warm == "False"
    assert (tiny.folder / "out/container").read_text() == f"{tiny.folder} True\n"


# a preloaded module that has each fork write down what it imported besides
LOOKING = """
import atexit, os, sys
from ccdlib.run.preload import while_idle
held = set()
os.register_at_fork(after_in_child=lambda: held.update(sys.modules))

@atexit.register
def write():
    new = [name for name in sorted(set(sys.modules) - held) if name.startswith(HEAVY)]
    if held:
        with open(f"imported.{os.getpid()}", "w") as file:
            print(sys.argv[0].split(".")[-2], *new, file=file)
"""
HEAVY = ("PIL", "astropy", "ccdlib", "numba", "numpy", "pandas", "scipy", "snakemake", "yaml")


def test_the_jobs_of_a_night_import_nothing(raw, tmp_path):
    """All of it is in `ccdlib.run.preload`, but for what loads while the first job is at work."""
    folder = tmp_path / "looking"
    folder.mkdir()
    (folder / "looking.py").write_text(f"HEAVY = {HEAVY}\n{LOOKING}")
    path = f"{raw.pipeline / 'scripts'}:{folder}"
    raw.run("--warm-preload", "looking", environment={"PYTHONPATH": path})
    found = [path.read_text().split() for path in raw.folder.glob("imported.*")]
    assert {rule for rule, *_ in found} >= {"build_index", "calibrate_frame", "write_night"}
    # the first job is the only one with tables, and would wait for pandas in any case
    alone = {
        name.partition(".")[0] for rule, *new in found for name in new if rule == "build_index"
    }
    assert alone <= {"numpy", "pandas"}
    assert not [words for words in found if words[1:] and words[0] != "build_index"]
