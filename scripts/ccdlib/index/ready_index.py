"""The table of ready masters: what is found in their folders, by the cards of their headers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..camera.amplifiers import Layout, amplifiers_from_rows, amplifiers_to_rows
from ..camera.telescope import telescope_of
from ..camera.type_words import flat_light
from ..errors import CcdlibError, is_passing
from ..kinds import KINDS, masters, ready_kinds
from ..products.master_cards import matched_facts, measured_amplifiers
from ..raw.raw_folder import listing, resolve, sha256, stat_of
from .index_tables import READY_TABLE, as_read, data_frame, layouts_in
from .open_raw import open_checked
from .ready_pixels import check_kind, check_planes

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas

    from .raw_index import Cache

__all__ = ["CACHE", "files_of", "folders_of", "index_masters"]

CACHE = ".ccdlib/ready.json"


def folders_of(ready_masters: str | list[str] | None) -> list[str]:
    """The config's `ready_masters` as a list."""
    return [ready_masters] if isinstance(ready_masters, str) else ready_masters or []


def files_of(
    folders: str | list[str] | None, exclude: Sequence[str | Path]
) -> dict[str, tuple[int, int, int, int]]:
    """The stat list of the folders of ready masters, {} without one.

    Raises
    ------
    CcdlibError
        If one is not there, or is the run's own results.
    """
    if not folders:
        return {}
    for folder in folders_of(folders):
        for own in exclude:
            if Path(folder).resolve().is_relative_to(Path(own).resolve()):
                raise CcdlibError(f"ready_masters: {folder} is in this run's own {own}")
    try:
        return listing(folders, exclude)
    except CcdlibError as error:
        raise CcdlibError(str(error).replace("raw_dir", "ready_masters", 1)) from None


def _check_extensions(names, file):
    """Check that UNCERT, MASK and DQ follow each image, as `write_product` writes them."""
    for extension in ("UNCERT", "DQ"):
        if extension not in names:
            raise CcdlibError(f"{file}: no {extension} extension, only {', '.join(names)}")
    first = names.index("UNCERT") - 1
    rest = names[first:]
    if first < 0 or any(
        rest[number + 1 : number + 4] != ["UNCERT", "MASK", "DQ"]
        for number in range(0, len(rest), 4)
    ):
        raise CcdlibError(
            f"{file}: its extensions are {', '.join(names)}; UNCERT, MASK, DQ follow each image"
        )
    return first


def _check_cards(header, image, kind, file):
    """The cards without which a master of this kind cannot be applied."""
    unit = image.header.get("BUNIT", "")
    entry = KINDS[kind]
    if unit != entry.unit:
        raise CcdlibError(f"{file}: BUNIT={unit!r}, a {kind} has {entry.unit or 'no unit'}")
    missing = [keyword for keyword in entry.needed_cards if keyword not in header]
    if kind == "dark" and header.get("PEDREMOV") is False and not any(
        keyword.startswith("DPED") for keyword in header
    ):  # fmt: skip
        missing.append("DPED0_1")
    if missing:
        raise CcdlibError(f"{file}: its header has no {missing[0]}, which a {kind} needs")


def _kind(header):
    """The kind that a master's IMAGETYP names in whatever words, None for none."""
    words = str(header.get("IMAGETYP", "")).lower().replace("zero", "bias")
    if words in (kind.name for kind in ready_kinds()):
        return words
    # "dark flat" is a flat to those who write so
    return next((kind.name for kind in reversed(masters()) if kind.name in words), None)


def _light_of(header, file):
    """What lights a flat, by its cards and its name, which tells it of our own."""
    cards = (str(header.get(keyword) or "") for keyword in ("IMAGETYP", "OBJECT"))
    return flat_light([*cards, Path(file).name])


