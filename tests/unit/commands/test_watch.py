"""What the command line of `ccdlib watch` refuses before anything starts."""

import pytest

from ccdlib.cli import main


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "1e12"])
def test_seconds_between_looks_that_nobody_can_wait(seconds, tmp_path, capsys):
    assert main(["watch", str(tmp_path), "--every", seconds]) == 1
    assert "seconds between looks, more than 0 and at most 3600" in capsys.readouterr().err


@pytest.mark.parametrize(
    "given",
    [
        ["--config", "camera=demo", "raw_dir=x"],
        ["--config=raw_dir=x"],
        ["-C", "raw_dir=x"],
        ["-C=raw_dir=x"],
    ],
)
def test_a_second_raw_folder(given, tmp_path, capsys):
    assert main(["watch", str(tmp_path), "--", *given]) == 1
    assert f"the raw folder is RAW_DIR, {tmp_path}" in capsys.readouterr().err
