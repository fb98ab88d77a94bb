"""Numbers from header cards: units in comments, decimal commas, values that stand for none.

A number comes only from what is a number; digits inside a text are none. What cannot be read is a
missing value with a note, which the index shows.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .headers import Card, Headers

__all__ = [
    *("CONVERTER_ENDS", "DAYS", "EXPOSURE", "LARGEST_GAIN", "NUMBER", "Quantity", "TEMPERATURE"),
    *(
        "bits_of",
        "check_exposure",
        "counts_steps",
        "east_longitude",
        "if_known",
        "in_its_unit",
        "number_of",
    ),
    *("numbers_of", "plain_number"),
]

# no value of a card is longer, and a text from a stranger shall not take long to look at
_LONGEST = 400
_PLAIN = r"[-+]?(?:[0-9]{1,30}(?:[.,][0-9]{0,30})?|[.,][0-9]{1,30})(?:[eEdD][-+]?[0-9]{1,3})?"
_WITH_UNIT = re.compile(rf"({_PLAIN})\s*([a-zA-Zµ]*)")
_CLOCK = re.compile(r"([0-9]{1,3}):([0-5]?[0-9]):([0-5]?[0-9](?:[.,][0-9]*)?)")
_LIST = re.compile(r"[\[({]?\s*([^\[\](){}]*?)\s*[\])}]?")
# where a comment says its unit: "[ms] exposure", "exposure (ms)", "exposure time in ms", "ms"
_UNIT_PLACES = (
    re.compile(r"\[\s*([^\]]*?)\s*\]"),
    re.compile(r"\bin\s+((?:deg(?:rees|\.)?\s*)?[a-zA-Zµ]+)", re.IGNORECASE),
    re.compile(r"\(\s*([^)]*?)\s*\)"),
    re.compile(r"^\s*((?:deg(?:rees|\.)?\s*)?[a-zA-Zµ]+)\s*$", re.IGNORECASE),
    re.compile(r"\b((?:milli|micro)-?seconds?|kelvin)\b", re.IGNORECASE),
)

# of 8 to 16 bits, and of 12 and 14 bits that are written as the upper ones of 16
CONVERTER_ENDS = frozenset(
    {*(2**bits - 1 for bits in (8, 10, 12, 14, 16)), (2**12 - 1) * 16, (2**14 - 1) * 4}
)

# e/adu; a larger number counts the steps of a setting
LARGEST_GAIN = 20.0

# "12-bit low gain", "Photographic 16BIT"
_BITS = re.compile(r"(?<![0-9.])([0-9]{1,2})[ _-]?bits?\b", re.I)

# units of the detector's values in comments: "[ADU/e-]", "gain, adu per electron", "noise (e-)"
_ELECTRON, _ADU = r"(?:photo-?)?e(?:lectron)?s?(?![a-z]|\.g)-?", r"(?:adu|dn|count)s?(?![a-z])"
_INVERSE = re.compile(rf"(?<![a-z0-9.]){_ADU}\s*(?:/|per)\s*{_ELECTRON}", re.IGNORECASE)
_GAIN = re.compile(rf"(?<![a-z0-9.]){_ELECTRON}\s*(?:/|per)\s*{_ADU}", re.IGNORECASE)
_IN_ELECTRONS = re.compile(rf"(?<![a-z0-9.]){_ELECTRON}", re.IGNORECASE)
_IN_ADU = re.compile(rf"(?<![a-z0-9.]){_ADU}", re.IGNORECASE)
# a comment by which a gain counts steps of the electronics: "[dB]", "gain in 0.1 dB"
_STEPS = re.compile(r"(?<![a-z])(?:dB|decibels?)(?![a-z])", re.IGNORECASE)
# what a value is not in
_OTHER_UNIT = {
    "read_noise": ("adu, not electrons", _IN_ADU, _IN_ELECTRONS),
    "saturation": ("electrons, not adu", _IN_ELECTRONS, _IN_ADU),
    "linear_limit": ("electrons, not adu", _IN_ELECTRONS, _IN_ADU),
}

_Turn = Callable[[float], float]


def _times(factor: float) -> _Turn:
    return lambda value: value * factor


def _same(value: float) -> float:
    return value


def _words(text: str, turn: _Turn) -> dict[str, _Turn]:
    return dict.fromkeys(text.split(), turn)


@dataclass(frozen=True)
class Quantity:
    """What a number is of.

    Attributes
    ----------
    units : dict
        {unit in lower case: function to the unit of the facts}.
    nothing : callable
        Whether a value, in the unit of the facts, stands for none.
    turned : callable
        The value that is meant by one without unit, for what is impossible otherwise.
    """

    units: Mapping[str, _Turn] = field(default_factory=dict)
    nothing: Callable[[float], bool] = lambda _: False
    turned: _Turn = _same


def _celsius_of_kelvin(value: float) -> float:
    return value - 273.15


def _no_sensor(value: float) -> bool:
    """-273.15, -999, 99 and 999 are written where there is none; nobody cools below 4 K."""
    return value <= -269 or value > 90


def _meant_celsius(value: float) -> float:
    """A sensor of 130 to 330 degrees does not exist: these are kelvin."""
    return _celsius_of_kelvin(value) if 130 <= value <= 330 else value


_SECONDS = (
    _words("s sec secs second seconds", _same)
    | _words("ms msec msecs millisecond milliseconds milli-second milli-seconds", _times(1e-3))
    | _words("us µs usec usecs microsecond microseconds micro-second micro-seconds", _times(1e-6))
    | _words("min mins minute minutes", _times(60.0))
    | _words("h hr hrs hour hours", _times(3600.0))
    | _words("cs csec centisecond centiseconds", _times(1e-2))
    | _words("ns nsec nsecs nanosecond nanoseconds", _times(1e-9))
)
NUMBER = Quantity()
EXPOSURE = Quantity(_SECONDS, lambda value: value == -1)
TEMPERATURE = Quantity(
    {
        **_words("k kelvin degk degreesk degreekelvin degreeskelvin", _celsius_of_kelvin),
        **_words("c degc celsius degreesc degreescelsius", _same),
    },
    _no_sensor,
    _meant_celsius,
)
DAYS = Quantity({}, lambda value: value <= 0)


def _unit_in(comment: str, quantity: Quantity) -> _Turn | None:
    """The unit that a comment names, as a function; None where it names none that is known."""
    for place in _UNIT_PLACES:
        for found in place.finditer(comment[:_LONGEST]):
            # "s, exposure time" in brackets is as good as "s"
            word = re.split(r"[,;]", found[1])[0].lower().replace(" ", "").replace(".", "")
            if word in quantity.units:
                return quantity.units[word]
    return None


def _float(text: str) -> float | None:
    value = float(text.replace(",", ".").lower().replace("d", "e"))
    return value if math.isfinite(value) else None


def plain_number(value: object) -> float | None:
    """The finite number that a card's value or its whole text is, None when it is none."""
    if isinstance(value, str):
        text = value.strip()
        return _float(text) if len(text) <= _LONGEST and re.fullmatch(_PLAIN, text) else None
    if isinstance(value, (int, float)) and math.isfinite(value):
        return float(value)
    return None


