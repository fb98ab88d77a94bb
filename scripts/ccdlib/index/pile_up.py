"""Where the converter ends, from the values themselves.

A converter of 12 or 14 bits, or one whose values a program shifts, ends below 65535, and often no
card says where. Saturated pixels pile up there: many have the highest value of the folder, and
hardly any lie just below it. Where none is saturated, a card that says the bits tells the end, and
the values whether they are the lower bits or the upper ones.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..camera.card_values import CONVERTER_ENDS

if TYPE_CHECKING:
    from ..camera.headers import Headers

__all__ = ["flag_pile_ups", "highest"]

# so many pixels at the highest value are a pile, if fewer lie within this fraction below it
_PILE, _NEAR = 3, 0.02
# so many frames, or such a share of them, may have a pixel or two above the end
_STRAYS, _STRAY_SHARE = 2, 0.1
# bits of a stored value
_WORD = 16
_LAST = 2**_WORD - 1
# frames of one setting of a camera have one converter
_SAME = ("camera", "binning", "readout_mode", "gain_setting", "extensions")


def highest(
    headers: "Headers",
    rows: list[np.ndarray],
    level: float | None = None,
    bits: int | None = None,
) -> dict[str, float] | None:
    """The highest value of a file, how many pixels have it and how many lie just below it.

    Parameters
    ----------
    headers : Headers
    rows : list of ndarray
        From `pixel_sample`.
    level : float or None
        The median (adu), where it is known.
    bits : int or None
        Of the converter, where a card says so.

    Returns
    -------
    dict or None
        top and level, the median (adu), tops and near (pixels); of a converter of less than 16 bits
        also bits, and step, the power of two that all values are multiples of; over, the pixels
        beyond 16 bits, where there are any; below, top, tops and near without the highest pixel or
        two, where these are alone. None of floats, and of an image that is of one value.
    """
    found = []
    for (_, header, _), own in zip(headers.images, rows, strict=True):
        if header.get("BITPIX", 0) not in (8, 16, 32):
            return None
        # undefined pixels (BLANK) are NaN
        found.append(own.ravel() if own.dtype.kind in "iu" else own[np.isfinite(own)])
    values = np.concatenate(found)
    if not values.size:
        return None
    seen = _top(values)
    if seen["tops"] > values.size / 2 and seen["top"] not in CONVERTER_ENDS:
        return None
    seen["level"] = float(np.median(values)) if level is None else level
    if seen["top"] > _LAST:
        seen["over"] = int(np.count_nonzero(values > _LAST))
    below = _below_strays(values, seen)
    seen |= {"below": below} if below else {}
    return seen | ({"bits": bits, "step": _step(values)} if bits and bits < _WORD else {})


def _top(values):
    """The highest value, how many have it, and how many lie just below it."""
    top = values.max()
    tops = int(np.count_nonzero(values == top))
    lowest = float(top) - _NEAR * abs(float(top))
    # integers are compared as they are, and need no copy as floats
    lowest = math.ceil(lowest) if values.dtype.kind in "iu" else lowest
    near = int(np.count_nonzero(values >= lowest)) - tops
    return {"top": float(top), "tops": tops, "near": near}


def _below_strays(values, seen):
    """The same of what lies below a pixel or two that are alone; None where they are not."""
    found, strays = seen, 0
    while found["near"] == 0 and strays + found["tops"] < _PILE:
        strays += found["tops"]
        values = values[values < found["top"]]
        if not values.size:
            return None
        found = _top(values)
    return found if strays else None


def _step(values):
    """The largest power of two that all values are multiples of, 1 where they are no integers."""
    if values.dtype.kind not in "iu":
        return 1
    together = int(np.bitwise_or.reduce(values))
    return together & -together


def flag_pile_ups(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The saturation of frames whose values pile up below the one that is declared.

    Parameters
    ----------
    rows : iterable of dict
        Rows with `highest`.

    Returns
    -------
    list of dict
        The same rows. All frames of one setting of a camera get the end that some of them show,
        and a remark.
    """
    rows = list(rows)
    alike = defaultdict(list)
    for number, row in enumerate(rows):
        if row["status"] in ("ok", "unknown") and row["highest"] and row["amplifiers"]:
            alike[tuple(str(row[name]) for name in _SAME)].append(number)
    for numbers in alike.values():
        found = [rows[number]["highest"] for number in numbers]
        end, why = _end(found) or _end_below_strays(found), "values pile up at {:g}"
        if end is None:
            end, why = _end_of_bits(found)
        low = _too_low([rows[number] for number in numbers])
        for number in numbers:
            if low is not None:
                rows[number] = _without(rows[number], *low)
            if end is not None:
                rows[number] = _with_end(rows[number], end, why.format(end))
    return rows


