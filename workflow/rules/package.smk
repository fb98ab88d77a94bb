# Rules and package must be of one version: what a job does is in the package.
from importlib.metadata import version
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.sourcecache import LocalSourceFile

import ccdlib

# where only rules and scripts are fetched; a test keeps it in step with pyproject.toml
own, found = "0.1.0", version("ccdlib")
remedy = "pip install the one of the same tag (docs/cluster.md)"
if isinstance(workflow.current_basedir, LocalSourceFile):
    own = Path(workflow.current_basedir, "../../scripts/ccdlib").resolve()
    found = Path(*ccdlib.__path__).resolve()
    remedy = f"pip install -e {own.parents[1]}"
if own != found:
    raise WorkflowError(f"these rules go with ccdlib {own}, not with {found}: {remedy}")
