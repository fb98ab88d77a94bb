"""Plan the night from its index: which frames make which masters, which serve which frame."""

import pandas as pd

from ccdlib.files import write_table
from ccdlib.frames import read_corrections
from ccdlib.job import job
from ccdlib.plan import MEMBER_COLUMNS, PLAN_COLUMNS, make_plan


def main(index, frames, plan, members, config, overscan, missing):
    table = pd.read_csv(index, dtype=str, keep_default_na=False)
    corrections = read_corrections(frames, set(table["file"])) if frames else {}
    settings = config | {"overscan": {"method": overscan}}
    rows = make_plan(table.to_dict("records"), settings, {"missing": missing}, corrections)
    write_table(plan, PLAN_COLUMNS, rows[0])
    write_table(members, MEMBER_COLUMNS, rows[1])


if "snakemake" in globals():
    with job(snakemake) as s:
        main(
            s.input.index,
            s.input.get("frames"),
            s.output.plan,
            s.output.members,
            s.params.config,
            s.params.overscan,
            s.params.missing,
        )
