"""The night's report: assembled from what the jobs left on disk, whatever of it there is."""

from html import escape
from pathlib import Path

from . import summary
from .files import write_atomically
from .report_page import page, section
from .report_truth import truth_section

__all__ = ["write_report"]


def _verdict(keep):
    """The run's last lines, as the terminal shows them."""
    lines = summary.lines(keep)
    rest = "".join(f"<li>{escape(line.strip())}</li>" for line in lines[1:])
    return section("What was done", f"<p>{escape(lines[0])}</p><ul>{rest}</ul>", "done")


def write_report(output, config, truth_dir=None):
    """Write the report of the products in the working directory.

    Parameters
    ----------
    output : path
    config : dict
    truth_dir : path or None
        Of the demo night.
    """
    sections = [("done", _verdict(config["products"]["keep"]))]
    lights = sorted(Path("results/calibrated").rglob("*.fits"))
    if truth_dir:
        lights = [path for path in lights if (Path(truth_dir) / path.name).exists()]
        sections.append(("truth", truth_section(lights, truth_dir)))
    sections = [(name, body) for name, body in sections if body]
    text = page("CCD reduction", "", sections)
    write_atomically(output, text.encode("utf-8", "surrogateescape"))
