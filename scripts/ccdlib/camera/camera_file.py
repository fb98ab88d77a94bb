"""Camera files: what the headers of an instrument mean.

A camera file is data (config/cameras/NAME.yaml, schema in workflow/schemas). This module
reads one and applies it to the headers of one raw file; nothing here knows any camera.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from ..errors import CcdlibError
from .amplifier_sections import (
    applies_to,
    data_section,
    overscan_section,
    parallel_section,
    place_section,
)
from .amplifiers import Amplifier
from .assembly import check_apart, closed_up, groups, on_detector
from .card_values import (
    CONVERTER_ENDS,
    EXPOSURE,
    LARGEST_GAIN,
    TEMPERATURE,
    bits_of,
    check_exposure,
    counts_steps,
    east_longitude,
    if_known,
    in_its_unit,
    number_of,
    numbers_of,
    plain_number,
)
from .done_already import pedestal
from .headers import Headers
from .moments import moment
from .sections import parse_section

__all__ = [
    "amplifiers",
    "converter_bits",
    "facts",
    "frame_type",
    "matches_all",
    "site_longitude",
    "why_undated",
]

_TEXT_FACTS = ("object", "filter", "camera", "readout_mode", "gain_setting", "offset")
_NUMBER_FACTS = {"exptime": EXPOSURE, "temperature": TEMPERATURE}
# cards that hold a gain in e/adu and nothing else; beside one GAIN is a setting
_GAIN_CARDS = ("EGAIN", "E-GAIN", "CVF")

_FACTOR = r"[-+]?([0-9]{1,4}(?:\.[0-9]{0,9})?)"
_BINNING = re.compile(rf"[\[(]?\s*{_FACTOR}(?:\s*[x*,;:\s]\s*{_FACTOR})?\s*[\])]?", re.IGNORECASE)


def _linearity(given):
    """The camera file's correction as a tuple, the same for every amplifier."""
    if not given:
        return ()
    ((kind, values),) = given.items()
    if kind == "polynomial":
        return kind, *map(float, values)
    return kind, *((float(measured), float(true)) for measured, true in values)


def _bad_sections(headers, row):
    """The camera file's sections of bad pixels, each inside the image."""
    found = []
    for text in row["spec"].get("bad", ()):
        try:
            found.append(parse_section(text, headers.images[row["image"]][2]).fits())
        except CcdlibError as error:
            raise CcdlibError(f"{headers.file}: bad: {error}") from None
    return tuple(found)


def _candidates(value):
    return value if isinstance(value, list) else [value]


def _text(value):
    # 30, 30.0 and '30' are the same setting written by different programs
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:.15g}"
    return str(value)


def _joined(headers, candidate):
    """The values of several cards as one text, such as the filters of two wheels."""
    empty = {name.lower() for name in candidate.get("empty", [])}
    values = [headers.get(card) for card in candidate["cards"]]
    texts = [_text(value) for value in values if value is not None]
    named = [text for text in texts if text.lower() not in empty]
    # with all wheels at an empty place, the empty place counts as a filter
    return candidate.get("join", "+").join(named or texts[:1]) or None


def _is_setting(headers, name):
    """Whether a card counts steps of the electronics.

    It has a gain in e/adu beside it, is too large for one, or its comment says so.
    """
    card = headers.card(name)
    number = None if card is None else plain_number(card.value)
    if card is None or number is None:
        return False
    beside = (plain_number(headers.get(card)) or 0 for card in _GAIN_CARDS)
    return number > LARGEST_GAIN or max(beside) > 0 or counts_steps(card)


def _text_fact(headers, candidates):
    for candidate in _candidates(candidates or []):
        if isinstance(candidate, dict) and "cards" in candidate:
            text = _joined(headers, candidate)
        else:
            options = candidate if isinstance(candidate, dict) else {"card": candidate}
            value = headers.get(options["card"])
            if options.get("setting") and not _is_setting(headers, options["card"]):
                value = None
            text = None if value is None else _text(value)
        if text is not None:
            return text
    return None


def _number_fact(headers, candidates, quantity):
    """The number in the first card that has one."""
    for candidate in _candidates(candidates or []):
        options = candidate if isinstance(candidate, dict) else {"card": candidate}
        card = headers.card(options["card"])
        if card is None:
            continue
        explicit = "scale" in options or "zero" in options
        value = number_of(headers, card, quantity, explicit)
        if explicit and value is not None:
            value = value * options.get("scale", 1.0) + options.get("zero", 0.0)
            value = if_known(headers, card, value, quantity)
        if value is not None:
            return check_exposure(headers, card, value) if quantity is EXPOSURE else value
    return None


