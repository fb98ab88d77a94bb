"""The index of a raw folder: one row a file, with the facts of its headers."""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..camera.amplifiers import Layout, amplifiers_to_rows
from ..camera.camera_file import (
    amplifiers,
    converter_bits,
    facts,
    frame_type,
    site_longitude,
    why_undated,
)
from ..camera.done_already import done_already
from ..camera.recognised import check_recognised
from ..camera.row_order import row_order, turned
from ..camera.telescope import telescope_of
from ..camera.windows import window_of
from ..errors import CcdlibError, is_passing
from ..limits import end_with_parent, interrupts_held, processor_time
from ..raw.frame_names import frame_name
from ..raw.raw_folder import listing, resolve, sha256, stat_of
from ..raw.stored_pixels import refuse_bits_of_floats, refuse_fractions
from ..state import keep, kept
from .exposures import fingerprint, same_pixels
from .index_tables import INDEX_TABLE, as_read, data_frame, layouts_in
from .open_raw import headers_of, open_quickly
from .pile_up import highest
from .pixel_look import look
from .pixel_sample import sample_rows, with_tiles
from .settle import settled
from .tile_check import refuse_harmful_tiles
from .type_clues import clues_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas

    from ..raw.raw_folder import RawDir

__all__ = [
    *("COLUMNS", "Cache", "build_index", "cache_key", "compared", "index_file", "index_rows"),
    "night_of",
]

# what a file says; `amplifiers` (`turned` where its rows are) become a table of their own, `clues`
# and `look` the type, `pixels` tells one exposure from another, `highest` where the converter ends,
# and `refusal` why a value cannot be used, `day_order` how a date with slashes can be read; `again`
# is true where the next run is to look once more
_READ_ONLY = (
    *("amplifiers", "turned", "clues", "look", "pixels", "highest", "refusal", "day_order"),
    "again",
)
COLUMNS = [*(name for name in INDEX_TABLE.columns if name != "layout"), *_READ_ONLY]

# rows that are read at once
_ROWS = 256

# below this a pool of processes takes longer to start than the headers to read
_POOL_FROM = 400
# how often a file is read that changes meanwhile
_TRIES = 3
# of processor time for a file, and for each so many bytes one more
_SECONDS, _BYTES_A_SECOND = 30, 2e6


def night_of(date_obs: str | None, longitude: float | None) -> str:
    """The night of an observation, from local noon to local noon.

    Parameters
    ----------
    date_obs : str or None
        UTC as ISO text.
    longitude : float or None
        East longitude in degrees; without one the night runs from UTC noon to noon.

    Returns
    -------
    str
        The local date of the evening, empty without a date.

    Examples
    --------
    >>> night_of("2024-05-13T01:59:58", -121.6)
    '2024-05-12'
    """
    if not date_obs:
        return ""
    moment = datetime.fromisoformat(date_obs)
    # counted eastward to 360 by some: the same place, but another date
    east = ((longitude or 0.0) + 180) % 360 - 180
    return str((moment + timedelta(hours=east / 15 - 12)).date())


def _numbers(values):
    """The values of all amplifiers as text: one number when they agree, else a list."""
    texts = ["" if value is None else f"{value:g}" for value in values]
    return texts[0] if len(set(texts)) == 1 else ";".join(texts)


def _check_range(hdus, headers):
    """Refuse floats from 0 to 1, which stackers write, and floats that BITPIX calls integers."""
    from astropy.io.fits import CompImageHDU

    images = [(hdus[number], header.get("BITPIX", 0)) for number, header, _ in headers.images]
    # damaged tiles can crash the library that unpacks them: that is no risk for the whole index
    plain = [(hdu, bitpix) for hdu, bitpix in images if not isinstance(hdu, CompImageHDU)]
    floats = (hdu for hdu, bitpix in plain if bitpix < 0)
    refuse_fractions((rows for hdu in floats for rows in _by_rows(hdu)), headers.file)
    integers = (hdu for hdu, bitpix in plain if bitpix == 32)
    refuse_bits_of_floats((rows for hdu in integers for rows in _by_rows(hdu)), headers.file)