def _too_low(rows):
    """A declared saturation that cannot be one, and why; None if none is.

    It lies below the level of all frames, or is the end of 16 bits where values have more: more
    than a pixel or two, which a bit that turned makes, too.
    """
    ends = [min(amp.get("saturation", np.inf) for amp in row["amplifiers"]) for row in rows]
    below = [row["highest"]["level"] > end for row, end in zip(rows, ends, strict=True)]
    if all(below):
        return max(ends), "lies below the level of all frames"
    seen = [row["highest"] for row in rows]
    top = max([each["top"] for each in seen if each.get("over", 0) >= _PILE], default=-np.inf)
    if max(ends) == _LAST < top:
        return _LAST, f"is the end of {_WORD} bits, and values reach {top:g}"
    return None


def _without(row, low, why):
    """The row without a saturation of `low` or less."""
    text = f"a saturation of {low:g} {why}, not used"
    return _changed(row, text, lambda end: None if end is not None and end <= low else end)


def _end(found):
    """The value at which the frames' values pile up, None where they do not."""
    found = [each for each in found if each.get("over", _PILE) >= _PILE] or found
    top = max(each["top"] for each in found)
    own = [each for each in found if each["top"] == top]
    tops, near = (sum(each[name] for each in own) for name in ("tops", "near"))
    return top if top > 0 and tops >= _PILE and near < tops else None


def _end_below_strays(found):
    """The same where a pixel or two of few frames lie above it: bits that turned."""
    without = [each.get("below", each) for each in found]
    end = _end(without)
    if end is None or max(each["tops"] for each in without if each["top"] == end) < _PILE:
        return None
    above = sum(each["top"] > end for each in found)
    return end if above <= max(_STRAYS, _STRAY_SHARE * len(found)) else None


def _end_of_bits(found):
    """The end of a converter of the bits that the cards say, and why; None where it is not sure.

    Values above their end that are no multiples are sums, or the card says something else.
    """
    said = {each.get("bits") for each in found}
    bits = said.pop()
    if said or bits is None:
        return None, ""
    end, shift = 2**bits - 1, 2 ** (_WORD - bits)
    if all(each["step"] % shift == 0 for each in found):
        return end * shift, f"the upper {bits} bits of {_WORD} end at {{:g}}"
    if all(each["top"] <= end for each in found):
        return end, f"{bits} bits end at {{:g}}"
    return None, ""


def _with_end(row, end, why):
    lower = [amp for amp in row["amplifiers"] if amp.get("saturation", np.inf) > end]
    if not lower:
        return row
    said = lower[0].get("saturation")
    text = f"{why}, taken as saturated" + (f", not {said:g}" if said else "")
    return _changed(row, text, lambda known: end if known is None else min(known, end))


def _changed(row, text, change):
    """The row with another saturation of each amplifier, and a remark."""
    reason = f"{row['reason']}; {text}" if row["reason"] else f"{row['file']}: {text}"
    found = row | ({"reason": reason} if row["status"] == "ok" else {})
    for name in ("amplifiers", "turned"):
        if row[name]:
            found[name] = [_changed_amplifier(amp, change) for amp in row[name]]
    return found


def _changed_amplifier(amp, change):
    value = change(amp.get("saturation"))
    others = {name: each for name, each in amp.items() if name != "saturation"}
    return others if value is None else others | {"saturation": value}