def _of_text(text: str, quantity: Quantity) -> float | None:
    """The number that a whole text is, None when it is not one."""
    if len(text) > _LONGEST:
        return None
    plain = _WITH_UNIT.fullmatch(text)
    if plain:
        unit = plain[2].lower()
        if unit and unit not in quantity.units:
            return None
        value = _float(plain[1])
        return value if value is None or not unit else quantity.units[unit](value)
    clock = _CLOCK.fullmatch(text)
    if clock and quantity is EXPOSURE:
        hours, minutes, seconds = (float(part.replace(",", ".")) for part in clock.groups())
        return 3600 * hours + 60 * minutes + seconds
    return None


def _unconverted(card: Card, quantity: Quantity) -> tuple[float | None, bool]:
    """The number of a card, and whether the text itself named its unit."""
    if isinstance(card.value, bool):
        return None, False
    if isinstance(card.value, (int, float)):
        value = float(card.value)
        return (value if math.isfinite(value) else None), False
    text = str(card.value).strip()
    return _of_text(text, quantity), bool(re.search(r"[a-ce-zA-CE-Zµ]\s*$", text))


def number_of(
    headers: Headers, card: Card, quantity: Quantity = NUMBER, explicit: bool = False
) -> float | None:
    """The number that a card holds, in the unit of the facts.

    Parameters
    ----------
    headers : Headers
        They keep a note on what is no number, or stands for none.
    card : Card
    quantity : Quantity
    explicit : bool
        Whether the camera file says how to convert the value; then no unit is looked for, and
        what stands for none is up to the caller.

    Returns
    -------
    float or None
    """
    value, has_unit = _unconverted(card, quantity)
    if value is None:
        headers.note(f"{card.name}={card.value!r} is not a number, taken as missing")
        return None
    if explicit:
        return value
    unit = None if has_unit else _unit_in(card.comment, quantity)
    if unit is not None:
        value = unit(value)
    elif not has_unit and quantity.turned(value) != value:
        headers.note(f"{card.name}={card.value!r} is taken as kelvin")
        value = quantity.turned(value)
    return if_known(headers, card, value, quantity)


