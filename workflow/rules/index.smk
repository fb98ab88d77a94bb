rule build_index:
    input:
        listing=folder_state.TRIGGER,
        demo=DEMO_RAW if IS_DEMO else [],
    output:
        **({"ready": READY} if READY else {}),
        index=report(
            ensure("results/index.csv", non_empty=True),
            caption="../report/index.rst",
            category="Tables",
        ),
        amplifiers=report(
            ensure("results/amplifiers.csv", non_empty=True),
            caption="../report/amplifiers.rst",
            category="Tables",
        ),
    log:
        "logs/build_index/index.log",
    benchmark:
        "benchmarks/build_index/index.tsv"
    conda:
        "../../envs/ccd.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        camera=CAMERA,
        exclude=folder_state.EXCLUDE,
        code=code("build_index"),
    message:
        "indexing the raw frames"
    script:
        "../../scripts/build_index.py"


checkpoint make_plan:
    input:
        index="results/index.csv",
        amplifiers="results/amplifiers.csv",
        corrections=ancient(config["corrections"] or []),
        ready=READY,
        planning=plan.planning,
    output:
        plan=report(
            ensure("results/plan.csv", non_empty=True),
            caption="../report/plan.rst",
            category="Tables",
        ),
        members=report(
            ensure("results/members.csv", non_empty=True),
            caption="../report/members.rst",
            category="Tables",
        ),
    log:
        "logs/make_plan/plan.log",
    benchmark:
        "benchmarks/make_plan/plan.tsv"
    localrule: True
    conda:
        "../../envs/ccd.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        settings=plan.settings,
        corrections=plan.corrections,
        code=code("make_plan"),
    message:
        "planning"
    script:
        "../../scripts/make_plan.py"


rule prune_products:
    input:
        products(),
    output:
        "results/pruned.txt",
    log:
        "logs/prune_products/products.log",
    benchmark:
        "benchmarks/prune_products/products.tsv"
    localrule: True
    conda:
        "../../envs/ccd.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 500 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        orphans=lambda wildcards: plan.as_it_is().orphans(),
    message:
        "deleting products whose raw frame is gone"
    script:
        "../../scripts/prune_products.py"


rule check_refusals:
    input:
        products(),
    output:
        "results/nothing_refused",
    log:
        "logs/check_refusals/refusals.log",
    benchmark:
        "benchmarks/check_refusals/refusals.tsv"
    localrule: True
    conda:
        "../../envs/ccd.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 500 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        keep=config["products"]["keep"],
    message:
        "strict: looking for refusals"
    script:
        "../../scripts/check_refusals.py"
