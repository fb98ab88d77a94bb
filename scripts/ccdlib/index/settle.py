"""What can be said of a frame only beside the others of its folder.

The rows of `raw_index.index_file` know one file each, and are kept from run to run. What follows
compares them, each time anew.
"""

from collections.abc import Callable, Iterable
from typing import Any

from ..kinds import masters
from .binning_by_size import true_binning
from .day_order import in_one_day_order
from .exposures import one_exposure, one_of_each
from .flat_lights import with_lights
from .odd_read_noise import with_odd_read_noise
from .one_row_order import in_one_row_order
from .pile_up import flag_pile_ups
from .type_evidence import weigh

__all__ = ["settled"]

# types that masters are made of
_RAW_ONLY = {kind for master in masters() for kind in master.made_of}


def settled(
    rows: Iterable[dict[str, Any]], camera: dict, equal: Callable[[str, str], bool]
) -> list[dict[str, Any]]:
    """The rows of a folder, compared with one another.

    Parameters
    ----------
    rows : iterable of dict
        Rows of `raw_index.index_file`, sorted by file.
    camera : dict
        A validated camera file.
    equal : callable
        Whether the files of two names hold the same pixels.

    Returns
    -------
    list of dict
        The same rows: each has its type, of frames that are one exposure one is left, and the
        rows of all run the same way.
    """
    found = one_exposure(weigh(in_one_day_order(one_of_each(rows)), camera), equal)
    found = true_binning(flag_pile_ups(found), camera)
    found = with_lights(with_odd_read_noise(in_one_row_order(found)))
    return [_with_refusal(row) for row in found]


def _with_refusal(row):
    """Refused where a value cannot be used, which the table of corrections may give.

    Last, so that the frame has all else that it needs then.
    """
    if row["status"] != "ok":
        return row
    if row.get("refusal"):
        return row | {"status": "refused", "reason": row["refusal"]}
    if row["imagetyp"] in _RAW_ONLY and row["done"]:
        text = (
            f"{row['file']}: {row['imagetyp']} to which {row['done']} was done already, and a "
            "master is made of raw frames: take those as they left the camera, or write done=none "
            "in the table of corrections where the card is wrong"
        )
        return row | {"status": "refused", "reason": text, "failed": "done"}
    return row
