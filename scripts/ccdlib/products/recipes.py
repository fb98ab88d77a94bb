"""Which recipe a product on the disk was made by, as the product itself says.

A recipe is the digest of all that goes into a product: raw frames, facts, masters, settings and
code. The product carries it (card RECIPE, key `recipe` of a measured detector), so that whatever
was killed, copied or restored, the product tells whether it is up to date. A note beside it saves
the next start from opening the product: it counts only while the product's stat is the one noted.
"""

import os
from pathlib import Path
from typing import Any

from ..errors import CcdlibError
from ..files import refuse_folder
from ..kinds import product_of, record_of
from ..raw.raw_folder import stat_of
from ..state import keep_json, kept_json, unsealed
from .check_stored import check_stored

__all__ = [
    *("has_record", "note", "params_of", "recipe_of", "refuse_damaged", "remove", "renew_note"),
    "set_time",
]

_NOTES = ".ccdlib/made"
_BLOCK, _CARD = 2880, 80


def _note_of(product):
    """What is noted of a product, {} without a note that can be read."""
    return kept_json(Path(_NOTES, f"{product}.json")) or {}


def _stat(path):
    """What tells whether a file changed; None when there is none."""
    try:
        return list(stat_of(os.stat(path))) if path else None
    except OSError:
        return None


def note(product: str, recipe: str, params: dict[str, Any] | None = None) -> None:
    """Note what a product was made by, once it is whole.

    Parameters
    ----------
    product : str
        Its path below the working directory.
    recipe : str
    params : dict or None
        What its job was given, by which a later start tells what changed.
    """
    _keep(product, recipe, params, _stat(record_of(product)))


def _keep(product, recipe, params, record):
    found = {"stat": _stat(product), "recipe": recipe, "params": params, "record": record}
    keep_json(Path(_NOTES, f"{product}.json"), found)


def renew_note(product: str, since: int) -> bool:
    """Let a note that was made since a time, in ns, be of the product as it is now.

    Snakemake touches each product after its job, so the job's own note is of another time of
    change; without this the next start would read each product whole, to check it.

    Returns
    -------
    bool
        False if the product is not the file that its job wrote: jobs of a run that was killed
        wrote it once more, where there are no locks.
    """
    try:
        if os.stat(f"{_NOTES}/{product}.json").st_mtime_ns < since:
            return True
        size, *_, inode = stat = list(stat_of(os.stat(product)))
    except OSError:
        return True
    match _note_of(product):
        case {"stat": [old_size, *_, old_inode] as noted, "recipe": recipe, "params": params}:
            if (size, inode) != (old_size, old_inode):
                return False
            if stat != noted:
                note(product, recipe, params)
    return True


def set_time(path: str | Path, time: int) -> None:
    """Set a file's time of change, in ns; the note of a product and its record stays valid.

    Without that the next start would read each such product whole, to check it. What a link leads
    to, which may be a raw frame, keeps its time.
    """
    product = product_of(str(path))
    found, key = _note_of(product), "stat" if product == str(path) else "record"
    noted = found.get(key) == _stat(path)
    os.utime(path, ns=(time, time), follow_symlinks=False)
    if noted:
        keep_json(Path(_NOTES, f"{product}.json"), found | {key: _stat(path)})


def refuse_damaged(product: str | Path, wrong: list[str]) -> None:
    """Refuse a product against which its own checksums speak, when it goes into another one.

    A disk that lost a bit leaves the file's stat as it was: the note would be believed. It is
    forgotten, so that the next run looks at the product itself and makes it again.

    Parameters
    ----------
    product : path
    wrong : list of str
        From `check_stored`; nothing is done without.

    Raises
    ------
    CcdlibError
        That names the product and what is wrong with it.
    """
    if not wrong:
        return
    own = not os.path.isabs(product) and ".." not in Path(product).parts
    if own:
        Path(_NOTES, f"{product}.json").unlink(missing_ok=True)
    remedy = "; it was damaged since it was written, the next run makes it again" if own else ""
    raise CcdlibError(f"{product}: {wrong[0]}{remedy}")


def remove(product: str) -> None:
    """Delete a product and what its job left for the report."""
    for path in filter(None, (product, record_of(product))):
        Path(path).unlink(missing_ok=True)


def params_of(product: str) -> dict[str, Any] | None:
    """What the job of a product was given, None when that is not known of its recipe."""
    found = _note_of(product)
    recipe = recipe_of(product)
    return found.get("params") if recipe is not None and found.get("recipe") == recipe else None


def recipe_of(product: str, remember: bool = False) -> str | None:
    """The recipe that a product was made by; None when it is missing, damaged or says nothing.

    Parameters
    ----------
    product : str
    remember : bool
        Whether what had to be read from the product is noted.
    """
    return _recipe_by(_note_of(product), product, remember)


def _recipe_by(found, product, remember=False):
    """`recipe_of` by the note of a product, which is read once."""
    stat = _stat(product)
    if stat is None:
        return None
    if found.get("stat") == stat:
        return found.get("recipe")
    recipe = _written(product)
    if recipe is None or _is_other_size(found, recipe, stat) or check_stored(product):
        return None
    if remember:
        own = found if found.get("recipe") == recipe else {}
        _keep(product, recipe, own.get("params"), own.get("record"))
    return recipe


def _is_other_size(noted, recipe, stat):
    """Whether a product is longer or shorter than the one that was made by the same recipe."""
    return noted.get("recipe") == recipe and noted["stat"] and noted["stat"][0] != stat[0]


def has_record(product: str) -> bool:
    """Whether what the report needs of a product is there as its job left it, if it leaves any.

    As with the product, it is not opened while its stat is the one noted. One that was brought
    back from a copy may be whole, and of what the product was before: it says of which recipe.
    """
    record = record_of(product)
    if record is None:
        return True
    found, stat = _note_of(product), _stat(record)
    recipe = _recipe_by(found, product)
    is_noted = found.get("recipe") == recipe
    if stat is not None and is_noted and found.get("record") == stat:
        return True
    content = None if stat is None else unsealed(record)
    # one of an earlier state of the code does not say
    if content is None or content.get("recipe", recipe) != recipe:
        return False
    if found and is_noted:
        keep_json(Path(_NOTES, f"{product}.json"), found | {"record": stat})
    return True


def _written(product):
    """The recipe as it is written in a product."""
    refuse_folder(product)
    if product.endswith(".json"):
        return (unsealed(product) or {}).get("recipe")
    # a FIFO would be waited for
    if not os.path.isfile(product):
        return None
    with open(product, "rb") as file:
        while len(block := file.read(_BLOCK)) == _BLOCK:
            for start in range(0, _BLOCK, _CARD):
                card = block[start : start + _CARD]
                if card.startswith(b"RECIPE  = '"):
                    return card[11:].split(b"'")[0].decode("ascii", "replace").strip()
                if card.startswith(b"END     "):
                    return None
    return None
