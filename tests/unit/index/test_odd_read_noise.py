"""A frame whose header gives another read noise than the others do."""

import pytest

from ccdlib.index.odd_read_noise import with_odd_read_noise


def rows(noises, **facts):
    setting = dict.fromkeys(
        ("camera", "binning", "readout_mode", "gain_setting", "offset", "extensions")
    )
    return [
        setting
        | {"file": f"{number}.fits", "status": "ok", "reason": None, "imagetyp": "light"}
        | {"amplifiers": [{"read_noise": noise}]}
        | facts
        for number, noise in enumerate(noises)
    ]


@pytest.mark.parametrize("odd", [50.0, 0.5])
def test_the_frame_is_remarked_on_with_both_values(odd):
    found = [each["reason"] for each in with_odd_read_noise(rows([5.0, 5.1, odd, 4.9, 5.0]))]
    assert found[2] == (
        f"2.fits: read noise {odd:g} electron here, 5 in most frames of its camera and setting: "
        "its sigma goes by its own"
    )
    assert found[:2] + found[3:] == [None] * 4


def test_another_setting_may_have_another_read_noise():
    slow, fast = rows([5.0] * 3, readout_mode="slow"), rows([15.0] * 3, readout_mode="fast")
    assert all(each["reason"] is None for each in with_odd_read_noise(slow + fast))


def test_two_frames_or_none_with_a_read_noise_tell_nothing():
    assert all(each["reason"] is None for each in with_odd_read_noise(rows([5.0, 50.0])))
    assert all(each["reason"] is None for each in with_odd_read_noise(rows([None] * 4)))


@pytest.mark.parametrize("kind", ["bias", "dark", "flat"])
def test_a_few_frames_of_a_master_have_the_others_read_noise(kind):
    found = with_odd_read_noise(rows([5.0, 5.1, 50.0, 4.9, 5.0], imagetyp=kind))
    assert found[2]["reason"] == (
        f"2.fits: read noise 50 electron here, 5 in most {kind} frames of its camera and setting: "
        "5 is used"
    )
    assert [each["amplifiers"][0]["read_noise"] for each in found] == [5.0, 5.1, 5.0, 4.9, 5.0]


def test_flats_that_all_declare_another_read_noise_are_believed():
    flats = with_odd_read_noise(
        rows([5.0] * 6, imagetyp="bias") + rows([15.0] * 3, imagetyp="flat")
    )
    assert [each["amplifiers"][0]["read_noise"] for each in flats[6:]] == [15.0] * 3
    assert all("its sigma goes by its own" in each["reason"] for each in flats[6:])


def test_each_amplifier_is_compared_with_its_own():
    """That of the first alone was looked at."""
    two = [{"amplifiers": [{"read_noise": 5.0}, {"read_noise": noise}]} for noise in (8, 8, 80, 8)]
    found = with_odd_read_noise(
        row | own for row, own in zip(rows([5.0] * 4, imagetyp="bias"), two, strict=True)
    )
    assert [row["amplifiers"][1]["read_noise"] for row in found] == [8] * 4
    assert "read noise of amplifier 2 80 electron here" in found[2]["reason"]
