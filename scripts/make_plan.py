"""Plan the night from its index: which frames make which masters, which serve which frame."""

from ccdlib.files import write_table
from ccdlib.jobs.job import job
from ccdlib.plan.night_plan import MEMBER_COLUMNS, PLAN_COLUMNS, plan_files

if "snakemake" in globals():
    with job(snakemake) as s:
        tables = s.input.index, s.input.get("corrections"), s.params.settings, s.input.get("ready")
        plan, members = plan_files(*tables)
        write_table(s.output.plan, PLAN_COLUMNS, plan)
        write_table(s.output.members, MEMBER_COLUMNS, members)
