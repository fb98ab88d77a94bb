rule make_illumination:
    input:
        unpack(sources("illumination")),
    output:
        product=ensure("results/sky/illumination/{name}.fits", non_empty=True),
        record=ensure("results/qa/sky/illumination/{name}.json", non_empty=True),
    log:
        "logs/make_illumination/{name}.log",
    benchmark:
        "benchmarks/make_illumination/{name}.tsv"
    conda:
        "../../envs/ccd.yaml"
    threads: 2
    resources:
        mem_mb=needs("mem_mb", "illumination"),
        runtime=needs("runtime", "illumination"),
    params:
        row=row("illumination"),
        settings=section("illumination"),
        code=kind_digest(KINDS["illumination"]),
    message:
        "illumination {wildcards.name}"
    script:
        "../../scripts/make_illumination.py"


rule make_fringe:
    input:
        unpack(sources("fringe")),
    output:
        product=ensure("results/sky/fringe/{name}.fits", non_empty=True),
        record=ensure("results/qa/sky/fringe/{name}.json", non_empty=True),
    log:
        "logs/make_fringe/{name}.log",
    benchmark:
        "benchmarks/make_fringe/{name}.tsv"
    conda:
        "../../envs/ccd.yaml"
    threads: 2
    resources:
        mem_mb=needs("mem_mb", "fringe"),
        runtime=needs("runtime", "fringe"),
    params:
        row=row("fringe"),
        settings=section("fringe"),
        code=kind_digest(KINDS["fringe"]),
    message:
        "fringes {wildcards.name}"
    script:
        "../../scripts/make_fringe.py"


rule flatten_light:
    input:
        unpack(sources("flattened")),
    output:
        product=ensure("results/flattened/{frame}.fits", non_empty=True),
        record=ensure("results/qa/flattened/{frame}.json", non_empty=True),
    log:
        "logs/flatten_light/{frame}.log",
    benchmark:
        "benchmarks/flatten_light/{frame}.tsv"
    conda:
        "../../envs/ccd.yaml"
    resources:
        mem_mb=needs("mem_mb", "flattened"),
        runtime=needs("runtime", "flattened"),
    params:
        row=row("flattened"),
        settings=section("flattened"),
        code=kind_digest(KINDS["flattened"]),
    message:
        "flattened {wildcards.frame}"
    script:
        "../../scripts/flatten_light.py"
