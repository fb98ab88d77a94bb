"""Which exposure a file holds: frames of the same pixels are one, whatever their headers say.

Viewers and archives write a frame anew under another name with a card changed. Counted twice, it
makes the noise of a stack look too small, and a pair of it has none.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kinds import masters
from ..raw.frame_names import packed_ending

if TYPE_CHECKING:
    from astropy.io.fits import CompImageHDU, HDUList

    from ..camera.headers import Headers

__all__ = ["fingerprint", "one_exposure", "one_of_each", "same_pixels"]

# rows of each image that are looked at
_ROWS = 16
# with fewer pixels off the commonest value, two exposures may agree in all of them by chance
_LEAST = 32
# bytes of an image of tiles, which are not unpacked
_TILE_BYTES = 1 << 16
# in which a frame and its packed copy agree
_OF_ONE_EXPOSURE = ("naxis1", "naxis2", "extensions", "date_obs", "exptime")
# what headers say of an exposure that decides what is made with it
_SAID = ("imagetyp", "filter", "exptime", "date_obs")
# types of which several make one product
_STACKED = {kind for master in masters() for kind in master.made_of}


def fingerprint(hdus: "HDUList", headers: "Headers", rows: list[np.ndarray | None]) -> str | None:
    """A digest of some rows of a file's pixels: two files of one exposure have the same.

    Rows are read as values, so that a frame written in another type or packed as a whole is
    still itself. Damaged tiles can crash the library that unpacks them: of those the stored
    bytes are taken.

    Parameters
    ----------
    hdus : HDUList
        Open.
    headers : Headers
        Of the same file.
    rows : list of ndarray or None
        From `pixel_sample.sample_rows`.

    Returns
    -------
    str or None
        None where the pixels do not scatter, and could be those of any exposure.
    """
    digest = hashlib.sha256()
    scatter = False
    for (number, _, shape), own in zip(headers.images, rows, strict=True):
        digest.update(repr(shape).encode())
        if own is None:
            digest.update(_tile_bytes(hdus, hdus[number]))
            scatter = True
            continue
        places = np.unique(np.linspace(0, len(own) - 1, _ROWS).astype(int))
        # whatever type and order of bytes they are stored in
        values = own[places].astype(np.float64)
        digest.update(values.tobytes())
        scatter = scatter or _scatters(values)
    return digest.hexdigest() if scatter else None


def _scatters(values):
    """Whether so many values are not the commonest one."""
    if values.size < 2 * _LEAST:
        _, counts = np.unique(values, return_counts=True)
        return values.size - counts.max() >= _LEAST
    # one that is commoner than all others together lies in the middle of them
    middle = np.partition(values, values.size // 2, axis=None)[values.size // 2]
    alike = np.isnan(values) if np.isnan(middle) else values == middle
    return values.size - np.count_nonzero(alike) >= _LEAST


def _tile_bytes(hdus: "HDUList", hdu: "CompImageHDU", count: int | None = _TILE_BYTES) -> bytes:
    """The last bytes of an image of tiles, which are pixels: the table of the tiles comes first."""
    where, file = hdu.fileinfo(), hdus.fileinfo(0)["file"]
    count = where["datSpan"] if count is None else min(count, where["datSpan"])
    file.seek(where["datLoc"] + where["datSpan"] - count)
    return file.read(count)


def same_pixels(first: "HDUList", second: "HDUList", images: Iterable[int]) -> bool:
    """Whether two files hold the same pixels, to the last one.

    Parameters
    ----------
    first, second : HDUList
        Open, of the same `fingerprint`.
    images : iterable of int
        Numbers of the HDUs that hold images.
    """
    from astropy.io.fits import CompImageHDU

    for number in images:
        one, other = first[number], second[number]
        if isinstance(one, CompImageHDU):
            if _tile_bytes(first, one, None) != _tile_bytes(second, other, None):
                return False
        elif not np.array_equal(one.data, other.data, equal_nan=True):
            return False
    return True


def one_of_each(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Refuse files of the same FRAME, and all but the first by name of those of the same content.

    Of a frame that lies beside its packed copy the plain one is used.

    Parameters
    ----------
    rows : iterable of dict
        Rows of `raw_index.index_file`, sorted by file.
    """
    rows = list(rows)
    by_frame: defaultdict[str, list[str]] = defaultdict(list)
    by_content: dict[str, str] = {}
    by_file = {row["file"]: row for row in rows}
    for row in rows:
        by_frame[row["frame"]].append(row["file"])
    # by FRAME, as the blank of a copy's name sorts before an ending's dot
    for number, row in sorted(enumerate(rows), key=lambda pair: pair[1]["frame"]):
        names = by_frame[row["frame"]]
        plain = _plain_one([by_file[name] for name in names])
        if plain is None:
            text = f"{len(names)} files have the same FRAME: {', '.join(names)}"
            rows[number] = _refused(row, text)
            continue
        if plain != row["file"]:
            if row["status"] != "refused":
                rows[number] = _refused(row, f"the same frame as {plain}, packed: used once")
            continue
        first = by_content.setdefault(row["sha256"], row["file"]) if row["sha256"] else row["file"]
        if first != row["file"] and row["status"] != "refused":
            rows[number] = _refused(row, f"duplicate, same content as {first}")
    return rows


