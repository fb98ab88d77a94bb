rule calibrate_frame:
    input:
        unpack(sources("calibrated")),
    output:
        product=ensure("results/calibrated/{frame}.fits", non_empty=True),
        record=ensure("results/qa/calibrated/{frame}.json", non_empty=True),
    log:
        "logs/calibrate_frame/{frame}.log",
    benchmark:
        "benchmarks/calibrate_frame/{frame}.tsv"
    conda:
        "../../envs/ccd.yaml"
    resources:
        mem_mb=needs("mem_mb", "calibrated"),
        runtime=needs("runtime", "calibrated"),
    params:
        row=row("calibrated"),
        settings=section("calibrated"),
        code=kind_digest(KINDS["calibrated"]),
    message:
        "frame {wildcards.frame}"
    script:
        "../../scripts/calibrate_frame.py"


# not needed by anything: several nodes can each take --batch calibrated=I/N of it
rule calibrated:
    input:
        lambda wildcards: list(plan().targets(KEEP, "results/calibrated/")),


# what `ccdlib watch` asks for while the night goes on; stacks and report come after it
rule arrived:
    input:
        lambda wildcards: plan.arrived(),


rule improved:
    input:
        lambda wildcards: plan.improved(),
