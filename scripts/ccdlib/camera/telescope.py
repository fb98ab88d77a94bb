"""The telescope that a header names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["telescope_of"]

_NONE = {"unknown", "none", "n/a", "telescope", "undefined"}


def telescope_of(header: Mapping[str, Any]) -> str | None:
    """What TELESCOP says, without blanks that say nothing; None where it names none.

    Parameters
    ----------
    header : Headers or Header
        Of a raw frame or of a master.
    """
    name = " ".join(str(header.get("TELESCOP") or "").split())
    return None if name.lower() in _NONE or not name else name
