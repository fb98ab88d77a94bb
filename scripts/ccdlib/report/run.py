"""The report's last part: times, what was reused, software, and the config as used."""

from html import escape
from importlib.metadata import PackageNotFoundError, version

from ..rerun.changes import REASONS, noted
from ..rerun.software import advice
from .night import Night
from .page import number, section, table

__all__ = ["run_section"]

_PACKAGES = ("ccdlib", "snakemake", "numpy", "astropy", "astroscrappy", "numba", "scipy")
# rows of the table of causes, and products named in each
_CAUSES, _NAMED = 50, 4


def _times(night):
    """Jobs, seconds and products of each rule."""
    rules: dict[str, list[tuple[float, str]]] = {}
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
            plain = value is None or isinstance(value, bool)
            shown = {None: "null", True: "true", False: "false"}[value] if plain else value
            yield f"{' ' * indent}{key}: {shown}"


def _causes():
    """Table of the causes of this run's jobs, with products."""
    causes: dict[str, list[str]] = {}
    for product, reason in noted().items():
        causes.setdefault(reason, []).append(product)
    rows = []
    for reason, products in sorted(causes.items(), key=lambda item: -len(item[1]))[:_CAUSES]:
        named = ", ".join(escape(product) for product in products[:_NAMED])
        more = f" and {len(products) - _NAMED} more" if len(products) > _NAMED else ""
        rows.append([escape(reason), str(len(products)), named + more])
    left = len(causes) - len(rows)
    note = f"<p>{left} more causes are in {REASONS}.</p>" if left > 0 else ""
    return (
        table(["why", "jobs", "what was made"], rows, text=(0, 2), name="causes") + note
        if rows
        else ""
    )


def _other_versions(night):
    """A line for each package whose version differs from that of products."""
    lines = advice({row["master"] for row in night.members})
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def run_section(night: Night, config: dict) -> str:
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
        f"{_times(night)}{_causes()}<p>Software: {escape(_versions())}.</p>"
        f"{_other_versions(night)}"
        f"<details open><summary>The config as used</summary><pre>{text}</pre></details>"
    )
    return section("How it was made", body, "run")