def if_known(headers: Headers, card: Card, value: float, quantity: Quantity) -> float | None:
    """A number, or None with a note where it stands for a value that is not known."""
    if not quantity.nothing(value):
        return value
    headers.note(f"{card.name}={card.value!r} stands for no value")
    return None


def numbers_of(headers: Headers, card: Card) -> list[float] | None:
    """The numbers that a card lists ('[2.1, 2.0]', '2.1 2.0'), None when it is no such list."""
    if not isinstance(card.value, str):
        value, _ = _unconverted(card, NUMBER)
        found = None if value is None else [value]
    else:
        text = card.value.strip()
        inner = _LIST.fullmatch(text) if len(text) <= _LONGEST else None
        found = _listed(inner[1]) if inner else None
    if found is None:
        headers.note(f"{card.name}={_short(card.value)!r} is not a number, taken as missing")
    return found


def counts_steps(card: Card) -> bool:
    """Whether the comment of a gain says that it counts steps of the electronics."""
    comment = card.comment[:_LONGEST]
    in_electrons = _GAIN.search(comment) or _INVERSE.search(comment)
    return bool(_STEPS.search(comment)) and not in_electrons


def in_its_unit(headers: Headers, card: Card, values: list[float], fact: str) -> list[float] | None:
    """Numbers of a card about the detector in the unit of the facts, as its comment says theirs.

    Parameters
    ----------
    headers : Headers
        They keep a note on what is in another unit.
    card : Card
    values : list of float
        Positive numbers of the card.
    fact : str
        gain, read_noise, saturation or linear_limit.

    Returns
    -------
    list of float or None
        The inverse of a gain in adu/electron; None for a gain in steps of the electronics, a read
        noise in adu, and a saturation in electrons, which a gain would have to turn.
    """
    comment = card.comment[:_LONGEST]
    if fact == "gain" and counts_steps(card):
        headers.note(f"{card.name}={card.value!r} is a setting ({comment}), taken as missing")
        return None
    if fact == "gain":
        if not _INVERSE.search(comment) or _GAIN.search(comment):
            return values
        headers.note(f"{card.name}={card.value!r} is in adu/electron ({comment}), its inverse used")
        return [1 / value for value in values]
    what, wrong, right = _OTHER_UNIT[fact]
    if not wrong.search(comment) or right.search(comment):
        return values
    headers.note(f"{card.name}={card.value!r} is in {what} ({comment}), taken as missing")
    return None


