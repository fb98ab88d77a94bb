"""Frames of the plan: the index with the user's corrections."""

import pytest
from making import row

from ccdlib.errors import CcdlibError
from ccdlib.plan.frames import frames_of, read_corrections

KNOWN = {"a.fits", "b.fits", "night, 2/{c}.fits"}


def table(tmp_path, text):
    path = tmp_path / "corrections.csv"
    path.write_bytes(text.encode())
    return read_corrections(path, KNOWN)


def test_only_the_cells_that_are_filled_count(tmp_path):
    text = 'file,imagetyp,filter,use\na.fits,flat, V ,\nb.fits,,,\n"night, 2/{c}.fits",,,false\n'
    found = table(tmp_path, text)
    assert found["a.fits"] == {"imagetyp": "flat", "filter": "V"}
    assert found["b.fits"] == {}
    assert found["night, 2/{c}.fits"] == {"use": "false"}


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
def test_a_table_as_a_spreadsheet_saves_it(tmp_path, ending):
    found = table(tmp_path, "\ufefffile,exptime" + ending + "a.fits,30" + ending)
    assert found == {"a.fits": {"exptime": "30"}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"columns .* are not of file, imagetyp"),
        ("name,filter\na.fits,V", r"columns .*'name'.* are not of file, imagetyp"),
        ("file,colour\na.fits,V", r"columns .*'colour'.* are not of file, imagetyp"),
        ("filter\nV", r"columns .* are not of file, imagetyp"),
        (
            "file,filter\nx.fits,V",
            r"line 2: file='x.fits' is not in the index .*did you mean '[ab].fits'",
        ),
        ("file,imagetyp\na.fits,flat\nb.fits,biass", r"line 3: imagetyp='biass' is none of bias"),
        ("file,use\na.fits,maybe", r"line 2: use='maybe' is neither true nor false"),
        ("file,exptime\na.fits,long", r"line 2: exptime='long' is not a time in seconds"),
        ("file,exptime\na.fits,-1", r"line 2: exptime='-1' is not a time"),
        ("file,exptime\na.fits,nan", r"line 2: exptime='nan' is not a time"),
        ("file,exptime\na.fits,1_00", r"line 2: exptime='1_00' is not a time"),
        ("file,exptime\na.fits,\u0661\u0660", r"line 2: exptime='\u0661\u0660' is not a time"),
        ("file,exptime,exptime\na.fits,1,2", r"column exptime is there twice"),
        ("file,done\na.fits,everything", r"line 2: done='everything' is neither none nor some of"),
        ("file,use\na.fits,true\na.fits,false", r"line 3: file='a.fits' is listed twice"),
        ("file,use\na.fits,true,V", r"line 2: more cells than columns"),
        ("file,use\n\n\na.fits,maybe", r"line 4: use='maybe'"),
        # all that follows the quote was a part of the cell, in silence
        ('file,object\na.fits,"M13\nb.fits,M31\n', r"line 2: not CSV: unexpected end of data"),
        ('file,object\na.fits,"M13\nb.fits,"M31"\n', r"line 2: not CSV: ',' expected after"),
        ('file,object\na.fits,"M13\nb.fits,M31"\n', r"line 2: a cell in quotes goes on in the"),
    ],
)
def test_a_mistake_names_its_line(tmp_path, text, message):
    with pytest.raises(CcdlibError, match=message):
        table(tmp_path, text)


def test_a_mark_between_lines_of_a_text_ends_no_line(tmp_path):
    found = table(tmp_path, "file,object\na.fits,A\u2028B\x85C\n")
    assert found == {"a.fits": {"object": "A\u2028B\x85C"}}


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(CcdlibError, match=r"corrections: .*none.csv: no such file"):
        read_corrections(tmp_path / "none.csv", KNOWN)


def one(correction=None, **changes):
    frames = frames_of([row("a.fits", "light", 60) | changes], {"a.fits": correction or {}})
    return frames[0] if frames else None


def test_a_row_becomes_a_frame():
    frame = one()
    assert (frame.kind, frame.exptime, frame.night) == ("light", 60.0, "2024-05-12")
    assert frame.facts["size"] == "100x100"
    assert frame.facts["readout_mode"] is None
    assert frame.date.isoformat() == "2024-05-13T03:00:00"
    assert frame.has_overscan
    assert not frame.needs_detector


def test_corrections_win():
    frame = one({"imagetyp": "flat", "filter": "R", "exptime": "0", "dark": "none"})
    assert (frame.kind, frame.exptime, frame.facts["filter"]) == ("flat", 0.0, "R")
    assert frame.pins == {"dark": "none"}


def test_who_may_be_used():
    assert one({"use": "False"}) is None
    assert one(status="refused") is None
    assert one(status="unknown", imagetyp=None) is None
    assert one({"imagetyp": "dark"}, status="unknown", imagetyp=None).kind == "dark"
    assert one({"imagetyp": "dark"}, status="refused") is None


def test_what_is_missing_stays_missing():
    frame = one(exptime=None, date_obs=None, night=None, temperature=None)
    assert frame.exptime is None
    assert frame.date is None
    assert frame.night == "undated"
    assert frame.temperature is None


def test_a_gain_that_is_to_be_measured_is_needed():
    frames = frames_of([row("a.fits", "light", 60, gain=None, overscan=False)], {})
    assert frames[0].needs_detector
    assert not frames[0].has_overscan
