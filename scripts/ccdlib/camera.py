"""Camera files: what the headers of an instrument mean.

A camera file is data (config/cameras/NAME.yaml, schema in workflow/schemas). This module
reads one and applies it to the headers of one raw file; nothing here knows any camera.
"""

import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from .errors import CcdlibError
from .sections import Section, parse_section

__all__ = [
    "Amplifier",
    "Headers",
    "amplifiers",
    "amplifiers_from_json",
    "amplifiers_to_json",
    "facts",
    "frame_type",
    "site_longitude",
]

_TEXT_FACTS = ("object", "filter", "camera", "readout_mode", "gain_setting", "offset")
_NUMBER_FACTS = ("exptime", "temperature")

_NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}.*")


@dataclass(frozen=True)
class Headers:
    """The headers of one raw file.

    Attributes
    ----------
    file : str
        Name used in messages.
    primary : mapping
        Header of the first HDU.
    images : tuple of (int, mapping, (ny, nx))
        HDU number, header and shape of each HDU that holds an image.
    undefined : frozenset
        Values that stand for a missing one, such as 'UNKNOWN'.
    """

    file: str
    primary: object
    images: tuple
    undefined: frozenset = frozenset()

    def get(self, card, image=None):
        """Value of a card, None when missing or undefined.

        With `image` (an index into `images`) that extension's header comes first; without,
        the primary header and then the first image's.
        """
        if card == "FILE":
            return self.file
        first = self.images[image][1] if image is not None else self.primary
        second = self.primary if image is not None else self.images[0][1]
        for header in (first, second):
            value = header.get(card)
            value = value.strip() if isinstance(value, str) else value
            if value is not None and value not in self.undefined and str(value) != "":
                return value
        return None


@dataclass(frozen=True)
class Amplifier:
    """One amplifier's part of one image.

    Attributes
    ----------
    hdu : int
        Number of the HDU that holds it.
    data : Section
        Its exposed pixels in the raw image.
    place : Section
        Where these lie in the trimmed image.
    overscan : Section or None
        Its overscan in the raw image.
    gain : float or None
        Electrons per adu; None is to be measured.
    read_noise : float or None
        Electrons; None is to be measured.
    saturation, linear_limit : float or None
        Raw adu.
    """

    hdu: int
    data: Section
    place: Section
    overscan: Section | None
    gain: float | None
    read_noise: float | None
    saturation: float | None
    linear_limit: float | None


def amplifiers_to_json(amps):
    """Amplifiers as one line of text, sections as FITS strings."""
    rows = []
    for amp in amps:
        row = {name: value for name, value in vars(amp).items() if value is not None}
        for name in ("data", "place", "overscan"):
            if name in row:
                row[name] = row[name].fits()
        rows.append(row)
    return json.dumps(rows, separators=(",", ":"))


def amplifiers_from_json(text):
    """The list of `Amplifier` that `amplifiers_to_json` wrote."""
    empty = dict.fromkeys(("overscan", "gain", "read_noise", "saturation", "linear_limit"))
    found = []
    for row in json.loads(text):
        sections = {
            name: parse_section(row[name], (math.inf, math.inf))
            for name in ("data", "place", "overscan")
            if name in row
        }
        found.append(Amplifier(**(empty | row | sections)))
    return found


def _candidates(value):
    return value if isinstance(value, list) else [value]


def _number(value, headers, card):
    # float() takes True and '1_0' for numbers, and 'nan'
    if isinstance(value, bool) or re.fullmatch(_NUMBER, str(value).strip()) is None:
        raise CcdlibError(f"{headers.file}: {card}={value!r} is not a number")
    return float(value)


def _text(value):
    # 30, 30.0 and '30' are the same setting written by different programs
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:.15g}"
    return str(value)


def _fact(headers, candidates, number):
    for candidate in _candidates(candidates or []):
        card, scale = candidate, 1.0
        if isinstance(candidate, dict):
            card, scale = candidate["card"], candidate.get("scale", 1.0)
        value = headers.get(card)
        if value is None:
            continue
        return _number(value, headers, card) * scale if number else _text(value)
    return None


