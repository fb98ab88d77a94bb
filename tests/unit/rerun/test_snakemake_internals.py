"""What is used of Snakemake's insides is where it was: each test fails when that part moves."""

import errno
import inspect
import json
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
import snakemake.api
import snakemake.cli
import snakemake.common
import snakemake.exceptions
import snakemake.logging
import snakemake.report
import snakemake.scheduling.job_scheduler
import snakemake.sourcecache
import snakemake.workflow
from snakemake.jobs import Reason
from snakemake.persistence import ParamsChange
from snakemake.persistence.file import FilePersistence
from snakemake.settings.types import Batch, DAGSettings
from snakemake.workflow import Workflow

from ccdlib.errors import CcdlibError
from ccdlib.rerun import snakemake_internals as internals

SCRIPTS = Path(__file__).parents[3] / "scripts"


def _reason(**parts):
    reason = Reason()
    for name, value in parts.items():
        if isinstance(value, set):
            getattr(reason, name).update(value)
        else:
            setattr(reason, name, value)
    return internals.read_reason(str(reason))


def test_the_text_of_a_missing_output():
    assert _reason(missing_output={"a.fits"}).is_missing
    assert not _reason(forced=True).is_missing
    assert _reason(forced=True) == internals.Reason(is_missing=False, params=None, inputs=[])


@pytest.mark.parametrize("name", ["updated_input", "updated_input_run"])
def test_the_text_of_changed_inputs(name):
    found = _reason(**{name: {"a b.fits", "c.fits"}}, code_changed=True)
    assert sorted(found.inputs) == ["a b.fits", "c.fits"]


def test_the_text_of_changed_params():
    was, now = [{"file": "x ; now: 'y'.fits"}, 1.5], ["1a2b"]
    sides = [{repr(value) for value in values} for values in (was, now)]
    change = ParamsChange(only_old=sides[0], only_new=sides[1], files={"a.fits"})
    then, after = _reason(params_changed=change).params
    assert sorted(map(repr, then)) == sorted(map(repr, was)) and after == now
    one_sided = ParamsChange(only_new={"2"}, files={"a.fits"})
    assert _reason(updated_input={"b"}, params_changed=one_sided).params == ([], [2])


def test_what_is_given_to_look_at_all_jobs_are_settings_of_a_dag():
    """Each is a field of Snakemake's settings, empty unless it is asked for."""
    given = DAGSettings()
    for name in ("forcerun", "forceall", "forcetargets", "until", "omit_from", "batch"):
        assert not getattr(given, name)
    assert "execution_settings" in Workflow.__dataclass_fields__
    assert isinstance(Workflow.touch, property)


def test_all_jobs_are_looked_at_when_more_is_asked_than_what_is_missing():
    def workflow(executes=True, touch=False, **given):
        settings = DAGSettings(**given)
        execution = object() if executes else None
        return SimpleNamespace(dag_settings=settings, execution_settings=execution, touch=touch)

    assert not internals.looks_at_all(workflow())
    assert internals.looks_at_all(workflow(executes=False))
    assert internals.looks_at_all(workflow(touch=True))
    assert internals.looks_at_all(workflow(forcerun={"calibrate_frame"}))
    assert internals.looks_at_all(workflow(forceall=True))
    assert internals.looks_at_all(workflow(until={"masters"}))
    assert internals.until(workflow(until={"masters"})) == {"masters"}


def test_a_message_of_ours_reaches_snakemakes_handlers(caplog):
    assert snakemake.logging.logger.name == "snakemake.logging"
    with caplog.at_level(logging.INFO, "snakemake.logging"):
        internals.say("compiling")
    assert [(each.message, each.ccd) for each in caplog.records] == [("compiling", True)]


def _has(module, text):
    return text in inspect.getsource(module)


def _told(error):
    """What Snakemake says of an error in a Snakefile."""
    return snakemake.exceptions.format_error(error, 17, snakefile="rules/common.smk")


def test_the_messages_that_are_recognised():
    assert internals.is_nothing_to_do(snakemake.common.NOTHING_TO_BE_DONE_MSG)
    assert not internals.is_nothing_to_do("Building DAG of jobs...")
    report, unlock = internals._OUTCOMES
    assert _has(snakemake.report, f'info("{report}")')
    assert _has(snakemake.workflow, f'info("{unlock}")')
    assert internals.is_outcome(report) and not internals.is_outcome("Building DAG of jobs...")


