"""The subcommands of ``ccdlib``, and how ``init`` proposes a camera file and finds the overscan."""
