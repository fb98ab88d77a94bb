# The only functions of the workflow: what the rules ask of config, plan and code.
import json
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from ccdlib import codehash, dag, listing, summary
from ccdlib import config as settings
from ccdlib.errors import CcdlibError

SCRIPTS = Path(workflow.basedir) / "scripts"
if not SCRIPTS.samefile(settings.PIPELINE / "scripts"):
    raise WorkflowError(
        f"the ccdlib that is installed is {settings.PIPELINE / 'scripts/ccdlib'}, this workflow's is "
        f"{SCRIPTS / 'ccdlib'}: install it with pip install -e {workflow.basedir}"
    )

DEMO_RAW = "demo/raw"
EXCLUDE = ["results", "logs", "benchmarks"]
try:
    config = settings.load_config(*settings.find_config(config))
    CAMERA = settings.load_camera(config["camera"])
    CAMERA = settings.with_detector(CAMERA, config["detector"])
    IS_DEMO = config["raw_dir"] == DEMO_RAW
    if workflow.is_main_process:
        listing.refresh(config["raw_dir"], EXCLUDE, may_be_missing=IS_DEMO)
except CcdlibError as error:
    raise WorkflowError(str(error))


wildcard_constraints:
    name=r"[^/]+",
    frame=r".+",


def code(rule_name):
    """Digest of a rule's script and of what it imports."""
    return codehash.code_digest(SCRIPTS / f"{rule_name}.py")


COMPRESS = config["products"]["compress"]
OVERSCAN = config["overscan"]
MASTER_SETTINGS = {
    kind: settings.master_settings(config, kind) for kind in ("bias", "dark", "flat")
}
FRAME_SETTINGS = settings.frame_settings(config)
KEYS = {
    f"results/masters/{kind}": f"{given} {COMPRESS} {code(f'combine_{kind}')}"
    for kind, given in MASTER_SETTINGS.items()
} | {
    "results/masters/bad_pixels": f"{COMPRESS} {code('measure_bad_pixels')}",
    "results/detector": f"{OVERSCAN} {code('measure_detector')}",
}


def plan():
    """The plan, once the checkpoint has made it."""
    checkpoints.make_plan.get()
    return dag.read_plan("results/plan.csv", "results/members.csv")


def wanted_products(wildcards):
    """Every product that is made by default."""
    return list(plan().targets(config["products"]["keep"]))


def wanted_records(wildcards):
    """What the jobs of those products leave for the report."""
    return list(filter(None, map(dag.record_of, wanted_products(wildcards))))


def sources(product):
    """Input function: a product's raw frames and masters; what it refuses is an error."""

    def of(wildcards):
        path = product.format(**wildcards)
        try:
            return {
                kind: ancient(files)
                for kind, files in plan().sources(path, config["raw_dir"]).items()
            }
        except CcdlibError as error:
            raise WorkflowError(str(error))

    return of


def row(product):
    """Params function: what the job needs of plan and members; a change makes it again."""

    def of(wildcards):
        if not Path("results/plan.csv").exists():
            return "not planned yet"
        made = dag.read_plan("results/plan.csv", "results/members.csv")
        return made.params(product.format(**wildcards), KEYS)

    return of


def conclude(failed):
    """The last lines of a run; after a failed job no rule is left to write the report."""
    if failed:
        from ccdlib.report import write_report

        truth = "demo/truth" if IS_DEMO and Path("demo/truth").exists() else None
        write_report("results/report/index.html", config, truth)
    for line in summary.lines(config["products"]["keep"]):
        logger.info(line, extra={"ccd": True})
