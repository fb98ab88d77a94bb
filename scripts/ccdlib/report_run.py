"""The report's last part: times, what was reused, software, and the config as used."""

from html import escape
from importlib.metadata import PackageNotFoundError, version

from .report_page import number, section, table

__all__ = ["run_section"]

_PACKAGES = ("ccdlib", "snakemake", "numpy", "astropy", "astroscrappy", "numba", "scipy")


def _times(night):
    """Jobs, seconds and products of each rule."""
    rules = {}
    for product, (seconds, rule) in night.timings.items():
        rules.setdefault(rule, []).append((seconds, product))
    rows = []
    for rule, jobs in sorted(rules.items()):
        seconds = [second for second, _ in jobs]
        new = sum(product in night.fresh for _, product in jobs)
        longest = max(jobs)[1].rsplit("/", 1)[1]
        rows.append(
            [
                rule,
                str(len(jobs)),
                str(new),
                str(len(jobs) - new),
                (f"{sum(seconds):.1f}", sum(seconds)),
                number(sum(seconds) / len(seconds), 3),
                (f"{max(seconds):.1f} {escape(longest)}", max(seconds)),
            ]
        )
    columns = [
        "rule",
        "products",
        "made in this run",
        "reused",
        "seconds in all",
        "mean",
        "longest",
    ]
    return table(columns, rows, name="times") if rows else ""


def _versions():
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} not installed")
    return ", ".join(found)


def _config(config, indent=0):
    """The config as lines of YAML; written out here, so that its order is the schema's."""
    for key, value in config.items():
        if isinstance(value, dict) and value:
            yield f"{' ' * indent}{key}:"
            yield from _config(value, indent + 2)
        else:
            shown = {None: "null", True: "true", False: "false"}.get(
                value if value is None or isinstance(value, bool) else "", value
            )
            yield f"{' ' * indent}{key}: {shown}"


def run_section(night, config):
    """The section of the page.

    Parameters
    ----------
    night : Night
    config : dict

    Returns
    -------
    str
        HTML.
    """
    text = escape("\n".join(_config(config)))
    body = (
        f"{_times(night)}<p>Software: {escape(_versions())}.</p>"
        f"<details open><summary>The config as used</summary><pre>{text}</pre></details>"
    )
    return section("How it was made", body, "run")