def _by_rows(hdu):
    """The pixels of an image, some rows at a time."""
    axes = (0,) * (hdu.header["NAXIS"] - 2)
    for first in range(0, hdu.header["NAXIS2"], _ROWS):
        yield hdu.section[(*axes, slice(first, first + _ROWS))]


def _shape_and_type(headers, camera):
    imagetyp = frame_type(headers, camera)
    row = {
        "imagetyp": imagetyp,
        "clues": clues_of(headers),
        "naxis2": headers.images[0][2][0],
        "naxis1": headers.images[0][2][1],
        "extensions": len(headers.images),
        "status": "ok",
    }
    if imagetyp is None:
        cards = sorted({card for rule in camera.get("types", ()) for card in rule["when"]})
        shown = [f"{card}={headers.get(card)!r}" for card in cards if card != "FILE"]
        seen = ", ".join(shown) or row["clues"]["card"] or "no card says its type"
        reason = f"{headers.file}: no typing rule of the camera fits: {seen}"
        row |= {"status": "unknown", "reason": reason}
    return row


def _check_raw(headers, camera):
    """A product of this pipeline that lies among the raw frames is none."""
    for card in ("RAWSHA", "IMSHA001"):
        if headers.primary.get(card) is not None:
            raise CcdlibError(f"{headers.file}: a product of ccdlib ({card}), not a raw frame")
    return {}


# what BUNIT says, however it is written; adu where nothing does
_UNITS = {"electron": "electron", "electrons": "electron", "e-": "electron", "e": "electron"}
_ADU = ("adu", "dn", "count", "counts", "ct", "")


def _unit(headers):
    """The unit of the raw values, None for adu."""
    text = str(headers.get("BUNIT", 0) or "").strip()
    return None if text.lower() in _ADU else _UNITS.get(text.lower(), text)


def _done(headers, camera):
    """What was done to the frame already."""
    return {"done": done_already(headers).text}


def _facts(headers, camera):
    found = facts(headers, camera) | {"unit": _unit(headers), "telescope": telescope_of(headers)}
    return found | {"night": night_of(found["date_obs"], site_longitude(headers, camera))}


def _amplifiers(headers, camera, binning):
    amps, order = amplifiers(headers, camera), row_order(headers)
    heights = {hdu: shape[0] for hdu, _, shape in headers.images}
    return {
        "gain": _numbers([amp.gain for amp in amps]),
        "read_noise": _numbers([amp.read_noise for amp in amps]),
        "amplifiers": amplifiers_to_rows(amps),
        "window": window_of(headers, camera["facts"].get("window", []), amps, binning),
        "row_order": order,
        "turned": order and amplifiers_to_rows(turned(amps, heights)),
    }


def _with_notes(row, headers, camera):
    """The row of a usable frame with what was odd in its cards as the reason.

    That of a frame without a type keeps it among its clues, for when it gets one.
    """
    undated = [why_undated(headers, camera)] if row["date_obs"] is None else []
    notes = "; ".join(undated + headers.notes)
    remark = f"{headers.file}: {notes}" if notes else None
    if row["status"] != "ok":
        return row | {"clues": row["clues"] | {"remark": remark}}
    return row | {"reason": remark}


def _filled(row, path, file, camera):
    """The row of a file that is whole, filled part by part, whatever comes after."""
    with open_quickly(path, file) as hdus:
        # a camera file that says which images are amplifiers has the last word
        named = any("extension" in amp for amp in camera.get("amplifiers", ()))
        headers = headers_of(hdus, file, camera.get("undefined", ()), named)
        _check_range(hdus, headers)
        refuse_harmful_tiles(hdus, headers)
        rows = sample_rows(hdus, headers)
        row["pixels"] = fingerprint(hdus, headers, rows)
        strips = with_tiles(hdus, headers, rows)
        row["look"] = look(strips)
        level, bits = row["look"] and row["look"]["level"], converter_bits(headers, camera)
        row["highest"] = highest(headers, strips, level, bits)
    # one after the other: a frame refused for its sections still has its type
    for part in (_check_raw, _shape_and_type, _facts, _done):
        row.update(part(headers, camera))
    check_recognised(headers, camera)
    row.update(_amplifiers(headers, camera, row["binning"]))
    row["day_order"] = headers.day_order[0] if headers.day_order else None
    if headers.refusals:
        row["failed"] = "+".join(headers.refusals)
        row["refusal"] = "; ".join(headers.refusals.values())
    return _with_notes(row, headers, camera)


