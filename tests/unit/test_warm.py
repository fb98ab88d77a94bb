"""The warm process: a fork is to a script what a Python of its own is."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.benchmark import BenchmarkRecord
from snakemake.script import PythonScript

import snakemake_executor_plugin_warm as plugin
from snakemake_executor_plugin_warm import client, profile, snakemake_parts, warm_process
from snakemake_executor_plugin_warm.client import Cold, WarmProcesses, can_fork
from snakemake_executor_plugin_warm.profile import executor, started

SCRIPTS = {
    "ends": "print('done')",
    "exit code": "import sys; sys.exit(7)",
    "large exit code": "raise SystemExit(-1)",
    "exit message": "raise SystemExit('M13.fits: no gain')",
    "exit without a code": "import sys; sys.exit()",
    "exception": "def f():\n    return 1 / 0\nf()",
    "interrupted": "raise KeyboardInterrupt",
    "no Python": "print('half'\n",
    "another main": "import __main__; print(__main__.__dict__ is globals(), __name__, __spec__)",
    "at its end": "import atexit; atexit.register(print, 'end')",
    "thread": "import threading, time\n"
    "threading.Thread(target=lambda: (time.sleep(0.2), print('waited for'))).start()",
    "pool left over": "from concurrent.futures import ThreadPoolExecutor as Pool\n"
    "p = Pool(1); print(p.submit(int, '3').result())",
    "pickles what it defines": "import pickle\nclass A: x = 1\n"
    "print(type(pickle.loads(pickle.dumps(A()))) is A)",
    "output that cannot be written": "import sys; sys.stdout = open('/dev/full', 'w'); print(1)",
    "closed output": "import sys; sys.stdout.close()",
}
RUN = "import sys; from snakemake_executor_plugin_warm import warm_process as w; \
w._leave(w.run_as_main(sys.argv[1]))"


def _ended(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_ends_as_with_python(tmp_path, name):
    """Exit code and output, to the letter."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPTS[name])
    own = _ended([sys.executable, script])
    warm = _ended([sys.executable, "-c", RUN, script])
    if name == "output that cannot be written":
        # Python says more of it than we do
        own, warm = own[:2], warm[:2]
    assert warm == own


