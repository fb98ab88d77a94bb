"""Details that ccdproc's pages and change log promise, found by some 550 calls of both."""

import ccdproc
import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData, StdDevUncertainty
from toolbox_images import linear_wcs

import ccdlib

SHAPE = (30, 32)
MOMENT = {"DATE-OBS": "2024-01-01T00:00:00", "MJD-OBS": 60310.0}


@pytest.fixture(params=[False, True], ids=["ours", "as ccdproc"])
def switch(request):
    with ccdlib.conf.set_temp("as_ccdproc", request.param):
        yield request.param


def dated(level=100.0):
    """An image whose WCS knows when it was exposed, too."""
    ccd = CCDData(np.full(SHAPE, level), unit="adu", wcs=linear_wcs())
    ccd.wcs.wcs.dateobs, ccd.wcs.wcs.mjdobs = MOMENT.values()
    ccd.meta = fits.Header(list((MOMENT | {"OBJECT": "M 51", "CRPIX1": 1.0}).items()))
    return ccd


def hits(unit="adu", dtype=float):
    data = np.random.default_rng(3).normal(200, 10, (60, 60))
    data[10, 20], data[30:33, 40] = 5000, 3000
    return CCDData(data.astype(dtype), unit=unit)


@pytest.mark.usefixtures("switch")
def test_a_projected_image_says_when_it_was_exposed():
    results = [lib.wcs_project(dated(), linear_wcs()) for lib in (ccdlib, ccdproc)]
    for each in results:
        assert each.meta["DATE-OBS"] == MOMENT["DATE-OBS"] and each.meta["MJD-OBS"] == 60310.0
    # theirs stays in the header as it was
    assert "CRPIX1" not in results[0].meta


@pytest.mark.parametrize("in_files", [False, True])
def test_a_stack_says_when_its_frames_were_exposed_and_has_no_wcs_in_its_cards(
    switch, in_files, tmp_path
):
    frames = [dated(level) for level in (1.0, 2.0, 4.0)]
    if in_files:
        for number, frame in enumerate(frames):
            frame.write(tmp_path / f"{number}.fits")
        frames = sorted(map(str, tmp_path.glob("*.fits")))
    ours, theirs = (lib.combine(frames) for lib in (ccdlib, ccdproc))
    assert ours.meta["DATE-OBS"] == MOMENT["DATE-OBS"]
    assert ours.wcs.wcs.compare(theirs.wcs.wcs, tolerance=1e-12)
    if switch and in_files:
        assert {key.lower() for key in ours.meta} == {key.lower() for key in theirs.meta}
    assert not {"CRPIX1", "CTYPE1", "CRVAL2"} & set(ours.meta)


@pytest.mark.parametrize("method", ["average_combine", "median_combine", "sum_combine"])
def test_a_stack_in_float32_has_its_uncertainty_in_it(switch, method):
    frames = [CCDData(np.full(SHAPE, float(level)), unit="adu") for level in range(4)]
    for lib in (ccdlib, ccdproc):
        result = getattr(lib.Combiner(frames, dtype="float32"), method)()
        assert result.dtype == result.uncertainty.array.dtype == np.float32


@pytest.mark.parametrize("gain", [1.0, 1.5, 1.5 * u.electron / u.adu])
@pytest.mark.parametrize("unit", ["adu", "electron"])
@pytest.mark.filterwarnings("ignore:Image unit is electron")
def test_lacosmic_has_ccdprocs_unit_and_type_with_the_switch(unit, gain):
    settings = {"gain": gain, "readnoise": 6.0}
    if unit == "electron" and not isinstance(gain, float):
        settings["readnoise"] = 6.0 * u.electron**2 / u.adu
    with ccdlib.conf.set_temp("as_ccdproc", True):
        ours = ccdlib.cosmicray_lacosmic(hits(unit), **settings)
        bare = ccdlib.cosmicray_lacosmic(hits(unit).data, gain=2.0)[0]
    theirs = ccdproc.cosmicray_lacosmic(hits(unit), **settings)
    assert (ours.unit, ours.dtype) == (theirs.unit, theirs.dtype)
    np.testing.assert_allclose(ours.data, theirs.data, rtol=2e-6)
    np.testing.assert_array_equal(ours.mask, theirs.mask)
    expected = ccdproc.cosmicray_lacosmic(hits(unit).data, gain=2.0)[0]
    assert bare.dtype == expected.dtype
    np.testing.assert_allclose(bare, expected, rtol=2e-6)


