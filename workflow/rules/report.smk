# what the pages are made of is kept with them
OF_NIGHT = made_of("write_night", plan.night_tables, lambda wildcards: config)
OF_REPORT = made_of("write_report", plan.nights, lambda wildcards: config)


rule write_night:
    input:
        lambda wildcards: nights.read_nights().inputs(plan.to_make(), wildcards.night),
        lambda wildcards: plan.remade(
            nights.page_of(wildcards.night), lambda: OF_NIGHT(wildcards)
        ),
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
        night=r"(?!index\.)[^/]+",
    conda:
        "../../envs/ccd.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        tables=plan.night_tables,
        config=config,
        code=code("write_night"),
        made_of=OF_NIGHT,
    message:
        "report of the night {wildcards.night}"
    script:
        "../../scripts/write_night.py"


rule write_report:
    input:
        lambda wildcards: plan() and nights.read_nights().pages(),
        lambda wildcards: plan.remade(
            nights.FIRST_PAGE,
            lambda: nights.with_pages(OF_REPORT(wildcards), plan.nights()),
        ),
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
        nights=plan.nights,
        config=config,
        code=code("write_report"),
        made_of=OF_REPORT,
    message:
        "report"
    script:
        "../../scripts/write_report.py"
