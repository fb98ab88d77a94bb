"""What a raw file is called in the results: a name that file systems and Snakemake can bear."""

import hashlib
import re
import unicodedata

from ..errors import CcdlibError
from ..plain_text import CONTROL

__all__ = [
    *("ascii_digest", "frame_name", "is_plain", "packed_ending", "periodic", "same_file"),
    "strip_ending",
]

_IMAGE_ENDINGS = (".fits", ".fit", ".fts")
_PACKED_ENDINGS = (".gz", ".bz2", ".fz")

# wildcards and path variables of Snakemake, and what acts on terminals
_SPECIAL = re.compile(rf"[{{}}<>{CONTROL}]")
# what could be taken for the code of one of them, or of a dot
_CODE = re.compile(r"%(?=25|2E|3[CE]|7[BDF]|[01][0-9A-F]|[89A-F][0-9A-F])")
# a folder of this name could be in the way of a product, a record, a log or a benchmark
_TAKEN = re.compile(r"\.(?=(fits|json|log|tsv)$)", re.IGNORECASE)
# bytes of a name, of which a file system takes 255 with all endings, and of a whole path: Snakemake
# keeps a record of a product under its path, a third longer
_LONGEST_PART, _LONGEST = 200, 1500
_DIGEST = 12
# Snakemake takes what is repeated so often at the end of a name for a rule that feeds itself
_REPEATS = 20
_PERIODIC = re.compile(rf"(.+?)\1{{{_REPEATS - 1}}}$", re.DOTALL)


def strip_ending(name: str) -> str | None:
    """`name` without its FITS ending(s), or None when it has none."""
    lower = name.lower()
    for packed in _PACKED_ENDINGS:
        if lower.endswith(packed):
            lower = lower[: -len(packed)]
            break
    for ending in _IMAGE_ENDINGS:
        if lower.endswith(ending) and len(lower) > len(ending):
            return name[: len(lower) - len(ending)]
    return None


def packed_ending(name: str) -> tuple[str, str]:
    """A name without the ending of a packed file, and that ending, empty for a plain one.

    Examples
    --------
    >>> packed_ending("night/a.fits.fz")
    ('night/a.fits', '.fz')
    """
    for packed in _PACKED_ENDINGS:
        if name.lower().endswith(packed):
            return name[: -len(packed)], name[-len(packed) :]
    return name, ""


def is_plain(path: str) -> bool:
    """Whether Snakemake can have a path as it is."""
    return _SPECIAL.search(path) is None


def periodic(name: str) -> bool:
    """Whether Snakemake would take a name for one that grows without end."""
    # only the last characters can show it: to look at more takes the square of the length
    return _PERIODIC.search(name[-_LONGEST_PART:]) is not None


def ascii_digest(name: str) -> str:
    """A few digits of the SHA-256 of a name, which need not be UTF-8."""
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:_DIGEST]


def same_file(path: str) -> str:
    """The same for all paths that are one file where capitals and forms of an accent do not count.

    Examples
    --------
    >>> same_file("M13.fits") == same_file("m13.fits")
    True
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _encoded(text):
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogateescape"))


def _cut(name, length, whole):
    """The beginning of a name that is too long, with a digest of the whole."""
    short = name.encode()[: length - _DIGEST - 1].decode(errors="ignore")
    return f"{short}~{ascii_digest(whole)}"


def _part(name, is_last):
    """The name of a folder or a file of the path, as it can be."""
    found = _SPECIAL.sub(lambda char: _encoded(char[0]), _CODE.sub("%25", name))
    if not is_last:
        found = _TAKEN.sub("%2E", found)
    if len(found.encode()) > _LONGEST_PART or periodic(found):
        return _cut(found, _LONGEST_PART, name)
    return found


def frame_name(path: str) -> str:
    """The FRAME of a raw file: its relative path without FITS endings, as results can be called.

    Percent-encoded are braces and angle brackets, which Snakemake would read, control characters,
    bytes that are not UTF-8, and the dot of a folder that could be in a product's way; a percent
    sign only where it could be taken for such a code. A name that is too long, or that ends with
    twenty times the same, is cut and bears a digest of the whole. So two names never become one.

    Examples
    --------
    >>> frame_name("night 1/m{13}.FITS.gz")
    'night 1/m%7B13%7D'
    """
    stem = strip_ending(path.removesuffix("/")) if not path.endswith("/") else path[:-1]
    if stem is None:
        raise CcdlibError(f"{path}: not a FITS file name")
    parts = stem.split("/")
    found = "/".join(_part(part, number == len(parts)) for number, part in enumerate(parts, 1))
    if len(found.encode()) > _LONGEST or periodic(found):
        return _cut(_part(parts[-1], True), _LONGEST_PART, stem)
    return found
