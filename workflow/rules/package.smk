# Rules and package must be of one version: what a job does is in the package.
import os
import tomllib
from importlib.metadata import version
from pathlib import Path

from snakemake.exceptions import WorkflowError

import ccdlib
from ccdlib.pipeline_folder import package_of

if isinstance(workflow.current_basedir, os.PathLike):
    pipeline = Path(workflow.current_basedir, "../..").resolve()
    own, found = package_of(pipeline).resolve(), Path(*ccdlib.__path__).resolve()
    remedy = f"pip install -e {pipeline}"
    if own == pipeline.parent:
        remedy = "ask `ccdlib snakefile` for those of the ccdlib that is found"
else:
    # only rules and scripts are fetched, and this one file
    project = Path(workflow.source_path("../../pyproject.toml")).read_text()
    own, found = tomllib.loads(project)["project"]["version"], version("ccdlib")
    remedy = "pip install the one of the same tag (docs/cluster.md)"
if own != found:
    raise WorkflowError(f"these rules go with ccdlib {own}, not with {found}: {remedy}")
