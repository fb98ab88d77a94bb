"""Where Snakefile, rules, scripts, config and profiles are, and which package goes with them."""

from pathlib import Path

__all__ = ["PIPELINE", "package_of"]

_PACKAGE = Path(__file__).resolve().parent
# a package that is installed from a wheel carries a copy (setup.py)
PIPELINE = _PACKAGE / "pipeline" if (_PACKAGE / "pipeline").exists() else _PACKAGE.parents[1]


def package_of(pipeline: Path) -> Path:
    """The package that goes with a pipeline's folder: around it in a wheel, else below it.

    Parameters
    ----------
    pipeline : path
        The folder with `workflow` and `scripts`.
    """
    pipeline = pipeline.resolve()
    inside = pipeline.name == "pipeline" and (pipeline.parent / "pipeline_folder.py").exists()
    return pipeline.parent if inside else pipeline / "scripts/ccdlib"
