"""What is told of an error."""

import os

import pytest

from ccdlib.errors import CcdlibError, in_words


def test_an_error_of_the_system_is_told_without_its_number(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        os.stat(tmp_path / "a")
    assert in_words(caught.value) == f"{tmp_path / 'a'}: No such file or directory"


def test_of_a_file_that_is_renamed_the_new_name_is_told(tmp_path):
    (tmp_path / "old").touch()
    (tmp_path / "new").mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        os.replace(tmp_path / "old", tmp_path / "new")
    assert in_words(caught.value) == f"{tmp_path / 'new'}: Is a directory"


def test_an_error_without_a_file_stays_as_it_is():
    assert in_words(OSError("no memory")) == "no memory"
    assert in_words(OSError(5, "Input/output error")) == "[Errno 5] Input/output error"
    assert in_words(CcdlibError("a.fits: EXPTIME=-1")) == "a.fits: EXPTIME=-1"


def test_an_endless_value_is_cut_out_of_its_message():
    """Beginning and end, which name key and what is allowed, stay."""
    told = in_words(CcdlibError(f"camera='{'x' * 100_000}' is not allowed: generic"))
    assert len(told) < 2000
    assert told.startswith("camera='xxx")
    assert told.endswith("xxx' is not allowed: generic")
    assert " letters more) ... " in told
    assert len(told) < 500, "what it says is not beyond the end of the screen"
