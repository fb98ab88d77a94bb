"""Texts from strangers as they may be shown and tabled: file names and header values.

Control characters, marks that turn the direction of writing and bytes that are not UTF-8 could act
on a terminal, break a line or stop a writer. They are shown as ``\\x1b``, byte by byte.
"""

import re
from collections.abc import Iterable
from typing import TextIO

__all__ = ["CONTROL", "ShownStream", "brief", "cell", "of_cell", "shown"]

# C0 and C1 controls, line and paragraph separators, marks of direction, undecodable bytes
CONTROL = "\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_ACTS = re.compile(f"[{CONTROL}]")
# with these a spreadsheet takes a text for a formula
_FORMULA = "=+-@"
# a backslash that could be taken for the beginning of an escape, too
_IN_CELL = re.compile(rf"[{CONTROL}]|\\(?=x[0-9a-f]{{2}})")
_ESCAPED = re.compile(r"(?:\\x[0-9a-f]{2})+")

# letters of a message, and of a word in it; a value of a config, a camera file or a header may be
# as long as its file, while the path of a frame may have a few hundred
_LONGEST, _LONGEST_WORD = 2000, 400
_WORD = re.compile(rf"\S{{{_LONGEST_WORD + 1},}}")


def _escaped(found: re.Match) -> str:
    return _bytes_of(found[0])


def _bytes_of(text):
    return "".join(f"\\x{byte:02x}" for byte in text.encode("utf-8", "surrogateescape"))


def shown(text: str, but: str = "") -> str:
    """A text as it is shown: what could act on a terminal or a page is escaped.

    Parameters
    ----------
    text : str
    but : str
        Characters that stay, such as the line's end.

    Examples
    --------
    >>> print(shown("a\\x1b[31mred.fits"))
    a\\x1b[31mred.fits
    """
    if text.isprintable():
        return text
    return _ACTS.sub(lambda found: found[0] if found[0] in but else _escaped(found), text)


def brief(text: str, longest: float = _LONGEST) -> str:
    """A message that is not endless: of long words in it, and of all of it, the ends are left.

    Parameters
    ----------
    text : str
    longest : float
        Letters of all of it, at most; inf where it lists what each has to be told.

    Examples
    --------
    >>> len(brief(f"camera='{'x' * 100_000}' is not allowed"))
    345
    """
    return _cut(_WORD.sub(lambda word: _cut(word[0], _LONGEST_WORD), text), longest)


def _cut(text, longest):
    """A text without its middle where it has more letters than that."""
    if len(text) <= longest:
        return text
    begin, end = text[: longest // 2], text[-longest // 4 :]
    return f"{begin} ... ({len(text) - len(begin) - len(end)} letters more) ... {end}"


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def cell(text: str) -> str:
    """A text as a cell of a CSV file; `of_cell` gives it back.

    Beside what `shown` escapes, the first character of a text that a spreadsheet would take for a
    formula is escaped. Numbers stay as they are.

    Examples
    --------
    >>> print(cell("=1+1"), cell("-10"), cell("dark"))
    \\x3d1+1 -10 dark
    """
    if not text.isprintable() or "\\x" in text:
        text = _IN_CELL.sub(_escaped, text)
    if text[:1] in _FORMULA and text and not _is_number(text):
        return _bytes_of(text[0]) + text[1:]
    return text


def of_cell(text: str) -> str:
    """The text that `cell` made a cell of."""
    if "\\x" not in text:
        return text
    return _ESCAPED.sub(
        lambda found: bytes.fromhex(found[0].replace("\\x", "")).decode("utf-8", "surrogateescape"),
        text,
    )


class ShownStream:
    """A text stream on which what is written is `shown`, in lines.

    Parameters
    ----------
    stream : text file
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(shown(text, but="\n\t"))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()
