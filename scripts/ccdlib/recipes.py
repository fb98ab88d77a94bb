"""What each rule's script does: paths and values in, a product on disk."""

import json
from pathlib import Path

from . import qa
from .badmask import read_map
from .calibrate import Calibration, calibrate_frame
from .camera import amplifiers_from_json
from .errors import CcdlibError
from .files import write_atomically
from .mastercards import measured_amplifiers
from .masters import Member, make_master
from .products import read_product, write_product
from .provenance import frame_headers, master_headers
from .rawfiles import resolve, sha256

__all__ = ["write_bad_pixels", "write_calibrated", "write_detector", "write_master"]


def _product(path):
    return read_product(path) if path else None


def _measured(path):
    """Amplifiers of a detector file, or of a ready master's header, and its name."""
    if not path:
        return None, None
    path = Path(path)
    if path.suffix == ".json":
        return json.loads(path.read_text())["amplifiers"], path.stem
    return measured_amplifiers(read_product(path).header), path.stem


def _checked_path(raw_dir, member):
    """The raw file's path, after a look that it is still the one that was indexed."""
    path = resolve(raw_dir, member["file"])
    try:
        found = sha256(path)
    except FileNotFoundError:
        raise CcdlibError(f"{member['file']}: gone since it was indexed") from None
    if found != member["sha256"]:
        raise CcdlibError(
            f"{member['file']}: changed since it was indexed, SHA-256 {found} "
            f"instead of {member['sha256']}"
        )
    return path


def write_master(
    kind,
    output,
    raw_dir,
    members,
    settings,
    *,
    bias,
    dark,
    detector,
    compress,
    record=None,
    **limits,
):
    """Make a master and write it.

    Parameters
    ----------
    kind : {'bias', 'dark', 'flat'}
    output : str
    raw_dir : str or list of str
    members : list of dict
        file, sha256 and facts of each raw frame.
    settings : dict
        Sections overscan, combine (of the kind) and, for flats, flat.
    bias, dark, detector : str or None
        Paths of the masters and of the measured gain and read noise.
    compress : bool
    record : str or None
        Where what the report needs goes.
    **limits
        memory_mb and threads, see `make_master`.
    """
    measured, detector_name = _measured(detector)
    masters = {"bias": _product(bias), "dark": _product(dark)}
    stack = [
        Member(_checked_path(raw_dir, member), member["file"], member["facts"])
        for member in members
    ]
    combine = settings["combine"] | settings.get("flat", {})
    headers, image_headers, raws, results = make_master(
        kind,
        Path(output).stem,
        stack,
        combine,
        overscan=settings["overscan"],
        measured=measured,
        **masters,
        **limits,
    )
    sources = masters | {"measured": measured, "detector_name": detector_name}
    header, own = master_headers(
        kind, headers, image_headers, raws, results, members, settings, sources
    )
    write_product(output, [result.image for result in results], header, own, compress)
    if record:
        qa.write_record(record, qa.master_record(kind, results, members))


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
    measured, detector_name = _measured(detector)
    products = {kind: _product(path) for kind, path in masters.items() if kind != "bad_pixels"}
    calibration = Calibration(
        **products,
        bad_pixels=masters["bad_pixels"] and read_map(masters["bad_pixels"]),
        dark_scale=dark_scale,
        measured=measured,
    )
    path = _checked_path(raw_dir, member)
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
        qa.write_record(record, qa.frame_record(kind, images, firsts, raws, measured))


def write_detector(output, raw_dir, members, overscan):
    """Measure gain and read noise from the night's biases and flats and write them as JSON."""
    from .detector import measure_detector

    frames = [
        Member(_checked_path(raw_dir, member), member["file"], member["facts"])
        for member in members
    ]
    found = measure_detector(frames, overscan)
    write_atomically(output, (json.dumps({"amplifiers": found}, indent=1) + "\n").encode())


def write_bad_pixels(output, dark, flat, compress):
    """Measure bad pixels from a master dark, a master flat or both and write the map."""
    from .badpixels import flags_of_dark, flags_of_flat, map_image
    from .provenance import map_header

    sources = {"dark": _product(dark), "flat": _product(flat)}
    first = sources["dark"] or sources["flat"]
    images = []
    for number in range(len(first.images)):
        flags = 0
        if sources["dark"]:
            flags = flags | flags_of_dark(sources["dark"].images[number])
        if sources["flat"]:
            flags = flags | flags_of_flat(sources["flat"].images[number])
        images.append(map_image(flags))
    write_product(output, images, map_header(sources, images), None, compress)
