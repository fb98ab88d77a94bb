"""The errors that ccdlib raises on bad input."""

__all__ = ["CcdlibError", "Refusal"]


class CcdlibError(ValueError):
    """Bad input; the message names the file or argument and the values that disagree."""


class Refusal(CcdlibError):
    """A frame or product that must not be made from what is there."""
