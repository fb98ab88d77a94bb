"""The site: `sphinx-build -W docs docs/_build/html` writes it and runs the tutorials."""

import os
import sys
from pathlib import Path

_DOCS = Path(__file__).parent
sys.path.insert(0, str(_DOCS))
# the tutorials' cells call snakemake and ccdlib of the environment that builds
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
# lines of progress one below the other
os.environ["TERM"] = "dumb"
# as wide as a terminal is at first
os.environ["COLUMNS"] = "80"

import make_reference  # noqa: E402

import ccdlib  # noqa: E402

make_reference.write(_DOCS / "made")

project = "ccdlib"
copyright = "The developers of ccdlib"
version = release = ccdlib.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
myst_enable_extensions = ["colon_fence"]
exclude_patterns = ["_build", "made/commands.md"]
# what is included has no title of its own
suppress_warnings = ["myst.header"]

# a cell that fails fails the build
nb_execution_mode = "cache"
nb_execution_cache_path = str(_DOCS / "_build/.cells")
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_execution_timeout = 600
nb_execution_in_temp = True
nb_merge_streams = True
myst_heading_anchors = 3

# two dashes and straight quotes are commands' own
smartquotes = False

autosummary_generate = True
templates_path = ["_templates"]
autodoc_typehints = "none"
numpydoc_show_class_members = False

html_theme = "pydata_sphinx_theme"
html_title = "ccdlib"
html_theme_options = {"secondary_sidebar_items": ["page-toc"]}
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
