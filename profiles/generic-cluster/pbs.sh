# To be sourced (PBS Pro, OpenPBS). More options (queue, project): CCD_OPTIONS="-q Q -P P" before it.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export CCD_SUBMIT="mkdir -p logs/cluster && qsub -N ccd-{rule} -V -r n -j oe -o logs/cluster \
-l select=1:ncpus={threads}:mem={resources.mem_mb}mb -l walltime=\$(({resources.runtime} * 60)) ${CCD_OPTIONS:-}"
export CCD_STATUS="$here/pbs-status"
export CCD_CANCEL=qdel
