"""A camera file for headers that no shipped file knows; each line has its reason."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from functools import cache

from ..camera.amplifier_sections import data_section, overscan_section
from ..camera.camera_file import facts
from ..camera.card_values import LARGEST_GAIN, bits_of, counts_steps
from ..camera.headers import Headers
from ..config import load_camera
from ..errors import CcdlibError
from .find_overscan import Pixels, column_medians, find_edge, levels_of, picture

__all__ = ["Proposal", "propose_camera"]

_DATA, _OVERSCAN = ("TRIMSEC", "DATASEC"), ("BIASSEC",)
# columns before and after the exposed pixels, and rows below and above
_MARGINS = tuple(f"ESO DET OUT1 {name}" for name in ("PRSCX", "OVSCX", "PRSCY", "OVSCY"))
# cards that count the amplifiers of an image
_AMPLIFIERS = ("AMPSROW", "NAMPS", "NUMAMPS", "TAPLINES")
# a setting is told from e/adu by its values, and windows are found without being named
_NOT_PROPOSED = ("window", "gain_setting")
# cards that are named where none is there
_SHOWN = 4
# cards of the detector's temperature by their names, and which are of what was asked for
_WARMTH = re.compile(
    r"^(?!.*(AMB|FOC|AIR|DOME|OUT|ENV|WEATH|TEL|MIRR|TUBE|DEW|HEAT|POW|SINK|BOX|ROOM|BODY|COLOR|SKY|WMS|REF|ISS|^M[0-9]|CON|EXT))"
    r".*(TEMP|TCCD|CCDT|COOL|SETP|SENSOR ?T)"
)
_SET_POINT = re.compile("SET|COOL")
_COLDEST, _WARMEST = -180, 45
# fewer columns are no overscan
_LEAST_MARGIN = 2


class Proposal:
    """Lines of a camera file, and open questions.

    Attributes
    ----------
    lines : list of str
        YAML with comments.
    open : list of str
        Points that a person must decide.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.open: list[str] = []

    def add(self, text: str, why: str = "") -> None:
        """Add a line, with its reason as a comment."""
        self.lines.append(f"{text}  # {why}" if why else text)


@cache
def _known() -> dict:
    """The cards that programs and observatories use, the most telling first."""
    return load_camera("generic")


def _names(candidate):
    """The cards of an entry of `facts`, and whether one of them is enough."""
    if isinstance(candidate, str):
        return candidate.split(), False
    return candidate.get("cards") or [candidate["card"]], "empty" in candidate


def _values(each, candidate):
    """The values of the cards of an entry of `facts`, None where they are not all there."""
    whole = each.get(candidate) if isinstance(candidate, str) else None
    if whole is not None:
        return [whole]
    names, any_of = _names(candidate)
    found = [each.get(name) for name in names]
    known = [value for value in found if value is not None]
    return known if known and (any_of or len(known) == len(found)) else None


def _seen(headers, candidate):
    """The number of files that have all of these cards, and the values in one of them."""
    full = [values for values in (_values(each, candidate) for each in headers) if values]
    return len(full), (" ".join(map(str, full[0])) if full else "")


def _quoted(text):
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _entry(headers, candidate):
    """An entry of `facts` as YAML, with those cards and names of empty places that are there."""
    if isinstance(candidate, str) or "empty" not in candidate:
        return json.dumps(candidate)
    texts = {
        card: {str(each.get(card)) for each in headers if each.get(card) is not None}
        for card in candidate["cards"]
    }
    cards = [card for card, found in texts.items() if found]
    every = set().union(*texts.values())
    empty = sorted(text for text in every if text.lower() in candidate["empty"])
    if len(cards) == 1 and not empty:
        return json.dumps(cards[0])
    given = {name: candidate[name] for name in ("join",) if name in candidate}
    return json.dumps({"cards": cards} | ({"empty": empty} if empty else {}) | given)


def _shown(candidate, headers=()):
    """The cards of an entry of `facts`; of several that need not all be there those in headers."""
    names, any_of = _names(candidate)
    there = [name for name in names if any(each.get(name) is not None for each in headers)]
    return " ".join(there if any_of and there else names)


def _is_date(candidate, example):
    """Whether a card counts the days, or holds a date with a time of day."""
    if isinstance(candidate, dict):
        return "unit" in candidate
    return re.search(r"\d[T ]\d|\d:\d", example)


def _candidates(headers, fact):
    """(card, number of files, example) of the cards of a fact that are there."""
    found = [(each, *_seen(headers, each)) for each in _known()["facts"][fact]]
    return [
        (card, count, example)
        for card, count, example in found
        if count and (fact != "date_obs" or _is_date(card, example))
    ]