def _fill(row, path, file):
    """Fill the row of one file with what its header says."""
    with open_checked(path, file) as hdus:
        header, names = hdus[0].header, [hdu.name for hdu in hdus]
        if "RAWFILE" in header or header.get("IMAGETYP") in ("bad pixels", "stack"):
            row["status"] = "other"
            return
        row["imagetyp"] = kind = _kind(header)
        if kind is None:
            shown = repr(header.get("IMAGETYP"))
            raise CcdlibError(f"{file}: IMAGETYP={shown} is none of bias, dark, flat")
        # what the pipeline found in the sky has tables behind its planes
        last = None if KINDS[kind] in masters() or "DQ" not in names else names.index("DQ") + 1
        first = _check_extensions(names[:last], file)
        _check_cards(header, hdus[first], kind, file)
        check_planes(hdus[first:last], path, file)
        check_kind(kind, header, hdus[first:last], file)
        facts = matched_facts(header, file)
        size = facts.pop("size").split("x")
        sizes = zip(("naxis1", "naxis2", "extensions"), map(int, (*size, 1)), strict=False)
        row |= facts | dict(sizes)
        # a section that is none is found here
        row["amplifiers"] = amplifiers_to_rows(amplifiers_from_rows(facts["amplifiers"]))
        row["exptime"] = header.get("EXPTIME") if kind == "dark" else None
        row["telescope"] = telescope_of(header)
        row["lit"] = _light_of(header, file) if kind == "flat" else None
        row["level_removed"] = header.get("OSCMETH", "none") != "none"
        row["bias_removed"] = "BIASSHA" in header
        row["pedestal_removed"] = bool(header.get("PEDREMOV", True))
        row["detector"] = bool(measured_amplifiers(header))


def _row(path, file):
    """The row of one file, whatever is wrong with it, without its hash."""
    row = dict.fromkeys([*READY_TABLE.columns, "amplifiers", "again"])
    row |= {"file": file, "frame": Path(file).stem, "status": "ok"}
    try:
        _fill(row, path, file)
        return row
    except CcdlibError as error:
        reason = str(error)
    # a damaged file can raise anything inside a FITS reader
    except Exception as error:
        reason = f"{file}: cannot be read: {type(error).__name__}: {error}"
        row["again"] = is_passing(error)
    return row | {"status": "refused", "reason": " ".join(reason.split())}


def _hashed(path, row, stat, known_hash):
    """A row with the hash of the file, if that did not change since it was listed."""
    if row["status"] == "refused":
        return row
    try:
        row["sha256"] = known_hash or sha256(path)
        reason = "" if stat_of(os.stat(path)) == stat else "changed while it was read"
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
    if reason:
        row |= {"status": "refused", "reason": f"{row['file']}: {reason}", "again": True}
    return row


def index_masters(
    folders: str | list[str] | None, *, cache: Cache, exclude: Sequence[str | Path] = ()
) -> tuple[pandas.DataFrame, dict[str, Layout]]:
    """Look at every FITS file below the folders of ready masters.

    Parameters
    ----------
    folders : str or list of str
    cache : Cache
        Earlier results; saved again at the end.
    exclude : sequence of path
        Folders not to enter: the run's own results.

    Returns
    -------
    ready : DataFrame
        Columns and types of `READY_TABLE`; calibrated frames and bad-pixel maps are left out,
        what cannot serve has status refused and a reason that names the card or extension.
    layouts : dict
        {name: layout}, which the table refers to.
    """
    files = files_of(folders, exclude)
    rows = []
    for file, stat in files.items():
        row = cache.row(file, stat)
        if row is None:
            path = resolve(folders or (), file)
            row = _hashed(path, _row(path, file), stat, cache.sha256(file, stat))
        rows.append(row)
    cache.save(files, rows)
    first: dict[str, str] = {}
    kept = [as_read(row) for row in rows if row["status"] != "other"]
    kept = [
        row
        for row in kept
        if row["sha256"] is None or first.setdefault(row["sha256"], row["file"]) == row["file"]
    ]
    return data_frame(READY_TABLE, kept), layouts_in(kept)