def _longest(path):
    """Seconds that looking at a file may take; a good one takes a hundredth of it."""
    return _SECONDS + os.stat(path).st_size / _BYTES_A_SECOND


def index_file(path: str | Path, file: str, camera: dict) -> dict[str, Any]:
    """One row of the index without its hash.

    Whatever is wrong with the file ends in its `status` and `reason`, never in an exception:
    one bad file must not stop a night.

    Parameters
    ----------
    path : str
    file : str
        Name relative to raw_dir.
    camera : dict
        A validated camera file.

    Returns
    -------
    dict
        A value for each of `COLUMNS`; `amplifiers` as `amplifiers_to_rows` has them, `date_obs`
        as ISO text.
    """
    row = dict.fromkeys(COLUMNS) | {"frame": frame_name(file), "file": file}
    try:
        with processor_time(_longest(path)):
            return _filled(row, path, file, camera)
    except CcdlibError as error:
        reason = str(error)
    # a damaged file can raise anything inside a FITS reader
    except Exception as error:
        # an OSError's own text would hold the machine's path
        detail = getattr(error, "strerror", None) or error
        reason = f"{file}: cannot be read: {type(error).__name__}: {detail}"
        row["again"] = is_passing(error)
    return row | {"status": "refused", "reason": " ".join(reason.split())}


class Cache:
    """What earlier runs found, so that only files whose stat changed are read again.

    Parameters
    ----------
    path : path
        A JSON file, missing at first.
    key : str
        Changes with the camera file and the code; with another key headers are read anew
        and only hashes are kept.

    Attributes
    ----------
    is_whole : bool
        Whether all files could be read; what could not for the moment is not kept.
    """

    def __init__(self, path: str | Path, key: str) -> None:
        self.path, self.key = Path(path), key
        self._files: dict[str, dict[str, Any]] = {}
        self._same_key, self.is_whole = False, True
        self._lines: dict[str, bytes] = {}
        content = kept(self.path)
        if content is not None:
            stored = json.loads(content)
            self._files = stored["files"]
            self._same_key = stored["key"] == key
            # the first is that of the key, the last closes all
            lines = content.split(b"\n")[1:-1]
            if len(lines) == len(self._files):
                self._lines = dict(zip(self._files, lines, strict=True))

    def sha256(self, file: str, stat: Sequence[int]) -> str | None:
        """The stored hash, None when the file's stat changed."""
        entry = self._files.get(file)
        return entry["row"]["sha256"] if entry and entry["stat"] == list(stat) else None

    def row(self, file: str, stat: Sequence[int]) -> dict[str, Any] | None:
        """The stored row, None when the file's stat or the key changed."""
        unchanged = self._same_key and self.sha256(file, stat) is not None
        return self._files[file]["row"] if unchanged else None

    def save(self, files: Mapping[str, Sequence[int]], rows: Iterable[dict[str, Any]]) -> None:
        """Store the rows with the stats of their files."""
        lines = [self._line(row, files[row["file"]]) for row in rows if not row.get("again")]
        self.is_whole = len(lines) == len(files)
        # a line a file, so that those of files that did not change are written as they were read
        head = f'{{"key": {json.dumps(self.key)}, "files": {{'.encode()
        keep(self.path, b"\n".join([head, b",\n".join(lines), b"}}"]))

    def _line(self, row: dict[str, Any], stat: Sequence[int]) -> bytes:
        """A file's entry in JSON, that of the earlier run where the row is the one it kept."""
        file, before = row["file"], self._files.get(row["file"])
        if before is not None and before["row"] is row and file in self._lines:
            return self._lines[file].removesuffix(b",")
        return f"{json.dumps(file)}: {json.dumps({'stat': list(stat), 'row': row})}".encode()


def _read(task):
    """The row of a file, which did not change from before its header was read to its last byte."""
    path, file, camera, known_hash, stat = task
    for _ in range(_TRIES):
        row = _hashed(path, index_file(path, file, camera), known_hash)
        try:
            now = stat_of(os.stat(path))
        except OSError:
            return row
        if now == stat:
            return row
        stat, known_hash = now, None
    reason = f"{file}: changed each of {_TRIES} times that it was read; it is being written"
    return row | {"status": "refused", "reason": reason, "again": True}


