"""What goes into products and is there already: ready masters, the user's map of bad pixels."""

from ..errors import CcdlibError
from ..raw.indexed_file import IndexedFile
from ..raw.raw_folder import resolve
from ..tables import Table

__all__ = ["READY", "is_ready", "locate", "own_map"]

READY = "results/ready.csv"
# all that a job asks of it: the other columns are no part of what makes a product
_FILES = Table(READY, {"file": "text", "sha256": "text"})


def is_ready(path: str) -> bool:
    """Whether a master of the plan is one that was there already."""
    return path.startswith("ready/")


def locate(digest: str, folders: str | list[str] | None, table: str = READY) -> IndexedFile:
    """A ready master by its content, wherever the folder lies now.

    Raises
    ------
    CcdlibError
        If it is not in the table, gone, or has another content by now.
    """
    file = next((row["file"] for row in _FILES.rows(table) if row["sha256"] == digest), None)
    if file is None or not folders:
        raise CcdlibError(f"ready_masters: none with SHA-256 {digest} in {table}")
    return IndexedFile(resolve(folders, file), f"ready_masters: {file}", digest)


def own_map(settings: dict, config: dict) -> dict[str, IndexedFile]:
    """{'bad_pixels': the user's own map}, {} where none goes into a product.

    Parameters
    ----------
    settings : dict
        From `ccdlib.config.settings_of`: `bad_pixels` is the digest that the map should have.
    config : dict

    Raises
    ------
    CcdlibError
        If it is gone or has another content.
    """
    digest, path = settings.get("bad_pixels"), config["bad_pixels"]
    return {"bad_pixels": IndexedFile(path, f"bad_pixels: {path}", digest)} if digest else {}
