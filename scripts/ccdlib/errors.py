"""The error that ccdlib raises on bad input."""

__all__ = ["CcdlibError"]


class CcdlibError(ValueError):
    """Bad input; the message names the file or argument and the values that disagree."""
