rule simulate_demo:
    output:
        raw=directory(DEMO_RAW),
        truth=directory("demo/truth"),
    log:
        "logs/simulate_demo/demo.log",
    benchmark:
        "benchmarks/simulate_demo/demo.tsv"
    conda:
        "../../envs/ccd.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 500 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        code=code("simulate_demo"),
    message:
        "simulating the demo night"
    script:
        "../../scripts/simulate_demo.py"
