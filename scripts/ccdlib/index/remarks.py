"""Remarks of the index on its files, each once for all files that it is about."""

import re
from collections.abc import Iterable, Mapping

__all__ = ["remarks"]

# DATE-OBS='13/05/98': the same remark as one on another day; a copy as that of another file
_VALUE = re.compile(
    r"=('[^']*'|\"[^\"]*\"|[-+.\w]+)|from [-+.\w]+ to [-+.\w]+|same (content|pixels) as [^:]+"
    r"|that of .+ is believed"
)


def remarks(rows: Iterable[Mapping]) -> list[tuple[str, str, list[str]]]:
    """What is said of files, with the files that the same is said of.

    Parameters
    ----------
    rows : iterable of dict
        Rows of the index; those without a reason are passed over.

    Returns
    -------
    list of (str, str, list of str)
        Status, the text as it is for the first file, without its name, and the files.
    """
    found: dict[tuple[str, str], tuple[str, list[str]]] = {}
    for row in rows:
        reason = (row["reason"] or "").removeprefix(row["file"]).lstrip(":, ")
        # a usable frame may have several remarks, a refused one has its refusal
        for text in reason.split("; ") if row["status"] == "ok" else [reason]:
            if not text and row["status"] == "ok":
                continue
            _, files = found.setdefault((row["status"], _VALUE.sub("=", text)), (text, []))
            files.append(row["file"])
    return [(status, text, files) for (status, _), (text, files) in found.items()]
