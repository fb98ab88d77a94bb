"""One product made as its rule makes it, in this process and in any folder."""

from pathlib import Path

from ..config import frame_settings, master_settings
from ..index.ready_masters import is_ready, locate
from ..plan.plan_tables import RULES, kind_of
from .calibrate_frame import write_calibrated
from .combine_frames import write_master
from .measure_bad_pixels import write_bad_pixels
from .measure_detector import write_detector

__all__ = ["make_product", "needed"]


def make_product(product, plan, raw_dir, work, config):
    """Make one product as its rule does, from masters that were made in the same folder.

    Parameters
    ----------
    product : str
        Its path below a working directory.
    plan : Plan
    raw_dir : str or list of str
    work : path
        Where it is made.
    config : dict
    """
    work = Path(work)
    kind, output = kind_of(product), work / product
    masters = {
        name: locate(plan.recipe(path, {}), config["ready_masters"])
        if is_ready(path)
        else work / path
        for name, path in plan.calibrations(product).items()
    }
    members = plan.members(product)
    bias, dark, flat = (masters.get(name) for name in ("bias", "dark", "flat"))
    detector, compress = masters.get("detector"), config["products"]["compress"]
    if kind == "detector":
        write_detector(output, raw_dir, members, config["overscan"])
    elif kind == "bad_pixels":
        write_bad_pixels(output, dark, flat, compress)
    elif kind == "calibrated":
        used = {"bias": bias, "dark": dark, "flat": flat, "bad_pixels": masters.get("bad_pixels")}
        scale, settings = plan.dark_scale(product), frame_settings(config)
        if settings["mask"]:
            used["bad_pixels"] = config["bad_pixels"]
        write_calibrated(output, raw_dir, members[0], settings, used, scale, detector)
    else:
        settings = master_settings(config, kind)
        used = {"bias": bias, "dark": dark, "detector": detector}
        write_master(kind, output, raw_dir, members, settings, compress=compress, **used)


def needed(products, plan):
    """The products and what they are made from, in the order in which they are made."""
    found = set()
    pending = list(products)
    while pending:
        product = pending.pop()
        if product not in found:
            found.add(product)
            pending += [path for path in plan.calibrations(product).values() if not is_ready(path)]
    kinds = list(RULES)
    return sorted(found, key=lambda product: (kinds.index(kind_of(product)), product))
