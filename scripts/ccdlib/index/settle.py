"""What can be said of a frame only beside the others of its folder.

The rows of `raw_index.index_file` know one file each, and are kept from run to run. What follows
compares them, each time anew.
"""

from collections.abc import Callable, Iterable
from typing import Any

from .exposures import one_exposure, one_of_each
from .one_row_order import in_one_row_order
from .pile_up import flag_pile_ups
from .type_evidence import weigh

__all__ = ["settled"]


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
    found = one_exposure(weigh(one_of_each(rows), camera), equal)
    return in_one_row_order(flag_pile_ups(found))