def _binning(headers, candidates):
    """'2x2' from a pair of cards ('XBINNING YBINNING') or from one ('CCDSUM' = '2 2')."""
    for candidate in _candidates(candidates or []):
        values = [headers.get(card) for card in candidate.split()]
        if any(value is None for value in values):
            continue
        text = values[0] if len(values) == 1 else " ".join(map(str, values))
        factors = [abs(float(number)) for number in re.findall(_NUMBER, str(text))]
        if len(factors) not in (1, 2) or 0 in factors:
            raise CcdlibError(f"{headers.file}: {candidate}={text!r} is not a binning")
        return f"{factors[0]:g}x{factors[-1]:g}"
    return None


def _date_obs(headers, candidates):
    """The start of the exposure in UTC as ISO text, from one card or from a date and a time."""
    for candidate in _candidates(candidates or []):
        values = [headers.get(card) for card in candidate.split()]
        if any(value is None for value in values):
            continue
        text = "T".join(str(value) for value in values).replace(" ", "T")
        if _MOMENT.fullmatch(text) is None:
            continue
        try:
            moment = datetime.fromisoformat(text.rstrip("."))
        except ValueError:
            raise CcdlibError(f"{headers.file}: {candidate}={text!r} is not a date") from None
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
        return moment.isoformat()
    return None


def facts(headers, camera):
    """What the headers say about a frame as a whole.

    Parameters
    ----------
    headers : Headers
    camera : dict
        A validated camera file.

    Returns
    -------
    dict
        object, filter, camera, readout_mode, gain_setting, offset (text or None), exptime
        (seconds), temperature (Celsius), binning ('2x2'), date_obs (ISO text).

    Raises
    ------
    CcdlibError
        If a card that must be a number is not one.
    """
    spec = camera["facts"]
    found = {name: _fact(headers, spec.get(name), number=False) for name in _TEXT_FACTS}
    found |= {name: _fact(headers, spec.get(name), number=True) for name in _NUMBER_FACTS}
    found["binning"] = _binning(headers, spec.get("binning"))
    found["date_obs"] = _date_obs(headers, spec.get("date_obs"))
    return found


def _matches(value, condition):
    """Whether a card's value meets a condition: a pattern, a number, a range, or a list of them."""
    if isinstance(condition, list):
        return any(_matches(value, each) for each in condition)
    if value is None:
        return False
    if isinstance(condition, dict):
        try:
            number = float(value)
        except (TypeError, ValueError):
            return False
        return condition.get("min", -math.inf) <= number <= condition.get("max", math.inf)
    if isinstance(condition, str):
        return re.fullmatch(condition, str(value), re.IGNORECASE) is not None
    try:
        return float(value) == condition
    except (TypeError, ValueError):
        return value == condition


def frame_type(headers, camera):
    """The kind of a frame by the first typing rule whose conditions all hold.

    Returns
    -------
    str or None
        'bias', 'dark', 'flat' or 'light'; None when no rule fits.
    """
    for rule in camera["types"]:
        if all(_matches(headers.get(card), want) for card, want in rule["when"].items()):
            return rule["type"]
    return None


def site_longitude(headers, camera):
    """East longitude of the site in degrees, or None.

    The camera file gives it as a number or names the cards to look in; cards may hold
    sexagesimal text.
    """
    for candidate in _candidates(camera.get("longitude") or []):
        value = headers.get(candidate) if isinstance(candidate, str) else candidate
        if value is None:
            continue
        if not isinstance(value, str):
            return float(value)
        parts = re.findall(r"\d+(?:\.\d*)?", value)
        if parts:
            degrees = sum(float(part) / 60**power for power, part in enumerate(parts[:3]))
            west = value.lstrip().startswith("-") or value.rstrip().upper().endswith("W")
            return -degrees if west else degrees
    return None


def _section(headers, image, spec):
    """A section given outright or by the name of a card; None when the card is missing."""
    hdu, _, shape = headers.images[image]
    outright = spec.lstrip().startswith("[")
    text = spec if outright else headers.get(spec, image)
    if text is None:
        return None
    try:
        return parse_section(str(text), shape)
    except CcdlibError as error:
        where = "camera file" if outright else spec
        raise CcdlibError(f"{headers.file}, HDU {hdu}, {where}: {error}") from None


