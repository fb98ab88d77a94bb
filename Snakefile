# A CCD reduction: raw frames in, calibrated frames with true uncertainties out.
# What is made from what is decided in results/plan.csv; see docs/architecture.md.
from snakemake.utils import min_version

min_version("9.27")


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/demo.smk"
include: "workflow/rules/index.smk"
include: "workflow/rules/masters.smk"
include: "workflow/rules/calibrate.smk"
include: "workflow/rules/report.smk"


rule all:
    input:
        "results/index.csv",
        "results/plan.csv",
        "results/qa/masters.csv",
        wanted,
        "results/report/index.html",
        # to prune, and to fail if strict
        lambda wildcards: run.last_steps(config, plan),


onstart:
    begin()


onsuccess:
    conclude(failed=False)


onerror:
    conclude(failed=True)