def _facts(proposal, headers):
    proposal.add("facts:")
    for fact in _known()["facts"]:
        if fact in _NOT_PROPOSED:
            continue
        present = _candidates(headers, fact)
        if not present and fact == "temperature":
            _guessed_temperature(proposal, headers)
        if not present:
            if fact in ("exptime", "date_obs", "filter"):
                names = ", ".join(map(_shown, _known()["facts"][fact][:_SHOWN]))
                then = "; all frames count as of one filter" if fact == "filter" else ""
                proposal.open.append(
                    f"facts.{fact}: none of the usual cards ({names} ...) is in the headers{then}"
                )
            continue
        # more cards only if some files lack the first, or a sensor is not there
        alone = present[0][1] == len(headers) and fact != "temperature"
        kept = present[:1] if alone else present[:3]
        card, count, example = kept[0]
        why = f"{_shown(card, headers)} is in {count} of {len(headers)} files, such as {example!r}"
        cards = ", ".join(_entry(headers, card) for card, _, _ in kept)
        proposal.add(f"  {fact}: [{cards}]", why)
    _gain_setting(proposal, headers)


def _guessed_temperature(proposal, headers):
    """A card that only its name tells: darks of two temperatures would be of one without it."""
    names = {card for each in headers for card in each.primary if _WARMTH.search(card)}
    for card in sorted(names, key=lambda name: (_SET_POINT.search(name) is not None, name)):
        values = sorted(set(_numbers(headers, card)))
        if values and values[0] >= _COLDEST and values[-1] <= _WARMEST:
            shown = " to ".join(f"{value:g}" for value in dict.fromkeys((values[0], values[-1])))
            proposal.add(f"  temperature: [{_quoted(card)}]", f"by its name; {shown} Celsius")
            proposal.open.append(
                f"facts.temperature: none of the usual cards is in the headers; {card} ({shown}) "
                "is taken for the detector's, in Celsius: change it in the camera file if not"
            )
            return


def _numbers(headers, card):
    found = []
    for each in headers:
        for image in range(len(each.images)):
            try:
                found.append(float(each.get(card, image)))
            except (TypeError, ValueError):
                continue
    return found


def _is_setting(headers):
    """Whether GAIN counts steps of the electronics: with EGAIN beside it, or too large."""
    values = _numbers(headers, "GAIN")
    cards = [card for each in headers if (card := each.card("GAIN"))]
    told = bool(_numbers(headers, "EGAIN")) or any(map(counts_steps, cards))
    return bool(values) and (told or max(values) > LARGEST_GAIN)


def _gain_setting(proposal, headers):
    if _is_setting(headers):
        values = sorted(set(_numbers(headers, "GAIN")))
        proposal.add("  gain_setting: [GAIN]", f"GAIN={values[0]:g} is a setting, not e/adu")


def _positive(headers, fact, ambiguous=()):
    """The first card of a value of the detector that is positive in some header, or None."""
    cards = [card for card in _known()["detector"][fact] if card not in ("measure", *ambiguous)]
    return next((card for card in cards if max(_numbers(headers, card), default=0) > 0), None)


def _detector(proposal, headers):
    proposal.add("detector:")
    telling = _positive(headers, "gain", ["GAIN"])
    if telling:
        proposal.add(f"  gain: [{telling}, measure]", f"{telling} is e/adu")
    elif _is_setting(headers) or not _numbers(headers, "GAIN"):
        proposal.add("  gain: measure", "no card has it in e/adu: from pairs of flats")
    elif set(_numbers(headers, "GAIN")) <= {0.0, 1.0}:
        proposal.add("  gain: measure", "GAIN of 0 or 1 is more often an index than e/adu")
        proposal.open.append("detector.gain: GAIN is 0 or 1; give e/adu if that is what it says")
    else:
        proposal.add("  gain: [GAIN, measure]", "check that GAIN is e/adu and not its inverse")
    noise = _positive(headers, "read_noise")
    if noise:
        proposal.add(f"  read_noise: [{noise}, measure]", "electrons")
    else:
        proposal.add("  read_noise: measure", "no card has it: from pairs of biases")
    ends = [card for card in ("SATURATE", "SATLEVEL", "DATAMAX") if _numbers(headers, card)]
    cards = ", ".join(ends or ["SATURATE"])
    proposal.add(f"  saturation: [{cards}, 65535]", "raw adu; the converter's end without the card")
    _bits(proposal, headers)


def _bits(proposal, headers):
    """The card of a converter of less than 16 bits."""
    for card in _known()["detector"]["bits"]:
        said = [bits_of(each.get(card)) for each in headers]
        found = {bits for bits in said if bits is not None}
        if found and min(found) < 16:
            proposal.add(f"  bits: [{card}]", f"{' and '.join(map(str, sorted(found)))} bits")
            return