@pytest.mark.usefixtures("switch")
@pytest.mark.filterwarnings("ignore:Image unit is electron")
def test_a_saturation_in_electrons_is_not_multiplied_by_a_gain():
    """Of 4000 electrons; twice that would leave the pixel of 5000 alone."""
    for level, saturated in ((4000.0, True), (6000.0, False)):
        results = [
            lib.cosmicray_lacosmic(hits("electron"), gain=1.0001, satlevel=level, sigclip=1e4)
            for lib in (ccdlib, ccdproc)
        ]
        assert not results[1].mask.any()
        dq = results[0].dq
        if not ccdlib.conf.as_ccdproc:
            assert (dq is not None and bool(dq[10, 20] & ccdlib.dq.SATURATED)) == saturated


def test_negative_thresholds_are_made_positive_as_the_page_says(switch):
    """ccdproc's own page says so, and its code clips every value."""
    frames = [CCDData(np.full(SHAPE, float(level)), unit="adu") for level in (1, 2, 3, 4, 50)]
    results = []
    for low in (-1.5, 1.5):
        combiner = ccdlib.Combiner(frames)
        combiner.sigma_clipping(low_thresh=low, high_thresh=1.5)
        results.append(combiner.average_combine().data)
    np.testing.assert_array_equal(*results)
    assert np.isfinite(results[0]).all()


@pytest.mark.usefixtures("switch")
@pytest.mark.parametrize("find", ["cosmicray_lacosmic", "cosmicray_median"])
def test_a_search_that_finds_nothing_has_a_mask_to_count(find):
    flat = CCDData(np.full(SHAPE, 100.0), unit="adu", uncertainty=StdDevUncertainty(np.ones(SHAPE)))
    for lib in (ccdlib, ccdproc):
        found = getattr(lib, find)(flat)
        assert found.mask.shape == SHAPE and found.mask.sum() == 0


@pytest.mark.usefixtures("switch")
@pytest.mark.parametrize(
    "keyword", [{"gain_correct": "by 1.5", "CALSTAT": "G"}, "gain_correct", "Keyword"]
)
@pytest.mark.parametrize("meta", [{}, fits.Header()], ids=["dict", "header"])
def test_the_name_of_a_step_that_is_logged_by_hand_is_shortened_too(keyword, meta):
    metas = []
    for lib in (ccdlib, ccdproc):
        named = lib.Keyword("gain_correct", value="by hand") if keyword == "Keyword" else keyword
        image = CCDData(np.ones(SHAPE), unit="adu", meta=meta.copy())
        metas.append(dict(lib.gain_correct(image, 1.5 * u.photon / u.adu, add_keyword=named).meta))
    assert metas[0] == metas[1]
    assert "gaincor" in {key.lower() for key in metas[0]}


@pytest.mark.parametrize("mask", [[[0, 1]], ((True, False),), np.array([[0.0, 2.0]]), None])
def test_a_mask_may_be_anything_that_is_true_or_false(mask):
    ours, theirs = (lib.CCDData([[1, 2]], unit="adu", mask=mask) for lib in (ccdlib, ccdproc))
    np.testing.assert_array_equal(ours.mask, theirs.mask)
    assert [each.name for each in ours.to_hdu()] == [each.name for each in theirs.to_hdu()]
    if mask is not None:
        assert ours.mask.dtype == theirs.mask.dtype == bool
    assert ccdlib.CCDData([[1, 2]], unit="adu", mask=np.ma.nomask).mask is None


def test_a_mask_of_another_shape_is_refused():
    for lib in (ccdlib, ccdproc):
        with pytest.raises(ValueError, match=r"\(1, 3\).*\(1, 2\)"):
            lib.CCDData([[1, 2]], unit="adu", mask=[[0, 0, 1]])


def test_a_combiner_has_the_mask_of_its_values(switch):
    combiner = ccdlib.Combiner([CCDData([[value]], unit="adu") for value in (1.0, 2.0, 3.0)])
    assert combiner.mask.sum() == 0
    combiner.minmax_clipping(max_clip=2.5)
    assert combiner.mask[:, 0, 0].tolist() == [False, False, True]
    combiner.mask[0] = True
    assert combiner.average_combine().data[0, 0] == 2.0
