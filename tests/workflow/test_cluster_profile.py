"""profiles/generic-cluster with stand-ins for the programs of PBS, SGE and HTCondor.

They are shell scripts of this test that run a job at once and answer as the manuals say the real
ones do; no such scheduler takes part.
"""

import os
import re
import subprocess

import pytest
from small_night import PIPELINE

PROFILE = PIPELINE / "profiles/generic-cluster"

# the last argument is the job's script; its exit code is kept in the file JOB
RUN = (
    'for script; do :; done; "$script" >/dev/null 2>&1; echo $? > $JOBS/7; echo "$@" > $JOBS/asked'
)
STANDINS = {
    "pbs": {
        "qsub": f"{RUN}; echo 7.server",
        "qstat": 'echo "    job_state = F"; echo "    Exit_status = $(cat $JOBS/7)"',
        "qdel": "",
    },
    "sge": {
        "qsub": f"{RUN}; echo 7",
        "qstat": "exit 1",
        "qacct": 'echo "failed       0"; echo "exit_status  $(cat $JOBS/7)"',
        "qdel": "",
    },
    "htcondor": {
        "condor_submit": "tee $JOBS/asked | sed -n 's/^executable = //p' > $JOBS/script; "
        'sh "$(cat $JOBS/script)" >/dev/null 2>&1; echo $? > $JOBS/7; echo "7.0 - 7.0"',
        "condor_q": "",
        "condor_history": "echo 4 $(cat $JOBS/7)",
        "condor_rm": "",
    },
}
ASKED = {
    "pbs": r"-N ccd-build_index -V -r n -j oe -o logs/cluster "
    r"-l select=1:ncpus=2:mem=\d+mb -l walltime=\d+00 -q long",
    "sge": r"-terse -N ccd-build_index -V -cwd -r n -j y -o logs/cluster "
    r"-pe smp 2 -l h_vmem=\d+M -l h_rt=\d+00 -q long",
    "htcondor": r"request_cpus = 2\nrequest_memory = \d+\n.MaxRuntime = \d+00\n",
}


def install(folder, programs):
    """Put shell scripts into a folder, and return an environment that finds them first."""
    folder.mkdir()
    for name, text in programs.items():
        (folder / name).write_text(f"#!/bin/bash\n{text}\n")
        (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}", "JOBS": str(folder)}


def variables(scheduler, environment):
    """What the file of a scheduler exports."""
    script = f". {PROFILE}/{scheduler}.sh && env"
    environment = os.environ | environment | {"CCD_OPTIONS": "-q long"}
    if scheduler == "htcondor":
        environment["CCD_OPTIONS"] = "accounting_group = long"
    done = subprocess.run(
        ["bash", "-c", script], env=environment, check=True, text=True, capture_output=True
    )
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if line.startswith("CCD_"))


@pytest.mark.parametrize("scheduler", STANDINS)
def test_a_job_goes_through_the_scheduler(scheduler, raw, tmp_path):
    environment = install(tmp_path / "bin", STANDINS[scheduler])
    environment |= variables(scheduler, environment)
    raw.run("results/index.csv", "--profile", str(PROFILE), environment=environment)
    assert set(raw.files()) == {"index.csv", "amplifiers.csv"}
    assert re.search(ASKED[scheduler], (tmp_path / "bin/asked").read_text())


ANSWERS = [
    ("slurm", {"squeue": "echo RUNNING"}, "running"),
    ("slurm", {"squeue": "echo REQUEUED"}, "running"),
    ("slurm", {"squeue": "echo COMPLETED"}, "success"),
    ("slurm", {"squeue": "echo NODE_FAIL"}, "failed"),
    ("slurm", {"squeue": "echo Invalid job id specified >&2; exit 1"}, "failed"),
    ("slurm", {"squeue": "echo Unable to contact slurm controller >&2; exit 1"}, "running"),
    ("pbs", {"qstat": "echo '    job_state = R'"}, "running"),
    ("pbs", {"qstat": "echo '    job_state = F'; echo '    Exit_status = 271'"}, "failed"),
    ("pbs", {"qstat": "echo '    job_state = F'; echo '    Exit_status = 0'"}, "success"),
    ("pbs", {"qstat": "echo qstat: Unknown Job Id 7 >&2; exit 153"}, "failed"),
    ("pbs", {"qstat": "echo cannot connect to server >&2; exit 111"}, "running"),
    ("sge", {"qstat": "exit 0"}, "running"),
    ("sge", {"qstat": "exit 1", "qacct": "exit 1"}, "running"),
    ("sge", {"qstat": "exit 1", "qacct": "echo failed 100; echo exit_status 137"}, "failed"),
    ("sge", {"qstat": "exit 1", "qacct": "echo failed 0; echo exit_status 0"}, "success"),
    ("htcondor", {"condor_q": "echo 2"}, "running"),
    ("htcondor", {"condor_q": "echo 5"}, "failed"),
    ("htcondor", {"condor_q": "exit 1"}, "running"),
    ("htcondor", {"condor_q": "", "condor_history": "echo 4 0"}, "success"),
    ("htcondor", {"condor_q": "", "condor_history": "echo 4 1"}, "failed"),
    ("htcondor", {"condor_q": "", "condor_history": "echo 3 undefined"}, "failed"),
]


@pytest.mark.parametrize("scheduler, programs, answer", ANSWERS)
def test_what_a_scheduler_says_of_a_job(scheduler, programs, answer, tmp_path):
    environment = os.environ | install(tmp_path / "bin", programs)
    status = variables(scheduler, environment)["CCD_STATUS"]
    done = subprocess.run(
        [status, "7"], env=environment, check=True, text=True, capture_output=True
    )
    assert done.stdout == f"{answer}\n"
