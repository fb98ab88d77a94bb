# combine_bias, combine_dark and combine_flat
for kind in (kind for kind in KINDS.values() if kind.recipe == "combine_frames"):

    rule:
        name:
            kind.rule
        input:
            unpack(sources(kind.name)),
        output:
            product=ensure(kind.pattern, non_empty=True),
            record=ensure(
                f"results/qa/masters/{kind.name}/{{name}}.json", non_empty=True
            ),
        log:
            f"logs/{kind.rule}/{{name}}.log",
        benchmark:
            f"benchmarks/{kind.rule}/{{name}}.tsv"
        conda:
            "../../envs/ccd.yaml"
        threads: threads_of(kind.name)
        resources:
            mem_mb=needs("mem_mb", kind.name),
            runtime=needs("runtime", kind.name),
        params:
            row=row(kind.name),
            settings=section(kind.name),
            code=kind_digest(kind),
        message:
            f"{kind.title} {{wildcards.name}}"
        script:
            "../../scripts/combine_frames.py"


rule measure_detector:
    input:
        unpack(sources("detector")),
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
    threads: threads_of("detector")
    resources:
        mem_mb=needs("mem_mb", "detector"),
        runtime=needs("runtime", "detector"),
    params:
        row=row("detector"),
        settings=section("detector"),
        code=kind_digest(KINDS["detector"]),
    message:
        "gain and read noise {wildcards.name}"
    script:
        "../../scripts/measure_detector.py"


rule measure_bad_pixels:
    input:
        unpack(sources("bad_pixels")),
    output:
        ensure("results/masters/bad_pixels/{name}.fits", non_empty=True),
    log:
        "logs/measure_bad_pixels/{name}.log",
    benchmark:
        "benchmarks/measure_bad_pixels/{name}.tsv"
    # lights wait for it; one that none waits for would be last, with nothing beside it
    priority: 1
    conda:
        "../../envs/ccd.yaml"
    resources:
        mem_mb=needs("mem_mb", "bad_pixels"),
        runtime=needs("runtime", "bad_pixels"),
    params:
        row=row("bad_pixels"),
        settings=section("bad_pixels"),
        code=kind_digest(KINDS["bad_pixels"]),
    message:
        "bad pixels {wildcards.name}"
    script:
        "../../scripts/measure_bad_pixels.py"


OF_LIST = made_of("masters", plan.recipes_of_masters)


# a list of them, so that all masters can be asked for by one name
rule masters:
    input:
        products("results/masters/"),
        products("results/detector/"),
        lambda wildcards: plan.remade(
            "results/qa/masters.csv", lambda: OF_LIST(wildcards)
        ),
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
        recipes=plan.recipes_of_masters,
        code=code("masters"),
        made_of=OF_LIST,
    message:
        "list of masters"
    script:
        "../../scripts/masters.py"
