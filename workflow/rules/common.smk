# The only functions of the workflow: what the rules ask of config, plan and code.
import sys

from ccdlib import config as settings
from ccdlib.index import folder_state, ready_masters
from ccdlib.kinds import KINDS
from ccdlib.plan import nights, plan_tables
from ccdlib.rerun.code_digests import kind_digest, rule_digest as code
from ccdlib.rerun import snakemake_internals as internals
from ccdlib.run import begin_and_end
from ccdlib.run.current_plan import CurrentPlan
from ccdlib.state import digest_of

DEMO_RAW = "demo/raw"
GIVEN = config
with internals.as_workflow_errors():
    internals.given_once(sys.argv)
    config, CAMERA = settings.load(config)
    KEYS = plan_tables.recipe_keys(config, kind_digest)
    IS_DEMO = config["raw_dir"] == DEMO_RAW
    if internals.is_main(workflow):
        begin_and_end.prepare(config, CAMERA, GIVEN, IS_DEMO)


wildcard_constraints:
    name=r"[^/]+",
    frame=r"[\s\S]+",


KEEP = config["products"]["keep"]
READY = ready_masters.READY if config["ready_masters"] else []
PLANNED = ["write_night", *(kind.rule for kind in KINDS.values())]
plan = CurrentPlan(
    workflow, checkpoints, config, GIVEN, CAMERA, READY or None, KEYS, PLANNED
)


def products(folder="results/"):
    """Input function: what is to be made of the products below a folder."""
    return lambda wildcards: plan.to_make(folder)


def sources(kind):
    """Input function: a product's raw frames and masters; what it refuses is an error."""

    @internals.as_workflow_errors()
    def of(wildcards):
        product = KINDS[kind].path(wildcards[0])
        found = plan().sources(product, config["raw_dir"], config["ready_masters"])
        return found | {key: ancient(found[key]) for key in ("raw", "ready")}

    return of


def row(kind):
    """Params function: what the job needs of plan and members; a change makes it again."""
    return lambda wildcards: plan.as_it_is().params(
        KINDS[kind].path(wildcards[0]), KEYS
    )


def section(kind):
    """The part of the config that a product depends on."""
    return settings.settings_of(config, KINDS[kind])


def made_of(rule, *parts):
    """Params function: a digest of what a table or a page is made of, by params functions."""
    return lambda wildcards: digest_of(
        [[part(wildcards) for part in parts], code(rule)]
    )


def needs(resource, kind):
    """Resource function: mem_mb or runtime of a product's job, by the size of its frames."""
    own = section(kind)
    return lambda wildcards, attempt: plan.as_it_is().needs(
        KINDS[kind].path(wildcards[0]), attempt, own
    )[resource]


def threads_of(kind):
    """Threads function: fewer where several of a kind can be made at the same time."""
    return lambda wildcards: plan.as_it_is().threads(kind, workflow.cores)


@internals.as_workflow_errors()
def begin():
    """The lock, nothing left over from a killed run, kernels compiled once."""
    workflow.ccd_lock = begin_and_end.begin(config, GIVEN, workflow)


@internals.as_workflow_errors()
def conclude(failed):
    """The last lines of a run; after a failed job no rule writes the report."""
    for line in begin_and_end.conclude(config, IS_DEMO, failed, workflow):
        internals.say(line)
