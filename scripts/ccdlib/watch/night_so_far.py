"""What is known of the night so far: a few numbers of each frame, read once from its record."""

import math
import os
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ..index.index_tables import INDEX_TABLE
from ..kinds import KINDS, record_of
from ..plan.night_plan import product_of
from ..plan.plan_tables import INDEX, MEMBERS, file_stat
from ..quality.outliers import odd_of_light, relative_flux
from ..report import last_lines
from ..report.night import record_left
from ..state import unsealed

__all__ = ["OF_INDEX", "Bias", "Frame", "NightSoFar", "frame_of"]

OF_INDEX = (
    *("frame", "file", "imagetyp", "object", "filter", "exptime", "date_obs", "status", "reason"),
)
# lights of one object and filter that a new one is compared with
_COMPARED = 20


@dataclass
class Frame:
    """A calibrated frame in numbers.

    Attributes
    ----------
    product, name : str
    kind : str
        light, bias ...
    object, filter, date_obs, exptime
        As in the index; None where it is not known.
    unit : str
    background, noise : float or None
        Median of its good pixels, and their scatter, in its unit.
    fwhm, elongation : float or None
        Of its stars: pixels; longest over shortest axis.
    stars : dict or None
        See `ccdlib.quality.stars.Stars`.
    saturated : float
        Part of its pixels.
    pull : float or None
        Measured over quoted noise.
    transparency : float or None
        Light of its stars over that of the same ones in the first light of object and filter.
    odd : list of str
        What is odd about it beside the lights before it.
    """

    product: str
    name: str
    kind: str
    object: str | None
    filter: str | None
    date_obs: datetime | None
    exptime: float | None
    unit: str
    background: float | None
    noise: float | None
    fwhm: float | None
    elongation: float | None
    stars: dict | None
    saturated: float
    pull: float | None
    transparency: float | None = None
    odd: list[str] = field(default_factory=list)

    @property
    def sky(self) -> float | None:
        """Background per second, None where either is not known."""
        if self.background is None or not self.exptime:
            return None
        return self.background / self.exptime

    def compared(self) -> dict[str, Any]:
        """The frame as `odd_of_light` wants it."""
        names = ("object", "filter", "exptime", "background", "pull", "stars")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Bias:
    """A bias in a master: level with that of its overscan, and noise, in adu."""

    name: str
    date_obs: datetime | None
    level: float | None
    noise: float | None


def _number(value: Any) -> float | None:
    return value if isinstance(value, (int, float)) and math.isfinite(value) else None


def frame_of(product: str, row: dict[str, Any], record: dict[str, Any]) -> Frame:
    """A frame's numbers.

    Parameters
    ----------
    product : str
    row : dict
        Of the index.
    record : dict
        See `ccdlib.quality.records.frame_record`.
    """
    image = record["images"][0]
    stars = image.get("stars")
    pixels = sum(each["shape"][0] * each["shape"][1] for each in record["images"])
    saturated = sum(each["flags"].get("SATURATED", 0) for each in record["images"])
    return Frame(
        product=product,
        name=row["frame"],
        kind=record["kind"],
        object=row["object"],
        filter=row["filter"],
        date_obs=row["date_obs"],
        exptime=row["exptime"],
        unit=image["unit"],
        background=_number(image["median"]),
        noise=_number(image["noise"]),
        fwhm=_number((stars or {}).get("fwhm")),
        elongation=_number((stars or {}).get("elongation")),
        stars=stars,
        saturated=saturated / pixels,
        pull=_number(image["pull"]),
    )