def bits_of(value: object) -> int | None:
    """The bits of a converter, from 8 to 16, that a card's value is or names; else None.

    Examples
    --------
    >>> bits_of(12), bits_of("14"), bits_of("12-bit low gain"), bits_of("mode 12")
    (12, 14, 12, None)
    """
    text = str(value)[:_LONGEST].strip()
    found = re.fullmatch(r"([0-9]{1,2})(?:\.0*)?", text) or _BITS.search(text)
    bits = int(found[1]) if found else 0
    return bits if 8 <= bits <= 16 else None


def _listed(text):
    # one comma between digits is a decimal comma, as nobody writes two gains as '2,1'
    single = re.fullmatch(_PLAIN, text)
    words = [text] if single else re.split(r"\s*[,;\s]\s*", text)
    values = [_float(word) if re.fullmatch(_PLAIN, word) else None for word in words]
    return None if None in values else values


def _short(value):
    text = str(value)
    return value if len(text) <= 60 else f"{text[:60]}..."


_WEST = re.compile(r"\bwest(ward)?\b|\bdeg(rees)?\.?\s*w\b|[\[(]\s*w\s*[\])]|\bw\s*$", re.I)
_EAST = re.compile(
    r"\beast(ward)?\b|[+]\s*e\b|\be\s*(is\s*)?([+]|pos)|west\s*(is\s*)?(neg|-)", re.I
)
_POSITIVE_WEST = re.compile(r"west\s*(is\s*)?([+]|pos)|pos(itive)?\s*west|[+]\s*w", re.I)
_ANGLE = re.compile(
    r"([-+]?)\s*([0-9]{1,3}(?:[.,][0-9]*)?)"
    r"(?:[\s:°d]+([0-9]{1,2}(?:[.,][0-9]*)?))?"
    r"(?:[\s:'m]+([0-9]{1,2}(?:[.,][0-9]*)?))?"
    r"(?::[0-9]{1,2})?"
    r"\s*[\"s'm°d]*\s*([EeWw]?)(?:ast|est)?"
)


def _counts_westward(headers, card):
    """Whether it is TheSkyX's SITELONG, which counts westward and does not say so."""
    return card.name == "SITELONG" and "TheSky" in str(headers.get("SWCREATE") or "")


def east_longitude(headers: Headers, card: Card) -> float | None:
    """East longitude in degrees from a card, None with a note where it holds none.

    Numbers and sexagesimal texts; west by a W in the value or by the comment.
    """
    value, west = card.value, False
    if isinstance(value, str):
        parts = _ANGLE.fullmatch(value.strip()) if len(value) <= _LONGEST else None
        if parts is None:
            headers.note(f"{card.name}={_short(value)!r} is not a longitude, taken as missing")
            return None
        west = parts[5].upper() == "W"
        sizes = [float((part or "0").replace(",", ".")) for part in parts.groups()[1:4]]
        degrees = sum(size / 60**power for power, size in enumerate(sizes))
        degrees = -degrees if parts[1] == "-" else degrees
    else:
        found = number_of(headers, card)
        if found is None:
            return None
        degrees = found
    if abs(degrees) > 360:
        headers.note(f"{card.name}={value!r} is not a longitude, taken as missing")
        return None
    if _POSITIVE_WEST.search(card.comment) or _counts_westward(headers, card):
        return -degrees
    if west or (_WEST.search(card.comment) and not _EAST.search(card.comment)):
        return -abs(degrees)
    return degrees


def check_exposure(headers: Headers, card: Card, seconds: float) -> float | None:
    """Refuse an exposure of more than a day: its unit is not seconds, and nothing says what."""
    if abs(seconds) <= 86400:
        return seconds
    headers.refusals["exptime"] = (
        f"{headers.file}: {card.name}={card.value!r} is {abs(seconds) / 86400:.0f} days in "
        "seconds, and its comment names no other unit: say what it counts in the camera file "
        f"(facts.exptime: [{{card: {card.name}, scale: 0.001}}] for milliseconds), or write "
        "exptime in the table of corrections"
    )
    return None
