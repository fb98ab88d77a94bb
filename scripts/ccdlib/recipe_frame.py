"""How a raw frame is calibrated: paths and values in, a product on disk."""

from . import qa
from .badmask import read_map
from .calibrate import Calibration, calibrate_frame
from .camera import amplifiers_from_json
from .products import write_product
from .provenance import frame_headers
from .recipe_inputs import checked_path, measured_detector, optional_product

__all__ = ["write_calibrated"]


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
    products = {
        kind: optional_product(path) for kind, path in masters.items() if kind != "bad_pixels"
    }
    calibration = Calibration(
        **products,
        bad_pixels=masters["bad_pixels"] and read_map(masters["bad_pixels"]),
        dark_scale=dark_scale,
        measured=measured,
    )
    path = checked_path(raw_dir, member)
    amplifiers = amplifiers_from_json(member["facts"]["amplifiers"])
    kind, firsts = member["facts"]["imagetyp"], []
    primary, raws, images = calibrate_frame(
        path,
        member["file"],
        amplifiers,
        calibration,
        config,
        kind,
        watch=(lambda image: firsts.append(qa.before(image))) if record else None,
    )
    header, own = frame_headers(primary, raws, images, member, calibration, config, detector_name)
    write_product(output, images, header, own, config["products"]["compress"])
    if record:
        qa.write_record(record, qa.frame_record(kind, images, firsts, raws, calibration))
