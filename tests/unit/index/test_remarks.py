"""One remark for all files that it is about."""

from ccdlib.index.remarks import remarks


def rows(status, *reasons):
    return [
        {
            "file": f"{number}.fits",
            "status": status,
            "reason": reason and f"{number}.fits: {reason}",
        }
        for number, reason in enumerate(reasons)
    ]


def test_a_remark_on_many_files_is_one_whatever_their_values():
    texts = [
        f"undated, UT='03:{number:02d}' has no date; CCD-TEMP=999 is none" for number in (1, 2)
    ]
    found = remarks(rows("ok", *texts, None, "CCD-TEMP=-273.15 is none"))
    assert found == [
        ("ok", "undated, UT='03:01' has no date", ["0.fits", "1.fits"]),
        ("ok", "CCD-TEMP=999 is none", ["0.fits", "1.fits", "3.fits"]),
    ]


def test_refusals_of_other_words_stay_apart():
    found = remarks(rows("refused", "empty file", "truncated; 3 bytes", "empty file"))
    assert [(text, len(files)) for _, text, files in found] == [
        ("empty file", 2),
        ("truncated; 3 bytes", 1),
    ]


def test_a_range_is_a_value_too():
    found = remarks(
        rows("refused", "values from 0.01 to 0.2: why", "values from 0.3 to 1e-05: why")
    )
    assert found == [("refused", "values from 0.01 to 0.2: why", ["0.fits", "1.fits"])]


def test_copies_of_other_files_are_copies_too():
    found = remarks(
        rows("refused", "same pixels as a b.fits: used once", "same pixels as c.fits: used once")
    )
    assert found == [("refused", "same pixels as a b.fits: used once", ["0.fits", "1.fits"])]
