"""What the terminal says at the end of a run."""

from pathlib import Path

from .dag import INDEX, MEMBERS, PLAN, read_plan
from .files import read_table
from .plan import product_of, type_of

__all__ = ["lines", "refusals"]


def _types(plan):
    """{calibrated product: type of its frame}, as the plan took it: corrections count."""
    kinds = {}
    for row in plan:
        if row["product"].startswith("results/calibrated/"):
            kinds.setdefault(row["product"], []).append(row["kind"])
    return {product: type_of(own) for product, own in kinds.items()}


def refusals(keep):
    """(what, reason) of every raw frame and product that is refused.

    Parameters
    ----------
    keep : list of str
        Types of frame that get a calibrated file; the refusal of another is of no interest.
    """
    plan = read_table(PLAN)
    types = _types(plan)
    found = [
        (row["file"], row["reason"])
        for row in read_table(INDEX)
        # one of unknown type that the user gave a type is planned
        if row["status"] != "ok" and product_of(row["frame"]) not in types
    ]
    seen = set()
    for row in plan:
        product = row["product"]
        if row["status"] != "refused" or product in seen:
            continue
        if product in types and types[product] not in keep:
            continue
        seen.add(product)
        found.append((product, row["reason"]))
    return found


def _skipped(keep):
    """One line for each kind of calibration that lights went without."""
    plan = read_table(PLAN)
    types = _types(plan)
    reasons = {}
    for row in plan:
        wanted = types.get(row["product"]) in keep
        if wanted and row["status"] == "skipped" and row["kind"] in ("bias", "dark", "flat"):
            reasons.setdefault((row["kind"], row["reason"]), []).append(row["product"])
    return [
        f"{kind} left out of {len(products)} frame{'s' * (len(products) > 1)}: {reason}"
        for (kind, reason), products in sorted(reasons.items())
    ]


def lines(keep):
    """The last lines of a run.

    Parameters
    ----------
    keep : list of str
        Types of frame that get a calibrated file.

    Returns
    -------
    list of str
    """
    made = {row["master"] for row in read_table(MEMBERS) if Path(row["master"]).exists()}
    calibrated = sum(product.startswith("results/calibrated/") for product in made)
    masters = sum(product.startswith("results/masters/") for product in made)
    text = [
        f"{calibrated} calibrated frame{'s' * (calibrated != 1)} and {masters} "
        f"master{'s' * (masters != 1)} in results/"
    ]
    text += _skipped(keep)
    refused = refusals(keep)
    if refused:
        text.append(f"{len(refused)} refused:")
        text += [f"  {what}: {reason.removeprefix(what + ': ')}" for what, reason in refused]
    else:
        text.append("nothing refused")
    orphans = read_plan().orphans() if Path(PLAN).exists() else ()
    if orphans:
        text.append(
            f"{len(orphans)} left from before, whose raw frame is gone or which "
            "are refused now (--config prune=true deletes them):"
        )
        text += [f"  {path}" for path in orphans]
    return text
