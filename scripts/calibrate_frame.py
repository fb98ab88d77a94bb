"""Calibrate one raw frame."""

from ccdlib.job import job, members
from ccdlib.recipes import write_calibrated

if "snakemake" in globals():
    with job(snakemake) as s:
        masters = {kind: s.input.get(kind) for kind in ("bias", "dark", "flat", "bad_pixels")}
        if s.params.settings["mask"]:
            masters["bad_pixels"] = s.config["bad_pixels"]
        write_calibrated(
            s.output[0],
            s.config["raw_dir"],
            members(s)[0],
            s.params.settings,
            masters,
            s.params.row["dark_scale"],
            s.input.get("detector"),
            s.output.record,
        )
