# The only functions of the workflow: what the rules ask of config, plan and code.
from snakemake.exceptions import WorkflowError

from ccdlib.rerun import code_digests
from ccdlib.plan import plan_tables
from ccdlib.index import folder_state
from ccdlib.plan import nights
from ccdlib.raw import raw_folder
from ccdlib.index import ready_masters
from ccdlib.run import begin_and_end
from ccdlib import config as settings
from ccdlib.errors import CcdlibError

DEMO_RAW = "demo/raw"
GIVEN = config
try:
    config, CAMERA = settings.load(config)
    FRAME_SETTINGS = settings.frame_settings(config)
    IS_DEMO = config["raw_dir"] == DEMO_RAW
    if workflow.is_main_process:
        begin_and_end.prepare(config, GIVEN, IS_DEMO)
except CcdlibError as error:
    raise WorkflowError(str(error))


wildcard_constraints:
    name=r"[^/]+",
    frame=r"[\s\S]+",


code = code_digests.rule_digest
COMPRESS, OVERSCAN = config["products"]["compress"], config["overscan"]
KEEP, READY = config["products"]["keep"], (
    ready_masters.READY if config["ready_masters"] else []
)
MASTER_SETTINGS = settings.all_master_settings(config)
PLAN_SETTINGS = settings.plan_settings(config, CAMERA)
KEYS = plan_tables.recipe_keys(MASTER_SETTINGS, OVERSCAN, COMPRESS, code)


def plan(checked=True):
    """The plan: as the checkpoint made it, or in a dry run as it would from a current index."""
    if workflow.dag_settings.batch:
        return plan_tables.read_plan(must_exist=True)
    if workflow.dryrun and folder_state.is_current(plan_tables.INDEX):
        return plan_tables.foresee(config["corrections"], PLAN_SETTINGS, READY or None)
    if checked and plan_tables.PLAN not in checkpoints.created_output:
        checkpoints.make_plan.get()
    return plan_tables.read_plan()


def products(folder="results/"):
    """Input function: every product below a folder that is made by default."""
    return lambda wildcards: list(plan().targets(KEEP, folder))


def sources(product):
    """Input function: a product's raw frames and masters; what it refuses is an error."""

    def of(wildcards):
        path = product.format(**wildcards)
        try:
            found = plan().sources(path, config["raw_dir"], config["ready_masters"])
        except CcdlibError as error:
            raise WorkflowError(str(error))
        return found | {key: ancient(found[key]) for key in ("raw", "ready")}

    return of


def row(product):
    """Params function: what the job needs of plan and members; a change makes it again."""
    return lambda wildcards: plan(checked=False).params(
        product.format(**wildcards), KEYS
    )


def needs(resource, product):
    """Resource function: mem_mb or runtime of a product's job, by the size of its frames."""
    return lambda wildcards, attempt: plan(checked=False).needs(
        product.format(**wildcards), attempt
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
        config, IS_DEMO, failed, workflow.dag_settings.batch
    ):
        begin_and_end.say(line)