def test_the_errors_that_repeat_another():
    not_complete, exiting = internals._ECHOES
    assert _has(snakemake.workflow, not_complete)
    assert _has(snakemake.scheduling.job_scheduler, exiting)
    assert internals.is_echo(f"{exiting}. Look above for error messages", "", was_reported=False)
    died = subprocess.CalledProcessError(-9, "python")
    assert internals.is_echo(_told(died), type(died).__name__, was_reported=False)
    assert internals.is_echo("RuleException:\nit broke", "RuleException", was_reported=True)
    assert not internals.is_echo("RuleException:\nit broke", "RuleException", was_reported=False)
    assert not internals.is_echo("no such file", "WorkflowError", was_reported=True)


def test_the_place_of_a_mistake_is_left_out():
    error = snakemake.exceptions.WorkflowError("strict=maybe is not allowed")
    assert _told(error) != str(error)
    assert internals.in_a_few_words(_told(error)) == "strict=maybe is not allowed"
    assert internals.in_a_few_words("WorkflowError:\nno rule a") == "WorkflowError:\nno rule a"


_FULL = OSError(errno.ENOSPC, "No space left on device", ".ccdlib/planning")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (CcdlibError("a.csv: no such column"), "a.csv: no such column"),
        (
            snakemake.exceptions.WorkflowError("a.csv: no such column"),
            "a.csv: no such column",
        ),
        (_FULL, "No space left on device: '.ccdlib/planning'"),
    ],
)
def test_an_error_of_ours_or_a_disk_where_a_rule_is_asked_for_is_its_message(wrong, told):
    """In functions of inputs, params and resources alike; two runs at once may meet there."""
    workflow = SimpleNamespace(linemaps={})
    rule = SimpleNamespace(name="masters", lineno=9, snakefile="masters.smk", workflow=workflow)
    found = snakemake.exceptions.InputFunctionException(wrong, wildcards={}, rule=rule)
    assert internals.in_a_few_words(_told(found)) == told


@pytest.mark.parametrize(
    "jobs, seconds, kept",
    [(100, 1, False), (1000, 1, False), (5, 1, True), (100, 60, True), (6000, 60, False)],
)
def test_a_limit_that_the_user_sets_stays(jobs, seconds, kept):
    limit = SimpleNamespace(max_jobs=jobs, timespan=seconds)
    workflow = SimpleNamespace(scheduler=SimpleNamespace(job_rate_limiter=limit))
    internals.without_timers(workflow)
    assert workflow.scheduler.job_rate_limiter is (limit if kept else None)


def test_a_run_that_is_told_to_end_while_it_finishes_a_job():
    """Snakemake's handler of SIGTERM takes a lock that the thread that runs it may hold."""
    scheduler_class = snakemake.scheduling.job_scheduler.JobScheduler
    scheduler = scheduler_class.__new__(scheduler_class)
    scheduler._lock, scheduler._open_jobs = threading.Lock(), threading.Semaphore(0)
    internals.end_when_told(SimpleNamespace(scheduler=scheduler))
    ended = threading.Thread(target=_told_to_end, args=[scheduler], daemon=True)
    ended.start()
    ended.join(30)
    assert not ended.is_alive()
    assert scheduler._user_kill == "graceful"


def _told_to_end(scheduler):
    with scheduler._lock:
        scheduler.exit_gracefully()


def test_the_place_of_the_rules_in_package_smk():
    """A path where they lie in a folder, none where they are fetched."""
    assert isinstance(snakemake.sourcecache.LocalSourceFile("rules"), os.PathLike)
    assert not issubclass(snakemake.sourcecache.GithubFile, os.PathLike)


