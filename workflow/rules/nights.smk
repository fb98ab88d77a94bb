# The rules of workflow/archive.smk, and what they ask of the archive.
from ccdlib.archives import begin_and_end, reduce
from ccdlib.rerun.code_digests import rule_digest as code
from ccdlib.rerun import snakemake_internals as internals
from ccdlib.state import is_sound

# a job only runs what it was given
if internals.is_main(workflow):
    with internals.as_workflow_errors():
        ARCHIVE = begin_and_end.prepare(config, workflow)


wildcard_constraints:
    night=r"[\s\S]+",


LOANS = "archive/loans.csv"


def records(names):
    return [f"nights/{name}/night.json" for name in names]


@internals.as_workflow_errors()
def surveys(wildcards):
    """Input function: the surveys that have to be made, of all nights."""
    found = [f"nights/{name}/survey.json" for name in ARCHIVE.to_look_at]
    damaged = [LOANS] if Path(LOANS).exists() and not is_sound(LOANS) else []
    internals.force(workflow, found + damaged)
    return found


def made():
    """Input function: the nights that have to be made, once all were looked at."""

    @internals.as_workflow_errors()
    def of(wildcards):
        if ARCHIVE.to_look_at or not is_sound(LOANS):
            checkpoints.plan_loans.get()
            ARCHIVE.look_again()
        for name in ARCHIVE.to_make:
            ARCHIVE.plan_task(name, workflow.cores or 1)
        internals.force(workflow, records(ARCHIVE.to_make))
        return records(ARCHIVE.to_make)

    return of


def task(name):
    """What the job of a night is given; this run writes it when it has begun."""
    planned = ARCHIVE.tasks if internals.is_main(workflow) else {}
    return planned.get(name) or reduce.read_task(name)


def lenders(wildcards):
    """Input function: nights that a night is lent masters by and that this run makes."""
    return records(task(wildcards.night)["waits_for"])


def need(resource):
    """Resource function: what the largest job of a night needs, and all of it in time."""

    def of(wildcards, attempt):
        return task(wildcards.night)["needs"][resource] * attempt

    return of


def cores(wildcards):
    """Threads function: those of its task."""
    return task(wildcards.night)["threads"]


def last_files():
    """What is made after all nights: table and page, and a look whether one failed."""
    wanted = ARCHIVE.to_make or not begin_and_end.is_written(ARCHIVE)
    internals.force(workflow, begin_and_end.FILES + ["archive/checked"])
    return [*begin_and_end.FILES, "archive/checked"] if wanted else []


@internals.as_workflow_errors()
def begin():
    workflow.ccd_lock = begin_and_end.begin(workflow)
    ARCHIVE.begin()


@internals.as_workflow_errors()
def conclude(failed):
    for line in begin_and_end.conclude(ARCHIVE, failed):
        internals.say(line)


rule survey_night:
    output:
        "nights/{night}/survey.json",
    log:
        "logs/survey_night/{night}.log",
    benchmark:
        "benchmarks/survey_night/{night}.tsv"
    conda:
        "../../envs/ccd.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    message:
        "looking at night {wildcards.night}"
    script:
        "../../scripts/survey_night.py"


checkpoint plan_loans:
    input:
        surveys,
    output:
        LOANS,
    log:
        "logs/plan_loans/loans.log",
    benchmark:
        "benchmarks/plan_loans/loans.tsv"
    localrule: True
    conda:
        "../../envs/ccd.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        code=code("plan_loans"),
    message:
        "planning which night is lent which masters"
    script:
        "../../scripts/plan_loans.py"


rule reduce_night:
    input:
        lenders,
    output:
        "nights/{night}/night.json",
    log:
        "logs/reduce_night/{night}.log",
    benchmark:
        "benchmarks/reduce_night/{night}.tsv"
    conda:
        "../../envs/ccd.yaml"
    threads: cores
    resources:
        mem_mb=need("mem_mb"),
        runtime=need("runtime"),
    message:
        "night {wildcards.night}"
    script:
        "../../scripts/reduce_night.py"


rule write_archive:
    input:
        made(),
    output:
        begin_and_end.FILES,
    log:
        "logs/write_archive/archive.log",
    benchmark:
        "benchmarks/write_archive/archive.tsv"
    localrule: True
    conda:
        "../../envs/ccd.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    message:
        "writing table, page and catalogue of the archive"
    script:
        "../../scripts/write_archive.py"


rule check_nights:
    input:
        made(),
        begin_and_end.FILES,
    output:
        "archive/checked",
    log:
        "logs/check_nights/nights.log",
    benchmark:
        "benchmarks/check_nights/nights.tsv"
    localrule: True
    conda:
        "../../envs/ccd.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 500 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    message:
        "looking for nights that failed"
    script:
        "../../scripts/check_nights.py"
