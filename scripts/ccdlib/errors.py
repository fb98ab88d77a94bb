"""The error that ccdlib raises on bad input, and those of a machine that may be gone next time."""

import errno
import os

from .plain_text import brief

__all__ = ["CcdlibError", "in_words", "is_passing"]

# a server, a disk, a limit or a full folder for temporary files; that a file is missing, or may not
# be read, is a fact about the file
_PASSING = {
    *(errno.EAGAIN, errno.EDQUOT, errno.EINTR, errno.EIO, errno.EMFILE, errno.ENFILE),
    *(errno.ENOLCK, errno.ENOMEM, errno.ENOSPC, errno.ENOTCONN, errno.ESTALE, errno.ETIMEDOUT),
}


class CcdlibError(ValueError):
    """Bad input; the message names the file or argument and the values that disagree."""


def in_words(error: Exception) -> str:
    """The message of an error as it is told: of the system's without number, and never endless."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        # of a file that is renamed, the name that it should get
        name = error.filename2 or error.filename
        text = f"{os.fsdecode(name)}: {error.strerror}" if isinstance(name, (str, bytes)) else text
    return brief(text)


def is_passing(error: BaseException) -> bool:
    """Whether an error says nothing of the file that was read, and may be gone next time."""
    if isinstance(error, OSError):
        return error.errno in _PASSING
    return isinstance(error, MemoryError)
