# To be sourced. More options (partition, account): CCD_OPTIONS="-p P -A A" before it.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export CCD_SUBMIT="mkdir -p logs/cluster && sbatch --parsable --no-requeue --job-name=ccd-{rule} \
--cpus-per-task={threads} --mem={resources.mem_mb} --time={resources.runtime} \
--output=logs/cluster/%j.log ${CCD_OPTIONS:-}"
export CCD_STATUS="$here/slurm-status"
export CCD_CANCEL=scancel
