"""What lights a flat, by words."""

import pytest

from ccdlib.camera.type_words import flat_light


@pytest.mark.parametrize(
    ("texts", "light"),
    [
        (["IMAGETYP='DOME FLAT'"], "dome"),
        (["OBSTYPE='SKYFLAT'", "dome V"], "sky"),
        (["IMAGETYP='FLAT'", "sky flat"], "sky"),
        (["IMAGETYP='Flat Field'", "twilight V"], "sky"),
        (["FLAT,LAMP"], "dome"),
        (["FLAT,SKY"], "sky"),
        (["IMAGETYP='FLAT'", "flat", "flat_V_001.fits", "evening"], "sky"),
        # two lights in one text tell none
        (["dome and sky flats", "night1"], None),
        (["flat", "FlatWizard_R_003.fits", "2024-05-13"], None),
        ([], None),
    ],
)
def test_words(texts, light):
    assert flat_light(texts) == light
