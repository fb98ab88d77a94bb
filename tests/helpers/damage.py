"""Damaged FITS files, and what becomes of each: refused with a reason, or read whole.

As a program: ``damage.py NUMBER SEED FOLDER FILE...`` makes and judges that many in a process
whose memory is limited.
"""

import gzip
import random
import resource
import signal
import sys
import time
from pathlib import Path

from ccdlib.camera.amplifiers import amplifiers_from_rows
from ccdlib.config import load_camera
from ccdlib.errors import CcdlibError
from ccdlib.frame.raw_image import open_raw
from ccdlib.index.raw_index import index_file

__all__ = ["BYTES", "SECONDS", "damaged"]

# what a process may take besides what Python and its libraries take at the start
BYTES = 2 * 2**30
SECONDS = 30
_SMALL = 200_000
_CAMERAS = "demo", "generic", "lick_nickel", "lco_sinistro", "arcsat", "saao_ste3"
_CARDS = [
    *("NAXIS", "NAXIS1", "NAXIS2", "BITPIX", "BZERO", "BSCALE", "PCOUNT", "GCOUNT", "END"),
    *("SIMPLE", "EXTEND", "DATASEC", "GAIN", "RDNOISE", "EXPTIME", "DATE-OBS", "IMAGETYP"),
    *("XBINNING", "TFIELDS", "TFORM1", "ZNAXIS1", "ZTILE1", "ZBITPIX", "THEAP", "BLANK"),
]
_VALUES = [
    *("0", "-1", "1", "7", "999", "99999999", "999999999999999999999999", "1e308", "-1e-308"),
    *("nan", "'text'", "''", "'[1:0,5:1]'", "'[1:999999,-5:3]'", "T", "F", "(1,2)", "", "'"),
    *("'2024-99-99T99:99:99'", "'{}'", "'%s%n'", "\x00\x01", "é" * 3, "1.5.5", "'[::]'"),
]


def _flip_bits(content, rng):
    content = bytearray(content)
    within = len(content) if rng.random() < 0.5 else min(len(content), 5760)
    for _ in range(rng.choice([1, 3, 30, 300])):
        content[rng.randrange(within)] ^= 1 << rng.randrange(8)
    return bytes(content)


def _cut(content, rng):
    return content[: rng.randrange(len(content))]


def _change_card(content, rng):
    text = f"{rng.choice(_CARDS):<8}= {rng.choice(_VALUES):>20}".encode("utf-8", "replace")[:80]
    start = 80 * rng.randrange(max(min(36, len(content) // 80), 1))
    return content[:start] + text.ljust(80) + content[start + 80 :]


def _change_own_card(content, rng):
    """Another value for a card that is there."""
    starts = [80 * n for n in range(min(len(content) // 80, 144)) if content[80 * n + 8] == 61]
    if not starts:
        return _change_card(content, rng)
    start = rng.choice(starts)
    text = content[start : start + 10] + rng.choice(_VALUES).rjust(20).encode("utf-8")
    return content[:start] + text[:80].ljust(80) + content[start + 80 :]


def _splice(content, rng):
    """A block lost, doubled or filled with blanks."""
    start = 2880 * rng.randrange(len(content) // 2880 + 1)
    block = rng.choice([b"", content[start : start + 2880] * 2, b" " * 2880, bytes(2880)])
    return content[:start] + block + content[start + 2880 :]


_WAYS = [_flip_bits, _cut, _change_card, _change_own_card, _splice]


def damaged(content, rng):
    """The bytes of a file, damaged in one to three ways."""
    for _ in range(rng.choice([1, 1, 2, 3])):
        content = rng.choice(_WAYS)(content, rng) or b" "
    return content


def _judge(path, cameras, rng):
    """What the index says of a file; the pixels of one that it takes are read whole."""
    row = index_file(str(path), path.name, rng.choice(cameras))
    if row["status"] != "ok":
        assert row["reason"], "refused without a reason"
        return row["status"]
    settings = {"method": "polynomial", "degree": 3, "clip": 4.0}
    amplifiers = amplifiers_from_rows(row["amplifiers"])
    try:
        with open_raw(str(path), amplifiers, path.name, settings) as (_, images):
            for image in images:
                image.read()
    except CcdlibError:
        return "refused at its pixels"
    return "read"


class _TooLongError(BaseException):
    """Not an Exception, which the index would take for what is wrong with the file."""


def _too_long(*_):
    raise _TooLongError(f"more than {SECONDS} s")


def main(number, seed, folder, *files):
    """Judge damaged files; print how many ended how, and keep those that broke a rule."""
    rng = random.Random(int(seed))
    cameras = [load_camera(name) for name in _CAMERAS]
    contents = [(Path(file).name, Path(file).read_bytes()) for file in files]
    # large ones less often: each is read whole
    weights = [1 / max(len(content), _SMALL) for _, content in contents]
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + BYTES, used + BYTES))
    signal.signal(signal.SIGALRM, _too_long)
    ends, longest = {}, 0.0
    for count in range(int(number)):
        [(name, content)] = rng.choices(contents, weights)
        content, path = damaged(content, rng), Path(folder) / name
        if rng.random() < 0.1 and path.suffix != ".fz":
            content, path = gzip.compress(content, 1), path.with_name(path.name + ".gz")
            content = _flip_bits(content, rng) if rng.random() < 0.2 else content
        path.write_bytes(content)
        began = time.monotonic()
        signal.alarm(SECONDS)
        try:
            end = _judge(path, cameras, rng)
        except BaseException as error:
            end = f"BROKEN {type(error).__name__}: {error}"
            path = path.rename(path.with_name(f"broken-{seed}-{count}-{path.name}"))
        signal.alarm(0)
        longest = max(longest, time.monotonic() - began)
        if not path.name.startswith("broken"):
            path.unlink()
        ends[end] = ends.get(end, 0) + 1
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for end in sorted(ends):
        print(f"{ends[end]:6} {end}")
    print(f"{number} files; longest {longest:.2f} s, peak {peak:.0f} MB resident")


if __name__ == "__main__":
    main(*sys.argv[1:])
