"""A file that has to be the one that was indexed, from the first byte that is read to the last."""

import os
from pathlib import Path

from ..errors import CcdlibError
from .raw_folder import sha256, stat_of

__all__ = ["IndexedFile"]


class IndexedFile:
    """A raw frame or a ready master that a job is about to read.

    It may be replaced or written at any moment, and then what is read is not what was hashed. So
    its stat is taken before it is hashed, and is looked at again when all of it is read.

    Parameters
    ----------
    path : path
    name : str
        For messages.
    digest : str
        SHA-256 of its bytes as the index has it.

    Raises
    ------
    CcdlibError
        If it is gone or changed.
    """

    def __init__(self, path: str | Path, name: str, digest: str) -> None:
        self.path, self.name, self._digest = str(path), name, digest
        self._stat = self._looked_at()

    def _looked_at(self):
        """Its stat, from before it is hashed."""
        try:
            stat = stat_of(os.stat(self.path))
            found = sha256(self.path)
        except FileNotFoundError:
            raise CcdlibError(f"{self.name}: gone since it was indexed") from None
        if found != self._digest:
            raise CcdlibError(
                f"{self.name}: changed since it was indexed, SHA-256 {found} "
                f"instead of {self._digest}"
            )
        return stat

    def check(self) -> None:
        """Refuse it if it was replaced or written since it was looked at.

        Raises
        ------
        CcdlibError
        """
        try:
            now = stat_of(os.stat(self.path))
        except FileNotFoundError:
            raise CcdlibError(f"{self.name}: gone while it was read") from None
        if now == self._stat:
            return
        # a hard link or a mode that was set changes no byte, and only the time of change
        (size, mtime, _, inode), (*written, _, number) = self._stat, now
        if [size, mtime, inode] != [*written, number]:
            raise CcdlibError(f"{self.name}: changed while it was read")
        self._looked_at()