def _wrong(headers, card):
    """Why a section card cannot be used, None when it can."""
    for each in headers:
        for image in range(len(each.images)):
            try:
                data_section(each, image, {"data": [card]}, lambda: (1, 1))
            except CcdlibError as error:
                return str(error)
    return None


def _card_sections(proposal, headers):
    """The data and the overscan card that exist and lie inside their images, each or None."""
    found = []
    for cards in (_DATA, _OVERSCAN):
        own = None
        for card in cards:
            if not any(each.get(card, n) for each in headers for n in range(len(each.images))):
                continue
            wrong = _wrong(headers, card)
            if wrong:
                proposal.open.append(f"amplifiers: {card} cannot be used: {wrong}")
            elif own is None:
                own = card
        found.append(own)
    return found


def _side_by_side(pixels, edge):
    """How many amplifiers' overscans lie side by side in what seems to be one, and its columns."""
    dark = edge.trailing if edge.side == "right" else 0
    first, last = edge.first - dark, edge.last + edge.trailing - dark
    for parts in (2, 4):
        levels = levels_of(pixels.dark, first, last, parts) if pixels.dark else None
        if levels is not None:
            return parts, first, last
    return 1, first, last


def _add_parts(proposal, parts, first, last, width):
    """An entry for each of several amplifiers that lie side by side with their overscans."""
    start, length = (0, first - 1) if first > 1 else (last, width - last)
    share, strip = length // parts, (last - first + 1) // parts
    proposal.add("amplifiers:")
    for number in range(parts):
        data = f"[{start + number * share + 1}:{start + (number + 1) * share},:]"
        over = f"[{first + number * strip}:{first + (number + 1) * strip - 1},:]"
        why = "overscan and data step at the same column" if number == 0 else ""
        proposal.add(f'  - {{data: "{data}", overscan: "{over}"}}', why)


def _ask_amplifiers(proposal, headers):
    """Ask where a card counts several amplifiers and one is proposed."""
    for card in _AMPLIFIERS:
        counts = _numbers([each for each in headers if len(each.images) == 1], card)
        if counts and max(counts) > 1:
            proposal.open.append(
                f"amplifiers: {card}={max(counts):g} says several, one is proposed: give an entry "
                "for each, with its data and overscan (docs/camera.md, 'Several amplifiers')"
            )


def _sections_of_edge(pixels, edge, with_data):
    """Sections that an edge shows, as the camera file has them, in pixels of the bright frame."""
    first, last = (1, edge.first - edge.trailing - 1)
    if edge.side == "left":
        first, last = edge.last + edge.trailing + 1, pixels.bright.shape[1]
    own = {} if with_data else {"data": f"[{first}:{last},:]"}
    return own | {"overscan": f"[{edge.first}:{edge.last},:]"}


def _binning_of(headers):
    found = facts(headers, {"facts": {"binning": _known()["facts"]["binning"]}})["binning"] or "1x1"
    x, y = (int(float(factor)) for factor in found.split("x"))
    return y, x


def _fit_all(headers, spec):
    """Whether sections lie inside the images of all frames."""
    try:
        for each in headers:
            for image in range(len(each.images)):

                def binning(each=each):
                    return _binning_of(each)

                data = data_section(each, image, spec, binning)
                overscan_section(each, image, spec, 0, [data], binning)
    except CcdlibError:
        return False
    return True


def _scaled(section, factor):
    """A section of all rows with its columns in unbinned pixels."""
    first, last = (int(number) for number in re.findall(r"\d+", section))
    return f"[{(first - 1) * factor + 1}:{last * factor},:]"


def _for_all_sizes(headers, pixels, sections):
    """Sections that hold for frames of every binning, where those of one frame do not."""
    if _fit_all(headers, sections):
        return sections
    factor = _binning_of(pixels.headers)[1]
    scaled = {name: _scaled(text, factor) for name, text in sections.items()}
    unbinned = scaled | {"coordinates": "unbinned"}
    return unbinned if _fit_all(headers, unbinned) else sections


def _written(sections):
    """Sections as text of a camera file."""
    return [
        f"{name}: {text}" if name == "coordinates" else f'{name}: "{text}"'
        for name, text in sections.items()
    ]


def _margins(headers):
    """Columns before and after the exposed pixels by the cards that count them, None without."""
    found = None
    for each in headers:
        for image, (_, _, shape) in enumerate(each.images):
            values = [each.get(card, image) for card in _MARGINS]
            if None in values:
                return None
            columns, rows = (each.get(f"ESO DET OUT1 {name}", image) for name in ("NX", "NY"))
            before, after, below, above = map(int, values)
            # counts of unbinned pixels, or of another amplifier
            if (columns or shape[1] - before - after) + before + after != shape[1]:
                return None
            if (rows or shape[0] - below - above) + below + above != shape[0]:
                return None
            found = before, after
    return found


