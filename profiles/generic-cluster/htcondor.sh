# To be sourced. More lines of the description: CCD_OPTIONS="accounting_group=G" before it.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export CCD_SUBMIT="$here/htcondor-submit {rule} {threads} {resources.mem_mb} {resources.runtime}"
export CCD_STATUS="$here/htcondor-status"
export CCD_CANCEL=condor_rm
export CCD_OPTIONS
