"""A wheel also carries what the package reads of the pipeline's own folders."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class WithPipeline(build_py):
    """Puts schemas, camera files and the config below ``ccdlib/pipeline``."""

    def run(self):
        super().run()
        if not self.editable_mode:
            for name in ("config", "workflow/schemas"):
                target = Path(self.build_lib, "ccdlib/pipeline", name)
                shutil.copytree(name, target, dirs_exist_ok=True)


setup(cmdclass={"build_py": WithPipeline})