def _hashed(path, row, known_hash):
    try:
        return row | {"sha256": known_hash or sha256(path)}
    except CcdlibError:
        # no regular file, which the row says
        return row
    except OSError as error:
        reason = f"{row['file']}: cannot be read: {error.strerror}"
        return row | {"status": "refused", "reason": reason, "again": is_passing(error)}


def build_index(
    raw_dir: RawDir,
    camera: dict,
    *,
    cache: Cache,
    exclude: Sequence[str | Path] = (),
    workers: int = 1,
) -> tuple[pandas.DataFrame, dict[str, Layout]]:
    """Index every FITS file below a folder.

    Parameters
    ----------
    raw_dir : path or list of paths
    camera : dict
        A validated camera file.
    cache : Cache
        Earlier results; saved again at the end.
    exclude : sequence of path
        Folders not to enter.
    workers : int
        Processes to read headers with.

    Returns
    -------
    index : DataFrame
        One row a file with the columns and types of `INDEX_TABLE`, sorted by file.
    layouts : dict
        {name: layout}, which the index refers to.

    Raises
    ------
    CcdlibError
        If the folder is missing or has no FITS file in it.
    """
    files = listing(raw_dir, exclude)
    found = index_rows(raw_dir, files, camera, cache=cache, workers=workers)
    return data_frame(INDEX_TABLE, found), layouts_in(found)


def index_rows(
    raw_dir: RawDir,
    files: Mapping[str, tuple[int, int, int, int]],
    camera: dict,
    *,
    cache: Cache,
    workers: int = 1,
) -> list[dict[str, Any]]:
    """The rows of `build_index`, with their `Layout`; without pandas, which takes long to load.

    Parameters
    ----------
    raw_dir : path or list of paths
    files : dict
        The files below it, from `ccdlib.raw.raw_folder.listing`.
    camera, cache, workers
        See `build_index`.

    Raises
    ------
    CcdlibError
        If there is no file.
    """
    if not files:
        raise CcdlibError(f"raw_dir: no .fits, .fit or .fts file below {raw_dir}")
    rows, tasks = {}, []
    for file, stat in files.items():
        row = cache.row(file, stat)
        if row is None:
            known = cache.sha256(file, stat)
            tasks.append((resolve(raw_dir, file), file, camera, known, stat))
        else:
            rows[file] = row
    rows |= {row["file"]: row for row in _all_read(tasks, workers)}
    ordered = [rows[file] for file in sorted(rows)]
    cache.save(files, ordered)
    return [as_read(row) for row in compared(raw_dir, ordered, camera)]


def _all_read(tasks, workers):
    """The row of each task, read by several processes where that is worth their start."""
    if workers == 1 or len(tasks) < _POOL_FROM:
        return [_read(task) for task in tasks]
    owner = (os.getpid(),)
    with ProcessPoolExecutor(workers, None, end_with_parent, owner) as pool:
        # Ctrl-C is for this process: each worker would answer with a traceback
        with interrupts_held():
            reading = pool.map(_read, tasks, chunksize=50)
        return list(reading)


def compared(raw_dir: RawDir, rows: list[dict[str, Any]], camera: dict) -> list[dict[str, Any]]:
    """The rows of a folder as `settled` leaves them.

    Parameters
    ----------
    raw_dir : path or list of paths
    rows : list of dict
        Rows of `index_file`, sorted by file.
    camera : dict
        A validated camera file.
    """

    def equal(*files):
        opened = (open_quickly(resolve(raw_dir, file), file) for file in files)
        with ExitStack() as stack:
            first, second = (stack.enter_context(each) for each in opened)
            images = [number for number, _, _ in headers_of(first, files[0], ()).images]
            return same_pixels(first, second, images)

    return settled(rows, camera, equal)


def cache_key(camera: dict, code: str) -> str:
    """The key of a `Cache`: the camera file's content and the code's digest."""
    text = json.dumps(camera, sort_keys=True) + code
    return hashlib.sha256(text.encode()).hexdigest()
