"""The error that ccdlib raises on bad input, and those of a machine that may be gone next time."""

import errno

__all__ = ["CcdlibError", "is_passing"]

# a server, a disk, a limit or a full folder for temporary files; that a file is missing, or may not
# be read, is a fact about the file
_PASSING = {
    *(errno.EAGAIN, errno.EDQUOT, errno.EINTR, errno.EIO, errno.EMFILE, errno.ENFILE),
    *(errno.ENOLCK, errno.ENOMEM, errno.ENOSPC, errno.ENOTCONN, errno.ESTALE, errno.ETIMEDOUT),
}


class CcdlibError(ValueError):
    """Bad input; the message names the file or argument and the values that disagree."""


def is_passing(error: BaseException) -> bool:
    """Whether an error says nothing of the file that was read, and may be gone next time."""
    if isinstance(error, OSError):
        return error.errno in _PASSING
    return isinstance(error, MemoryError)