SNAKEFILE = """
import json
from ccdlib.rerun import snakemake_internals as internals

def tell(**facts):
    with open("told", "a") as file:
        print(json.dumps(facts), file=file)

assert workflow.current_basedir.__fspath__()
if internals.is_main(workflow):
    tell(main=True)

def forced(wildcards):
    internals.allow_empty_shares(workflow)
    internals.force(workflow, config.get("forced", []))
    return ["b"]

selection = internals.Selection(workflow, ["one"])

def planned(wildcards):
    batch = internals.batch(workflow)
    tell(dry=internals.is_dry_run(workflow), batch=batch and batch.rulename)
    selection.get(checkpoints.plan, "plan")
    tell(made=True)
    return ["a"]

rule all:
    input: forced, planned, "last"

checkpoint plan:
    output: "plan"
    shell: "touch {output}"

rule last:
    input: "b", planned
    output: "last"
    shell: "touch {output}"

rule one:
    output: "{name,[ab]}"
    params: config.get("degree", 3)
    shell: "touch {output}"

onstart:
    before = workflow.scheduler.job_rate_limiter
    internals.without_timers(workflow)
    tell(limited=before is not None, lifted=workflow.scheduler.job_rate_limiter is None)
"""


def _reasons(text):
    return [part.partition("\n")[0] for part in text.split("    reason: ")[1:]]


def _run(folder, *arguments):
    (folder / "told").unlink(missing_ok=True)
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *arguments]
    environment = os.environ | {"PYTHONPATH": str(SCRIPTS)}
    done = subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, [json.loads(line) for line in (folder / "told").read_text().splitlines()]


def test_without_us_too_many_shares_are_an_error():
    with pytest.raises(snakemake.exceptions.WorkflowError, match="less input files than batches"):
        Batch("all", 1, 2).get_batch(["a"])


def test_a_workflow_that_uses_each_part(tmp_path):
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    _, told = _run(tmp_path, "--until", "one")
    assert {"plan", "a", "b"} < {path.name for path in tmp_path.iterdir()}
    assert not (tmp_path / "last").exists()
    assert [each for each in told if "main" in each] == [{"main": True}]
    # before the checkpoint is done, and after it
    assert told[1:3] == [{"dry": False, "batch": None}] * 2
    assert told[-1] == {"made": True}
    assert {"limited": True, "lifted": True} in told
    text, told = _run(tmp_path, "-n", "--until", "one")
    assert internals.is_nothing_to_do(text)
    assert told[-2:] == [{"dry": True, "batch": None}, {"made": True}]
    _, told = _run(tmp_path, "-n", "--batch", "all=1/2")
    assert told[-2:] == [{"dry": True, "batch": "all"}, {"made": True}]
    text, _ = _run(tmp_path, "-n", "--batch", "all=8/9")
    assert "share 8 of 9 is empty: all has 3 input files" in text
    text, _ = _run(tmp_path, "-n", "--until", "one", "--config", "forced=[b]")
    assert _reasons(text) == ["Forced execution"]
    text, _ = _run(tmp_path, "-n", "--until", "one", "--config", "degree=4")
    changed = [internals.read_reason(reason).params for reason in _reasons(text)]
    assert changed == [([3], [4]), ([3], [4])]


def test_an_error_of_ours_ends_a_run_by_its_message(tmp_path):
    lines = [
        "from ccdlib.errors import CcdlibError",
        "from ccdlib.rerun.snakemake_internals import as_workflow_errors",
        "with as_workflow_errors():",
        "    raise CcdlibError('a.fits: GAIN=x is no number')",
    ]
    (tmp_path / "Snakefile").write_text("\n".join(lines))
    command = [sys.executable, "-m", "snakemake", "--cores", "1"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 1
    assert "a.fits: GAIN=x is no number" in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--config a=1 b=2 a=3", "--config gives a 2 times: 1 and 3"),
        ("-C a=1 b=2 --cores 1 --config c=3", "is given 2 times, .* the last alone .c=3.: put all"),
        ("--config=a=1 -n -Cb=2", "is given 2 times, .* the last alone .b=2."),
        ("--config a=1 --config", "is given 2 times"),
    ],
)
@pytest.mark.parametrize("program", ["snakemake", "/usr/bin/snakemake", "x/snakemake/__main__.py"])
def test_a_config_of_which_a_part_would_be_lost_is_refused(program, arguments, message):
    with pytest.raises(CcdlibError, match=message):
        internals.given_once([program, *arguments.split(" ")])


