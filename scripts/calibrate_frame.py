"""Calibrate one raw frame."""

from ccdlib.job import job, members
from ccdlib.recipes import write_calibrated

if "snakemake" in globals():
    with job(snakemake) as s:
        write_calibrated(
            s.output[0],
            s.config["raw_dir"],
            members(s)[0],
            s.params.settings,
            {kind: s.input.get(kind) for kind in ("bias", "dark", "flat", "bad_pixels")},
            s.params.row["dark_scale"],
            s.input.get("detector"),
            s.output.record,
        )
