# The only functions of the workflow: what the rules ask of config, plan and code.
from snakemake.exceptions import WorkflowError

from ccdlib import config as settings
from ccdlib.errors import CcdlibError
from ccdlib.index import folder_state, ready_masters
from ccdlib.kinds import KINDS
from ccdlib.plan import nights, plan_tables
from ccdlib.raw import raw_folder
from ccdlib.rerun.code_digests import kind_digest, rule_digest as code
from ccdlib.rerun import snakemake_internals as internals
from ccdlib.rerun.outdated import Outdated
from ccdlib.run import begin_and_end

DEMO_RAW = "demo/raw"
GIVEN = config
try:
    config, CAMERA = settings.load(config)
    KEYS = plan_tables.recipe_keys(config, kind_digest)
    IS_DEMO = config["raw_dir"] == DEMO_RAW
    if internals.is_main(workflow):
        begin_and_end.prepare(config, GIVEN, IS_DEMO)
except CcdlibError as error:
    raise WorkflowError(str(error))


wildcard_constraints:
    name=r"[^/]+",
    frame=r"[\s\S]+",


KEEP = config["products"]["keep"]
READY = ready_masters.READY if config["ready_masters"] else []
PLAN_SETTINGS = settings.plan_settings(config, CAMERA)
OUTDATED = Outdated(config, KEYS)
PLANNED = ["write_night", *(kind.rule for kind in KINDS.values())]
SELECTION = internals.Selection(workflow, PLANNED)


def plan(checked=True):
    """The plan; its products that were made by another recipe are made again."""
    found = planned(checked)
    if internals.is_main(workflow):
        OUTDATED.force(workflow, found)
    return found


def planned(checked):
    """The plan: as the checkpoint made it, or in a dry run as it would from a current index."""
    if internals.batch(workflow):
        return plan_tables.read_plan(must_exist=True)
    if internals.is_dry_run(workflow) and folder_state.is_current(plan_tables.INDEX):
        return plan_tables.foresee(config["corrections"], PLAN_SETTINGS, READY or None)
    if internals.is_main(workflow) and not internals.is_dry_run(workflow):
        begin_and_end.wait_for_jobs()
    if checked:
        SELECTION.get(checkpoints.make_plan, plan_tables.PLAN)
    return plan_tables.read_plan()


def products(folder="results/"):
    """Input function: what is to be made of the products below a folder.

    What is up to date is left out, so that it costs no job in the DAG, unless Snakemake is asked to
    look at every job.
    """

    def of(wildcards):
        found = list(plan().targets(KEEP, folder))
        if internals.looks_at_all(workflow):
            return found
        return OUTDATED.to_make(plan(), found)

    return of


def sources(kind):
    """Input function: a product's raw frames and masters; what it refuses is an error."""

    def of(wildcards):
        product = KINDS[kind].path(wildcards[0])
        try:
            found = plan().sources(product, config["raw_dir"], config["ready_masters"])
        except CcdlibError as error:
            raise WorkflowError(str(error))
        return found | {key: ancient(found[key]) for key in ("raw", "ready")}

    return of


def row(kind):
    """Params function: what the job needs of plan and members; a change makes it again."""
    return lambda wildcards: plan(checked=False).params(
        KINDS[kind].path(wildcards[0]), KEYS
    )


def section(kind):
    """The part of the config that a product depends on."""
    return settings.settings_of(config, KINDS[kind])


def needs(resource, kind):
    """Resource function: mem_mb or runtime of a product's job, by the size of its frames."""
    return lambda wildcards, attempt: plan(checked=False).needs(
        KINDS[kind].path(wildcards[0]), attempt
    )[resource]


def begin():
    """The lock, nothing left over from a killed run, kernels compiled once."""
    try:
        workflow.ccd_lock = begin_and_end.begin(config, GIVEN, workflow)
    except CcdlibError as error:
        raise WorkflowError(str(error))


def conclude(failed):
    """The last lines of a run; after a failed job no rule writes the report."""
    for line in begin_and_end.conclude(
        config, IS_DEMO, failed, internals.batch(workflow)
    ):
        internals.say(line)
