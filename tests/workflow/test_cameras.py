"""From a folder of a camera that nobody knows to assembled frames: init, then the workflow."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from small_night import Work

from ccdlib.cli import main
from ccdlib.simulate.exposures import generator
from ccdlib.simulate.layout import Layout, Readout, assembled, read_out, write_layout

HALF = 48
PLACES = ("[1:48,96:49]", "[1:48,1:48]", "[96:49,1:48]", "[96:49,96:49]")
LAYOUT = Layout(
    shape=(HALF, 64),
    readouts=tuple(
        Readout("[1:48,1:48]", place, "[49:64,1:48]", hdu=number, gain=1.2 + 0.1 * number)
        for number, place in enumerate(PLACES, start=1)
    ),
    drift=10.0,
)
EXTENSIONS = {
    each.hdu: {
        "DATASEC": each.data, "BIASSEC": each.overscan, "DETSEC": each.place, "GAIN": each.gain,
        "RDNOISE": each.read_noise,
    }
    for each in LAYOUT.readouts
}  # fmt: skip


def take(folder):
    """Four biases, three flats and a light of an even sky of 900 electrons."""
    y, x = np.mgrid[:96, :96] / 96
    response = 1 - 0.2 * ((x - 0.5) ** 2 + (y - 0.5) ** 2)
    kinds = [("ZERO", 0.0, 0.0, 4), ("SKYFLAT", 5.0, 20_000.0, 3), ("OBJECT", 60.0, 900.0, 1)]
    for first, (kind, exptime, light, count) in enumerate(kinds):
        for number in range(count):
            images = read_out(LAYOUT, light * response, generator(4, first, number))
            cards = {
                "INSTRUME": "Nobody's", "OBSTYPE": kind, "EXPTIME": exptime, "CCDSUM": "1 1",
                "DATE-OBS": f"2024-05-13T03:{10 * first + number:02d}:00", "LONGITUD": -70.7,
                "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 2.0,
                "CRPIX1": 48.5, "CRPIX2": 48.5, "CD1_1": -1e-4, "CD2_2": 1e-4,
            } | ({} if first == 0 else {"FILTER": "V"})  # fmt: skip
            write_layout(folder / f"{kind.lower()}{number}.fits", images, cards, EXTENSIONS)
    return 900.0 * np.median(assembled(LAYOUT, response))


# astropy says that it computes MJD-OBS, and CCDData drops a WCS that warns
@pytest.mark.filterwarnings("ignore:'datfix' made the change")
def test_init_and_run_of_an_unknown_camera_with_four_extensions(tmp_path):
    sky = take(tmp_path / "raw")
    work = Work(tmp_path / "work", tmp_path / "raw")
    assert main(["init", str(work.raw), "--directory", str(work.folder)]) == 0
    work.config = {"camera": "config/camera.yaml", "cosmic_rays": "{method: none}"}
    run = work.run()
    assert "nothing refused" in run.text
    frame = CCDData.read(work.folder / "results/calibrated/object0.fits")
    assert frame.shape == (96, 96)
    assert frame.wcs.wcs.crpix.tolist() == [48.5, 48.5]
    pulls = ((frame.data - sky) / frame.uncertainty.array)[~frame.mask]
    assert pulls.size > 0.99 * 96 * 96
    # an overscan level fitted to 48 rows of 16 columns is shared by an amplifier's pixels
    shared = 4 * 6.0**2 / (48 * 16 * 4) / 900
    assert abs(pulls.mean()) < 4 * np.sqrt(1 / pulls.size + shared)
    assert abs(pulls.std() - 1) < 4 * np.sqrt(1 / (2 * pulls.size) + shared)
    header = fits.getheader(work.folder / "results/calibrated/object0.fits")
    assert header["AMPPLC4"] == "[96:49,96:49]"
    assert "DETSEC" not in header
