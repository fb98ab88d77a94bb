"""Combine raw biases into a master bias."""

from ccdlib.jobs.combine_frames import write_master
from ccdlib.jobs.job import job, masters, members

if "snakemake" in globals():
    with job(snakemake) as s:
        write_master(
            "bias",
            s.output[0],
            s.config["raw_dir"],
            members(s),
            s.params.settings,
            **masters(s, ("bias", "dark", "detector")),
            compress=s.params.compress,
            record=s.output.record,
            memory_mb=s.resources.mem_mb,
            threads=s.threads,
        )
