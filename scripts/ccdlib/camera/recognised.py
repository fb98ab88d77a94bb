"""Whether a frame is one of the camera that a camera file is for."""

from typing import Any

from ..errors import CcdlibError
from .camera_file import matches_all
from .headers import Headers

__all__ = ["check_recognised"]


def check_recognised(headers: Headers, camera: dict[str, Any]) -> None:
    """Note, or refuse, a frame that `recognise` of the camera file does not describe.

    Parameters
    ----------
    headers : Headers
        A note is added where the frame does not look like one of the camera's.
    camera : dict
        A validated camera file; one without `recognise` is for any camera.

    Raises
    ------
    CcdlibError
        If a card names another camera and the file gives numbers of its own: they would make
        wrong pixels, where cards and measurements of the frame itself do not.
    """
    wanted = camera.get("recognise", {})
    odd = {card: want for card, want in wanted.items() if not matches_all(headers, {card: want})}
    if not odd:
        return
    seen = {card: headers.get(card) for card in odd}
    shown = ", ".join(_shown(card, value) for card, value in seen.items())
    own = ", ".join(_shown(card, want) for card, want in odd.items())
    text = f"{shown}, but the camera file is for {own}"
    given = _given_outright(camera)
    if given and any(value is not None for value in seen.values()):
        raise CcdlibError(f"{headers.file}: {text} and gives {' and '.join(given)} outright")
    headers.note(f"{text}: `ccdlib init` on a folder of them alone finds or proposes theirs")


def _shown(card, value):
    return f"no {card}" if value is None else f"{card}={value!r}"


def _given_outright(camera):
    """What a camera file says of the pixels by itself, not by cards or measurements."""
    detector = camera.get("detector", {})
    given = [
        name
        for name, fact in (("gain", "gain"), ("read noise", "read_noise"))
        if any(isinstance(each, (int, float)) for each in _several(detector.get(fact)))
    ]
    if detector.get("linearity"):
        given.append("linearity")
    if isinstance(camera.get("crosstalk"), list):
        given.append("crosstalk")
    if any(map(_has_section, camera.get("amplifiers", ()))):
        given.append("sections")
    return given


def _several(value):
    return value if isinstance(value, list) else [value]


def _has_section(amp):
    """Whether a section of an amplifier stands in the file, where others name cards."""
    values = [amp.get(name) for name in ("data", "overscan", "parallel")]
    values = [value.get("section") if isinstance(value, dict) else value for value in values]
    return any(str(each).startswith("[") for value in values for each in _several(value))
