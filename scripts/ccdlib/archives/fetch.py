"""Which raw frames are fetched from object storage, and where in the folder of nights they go."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..errors import CcdlibError

__all__ = ["addresses", "missing", "place"]

_DEFAULTS = {"list": "frames.txt", "raw_dir": "raw"}
# of an address: night and file
_PARTS = 2


def _given(config: Mapping[str, Any]) -> dict[str, str]:
    unknown = sorted(config.keys() - _DEFAULTS.keys())
    if unknown:
        raise CcdlibError(f"--config {unknown[0]}: unknown; there are {', '.join(_DEFAULTS)}")
    return _DEFAULTS | {key: str(value) for key, value in config.items()}


def place(config: Mapping[str, Any], file: str) -> str:
    """Where a file of a night, NIGHT/FILE, goes."""
    return os.path.join(_given(config)["raw_dir"], file)


def addresses(config: Mapping[str, Any]) -> dict[str, str]:
    """{path of a raw frame: its address} of all that the list names.

    Parameters
    ----------
    config : dict
        From the command line: list, a text file with an address a line, such as
        ``s3://BUCKET/NIGHT/FILE``, and raw_dir, the folder of the nights.

    Raises
    ------
    CcdlibError
        If there is no list, if it is empty, if an address has no night and file at its end, or if
        two would be the same file.
    """
    given = _given(config)
    try:
        lines = Path(given["list"]).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CcdlibError(f"list={given['list']}: cannot be read: {error}") from None
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        path = place(config, _file(line.strip(), f"{given['list']}, line {number}"))
        if found.setdefault(path, line.strip()) != line.strip():
            raise CcdlibError(
                f"{given['list']}, line {number}: {line.strip()} and {found[path]} are both {path}"
            )
    if not found:
        raise CcdlibError(f"list={given['list']}: names no frame")
    return found


def missing(files: Iterable[str]) -> list[str]:
    """Those raw frames that are not there: of the others none is written to, whatever is stored.

    Snakemake would take away one that is older than what is stored, and fetch that in its place.
    """
    return [file for file in files if not os.path.lexists(file)]


def _file(address: str, where: str) -> str:
    """NIGHT/FILE of an address."""
    parts = address.partition("://")[2].split("/") if "://" in address else address.split("/")
    own = parts[-_PARTS:]
    # behind the name of a bucket, and nothing that leads elsewhere
    if len(parts) <= _PARTS or not all(each.strip(".") for each in own):
        raise CcdlibError(f"{where}: {address} does not end in NIGHT/FILE")
    if "{" in address or "}" in address:
        raise CcdlibError(f"{where}: {address} has a brace, which Snakemake takes for a wildcard")
    return "/".join(own)
