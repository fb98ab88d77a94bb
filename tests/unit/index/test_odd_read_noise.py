"""A frame whose header gives another read noise than the others do."""

import pytest

from ccdlib.index.odd_read_noise import with_odd_read_noise


def rows(noises, **facts):
    setting = dict.fromkeys(
        ("camera", "binning", "readout_mode", "gain_setting", "offset", "extensions")
    )
    return [
        setting
        | {"file": f"{number}.fits", "status": "ok", "reason": None}
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
