"""A camera file that is used for frames of another camera: said, or refused."""

import pytest
from making import camera, headers

from ccdlib.camera.recognised import check_recognised
from ccdlib.config import load_camera
from ccdlib.errors import CcdlibError

OTHER = "INSTRUME='Other', but the camera file is for INSTRUME='Box'"
REMARK = f"{OTHER}: `ccdlib init` on a folder of them alone finds or proposes theirs"
BY_CARDS = {"detector": {"gain": ["EGAIN", "measure"], "read_noise": "measure"}}


def remark(spec, **cards):
    """The remark on a frame that a camera file was used for, None without one."""
    found = headers(**cards)
    check_recognised(found, spec)
    return found.notes[0] if found.notes else None


def made_for(**parts):
    return camera(recognise={"INSTRUME": "Box"}, **(BY_CARDS | parts))


def test_frames_of_another_camera_are_remarked_on_where_their_own_cards_decide():
    assert remark(made_for(), INSTRUME="box") is None
    assert remark(made_for(), INSTRUME="Other") == REMARK
    assert remark(made_for(), OBJECT="x") == REMARK.replace("INSTRUME='Other'", "no INSTRUME")
    assert remark(camera(), INSTRUME="Other") is None


@pytest.mark.parametrize(
    ("parts", "what"),
    [
        ({"detector": {"gain": 2.0}}, "gain"),
        ({"detector": {"gain": "measure", "read_noise": [7.1, 7.4]}}, "read noise"),
        ({"detector": {"linearity": {"polynomial": [1e-7]}}}, "linearity"),
        ({"crosstalk": [[0.0, 0.1], [0.1, 0.0]]}, "crosstalk"),
        ({"amplifiers": [{"data": "[1:90,1:100]"}]}, "sections"),
        ({"amplifiers": [{"overscan": {"section": ["[91:100,:]"], "skip": 1}}]}, "sections"),
        ({"amplifiers": [{"parallel": "[:,91:100]"}]}, "sections"),
    ],
)
def test_they_are_refused_where_numbers_of_the_file_would_make_wrong_pixels(parts, what):
    with pytest.raises(CcdlibError) as error:
        remark(made_for(**parts), INSTRUME="Other")
    assert str(error.value) == f"a.fits: {OTHER} and gives {what} outright"
    # a card that is missing names no other camera
    assert remark(made_for(**parts)).startswith("no INSTRUME, but")


@pytest.mark.parametrize("name", ["palomar_lfc", "saao_ste3", "apogee_cg16m"])
def test_shipped_files_with_sections_of_their_own(name):
    with pytest.raises(CcdlibError, match=r"and gives (gain and )?(read noise and )?sections"):
        remark(load_camera(name), INSTRUME="SBIG ST-7")


@pytest.mark.parametrize("name", ["lick_nickel", "arcsat", "nina_cmos", "lco_sinistro"])
def test_shipped_files_that_go_by_cards(name):
    said = remark(load_camera(name), INSTRUME="SBIG", TELESCOP="Z", SWCREATE="W", ORIGIN="me")
    assert ", but the camera file is for " in said
