"""Plan the night from its index: which frames make which masters, which serve which frame."""

from ccdlib.jobs.job import job
from ccdlib.plan.night_plan import plan_files
from ccdlib.plan.plan_columns import PLAN_TABLE, write_members

if "snakemake" in globals():
    with job(snakemake) as s:
        plan, members = plan_files(
            s.input.index,
            s.input.amplifiers,
            s.input.get("corrections"),
            s.params.settings,
            s.input.get("ready"),
        )
        PLAN_TABLE.write(plan, s.output.plan)
        write_members(members, s.output.members)
