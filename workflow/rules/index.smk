rule build_index:
    input:
        listing=listing.TRIGGER,
        demo=DEMO_RAW if IS_DEMO else [],
    output:
        ensure("results/index.csv", non_empty=True),
    log:
        "logs/build_index/index.log",
    benchmark:
        "benchmarks/build_index/index.tsv"
    conda:
        "../../envs/ccd.yaml"
    threads: 2
    resources:
        mem_mb=1000,
    params:
        camera=CAMERA,
        exclude=EXCLUDE,
        code=code("build_index"),
    message:
        "indexing the raw frames"
    script:
        "../../scripts/build_index.py"


checkpoint make_plan:
    input:
        index="results/index.csv",
        frames=config["frames"] or [],
    output:
        plan=ensure("results/plan.csv", non_empty=True),
        members=ensure("results/members.csv", non_empty=True),
    log:
        "logs/make_plan/plan.log",
    benchmark:
        "benchmarks/make_plan/plan.tsv"
    conda:
        "../../envs/ccd.yaml"
    resources:
        mem_mb=1000,
    params:
        config={
            key: config[key]
            for key in ("match", "missing", "combine", "dark", "bad_pixels")
        },
        overscan=OVERSCAN["method"],
        missing=CAMERA["missing"],
        code=code("make_plan"),
    message:
        "planning"
    script:
        "../../scripts/make_plan.py"
