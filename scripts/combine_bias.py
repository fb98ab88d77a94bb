"""Combine raw biases into a master bias."""

from ccdlib.job import job, members
from ccdlib.recipes import write_master

if "snakemake" in globals():
    with job(snakemake) as s:
        write_master(
            "bias",
            s.output[0],
            s.config["raw_dir"],
            members(s),
            s.params.settings,
            bias=s.input.get("bias"),
            dark=s.input.get("dark"),
            detector=s.input.get("detector"),
            compress=s.params.compress,
            record=s.output.record,
        )