def _plain_one(rows):
    """The name of the file of which the others are packed copies, None where they are not.

    Tiles are not unpacked to look: one name in one folder, size, date and exposure are enough.
    """
    if len(rows) == 1:
        return rows[0]["file"]
    rows = [row for row in rows if row["status"] != "refused"] or rows
    if len({packed_ending(row["file"])[0] for row in rows}) > 1:
        return None
    if len({tuple(str(row[fact]) for fact in _OF_ONE_EXPOSURE) for row in rows}) > 1:
        return None
    return min(rows, key=lambda row: packed_ending(row["file"])[1])["file"]


def one_exposure(
    rows: Iterable[dict[str, Any]], equal: Callable[[str, str], bool]
) -> list[dict[str, Any]]:
    """Refuse calibration frames that are the exposure of another of their night.

    Parameters
    ----------
    rows : iterable of dict
        Rows with their types.
    equal : callable
        Whether the files of two names hold the same pixels; asked where some rows are the same.

    Returns
    -------
    list of dict
        The same rows. The first by name among those that can be used stays, the others are
        refused with its name. Where nothing is counted twice, in lights and in frames that are
        of two nights by their headers, it is remarked on.
    """
    rows = list(rows)
    alike = defaultdict(list)
    for number, row in enumerate(rows):
        if row["pixels"] and row["status"] != "refused":
            alike[row["pixels"]].append(number)
    for numbers in alike.values():
        numbers.sort(key=lambda each: _rank(rows[each]))
        first = rows[numbers[0]]
        for number in numbers[1:]:
            if equal(first["file"], rows[number]["file"]):
                rows[number] = _double(rows[number], first)
    return rows


def _rank(row):
    """Usable ones first, then by FRAME: the blank of a copy's name sorts before an ending's dot."""
    return row["status"] != "ok", row["imagetyp"] not in _STACKED, row["frame"]


def _double(row, first):
    text = f"same pixels as {first['file']}: one exposure under two names"
    nights = {row["night"], first["night"]} - {"", None}
    stacked = row["imagetyp"] in _STACKED and len(nights) < 2
    differ = _disagreement(row, first)
    if row["status"] != "ok" or row["imagetyp"] != first["imagetyp"] or stacked:
        believed = f"{differ}: that of {first['file']} is believed" if differ else ""
        return _refused(row, f"{text}, used once{believed}")
    believed = f"{differ}: each goes by its own" if differ else ""
    reason = row["reason"] or f"{row['file']}: "
    joint = "; " if row["reason"] else ""
    return row | {"reason": f"{reason}{joint}{text}{believed}"}


def _disagreement(row, first):
    """What the headers of one exposure's two files say differently, empty where nothing."""
    facts = [fact for fact in _SAID if row[fact] != first[fact]]
    own, others = (
        ", ".join(f"{fact}={'none' if each[fact] is None else each[fact]!r}" for fact in facts)
        for each in (row, first)
    )
    return f", though their headers differ ({own} here, {others} there)" if facts else ""


def _refused(row, text):
    return row | {"status": "refused", "reason": f"{row['file']}: {text}"}
