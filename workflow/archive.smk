# An archive of nights: each is reduced by its own workflow in its own working directory.
# `ccdlib archive` starts it; see docs/archive.md.
from snakemake.utils import min_version

min_version("9.27")


include: "rules/package.smk"
include: "rules/nights.smk"


rule all:
    input:
        made(),
        lambda wildcards: last_files(),


onstart:
    begin()


onsuccess:
    conclude(failed=False)


onerror:
    conclude(failed=True)