def _first_section(headers, image, candidates):
    for candidate in _candidates(candidates or []):
        section = _section(headers, image, candidate)
        if section is not None:
            return section
    return None


def _overscan(headers, image, spec, data):
    """The overscan section; ``after: data`` is all right of the data but skipped columns."""
    if isinstance(spec, dict):
        nx = headers.images[image][2][1]
        start = data.x1 + spec.get("skip", 0)
        return Section(data.y0, data.y1, start, nx) if start < nx else None
    return _first_section(headers, image, spec)


def _detector_value(headers, image, number, count, candidates, fact):
    """One amplifier's number from values, cards or ``measure``; None is to be measured."""
    if isinstance(candidates, list) and all(not isinstance(each, str) for each in candidates):
        if len(candidates) != count:
            raise CcdlibError(
                f"{headers.file}: detector.{fact} has {len(candidates)} values, "
                f"the image has {count} amplifiers"
            )
        return float(candidates[number])
    for candidate in _candidates(candidates):
        if candidate == "measure" or candidate is None:
            return None
        if not isinstance(candidate, str):
            return float(candidate)
        value = headers.get(candidate, image)
        if value is None:
            continue
        values = [float(each) for each in re.findall(_NUMBER, str(value))]
        # programs that do not know it write 0
        if values and not any(values):
            continue
        if not values or min(values) <= 0:
            raise CcdlibError(f"{headers.file}: {candidate}={value!r} is not a positive {fact}")
        if len(values) not in (1, count):
            raise CcdlibError(
                f"{headers.file}: {candidate}={value!r} has {len(values)} values, "
                f"the image has {count} amplifiers"
            )
        return values[number if len(values) > 1 else 0]
    return None


def _check_apart(sections, headers):
    """On each axis two data sections have the same range, or ranges that do not touch."""
    for number, first in enumerate(sections):
        for second in sections[:number]:
            axes = [
                (first.x0, first.x1, second.x0, second.x1),
                (first.y0, first.y1, second.y0, second.y1),
            ]
            same = [(a0, a1) == (b0, b1) for a0, a1, b0, b1 in axes]
            apart = [a1 <= b0 or b1 <= a0 for a0, a1, b0, b1 in axes]
            if all(same) or not all(map(max, same, apart)):
                raise CcdlibError(
                    f"{headers.file}: data sections {second.fits()} and {first.fits()} overlap"
                )


def _places(sections):
    """Where each data section lies in the trimmed image: gaps between sections are closed."""

    def offsets(edges):
        starts, position = {}, 0
        for low, high in sorted(set(edges)):
            starts[low] = position
            position += high - low
        return starts

    xs = offsets([(section.x0, section.x1) for section in sections])
    ys = offsets([(section.y0, section.y1) for section in sections])
    return [
        Section(ys[s.y0], ys[s.y0] + s.shape[0], xs[s.x0], xs[s.x0] + s.shape[1]) for s in sections
    ]


def amplifiers(headers, camera):
    """The amplifiers of every image of a raw file.

    Parameters
    ----------
    headers : Headers
    camera : dict
        A validated camera file.

    Returns
    -------
    list of Amplifier

    Raises
    ------
    CcdlibError
        If a section lies outside its image, two data sections overlap, the numbers of values
        and amplifiers differ, or a gain, read noise or limit is not positive.
    """
    found = []
    detector = camera.get("detector", {})
    layout = camera.get("amplifiers") or [{}]
    for image, (hdu, _, shape) in enumerate(headers.images):
        whole = Section(0, shape[0], 0, shape[1])
        data = [_first_section(headers, image, spec.get("data")) or whole for spec in layout]
        _check_apart(data, headers)
        for number, (spec, section, place) in enumerate(
            zip(layout, data, _places(data), strict=True)
        ):
            values = {
                fact: _detector_value(headers, image, number, len(layout), detector.get(fact), fact)
                for fact in ("gain", "read_noise", "saturation", "linear_limit")
            }
            overscan = _overscan(headers, image, spec.get("overscan"), section)
            found.append(Amplifier(hdu, section, place, overscan, **values))
    return found
