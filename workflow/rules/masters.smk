rule combine_bias:
    input:
        unpack(sources("results/masters/bias/{name}.fits")),
    output:
        product=ensure("results/masters/bias/{name}.fits", non_empty=True),
        record=ensure("results/qa/masters/bias/{name}.json", non_empty=True),
    log:
        "logs/combine_bias/{name}.log",
    benchmark:
        "benchmarks/combine_bias/{name}.tsv"
    conda:
        "../../envs/ccd.yaml"
    threads: 2
    resources:
        mem_mb=needs("mem_mb", "results/masters/bias/{name}.fits"),
        runtime=needs("runtime", "results/masters/bias/{name}.fits"),
    params:
        row=row("results/masters/bias/{name}.fits"),
        settings=MASTER_SETTINGS["bias"],
        compress=COMPRESS,
        code=code("combine_bias"),
    message:
        "master bias {wildcards.name}"
    script:
        "../../scripts/combine_bias.py"


rule combine_dark:
    input:
        unpack(sources("results/masters/dark/{name}.fits")),
    output:
        product=ensure("results/masters/dark/{name}.fits", non_empty=True),
        record=ensure("results/qa/masters/dark/{name}.json", non_empty=True),
    log:
        "logs/combine_dark/{name}.log",
    benchmark:
        "benchmarks/combine_dark/{name}.tsv"
    conda:
        "../../envs/ccd.yaml"
    threads: 2
    resources:
        mem_mb=needs("mem_mb", "results/masters/dark/{name}.fits"),
        runtime=needs("runtime", "results/masters/dark/{name}.fits"),
    params:
        row=row("results/masters/dark/{name}.fits"),
        settings=MASTER_SETTINGS["dark"],
        compress=COMPRESS,
        code=code("combine_dark"),
    message:
        "master dark {wildcards.name}"
    script:
        "../../scripts/combine_dark.py"


rule combine_flat:
    input:
        unpack(sources("results/masters/flat/{name}.fits")),
    output:
        product=ensure("results/masters/flat/{name}.fits", non_empty=True),
        record=ensure("results/qa/masters/flat/{name}.json", non_empty=True),
    log:
        "logs/combine_flat/{name}.log",
    benchmark:
        "benchmarks/combine_flat/{name}.tsv"
    conda:
        "../../envs/ccd.yaml"
    threads: 2
    resources:
        mem_mb=needs("mem_mb", "results/masters/flat/{name}.fits"),
        runtime=needs("runtime", "results/masters/flat/{name}.fits"),
    params:
        row=row("results/masters/flat/{name}.fits"),
        settings=MASTER_SETTINGS["flat"],
        compress=COMPRESS,
        code=code("combine_flat"),
    message:
        "master flat {wildcards.name}"
    script:
        "../../scripts/combine_flat.py"


rule measure_detector:
    input:
        unpack(sources("results/detector/{name}.json")),
    output:
        report(
            ensure("results/detector/{name}.json", non_empty=True),
            caption="../report/detector.rst",
            category="Detector",
        ),
    log:
        "logs/measure_detector/{name}.log",
    benchmark:
        "benchmarks/measure_detector/{name}.tsv"
    conda:
        "../../envs/ccd.yaml"
    resources:
        mem_mb=needs("mem_mb", "results/detector/{name}.json"),
        runtime=needs("runtime", "results/detector/{name}.json"),
    params:
        row=row("results/detector/{name}.json"),
        overscan=OVERSCAN,
        code=code("measure_detector"),
    message:
        "gain and read noise {wildcards.name}"
    script:
        "../../scripts/measure_detector.py"


rule measure_bad_pixels:
    input:
        unpack(sources("results/masters/bad_pixels/{name}.fits")),
    output:
        ensure("results/masters/bad_pixels/{name}.fits", non_empty=True),
    log:
        "logs/measure_bad_pixels/{name}.log",
    benchmark:
        "benchmarks/measure_bad_pixels/{name}.tsv"
    conda:
        "../../envs/ccd.yaml"
    resources:
        mem_mb=needs("mem_mb", "results/masters/bad_pixels/{name}.fits"),
        runtime=needs("runtime", "results/masters/bad_pixels/{name}.fits"),
    params:
        row=row("results/masters/bad_pixels/{name}.fits"),
        compress=COMPRESS,
        code=code("measure_bad_pixels"),
    message:
        "bad pixels {wildcards.name}"
    script:
        "../../scripts/measure_bad_pixels.py"


# a product of its own, so that --until masters works before there is a plan
rule masters:
    input:
        products("results/masters/"),
        products("results/detector/"),
    output:
        ensure("results/qa/masters.csv", non_empty=True),
    log:
        "logs/masters/masters.log",
    benchmark:
        "benchmarks/masters/masters.tsv"
    localrule: True
    conda:
        "../../envs/ccd.yaml"
    resources:
        mem_mb=500,
    params:
        products=lambda wildcards, input: list(input),
        code=code("masters"),
    message:
        "list of masters"
    script:
        "../../scripts/masters.py"
