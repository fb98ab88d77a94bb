"""A wheel also carries what the package reads of the clone it was built from."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class WithPipeline(build_py):
    """Puts schemas, camera files and the config below ``ccdlib/pipeline``."""

    def run(self):
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "ccdlib/pipeline")
            for name in ("config", "workflow/schemas"):
                shutil.copytree(name, target / name, dirs_exist_ok=True)
            (target / "scripts").mkdir(exist_ok=True)
            for script in Path("scripts").glob("*.py"):
                shutil.copy(script, target / "scripts")


setup(cmdclass={"build_py": WithPipeline})
