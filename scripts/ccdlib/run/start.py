"""``python -m ccdlib.run.start ARGS``: snakemake, with one word for Ctrl-C while it is loaded."""

import sys

from ..limits import note_interrupts

if __name__ == "__main__":
    note_interrupts()
    # takes a second
    from snakemake.cli import main

    sys.argv[0] = "snakemake"
    main()
