"""How a master bias, dark or flat is made: paths and values in, a product on disk."""

from pathlib import Path

from ..master.make_master import make_master
from ..products.master_headers import master_headers
from ..products.product_files import write_product
from ..quality import records
from ..quality.member_statistics import Member
from .inputs import checked_path, measured_detector, optional_product

__all__ = ["write_master"]


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
    measured, detector_name = measured_detector(detector)
    masters = {"bias": optional_product(bias), "dark": optional_product(dark)}
    stack = [
        Member(checked_path(raw_dir, member), member["file"], member["facts"]) for member in members
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
        records.write_record(record, records.master_record(kind, results, members))