def test_files_of_a_package_are_seen_to_change(tmp_path, monkeypatch):
    folder = tmp_path / "quite_a_package"
    (folder / "deep").mkdir(parents=True)
    files = [folder / "__init__.py", folder / "deep/__init__.py", folder / "deep/below.py"]
    for file in files:
        file.write_text("x = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    before = warm_process.files_on_disk("quite_a_package")
    assert set(map(str, files)) < set(before)
    assert warm_process.changed(before, warm_process.files_on_disk("quite_a_package")) is None
    for edit in (lambda: files[2].write_text("x = 22\n"), files[2].unlink):
        edit()
        now = warm_process.files_on_disk("quite_a_package")
        assert warm_process.changed(before, now) == str(files[2])
        before = now
    (folder / "new.py").write_text("")
    now = warm_process.files_on_disk("quite_a_package")
    assert warm_process.changed(before, now) == str(folder / "new.py")


def test_another_package_beside_it_is_seen(tmp_path, monkeypatch):
    """As pip leaves it: the folder that is on the path has another time."""
    (tmp_path / "one.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    before = warm_process.files_on_disk("one")
    os.utime(tmp_path, (1, 1))
    assert warm_process.changed(before, warm_process.files_on_disk("one")) == str(tmp_path)


def test_where_a_fork_is_safe():
    assert can_fork("linux")
    assert not can_fork("darwin")
    assert not can_fork("freebsd14")


def _executor(monkeypatch, rule):
    """The plugin's executor for jobs of a rule, with Snakemake's part left out."""
    parent = plugin.LocalExecutor
    monkeypatch.setattr(parent, "job_args_and_prepare", lambda self, job: (job.rule, "rest"))
    made = object.__new__(plugin.Executor)
    started = []
    made.processes = SimpleNamespace(start=lambda: started.append(1))
    made.run_script, made.rules = snakemake_parts.warm_script(made.processes), {}
    return made, SimpleNamespace(rule=rule, is_script=rule.script is not None), started


@pytest.mark.parametrize(
    "script, fork, warm",
    [("a.py", True, True), ("a.py", False, False), (None, True, False)],
    ids=["script", "no safe fork", "shell"],
)
def test_only_scripts_are_warm_and_only_where_a_fork_is_safe(monkeypatch, script, fork, warm):
    monkeypatch.setattr(plugin, "can_fork", lambda: fork)
    rule = SimpleNamespace(name="a", script=script, run_func=lambda: script)
    made, job, started = _executor(monkeypatch, rule)
    found, rest = made.job_args_and_prepare(job)
    assert (found is not rule) == warm
    assert bool(started) == warm
    assert rest == "rest"
    if warm:
        assert found.run_func.__globals__["script"] is made.run_script
        assert found is made.job_args_and_prepare(job)[0]
        assert rule.run_func.__globals__ is globals()


def _script(**has):
    """A script of a job, which has what is said and nothing else."""
    nothing = dict.fromkeys(("conda_env", "container_img", "env_modules", "shadow_dir"))
    made = object.__new__(snakemake_parts._Script)
    made.__dict__ |= nothing | {"resources": {}, "threads": 1, "bench_record": None} | has
    return made


@pytest.mark.parametrize(
    "has",
    [
        {"conda_env": "env"},
        {"container_img": "docker://x"},
        {"env_modules": "x"},
        {"shadow_dir": "shadow"},
        {"resources": {"shell_exec": "zsh"}},
    ],
    ids=lambda has: next(iter(has)),
)
def test_what_needs_more_than_this_python_is_run_as_ever(monkeypatch, has):
    ran = []
    monkeypatch.setattr(PythonScript, "execute_script", lambda *given: ran.append(given[1:]))
    _script(**has).execute_script("x.py")
    assert ran == [("x.py", False)]


@pytest.mark.parametrize("name, value", [("_process_prefix", "nice "), ("_process_suffix", ";")])
def test_a_prefix_or_suffix_of_all_commands_is_kept(monkeypatch, name, value):
    assert not _script()._needs_a_shell()
    monkeypatch.setattr(snakemake_parts.shell, name, value)
    assert _script()._needs_a_shell()


def test_without_a_fork_a_job_runs_as_ever_and_the_reason_is_told_once(monkeypatch):
    def none():
        raise Cold("2 threads are alive")

    ran, told = [], []
    monkeypatch.setattr(PythonScript, "execute_script", lambda *given: ran.append(given[1:]))
    monkeypatch.setattr(snakemake_parts.logger, "warning", told.append)
    processes = WarmProcesses("json")
    processes.fork = none
    script = _script(processes=processes)
    script.execute_script("x.py")
    script.execute_script("y.py")
    assert ran == [("x.py", False), ("y.py", False)]
    assert told == ["jobs are started without the warm process: 2 threads are alive"]


def test_a_job_that_nobody_asks_for_any_more_ends_without_a_word(tmp_path):
    """As when Snakemake is killed between the fork and what the fork is to do."""
    ours, theirs = socket.socketpair()
    command = [sys.executable, warm_process.__file__, str(theirs.fileno()), "json"]
    with open(tmp_path / "said", "w") as said:
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stderr=said)
    connection, other = socket.socketpair()
    with ours, theirs, connection:
        socket.send_fds(ours, [b"."], [other.fileno()])
        other.close()
        with connection.makefile("rb") as answers:
            assert "pid" in json.loads(answers.readline())
            connection.shutdown(socket.SHUT_WR)
            assert os.waitstatus_to_exitcode(json.loads(answers.readline())["status"]) == 1
    process.wait(60)
    assert (tmp_path / "said").read_text() == ""


def test_a_process_that_ends_at_once_is_not_started_for_ever(monkeypatch, tmp_path):
    (tmp_path / "ends_at_once.py").write_text("import os; os._exit(3)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    processes = WarmProcesses("ends_at_once")
    for _ in range(2):
        with pytest.raises(Cold, match="5 warm processes in a row ended"), processes.fork():
            pass
    assert len(processes.retired) == 5
    processes.close()


def test_the_benchmark_of_a_fork_has_true_columns(tmp_path):
    """Of a job that is over before Snakemake looks a second time."""
    script, out = tmp_path / "burn.py", tmp_path / "out"
    script.write_text(
        "import time, os\n"
        "waste = bytearray(b'x') * 200_000_000; del waste\n"
        "while time.process_time() < 0.3: pass\n"
        f"with open({str(out)!r}, 'wb') as file:\n"
        "    file.write(bytes(5_000_000)); file.flush(); os.fsync(file.fileno())\n"
    )
    processes, record = WarmProcesses("json"), BenchmarkRecord()
    run = _script(processes=processes, bench_record=record)
    run.execute_script(str(script))
    processes.close()
    assert record.data_collected
    assert 0.3 <= record.cpu_time < 1
    assert 200 < record.max_rss < 300
    assert record.max_vms > record.max_rss
    assert 1 < record.max_uss <= record.max_pss < record.max_rss
    # what is on a tmpfs is not counted
    assert record.io_out >= 4.7 or _in_memory(tmp_path)
    assert record.mean_load() == pytest.approx(100 * record.cpu_time / record.running_time)


def _in_memory(folder):
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    return max((len(at), kind) for at, kind in mounts if str(folder).startswith(at))[1] == "tmpfs"


@pytest.mark.parametrize(
    "arguments, chosen",
    [
        ([], "warm"),
        (["--cores", "2", "results/x.fits"], "warm"),
        (["--profile", "profiles/slurm"], None),
        (["--profile=profiles/slurm", "--cores", "2"], None),
        (["--profile", "none"], "warm"),
    ],
)
def test_a_profile_of_the_users_own_is_not_outvoted(monkeypatch, arguments, chosen):
    monkeypatch.delenv("SNAKEMAKE_PROFILE", raising=False)
    assert executor(arguments) == chosen


def test_a_profile_of_the_users_environment_is_not_outvoted(monkeypatch):
    monkeypatch.setenv("SNAKEMAKE_PROFILE", "slurm")
    assert executor([]) is None


def test_the_warm_process_has_large_pages_beside_what_the_user_gives(monkeypatch):
    for given, own in [
        (None, "glibc.malloc.hugetlb=1"),
        ("glibc.malloc.check=3", "glibc.malloc.check=3:glibc.malloc.hugetlb=1"),
        ("glibc.malloc.hugetlb=0", "glibc.malloc.hugetlb=0"),
    ]:
        if given is None:
            monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
        else:
            monkeypatch.setenv("GLIBC_TUNABLES", given)
        assert client._environment()["GLIBC_TUNABLES"] == own


@pytest.fixture
def early():
    yield
    client._end_early()


def _is_gone(process):
    return process.process.poll() is not None


def test_a_process_that_was_started_early_runs_the_jobs(early):
    client.start_early("json")
    client.start_early("json")
    (first,) = client._early
    processes = WarmProcesses("json")
    with processes.fork() as fork:
        assert processes.current is first
        assert fork.pid > 0
    processes.close()
    assert _is_gone(first)


@pytest.mark.parametrize("change", ["environment", "preload"])
def test_one_that_was_started_early_for_something_else_is_is_gone(early, monkeypatch, change):
    client.start_early("json")
    (first,) = client._early
    if change == "environment":
        monkeypatch.setenv("NUMBA_CACHE_DIR", "/elsewhere")
    processes = WarmProcesses("json" if change == "environment" else "csv")
    assert processes.start() is not first
    assert _is_gone(first)
    processes.close()


def test_one_that_was_started_early_and_not_used_ends_with_python():
    code = (
        "import time; from snakemake_executor_plugin_warm import client; "
        "client.start_early('json'); print(client._early[0].process.pid)"
    )
    pid = int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize(
    "arguments, wanted",
    [
        (["--cores", "2"], True),
        (["--directory", "night", "--cores", "2", "--config", "n=1"], True),
        (["-n"], False),
        (["-np"], False),
        (["--dry-run", "--cores", "1"], False),
        (["--executor", "local"], False),
        (["--executor=slurm"], False),
        (["-e", "local"], False),
        (["--mode", "subprocess"], False),
        (["--unlock"], False),
    ],
)
def test_nothing_is_started_early_for_a_call_without_jobs(monkeypatch, arguments, wanted):
    asked = []
    monkeypatch.setattr(profile, "start_early", lambda: asked.append(True))
    assert started("warm", arguments) == "warm"
    assert bool(asked) == wanted
    assert started(None, ["--cores", "2"]) is None
    assert len(asked) == wanted


def test_what_is_loaded_while_waiting_is_loaded_a_bit_at_a_time(tmp_path, monkeypatch):
    """A job that comes meanwhile does not wait for all of it."""
    (tmp_path / "slow_steps.py").write_text(
        "import time\n"
        "def while_waiting():\n"
        "    for number in range(10_000):\n"
        "        time.sleep(0.01)\n"
        "        yield\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    processes = WarmProcesses("slow_steps")
    with processes.fork() as fork:
        assert fork.pid > 0
    processes.close()


def test_a_step_that_fails_is_told(tmp_path, monkeypatch):
    (tmp_path / "bad_step.py").write_text("def while_waiting():\n    yield 1 / 0\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    processes = WarmProcesses("bad_step")
    with pytest.raises(Cold, match="bad_step cannot be loaded: ZeroDivisionError"):
        for _ in range(1000):
            with processes.fork():
                time.sleep(0.01)
    processes.close()


def _run_of_a_fork(kept):
    """Fork; what the fork asks for is a job of the process that is kept."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = 1
    try:
        own = WarmProcesses("json")
        code = int(own.start() is not kept)
        with own.fork():
            pass
        own.close()
    finally:
        os._exit(code)


def test_a_process_that_is_kept_serves_one_run_after_the_other(monkeypatch):
    monkeypatch.setattr(client, "_kept", [])
    client.keep_one("json")
    (kept,) = client._kept
    assert [_run_of_a_fork(kept) for _ in range(3)] == [0, 0, 0]
    assert kept.process.poll() is None
    client.keep_one("json")
    assert kept.process.poll() is not None
    client._kept[0].close()


def _parent_and_child_of_a_fork():
    """Whether a job's process is a fork of one that is kept as a fork of this one."""
    with client.keep_fork("json"):
        own = WarmProcesses("json")
        kept = own.start()
        with own.fork() as fork:
            fields = Path(f"/proc/{fork.pid}/stat").read_text().rpartition(")")[2].split()
            return kept.pid, int(fields[1]), fork.run(os.devnull, dict(os.environ), False)[0]


def test_a_fork_that_is_kept_serves_and_ends():
    """In a process of one thread, as the process that keeps it has to be."""
    script = "from test_warm import _parent_and_child_of_a_fork as told; print(*told())"
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    environment = os.environ | {"PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    kept, parent, code = map(int, done.stdout.split())
    assert kept == parent and code == 0
    assert not Path(f"/proc/{kept}").exists()