class NightSoFar:
    """The frames of a working directory, brought up to date by reading what is new.

    Parameters
    ----------
    keep : list of str
        Types of frame that get a calibrated file.

    Attributes
    ----------
    frames : dict
        {product: Frame}, in the order in which they were made.
    biases : list of Bias
    calibrations : dict
        {type: number of raw frames} of those that can be used and get no file of their own.
    refused : list of (str, str)
        What is refused, and why.
    untyped : list of (str, str)
        Raw files whose type cannot be told, and what their headers say.
    last_record : dict or None
        The record of the frame that was made last, with its picture.
    """

    def __init__(self, keep: Collection[str]) -> None:
        self.keep = keep
        self.frames: dict[str, Frame] = {}
        self.biases: list[Bias] = []
        self.calibrations: dict[str, int] = {}
        self.refused: list[tuple[str, str]] = []
        self.untyped: list[tuple[str, str]] = []
        self.last_record: dict[str, Any] | None = None
        self._rows: list[dict[str, Any]] = []
        self._stats: dict[str, Any] = {}

    def update(self) -> list[Frame]:
        """Read what changed since the last call.

        Returns
        -------
        list of Frame
            New frames and those that were made again, the earliest exposure first.
        """
        if self._changed(INDEX):
            self._rows = INDEX_TABLE.rows(names=OF_INDEX)
            self.untyped = [
                (row["file"], row["reason"]) for row in self._rows if row["status"] == "unknown"
            ]
            types = Counter(row["imagetyp"] for row in self._rows if row["status"] == "ok")
            kinds = sorted(types.keys() - set(self.keep))
            self.calibrations = {kind: types[kind] for kind in kinds}
        if self._changed(MEMBERS):
            self.refused = last_lines.refusals(list(self.keep))
        found = list(self._new_frames())
        found.sort(key=lambda frame: (frame.date_obs or datetime.min, frame.name))
        for frame in found:
            self.frames.pop(frame.product, None)
            self._compare(frame)
            self.frames[frame.product] = frame
        if found:
            self.last_record = record_left(found[-1].product)
        self._read_biases()
        return found

    def _changed(self, path: str) -> bool:
        stat = file_stat(path)
        before, self._stats[path] = self._stats.get(path), stat
        return stat is not None and stat != before

    def _new_frames(self) -> Iterator[Frame]:
        for row in self._rows:
            if row["status"] != "ok" or row["imagetyp"] not in self.keep:
                continue
            product = product_of(row["frame"])
            path = record_of(product)
            if path and self._changed(path) and (record := record_left(product)):
                frame, before = frame_of(product, row, record), self.frames.get(product)
                # a run sets the times of files that it does not make
                if before is None or replace(before, transparency=None, odd=[]) != frame:
                    yield frame

    def _compare(self, frame: Frame) -> None:
        """Say of a light how it differs from those of the same object and filter before it."""
        if frame.kind != "light":
            return
        same = [
            each
            for each in self.frames.values()
            if (each.kind, each.object, each.filter) == ("light", frame.object, frame.filter)
        ]
        group = [each.compared() for each in [*same[-_COMPARED:], frame]]
        frame.odd = odd_of_light(group, len(group) - 1)
        if not frame.stars:
            return
        first = next((each for each in same if each.stars), None)
        if first is None:
            frame.transparency = 1.0
            return
        ratio = relative_flux(frame.compared(), first.compared())
        if ratio is not None and first.transparency is not None:
            frame.transparency = ratio * first.transparency

    def _read_biases(self) -> None:
        folder = f"results/qa/masters/{KINDS['bias'].name}"
        paths = [entry.path for entry in os.scandir(folder)] if os.path.isdir(folder) else []
        if not any([self._changed(path) for path in paths]):
            return
        dates = {row["file"]: row["date_obs"] for row in self._rows}
        self.biases = [bias for path in paths for bias in _biases(unsealed(path) or {}, dates)]
        self.biases.sort(key=lambda bias: (bias.date_obs or datetime.min, bias.name))


def _biases(record: dict[str, Any], dates: dict[str, datetime | None]) -> Iterator[Bias]:
    for frame in record.get("frames", ()):
        image, overscan = frame["images"][0], frame["overscan"]
        level = _number(image["level"])
        if level is not None and overscan:
            level += overscan[0]
        noise = _number(image["noise"])
        yield Bias(frame["file"], dates.get(frame["file"]), level, noise)