@pytest.mark.parametrize(
    "arguments",
    [
        ["snakemake", "--config", "a=1", "b={a: 2}", "--configfile", "a=3", "--cores", "1"],
        ["snakemake", "-n", "results/plan.csv"],
        ["pytest", "--config", "a=1", "--config", "a=1"],
    ],
)
def test_a_config_that_is_given_once_is_no_matter(arguments):
    internals.given_once(arguments)


def test_of_two_configs_snakemake_takes_the_last():
    """Else there is nothing to refuse."""
    parse = snakemake.cli.get_argument_parser().parse_args
    assert parse(["--config", "a=1", "--config", "b=2"]).config == ["b=2"]


_ODD = [
    *(b"\xff", b"[" * 5000, b'{"input": ' + b"[" * 5000, b"1e999", b"true", b'"x"', b"[]"),
    *(b'{"endtime": ' + b"1" * 5000 + b"}", b'{"endtime": "x"}', b'{"record_format_version": []}'),
    *(b'{"params": [["a"]]}', b'{"params": [{}]}', b'{"params": [1]}', b'{"params": "a"}'),
    *(b'{"input": [1]}', b'{"input": {}}', b'{"input_checksums": {"a": 1}}'),
    *(b'{"input_checksums": []}', b'{"rule": {}}', b'{"code": 1}', b'{"job_hash": "x"}'),
]


@pytest.mark.parametrize("content", _ODD)
def test_records_on_which_snakemake_would_end_are_found(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / ".snakemake/metadata"
    folder.mkdir(parents=True)
    (folder / "odd").write_bytes(content)
    # what it passes over, or reads
    for name, other in (("empty", b""), ("cut", b'{"rule": "a", "inp'), ("whole", b'{"a": [1]}')):
        (folder / name).write_bytes(other)
    (folder / "large").write_text(json.dumps({"params": ["[1]"] * 1000}))
    assert internals.unreadable_records() == [".snakemake/metadata/odd"]


@pytest.mark.parametrize(
    "make",
    [
        *(os.mkdir, os.mkfifo, lambda path: os.symlink("nowhere", path)),
        # a record is written in place, through it
        *(lambda path: os.symlink("whole", path), lambda path: os.symlink(".", path)),
    ],
)
def test_what_is_no_file_in_the_place_of_a_record_is_found(tmp_path, monkeypatch, make):
    """Snakemake would end with a traceback, or wait for ever."""
    monkeypatch.chdir(tmp_path)
    # it has such folders for products of long names
    folder = tmp_path / ".snakemake/metadata/@part"
    folder.mkdir(parents=True)
    (folder / "whole").write_text("{}")
    make(folder / "odd")
    assert internals.unreadable_records() == [".snakemake/metadata/@part/odd"]


@pytest.mark.parametrize("folder", ["metadata", "incomplete", "locks"])
def test_nothing_is_written_through_a_link_in_the_place_of_a_record(tmp_path, monkeypatch, folder):
    """Not even where it leads to a record that is whole."""
    monkeypatch.chdir(tmp_path)
    own = tmp_path / ".snakemake" / folder
    own.mkdir(parents=True)
    (tmp_path / "elsewhere").write_text("{}")
    (own / "a").symlink_to(tmp_path / "elsewhere")
    assert internals.unreadable_records() == [f".snakemake/{folder}/a"]


def test_a_record_of_a_long_name_has_folders_with_an_at_sign(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = Path(FilePersistence()._record_path(".snakemake/metadata", "a" * 400))
    assert path.parts[2].startswith("@")


def test_the_folders_that_snakemake_makes_are_known(tmp_path, monkeypatch):
    """A file in the place of one ends it with a traceback, before it runs anything of ours."""
    monkeypatch.chdir(tmp_path)
    FilePersistence()
    made = {path.name for path in (tmp_path / ".snakemake").iterdir() if path.is_dir()}
    assert made
    assert made <= {Path(file).parent.name for file in internals.OWN_FILES}


def test_an_endless_value_of_a_header_does_not_fill_the_terminal(caplog):
    """What each of a list has to be told stays, however long the list is."""
    names = ", ".join(f"light_{number}.fits" for number in range(1000))
    with caplog.at_level("INFO"):
        internals.say(f"no master flat fits (the frame has {'x' * 1000})")
        internals.say(names)
    first, second = caplog.messages
    assert len(first) < 500 and "xxx ... (701 letters more) ... xxx" in first
    assert second == names
