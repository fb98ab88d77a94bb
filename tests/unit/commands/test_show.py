"""``ccdlib show`` writes a picture of any product."""

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image as Picture

from ccdlib import cli, dq
from ccdlib.frame.image import Image
from ccdlib.products.product_files import write_product


def _image(value=100.0, shape=(40, 60)):
    rng = np.random.default_rng(3)
    flags = np.zeros(shape, np.uint16)
    flags[5, 5:20] = dq.SATURATED
    data = rng.normal(value, 5, shape).astype(np.float32)
    return Image(data, np.full(shape, 25, np.float32), flags, "electron")


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("images", [1, 2])
@pytest.mark.parametrize("plane", ["data", "uncert"])
def test_a_product_becomes_a_picture(tmp_path, monkeypatch, capsys, compress, images, plane):
    monkeypatch.chdir(tmp_path)
    write_product("a.fits", [_image()] * images, fits.Header(), compress=compress)
    assert cli.main(["show", "a.fits", "--plane", plane]) == 0
    assert capsys.readouterr().out == "a.png\n"
    picture = Picture.open("a.png")
    assert picture.width == 1200
    assert len(picture.convert("L").getcolors()) > 20


def test_flags_are_coloured_unless_told_not_to(tmp_path):
    write_product(tmp_path / "a.fits", [_image()], fits.Header())
    orange = (230, 159, 0)
    for option, there in (([], True), (["--no-flags"], False)):
        output = str(tmp_path / "b.png")
        cli.main(["show", str(tmp_path / "a.fits"), "-o", output, *option])
        colours = {colour[:3] for _, colour in Picture.open(output).getcolors(1_000_000)}
        assert (orange in colours) is there


def test_what_is_no_product_is_refused(tmp_path, capsys):
    fits.writeto(tmp_path / "raw.fits", np.zeros((4, 4)))
    assert cli.main(["show", str(tmp_path / "raw.fits")]) == 1
    assert "raw.fits: not a product" in capsys.readouterr().err
    assert cli.main(["show", str(tmp_path / "none.fits")]) == 1
    assert "none.fits: no such file" in capsys.readouterr().err


def test_a_picture_that_cannot_be_written_is_one_line(tmp_path, capsys):
    write_product(tmp_path / "a.fits", [_image()], fits.Header())
    output = str(tmp_path / "nowhere/a.png")
    assert cli.main(["show", str(tmp_path / "a.fits"), "-o", output]) == 1
    assert capsys.readouterr().err == f"ccdlib show: {output}: No such file or directory\n"
