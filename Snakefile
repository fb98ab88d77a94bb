# What modules and snakedeploy use is workflow/Snakefile; from here profiles/default is picked up too.
include: "workflow/Snakefile"
