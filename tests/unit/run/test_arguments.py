"""What Snakemake is given by ``ccdlib run``: it ended with a traceback, or never."""

import os
import subprocess

import pytest

from ccdlib.cli import main
from ccdlib.errors import CcdlibError
from ccdlib.run.arguments import check_arguments


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "open.yaml").write_text("a: [")
    (tmp_path / "good.yaml").write_text("a: 1\n")
    with open(tmp_path / "holes.yaml", "wb") as file:
        file.truncate(2**32)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--directory", "file"], "--directory file: file is no folder"),
        (["-d", "file/sub/work"], "--directory file/sub/work: file is no folder"),
        (["--directory=link"], "--directory link: link is no folder"),
        (["--configfile", "/dev/zero"], "--configfile /dev/zero: a .*device"),
        (["--configfile", "folder"], "--configfile folder: a folder, not a regular file"),
        (["--configfile", "none.yaml"], "--configfile none.yaml: no such file"),
        (["--configfiles", "good.yaml", "link"], "--configfile link: no such file"),
        (["--configfile", "bytes.yaml"], "--configfile bytes.yaml: not YAML"),
        (["--configfile", "open.yaml"], "--configfile open.yaml: not YAML"),
        (["--configfile", "file"], "--configfile file: holds no key"),
        (["--configfile", "holes.yaml"], "--configfile holes.yaml: 4294967296 bytes, no config"),
    ],
)
@pytest.mark.parametrize("command", ["run", "archive"])
def test_one_line_says_what_is_wrong(place, capsys, command, given, said):
    with pytest.raises(CcdlibError, match=said):
        check_arguments(["-n", *given, "--cores", "1"])
    assert main([command, "-n", *given]) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"ccdlib {command}: --") and told.count("\n") == 1


def test_what_is_right_goes_on_to_snakemake(place):
    check_arguments(["-d", "new/work", "--configfile", "good.yaml", "--cores", "1", "-n"])
    check_arguments(["-d", "folder", "results/index.csv", "--config", "a=b"])
    # it says itself that a value lacks
    check_arguments(["--directory"])


def test_what_a_shell_pipes_is_left_for_snakemake(place):
    os.mkfifo(place / "pipe")
    with subprocess.Popen("echo 'a: 1' > pipe", shell=True):
        check_arguments(["--configfile", "pipe"])
        assert (place / "pipe").read_text() == "a: 1\n"
