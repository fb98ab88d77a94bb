rule make_stack:
    input:
        unpack(sources("stack")),
    output:
        product=ensure("results/stacks/{name}.fits", non_empty=True),
        record=ensure("results/qa/stacks/{name}.json", non_empty=True),
    log:
        "logs/make_stack/{name}.log",
    benchmark:
        "benchmarks/make_stack/{name}.tsv"
    conda:
        "../../envs/ccd.yaml"
    threads: 2
    resources:
        mem_mb=needs("mem_mb", "stack"),
        runtime=needs("runtime", "stack"),
    params:
        row=row("stack"),
        settings=section("stack"),
        code=kind_digest(KINDS["stack"]),
    message:
        "stack {wildcards.name}"
    script:
        "../../scripts/make_stack.py"


# all stacks by one name
rule stacks:
    input:
        lambda wildcards: plan.stacks(),
