# Run from here, profiles/default is picked up by itself. Modules and snakedeploy use
# workflow/Snakefile, as remote paths do not lead from a repository's top into its folders.
include: "workflow/Snakefile"


# an included file has no default target
rule night:
    input:
        rules.all.input,
