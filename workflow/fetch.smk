# Raw frames that a list names, from object storage into the nights of an archive; see
# docs/archive.md. A plugin of Snakemake fetches each: `pip install snakemake-storage-plugin-s3`.
from snakemake.utils import min_version

min_version("9.27")


include: "rules/package.smk"


from ccdlib.archives import fetch
from ccdlib.rerun import snakemake_internals as internals

with internals.as_workflow_errors():
    ADDRESS = fetch.addresses(config)


rule all:
    input:
        fetch.missing(ADDRESS),


rule fetch_frame:
    input:
        lambda wildcards: storage(ADDRESS[fetch.place(config, wildcards.file)]),
    output:
        fetch.place(config, "{file}"),
    log:
        "logs/fetch_frame/{file}.log",
    benchmark:
        "benchmarks/fetch_frame/{file}.tsv"
    wildcard_constraints:
        file=r"[\s\S]+",
    conda:
        "../envs/ccd.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 500 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    message:
        "fetching {wildcards.file}"
    script:
        "../scripts/fetch_frame.py"


onsuccess:
    internals.say(f"all {len(ADDRESS)} frames of the list are there")