def _cards(headers, candidate):
    """One card, or several named together; None when one is missing.

    A text with spaces is several cards, unless it is the name of one (HIERARCH).
    """
    if isinstance(candidate, dict):
        names = candidate["cards"] if "cards" in candidate else [candidate["card"]]
    else:
        whole = headers.card(candidate)
        if whole is not None:
            return [whole]
        names = candidate.split()
    found = [headers.card(name) for name in names]
    return None if None in found else found


def _binning(headers, candidates):
    """'2x2' from a pair of cards ('XBINNING YBINNING') or from one ('CCDSUM' = '2 2')."""
    for candidate in _candidates(candidates or []):
        cards = _cards(headers, candidate)
        if cards is None:
            continue
        text = " ".join(str(card.value) for card in cards) if len(cards) > 1 else cards[0].value
        factors = _BINNING.fullmatch(str(text))
        numbers = [abs(float(factor)) for factor in factors.groups() if factor] if factors else []
        # pixels are added up whole
        if not numbers or any(number % 1 or not number for number in numbers):
            raise CcdlibError(f"{headers.file}: {candidate}={text!r} is not a binning")
        return f"{numbers[0]:g}x{numbers[-1]:g}"
    return None


def _date_obs(headers, candidates):
    """The start of the exposure in UTC as ISO text, from one card or from a date and a time."""
    for candidate in _candidates(candidates or []):
        cards = _cards(headers, candidate)
        options = candidate if isinstance(candidate, dict) else {}
        found = None if cards is None else moment(headers, cards, options)
        if found is not None:
            return found.isoformat()
    return None


def why_undated(headers: Headers, camera: dict) -> str:
    """Why a frame has no date: its cards give no time of day, or are missing."""
    candidates = _candidates(camera["facts"].get("date_obs") or [])
    shown: dict[str, str] = {}
    for candidate in candidates:
        for card in _cards(headers, candidate) or ():
            shown.setdefault(card.name, str(card.value))
    if shown:
        texts = ", ".join(f"{name}={text!r}" for name, text in shown.items())
        return f"undated, {texts} has no time of day"
    cards = ", ".join(map(_card_names, candidates)) or "card named in facts.date_obs"
    return f"undated, there is no {cards}"


def _card_names(candidate):
    if isinstance(candidate, str):
        return candidate
    return candidate["card"] if "card" in candidate else " ".join(candidate["cards"])


def facts(headers: Headers, camera: dict) -> dict[str, Any]:
    """The facts in the headers about a frame as a whole.

    Parameters
    ----------
    headers : Headers
    camera : dict
        A validated camera file.

    Returns
    -------
    dict
        object, filter, camera, readout_mode, gain_setting, offset (text or None), exptime
        (seconds), temperature (Celsius), binning ('2x2'), date_obs (ISO text). None with a note
        in `headers` where a card holds no number.

    Raises
    ------
    CcdlibError
        If a binning is none, or an exposure takes days.
    """
    spec = camera["facts"]
    found: dict[str, Any] = {name: _text_fact(headers, spec.get(name)) for name in _TEXT_FACTS}
    found |= {
        name: _number_fact(headers, spec.get(name), quantity)
        for name, quantity in _NUMBER_FACTS.items()
    }
    found["binning"] = _binning(headers, spec.get("binning"))
    found["date_obs"] = _date_obs(headers, spec.get("date_obs"))
    return found


def _matches(value, condition):
    """Whether a card's value meets a condition.

    A pattern, a number, a range, None for a card that is not there, or a list of these.
    """
    if isinstance(condition, list):
        return any(_matches(value, each) for each in condition)
    if value is None or condition is None:
        return value is condition
    if isinstance(condition, dict):
        number = plain_number(value)
        if number is None:
            return False
        return condition.get("min", -math.inf) <= number <= condition.get("max", math.inf)
    if isinstance(condition, str):
        return re.fullmatch(condition, str(value), re.IGNORECASE) is not None
    number = plain_number(value)
    return value == condition if number is None else number == condition


def matches_all(headers: Headers, conditions: Mapping[str, Any]) -> bool:
    """Whether the headers meet every condition of a rule, {card: condition}."""
    return all(_matches(headers.get(card), want) for card, want in conditions.items())


