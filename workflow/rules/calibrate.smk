rule calibrate_frame:
    input:
        unpack(sources("results/calibrated/{frame}.fits")),
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
        mem_mb=needs("mem_mb", "results/calibrated/{frame}.fits"),
        runtime=needs("runtime", "results/calibrated/{frame}.fits"),
    params:
        row=row("results/calibrated/{frame}.fits"),
        settings=FRAME_SETTINGS,
        code=code("calibrate_frame"),
    message:
        "frame {wildcards.frame}"
    script:
        "../../scripts/calibrate_frame.py"


# not needed by anything: several nodes can each take --batch calibrated=I/N of it
rule calibrated:
    input:
        products("results/calibrated/"),