def _margin_parts(margins, edge):
    """Sections of the camera file by the cards that count margins, and why."""
    parts = [f"data: {{margins: {json.dumps(list(_MARGINS))}}}"]
    before, after = margins
    if edge is None and max(margins) > _LEAST_MARGIN:
        parts.append("overscan: {after: data}" if after >= before else "overscan: {before: data}")
    return parts, [f"{before} columns before the data and {after} after it by their cards"]


def _amplifiers(proposal, headers, pixels):
    data, overscan = _card_sections(proposal, headers)
    margins = None if data else _margins(headers)
    edge = None if pixels is None else find_edge(pixels.bright)
    parts, why = [], []
    if edge and pixels.dark:
        count, first, last = _side_by_side(pixels, edge)
        if count > 1:
            proposal.open.append(
                f"amplifiers: {count} side by side, their overscans in columns {first} to {last}: "
                "the level steps there as it does in the data, as the column medians without light "
                f"show: {picture(pixels.dark[0])}"
            )
            _add_parts(proposal, count, first, last, pixels.bright.shape[1])
            return
    if data:
        parts.append(f"data: [{data}]")
        why.append(f"{data} lies inside the image")
    if margins:
        parts, why = _margin_parts(margins, edge)
    known = bool(data or margins)
    if edge:
        sections = _sections_of_edge(pixels, edge, known)
        parts += _written(sections if known else _for_all_sizes(headers, pixels, sections))
        why += [] if known else [f"light of {edge.light:.0f} adu ends there"]
        why.append(f"columns at {edge.level:.0f} adu, {edge.trailing} beside the light left out")
        if overscan:
            proposal.open.append(
                f"amplifiers: the pixels show overscan in columns {edge.first} to {edge.last}; "
                f"the header's {overscan} is {headers[0].get(overscan, 0)!r}; column medians of "
                f"{pixels.headers.file}: {picture(column_medians(pixels.bright))}"
            )
    elif overscan:
        parts.append(f"overscan: [{overscan}]")
        why.append(f"{overscan} lies inside the image; no bright frame shows whether it is right")
    elif not margins:
        proposal.open.append(
            "amplifiers: no overscan is seen; columns that get no light can be named in the camera "
            "file (docs/camera.md, 'Where the pixels are')"
        )
    if any("DETSEC" in header for each in headers for _, header, _ in each.images[1:]):
        parts.append("place: [DETSEC]")
        why.append("DETSEC says where each extension belongs")
    _ask_amplifiers(proposal, headers)
    if edge:
        shown = picture(column_medians(pixels.bright))
        proposal.lines.append(f"# column medians of {pixels.headers.file}: {shown}")
    proposal.add("amplifiers:")
    proposal.add(
        f"  - {{{', '.join(parts)}}}", "; ".join(why) or "no overscan seen: the whole image"
    )
    if "place: [DETSEC]" in parts:
        proposal.add("assemble: {}", "one image from all extensions; leave out to keep them apart")


def propose_camera(headers: Sequence[Headers], pixels: Pixels | None = None) -> Proposal:
    """Propose a camera file.

    Parameters
    ----------
    headers : list of Headers
    pixels : Pixels or None
        What a bright frame and some dark ones show.

    Returns
    -------
    Proposal
    """
    proposal = Proposal()
    names = Counter(str(each.get("INSTRUME") or "no INSTRUME") for each in headers)
    name = names.most_common(1)[0][0]
    if len(names) > 1:
        proposal.open.append(
            f"several cameras in one folder (INSTRUME: {', '.join(sorted(names))}): each may want "
            "a camera file, and then a folder, of its own"
        )
    proposal.add(f"description: {_quoted(name)}", "INSTRUME")
    _facts(proposal, headers)
    proposal.add('undefined: ["UNKNOWN", "N/A", "UNSPECIFIED"]', "texts that stand for no value")
    proposal.add("typing: evidence", "weighed for each frame; rules of `types` can be added")
    _detector(proposal, headers)
    _amplifiers(proposal, headers, pixels)
    site = next((card for card in _known()["longitude"] if _seen(headers, card)[0]), None)
    if site:
        proposal.add(f"longitude: [{site}]", "nights run from local noon to noon")
    else:
        proposal.open.append(
            "longitude: no card has the site's; without it nights end at noon UTC "
            "(a line `longitude: DEGREES_EAST` in the camera file gives it)"
        )
    return proposal
