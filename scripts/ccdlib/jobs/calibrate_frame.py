"""How a raw frame is calibrated: paths and values in, a product on disk."""

from contextlib import ExitStack, nullcontext

from ..camera.amplifiers import amplifiers_from_rows
from ..frame.calibrate import Calibration, calibrate_frame
from ..products.bad_pixel_file import open_map
from ..products.frame_headers import frame_headers
from ..products.kept_hashes import kept_sha256
from ..products.product_files import open_product, write_product
from ..quality import records
from .inputs import checked_path, measured_detector

__all__ = ["write_calibrated"]


def _opened(name, path):
    if not path:
        return nullcontext()
    return open_map(path) if name == "bad_pixels" else open_product(path, kept_sha256(path))


def write_calibrated(output, raw_dir, member, config, masters, dark_scale, detector, record=None):
    """Calibrate a raw frame and write it.

    Parameters
    ----------
    output : str
    raw_dir : str or list of str
    member : dict
        file, sha256 and facts of the raw frame.
    config : dict
        Sections products, overscan, flat and cosmic_rays.
    masters : dict
        Paths (or None) of bias, dark, flat and bad_pixels.
    dark_scale : float
    detector : str or None
        Path of the measured gain and read noise.
    record : str or None
        Where what the report needs goes.
    """
    measured, detector_name = measured_detector(detector)
    path = checked_path(raw_dir, member)
    amplifiers = amplifiers_from_rows(member["facts"]["amplifiers"])
    kind, firsts = member["facts"]["imagetyp"], []
    with ExitStack() as opened:
        found = {
            name: opened.enter_context(_opened(name, master)) for name, master in masters.items()
        }
        calibration = Calibration(**found, dark_scale=dark_scale, measured=measured)
        primary, raws, images = calibrate_frame(
            path,
            member["file"],
            amplifiers,
            calibration,
            config,
            kind,
            watch=(lambda image: firsts.append(records.before(image))) if record else None,
        )
        header, own = frame_headers(
            primary, raws, images, member, calibration, config, detector_name
        )
        write_product(output, images, header, own, config["products"]["compress"])
        if record:
            records.write_record(
                record, records.frame_record(kind, images, firsts, raws, calibration)
            )
