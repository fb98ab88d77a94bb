rule write_night:
    input:
        lambda wildcards: nights.read_nights().inputs(plan.to_make(), wildcards.night),
        unfinished=begin_and_end.unfinished(),
        truth="demo/truth" if IS_DEMO else [],
    output:
        page=report(
            ensure("results/report/{night}.html", non_empty=True),
            caption="../report/night.rst",
            category="Night",
            labels={"night": "{night}"},
        ),
        verdict=ensure("results/qa/report/{night}.json", non_empty=True),
    log:
        "logs/write_night/{night}.log",
    benchmark:
        "benchmarks/write_night/{night}.tsv"
    wildcard_constraints:
        night=r"(?!index$)[^/]+",
    conda:
        "../../envs/ccd.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        tables=lambda wildcards: nights.read_nights().digest(
            plan.as_it_is(), KEEP, wildcards.night, KEYS
        ),
        config=config,
        code=code("write_night"),
    message:
        "report of the night {wildcards.night}"
    script:
        "../../scripts/write_night.py"


rule write_report:
    input:
        lambda wildcards: plan() and nights.read_nights().pages(),
    output:
        ensure("results/report/index.html", non_empty=True),
    log:
        "logs/write_report/index.log",
    benchmark:
        "benchmarks/write_report/index.tsv"
    conda:
        "../../envs/ccd.yaml"
    resources:
        mem_mb=500,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        nights=lambda wildcards: list(nights.read_nights().rows),
        config=config,
        code=code("write_report"),
    message:
        "report"
    script:
        "../../scripts/write_report.py"
