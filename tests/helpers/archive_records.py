"""Results of a night of an archive, and the record of its job, made up."""

from pathlib import Path

from ccdlib.index.index_tables import INDEX_TABLE
from ccdlib.plan.plan_columns import MEMBERS_TABLE, PLAN_TABLE

FRAMES = [
    ("bias1", "bias", None),
    ("flat1", "flat", "V"),
    ("m13", "light", "V"),
    ("m3", "light", "R"),
]


def night(name, failed=None, **own):
    """A night's results and the record of its job."""
    results = f"nights/{name}/results"
    rows = [
        dict.fromkeys(INDEX_TABLE.columns)
        | {"frame": frame, "file": f"{frame}.fits", "imagetyp": kind, "filter": colour}
        | {"exptime": 60.0, "night": name, "status": "ok"}
        for frame, kind, colour in FRAMES
    ]
    INDEX_TABLE.write(rows, f"{results}/index.csv")
    refusal = {
        "product": "results/calibrated/m3.fits",
        "status": "refused",
        "reason": "no flat in R",
    }
    PLAN_TABLE.write([dict.fromkeys(PLAN_TABLE.columns) | refusal], f"{results}/plan.csv")
    member = {"master": "results/masters/bias/b.fits", "frame": "bias1"}
    MEMBERS_TABLE.write([dict.fromkeys(MEMBERS_TABLE.columns) | member], f"{results}/members.csv")
    made = Path(results, "calibrated/m13.fits")
    made.parent.mkdir(parents=True, exist_ok=True)
    made.write_bytes(b"")
    bias = {"product": "results/masters/bias/b.fits", "kind": "bias", "frames": 5, "filter": None}
    record = {
        "camera": "demo",
        "failed": failed,
        "counts": {"bias": 1, "flat": 1, "light": 2},
        "nights": [name],
        "lent": [],
        "seconds": 3.5,
        "versions": {"numpy": "2.4"},
        "masters": [bias | {"exptime": 0.0, "bias_level": 1000.0 + int(name[-2:])}],
        "words": "1 light calibrated, 1 refused.",
    }
    return record | {"lights": 1, "refused": 1, "odd": 0} | own
