"""Calibrate one raw frame."""

from ccdlib.jobs.calibrate_frame import write_calibrated
from ccdlib.jobs.job import job, masters, members

if "snakemake" in globals():
    with job(snakemake) as s:
        used = masters(s, ("bias", "dark", "flat", "bad_pixels", "detector"))
        detector = used.pop("detector")
        if s.params.settings["mask"]:
            used["bad_pixels"] = s.config["bad_pixels"]
        write_calibrated(
            s.output[0],
            s.config["raw_dir"],
            members(s)[0],
            s.params.settings,
            used,
            s.params.row["dark_scale"],
            detector,
            s.output.record,
        )
