"""Plan the night from its index: which frames make which masters, which serve which frame."""

from ccdlib.jobs.job import job
from ccdlib.plan.night_plan import plan_files
from ccdlib.plan.plan_columns import PLAN_TABLE, write_members
from ccdlib.plan.planning import PLANNING, digest_of_planning
from ccdlib.raw.indexed_file import IndexedFile


def main(inputs, outputs, settings, corrections, code):
    # none, or one
    given = [
        IndexedFile(inputs.corrections, f"corrections: {inputs.corrections}", digest)
        for digest in corrections
    ]
    plan, members = plan_files(
        inputs.index, inputs.amplifiers, inputs.get("corrections"), settings, inputs.get("ready")
    )
    for each in given:
        each.check()
    PLAN_TABLE.write(plan, outputs.plan)
    write_members(members, outputs.members)
    tables = [inputs.index, inputs.amplifiers, *outputs, *filter(None, [inputs.get("ready")])]
    PLANNING.note_made(digest_of_planning(settings, corrections, code), tables)


if "snakemake" in globals():
    with job(snakemake) as s:
        main(s.input, s.output, **s.params)
