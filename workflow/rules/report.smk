rule write_report:
    input:
        wanted,
        index="results/index.csv",
        plan="results/plan.csv",
        truth="demo/truth" if IS_DEMO else [],
    output:
        report(
            "results/report/index.html",
            caption="../report/night.rst",
            category="Night",
        ),
    log:
        "logs/write_report/night.log",
    benchmark:
        "benchmarks/write_report/night.tsv"
    conda:
        "../../envs/ccd.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        config=config,
        code=code("write_report"),
    message:
        "report"
    script:
        "../../scripts/write_report.py"
