"""A wheel also carries the workflow of the clone it was built from, so that it runs alone."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class WithPipeline(build_py):
    """Puts all that runs below ``ccdlib/pipeline``, laid out as in the clone."""

    def run(self):
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "ccdlib/pipeline")
            for name in ("config", "envs", "profiles", "workflow"):
                shutil.copytree(name, target / name, dirs_exist_ok=True)
            (target / "scripts").mkdir(exist_ok=True)
            for file in ("Snakefile", *Path("scripts").glob("*.py")):
                shutil.copy(file, target / file)


setup(cmdclass={"build_py": WithPipeline})