def frame_type(headers: Headers, camera: dict) -> str | None:
    """The kind of a frame by the first typing rule whose conditions all hold.

    Returns
    -------
    str or None
        'bias', 'dark', 'flat' or 'light'; None when no rule fits.
    """
    for rule in camera.get("types", ()):
        if matches_all(headers, rule["when"]):
            return rule["type"]
    return None


def site_longitude(headers: Headers, camera: dict) -> float | None:
    """East longitude of the site in degrees, or None.

    The camera file gives it as a number or names the cards to look in; cards may hold
    sexagesimal text.
    """
    for candidate in _candidates(camera.get("longitude") or []):
        if not isinstance(candidate, str):
            return float(candidate)
        card = headers.card(candidate)
        degrees = None if card is None else east_longitude(headers, card)
        if degrees is not None:
            return degrees
    return None


def _by_fact(candidates, known):
    """This frame's values from those listed by binning, gain setting or another fact."""
    while isinstance(candidates, dict):
        fact = candidates["by"]
        values = {str(value): given for value, given in candidates["values"].items()}
        candidates = values.get(str(known()[fact]), candidates.get("otherwise", "measure"))
    return candidates


def _one_of(values, position, counts, headers, name):
    """One amplifier's value from a list with one for each of the image, or of the file."""
    for number, count in zip(position, counts, strict=True):
        if len(values) == count:
            return values[number]
    raise CcdlibError(
        f"{headers.file}: {name} has {len(values)} values, the image has {counts[0]} amplifiers"
    )


def _detector_value(headers, image, position, counts, candidates, fact):
    """One amplifier's number from values, cards or ``measure``; None is to be measured."""
    if isinstance(candidates, list) and all(not isinstance(each, str) for each in candidates):
        return float(_one_of(candidates, position, counts, headers, f"detector.{fact}"))
    for candidate in _candidates(candidates):
        if candidate == "measure" or candidate is None:
            return None
        if not isinstance(candidate, str):
            return float(candidate)
        values = _positive(headers, candidate, image, fact)
        if values is None:
            continue
        if len(values) == 1:
            return values[0]
        name = f"{candidate}={headers.get(candidate, image)!r}"
        return _one_of(values, position, counts, headers, name)
    return None


def _positive(headers, name, image, fact):
    """The numbers of a card, None with a note where they are not all positive."""
    card = headers.card(name, image)
    values = None if card is None else numbers_of(headers, card)
    # programs write 0 where they do not know the value
    if not values or not any(values):
        return None
    # the standard's DATAMAX is the largest value of the frame, some programs' the converter's end
    if name == "DATAMAX" and values[0] not in CONVERTER_ENDS:
        return None
    if min(values) <= 0:
        headers.note(f"{name}={card.value!r} is not a positive {fact}, taken as missing")
        return None
    return in_its_unit(headers, card, values, fact)


def converter_bits(headers: Headers, camera: dict) -> int | None:
    """The bits of the converter of a raw file, as the camera file says; None where nothing does."""
    for candidate in _candidates(camera.get("detector", {}).get("bits")):
        given = headers.get(candidate) if isinstance(candidate, str) else candidate
        bits = None if given is None else bits_of(given)
        if bits is not None:
            return bits
    return None


def _detector_values(headers, row, place, total, detector, known):
    """Gain, read noise, saturation and linear limit of an amplifier, {fact: number or None}.

    `place` is its place among the `total` amplifiers of the file.
    """
    position, counts = (row["number"], place), (row["count"], total)
    return {
        fact: _detector_value(
            headers, row["image"], position, counts, _by_fact(detector.get(fact), known), fact
        )
        for fact in ("gain", "read_noise", "saturation", "linear_limit")
    }


def _readout(headers, image, layout, binning):
    """Yield each amplifier of one image: its sections and its entry in the camera file."""
    hdu, header, _ = headers.images[image]
    specs = [spec for spec in layout if applies_to(spec, hdu, header)]
    data = [data_section(headers, image, spec, binning) for spec in specs]
    check_apart(data, headers.file)
    for number, spec in enumerate(specs):
        yield {
            "image": image,
            "number": number,
            "count": len(specs),
            "spec": spec,
            "data": data[number],
            "overscan": overscan_section(headers, image, spec, number, data, binning),
            "parallel": parallel_section(headers, image, spec, data[number], binning),
            "on_detector": place_section(headers, image, spec),
        }


