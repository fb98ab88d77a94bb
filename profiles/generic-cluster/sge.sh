# To be sourced. The parallel environment's name: CCD_PE (smp); more options: CCD_OPTIONS.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export CCD_SUBMIT="mkdir -p logs/cluster && qsub -terse -N ccd-{rule} -V -cwd -r n -j y -o logs/cluster \
-pe ${CCD_PE:-smp} {threads} -l h_vmem=\$(({resources.mem_mb} / {threads}))M \
-l h_rt=\$(({resources.runtime} * 60)) ${CCD_OPTIONS:-}"
export CCD_STATUS="$here/sge-status"
export CCD_CANCEL=qdel
