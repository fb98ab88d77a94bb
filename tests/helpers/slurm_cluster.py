"""A real SLURM on one machine: slurmctld, two slurmd and munged, as root, without systemd."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["PROFILES", "Cluster", "generic", "idle", "running", "submit", "until", "why_not"]

PROFILES = Path(__file__).parents[2] / "profiles"

# Snakemake's executor drops SLURM_CONF, so it must be here
CONF = Path("/etc/slurm/slurm.conf")
NODES = "n1", "n2"
PROGRAMS = "slurmctld", "slurmd", "sbatch", "munged"


def why_not():
    """Why a cluster cannot be started here, None where it can."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"no SLURM here: {missing[0]} (Debian: slurmctld slurmd slurm-client munge)"
    if os.geteuid() != 0:
        return "starting SLURM takes root"
    if CONF.exists() and "ClusterName=ccdtest" not in CONF.read_text():
        return f"{CONF} is of another cluster"
    return None


def until(condition, what, run=None, seconds=900):
    """Wait until a condition is true, and return what it gave; in vain once a run has ended."""
    for _ in range(int(seconds / 0.2)):
        found = condition()
        if found:
            return found
        assert run is None or run.poll() is None, f"{what}: the run ended before"
        time.sleep(0.2)
    raise TimeoutError(f"{what}: not within {seconds} s")


def _run(*command):
    return subprocess.run(command, check=True, text=True, capture_output=True).stdout


@contextmanager
def running():
    """A cluster that is up; one at a time on a machine, for ports and slurm.conf are fixed."""
    CONF.parent.mkdir(exist_ok=True)
    one_at_a_time = os.open(CONF.parent, os.O_RDONLY)
    fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
    try:
        with tempfile.TemporaryDirectory(prefix="slurm") as folder:
            cluster = Cluster(folder)
            try:
                cluster.start()
                yield cluster
            finally:
                cluster.stop()
    finally:
        os.close(one_at_a_time)


def submit(work, *command):
    """Give a script of profiles/slurm the arguments of a run, and return what sbatch said."""
    run, environment = work.command()
    # as in an environment that is active
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    cores = run.index("--cores")
    arguments = run[run.index("--snakefile") : cores] + run[cores + 2 :]
    done = subprocess.run(
        [*command, *arguments], env=environment, cwd=work.folder, text=True, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def idle():
    """Whether SLURM has nothing left to do."""
    return not _run("squeue", "-h")


def generic():
    """The variables that profiles/generic-cluster takes, for this cluster."""
    told = _run("bash", "-c", f". {PROFILES}/generic-cluster/slurm.sh && env")
    return dict(line.split("=", 1) for line in told.splitlines() if line.startswith("CCD_"))


class Cluster:
    """A controller and two nodes of two CPUs each; `folder` holds their state and logs."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def start(self):
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        (self.folder / "state").mkdir()
        text = Path(__file__).with_name("slurm.conf").read_text()
        CONF.write_text(text.replace("@DIR@", str(self.folder)))
        files = {"key": "munge.key", "pid": "munged.pid", "log": "munged.log", "seed": "munge.seed"}
        options = [f"--{name}-file={self.folder / file}" for name, file in files.items()]
        _run("munged", "--force", f"--socket={self.folder / 'munge.sock'}", *options)
        _run("slurmctld", "-c")
        for node in NODES:
            self.boot(node)

    def boot(self, node):
        """Start a node, and wait until it takes jobs."""
        _run("slurmd", "-N", node)
        until(lambda: _run("sinfo", "-hN", "-t", "idle,mixed,alloc", "-n", node), f"node {node}")

    def jobs(self, *options):
        """{job: the rule that the executor wrote into its comment}, of those that run."""
        lines = _run("squeue", "-h", "-t", "R", "-o", "%A %k", *options).splitlines()
        return {job: comment for job, _, comment in (line.partition(" ") for line in lines)}

    def crash(self, node):
        """End a node and all that runs on it at once, as a power cut does."""
        jobs = self.jobs("-w", node)
        _kill(self._pid(f"slurmd-{node}"))
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if _is_of(process, jobs):
                    _kill(int(process.name))

    def stop(self):
        """End what was started, jobs too, even when not all of it came up."""
        with suppress(subprocess.CalledProcessError):
            _run("scancel", "-u", "root")
        for name in (*(f"slurmd-{node}" for node in NODES), "slurmctld", "munged"):
            with suppress(OSError):
                pid = self._pid(name)
                os.kill(pid, signal.SIGTERM)
                until(lambda pid=pid: _is_gone(pid), f"the end of {name}")
        CONF.unlink()

    def _pid(self, name):
        return int((self.folder / f"{name}.pid").read_text())


def _is_gone(pid):
    """Whether a process has ended; one that nobody asked about yet is still listed."""
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return True


def _is_of(process, jobs):
    """Whether a process belongs to one of these jobs, or watches over it."""
    variables = (process / "environ").read_bytes().split(b"\0")
    command = (process / "cmdline").read_bytes().decode()
    return any(
        f"SLURM_JOB_ID={job}".encode() in variables or command.startswith(f"slurmstepd: [{job}.")
        for job in jobs
    )


def _kill(pid):
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
