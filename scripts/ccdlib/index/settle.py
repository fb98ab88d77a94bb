"""What can be said of a frame only beside the others of its folder.

The rows of `raw_index.index_file` know one file each, and are kept from run to run. What follows
compares them, each time anew.
"""

from collections.abc import Callable, Iterable
from typing import Any

from .exposures import one_exposure, one_of_each
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
        The same rows: each has its type, and of frames that are one exposure one is left.
    """
    return one_exposure(weigh(one_of_each(rows), camera), equal)
