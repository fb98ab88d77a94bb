#!/bin/bash
# Many frames on several nodes: the masters, then the frames in SHARES allocations side by side, then
# what is left and the report; each of them is a night.sbatch.
#     batches.sh SHARES [OPTIONS OF SBATCH] -- ARGUMENTS OF SNAKEMAKE
# More shares than nodes (three times as many, say) even out the load.
set -eu
shares=${1:?the number of shares} && shift
options=()
while [ "${1:?-- before the arguments of snakemake}" != -- ]; do options+=("$1") && shift; done
shift
night=$(dirname "$0")/night.sbatch
submit() { sbatch --parsable "${options[@]}" "$@"; }
masters=$(submit "$night" masters "$@")
frames=$(submit --dependency="afterany:$masters" --array="1-$shares" "$night" "$@")
rest=$(submit --dependency="afterany:$frames" "$night" "$@")
echo "masters $masters, frames $frames, the rest and the report $rest"
