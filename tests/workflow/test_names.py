"""A raw folder of awkward names, and of things that are no files."""

import os
import socket
from pathlib import Path

from small_night import PRODUCTS, V1

NAMES = [
    *("<script>", "a{b}c", "%3C%", "x" * 245, "0" * 30, "B\udce9r\udce9nice", "Bérénice 🔭"),
    *("🔭" * 50, " before", "after ", "--help", "cr\r\nlf", "tab\there", "\x1b[31mred"),
    *("bidi\u202etxt", "\u2028line", "=1+1", "@cmd", "quote'\"q", "$HOME;`id`", "*?[1]", "a,b"),
    *("back\\x41slash", "calibrate_frame", "Case", "case", "e\u0301", "\u00e9", "<x>/in"),
    *("a.fits/in", "b.log/in", "d\ne/in"),
]
# what a terminal or a page must not be given
ACTING = "\x1b\r\x85\u202e\u2028"


def _fill(raw):
    """Lights of other content under every name."""
    content = (raw / Path(V1).name).read_bytes()
    for number, name in enumerate(NAMES, start=1):
        own = bytearray(content)
        own[-2 * 2880 + 2 * number] ^= 1
        path = Path(f"{raw}/{name}.fits")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(own)


def test_no_name_and_nothing_that_is_no_file_stops_a_night(raw, monkeypatch):
    _fill(raw.raw)
    os.mkfifo(raw.raw / "fifo.fits")
    (raw.raw / "zero.fits").symlink_to("/dev/zero")
    (raw.raw / "loop.fits").symlink_to("loop.fits")
    (raw.raw / "again").symlink_to(".")
    with socket.socket(socket.AF_UNIX) as bound, open(raw.raw / "huge.fits", "wb") as huge:
        # a socket's address is short
        monkeypatch.chdir(raw.raw)
        bound.bind("socket.fits")
        huge.write(b"SIMPLE  =")
        huge.truncate(2**43)
        done = raw.run()
    assert done.made >= PRODUCTS
    lights = {name for name in done.made if name.startswith("calibrated/")}
    assert len(lights) == len(NAMES) + 3
    assert "5 refused" in done.text
    for told in (
        "fifo.fits: a FIFO, not a regular file",
        "zero.fits: a device, not a regular file",
        "socket.fits: a socket, not a regular file",
        "loop.fits: cannot be read: Too many levels of symbolic links",
        "huge.fits: 8796093022208 bytes, no raw frame has more than 8589934592",
    ):
        assert told in done.text
    page = (raw.folder / "results/report/index.html").read_bytes().decode()
    tables = [path.read_bytes().decode() for path in (raw.folder / "results").glob("*.csv")]
    for text in (done.text, page, *tables):
        assert not set(text) & set(ACTING)
    assert not raw.run().made