def _places(headers, own, binning, gaps):
    """Where the amplifiers of one product image lie in it."""
    on_chip = [row["on_detector"] for row in own]
    if None not in on_chip:
        places = on_detector(on_chip, [row["data"] for row in own], binning(), headers.file)
        if gaps == "keep":
            return places
        closed = closed_up(places)
        return [
            replace(new, flip_y=old.flip_y, flip_x=old.flip_x)
            for new, old in zip(closed, places, strict=True)
        ]
    if len({row["image"] for row in own}) > 1 or any(on_chip):
        row = own[on_chip.index(None)]
        hdu = headers.images[row["image"]][0]
        why = (
            "others of its image have one" if any(on_chip) else "it is to be assembled with others"
        )
        raise CcdlibError(
            f"{headers.file}, HDU {hdu}: nothing says where the amplifier of data "
            f"{row['data'].fits()} lies on the detector (amplifiers.place), and {why}"
        )
    return closed_up([row["data"] for row in own])


def _crosstalk(headers, rule, onto, others):
    """Fractions of the signals of `others` that appear in amplifier `onto`; numbers from 0."""
    if rule is None:
        return ()
    if isinstance(rule, str):
        cards = [rule.format(**{"from": each + 1, "onto": onto + 1}) for each in others]
        found = [headers.card(card) for card in cards]
        values = [(number_of(headers, card) or 0.0) if card else 0.0 for card in found]
    else:
        values = [float(rule[each][onto]) for each in others]
    values = [0.0 if each == onto else value for each, value in zip(others, values, strict=True)]
    return tuple(values) if any(values) else ()


def _image_keys(headers, rows, assemble):
    """A key for each amplifier; those of one product image have the same."""
    if assemble is None:
        return [row["image"] for row in rows]
    cards = _candidates(assemble.get("by") or [])
    return [tuple(str(headers.get(card, row["image"])) for card in cards) for row in rows]


def _factors(headers, camera):
    """Rows and columns of the detector in a pixel."""
    text = _binning(headers, camera["facts"].get("binning"))
    if text is None:
        raise CcdlibError(f"{headers.file}: no card of facts.binning says how it is binned")
    x, y = (float(factor) for factor in text.split("x"))
    return int(y), int(x)


def amplifiers(headers: Headers, camera: dict) -> list[Amplifier]:
    """The amplifiers of every image of a raw file.

    Parameters
    ----------
    headers : Headers
    camera : dict
        A validated camera file.

    Returns
    -------
    list of Amplifier
        In the order of the file's images, those of one image in that of the camera file.

    Raises
    ------
    CcdlibError
        If a section lies outside its image, two data sections overlap, the numbers of values
        and amplifiers differ, a gain, read noise or limit is not positive, or amplifiers that
        are to be assembled have no place or not the size of theirs.
    """
    layout = camera.get("amplifiers") or [{}]
    assemble, detector = camera.get("assemble"), camera.get("detector", {})

    @cache
    def binning() -> tuple[int, int]:
        return _factors(headers, camera)

    @cache
    def known() -> dict[str, Any]:
        return facts(headers, camera)

    rows = [
        row
        for image in range(len(headers.images))
        for row in _readout(headers, image, layout, binning)
    ]
    if not rows:
        raise CcdlibError(f"{headers.file}: no image is one of the camera's amplifiers")
    found: dict[int, Amplifier] = {}
    for group, members in enumerate(groups(_image_keys(headers, rows, assemble)).values()):
        own = [rows[number] for number in members]
        places = _places(headers, own, binning, (assemble or {}).get("gaps", "keep"))
        for number, row, place in zip(members, own, places, strict=True):
            found[number] = Amplifier(
                headers.images[row["image"]][0],
                row["data"],
                place,
                row["overscan"],
                **_detector_values(headers, row, number, len(rows), detector, known),
                parallel=row["parallel"],
                image=None if assemble is None else group,
                crosstalk=_crosstalk(headers, camera.get("crosstalk"), number, members),
                corner=row["spec"].get("corner", "lower left"),
                linearity=_linearity(detector.get("linearity")),
                match=(assemble or {}).get("match") == "sky",
                bad=_bad_sections(headers, row),
                pedestal=pedestal(headers),
            )
    return [found[number] for number in range(len(rows))]
