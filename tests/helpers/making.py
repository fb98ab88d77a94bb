"""Small raw frames, index rows and settings that several test modules start from."""

import os
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from ccdlib.camera.amplifiers import Amplifier, layout_of
from ccdlib.camera.headers import Headers
from ccdlib.camera.sections import parse_section
from ccdlib.config import check_camera, load_camera, load_config
from ccdlib.index.index_tables import INDEX_TABLE, data_frame
from ccdlib.tables import rows_of

_PLACES = (os.environ.get("CCDLIB_REAL_DATA"), Path(__file__).parents[2] / "../shared/data")
REAL = next((Path(place) for place in _PLACES if place and Path(place).is_dir()), None)
needs_real_frames = pytest.mark.skipif(REAL is None, reason="no folder of real frames")


def headers(image=None, file="a.fits", shape=(100, 100), undefined=(), **cards):
    """Headers of a file with one image; a keyword's double underscore is a hyphen."""
    from astropy.io.fits import Header

    header = Header()
    for keyword, value in cards.items():
        header[keyword.replace("__", "-")] = value
    images = image or ((0, header, shape),)
    return Headers(file, header, tuple(images), frozenset(undefined))


def camera(**parts):
    """A camera file that types by IMAGETYP and reads the plainest cards."""
    content = {
        "description": "a camera for a test",
        "facts": {"exptime": "EXPTIME", "filter": "FILTER", "object": "OBJECT"},
        "types": [
            {"type": kind, "when": {"IMAGETYP": kind}} for kind in ("bias", "dark", "flat", "light")
        ],
        "detector": {"gain": 2.0, "read_noise": 8.0, "saturation": 60000},
    }
    return check_camera(content | parts)


def generic():
    return load_camera("generic")


def config(**parts):
    return load_config({"raw_dir": "raw", "camera": "generic"} | parts)


def write_raw(path, data=None, **cards):
    """A plain FITS file; without `data` an image of 4 x 5 zeros."""
    from astropy.io import fits

    path.parent.mkdir(parents=True, exist_ok=True)
    hdu = fits.PrimaryHDU(np.zeros((4, 5), np.uint16) if data is None else data)
    for keyword, value in cards.items():
        hdu.header[keyword.replace("__", "-")] = value
    hdu.writeto(path)
    return path


def amplifier(shape=(100, 100), data=None, overscan=None, **values):
    """One amplifier of a raw image of `shape`, sections as FITS strings."""
    whole = f"[1:{shape[1]},1:{shape[0]}]"
    section = parse_section(data or whole, shape)
    place = parse_section(f"[1:{section.shape[1]},1:{section.shape[0]}]", section.shape)
    given = {"gain": 2.0, "read_noise": 8.0, "saturation": 60000.0, "linear_limit": None} | values
    strip = parse_section(overscan, shape) if overscan else None
    return Amplifier(0, section, place, strip, **given)


def row(file, kind, exptime=0.0, *, date="2024-05-13T03:00:00", overscan=True, **facts):
    """A row of the index as make_plan gets it: typed, with its layout."""
    sections = {"data": "[1:90,1:100]", "overscan": "[91:100,1:100]"} if overscan else {}
    detector = {name: facts.pop(name) for name in ("gain", "read_noise") if name in facts}
    values = dict.fromkeys(INDEX_TABLE.columns) | {
        "frame": file.removesuffix(".fits"),
        "file": file,
        "imagetyp": kind,
        "filter": "V" if kind in ("flat", "light") else None,
        "exptime": None if exptime is None else float(exptime),
        "date_obs": datetime.fromisoformat(date) if date else None,
        "night": "2024-05-12" if date else None,
        "binning": "1x1",
        "naxis1": 100,
        "naxis2": 100,
        "extensions": 1,
        "sha256": f"sha of {file}",
        "status": "ok",
        "camera": "cam",
        "layout": layout_of([amplifier(**sections, **detector)]),
    }
    return values | facts


def rows(kind, count, exptime=0.0, prefix="", **facts):
    """Several rows of one kind."""
    return [row(f"{prefix}{kind}{number}.fits", kind, exptime, **facts) for number in range(count)]


def indexed(found):
    """The rows of what `build_index` or `index_masters` found, as the plan gets them."""
    table, layouts = found
    return [row | {"layout": layouts.get(row["layout"])} for row in rows_of(table)]


def data_frame_of(index):
    """Rows of the index as the DataFrame that is written."""
    return data_frame(INDEX_TABLE, index)
