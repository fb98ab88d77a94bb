"""The table of the archive: a row for each night."""

from collections.abc import Mapping
from typing import Any

from ..tables import Table
from .catalogue import verdict_of
from .settings import Night

__all__ = ["NIGHTS_TABLE", "rows_of_nights"]

NIGHTS_TABLE = Table(
    "archive/nights.csv",
    {
        **dict.fromkeys(("night", "camera"), "text"),
        "verdict": "category",
        **dict.fromkeys(("frames", "lights", "refused", "odd", "lent"), "integer"),
        "words": "text",
        "versions": "text",
        "report": "text",
    },
)


def rows_of_nights(
    nights: Mapping[str, Night],
    surveys: Mapping[str, Mapping[str, Any]],
    records: Mapping[str, Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """The rows of `NIGHTS_TABLE`: all nights, whatever became of them.

    Parameters
    ----------
    nights, surveys, records : dict
        Of each night by its name; the last two where there is one.
    """
    return [
        _row(name, surveys.get(name, {}), records.get(name), night)
        for name, night in nights.items()
    ]


def _row(name, found, record, night):
    own = {"night": name, "camera": night.config["camera"]}
    if record is None:
        problem = found.get("problem")
        frames = sum(found.get("counts", {}).values())
        return own | {
            "verdict": "unreadable" if problem else "not made",
            "frames": frames,
            "words": problem or "no run of it ended",
        }
    versions = " ".join(f"{package} {number}" for package, number in record["versions"].items())
    return own | {
        "verdict": verdict_of(record),
        "frames": sum(record["counts"].values()),
        "lent": len(record["lent"]),
        "words": record["failed"] or record["words"],
        "versions": versions,
        "report": f"nights/{name}/results/report/index.html",
        **{key: record[key] for key in ("lights", "refused", "odd")},
    }
