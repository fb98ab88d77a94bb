"""What a round of `ccdlib watch` makes, and what it leaves to a later one.

A round is a run of the workflow with one of two targets: `arrived` makes the frames that have no
product yet, `improved` what could be better by now, a share at a time, as a frame may arrive
meanwhile. What failed is left alone until something that goes into it changes, or until the watch
forgets it.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..kinds import kind_of
from ..plan.plan_tables import Plan
from ..products.recipes import remove
from ..state import keep_json, kept_json

__all__ = [
    *("ARRIVED", "FOLDER", "IMPROVED", "conclude_round", "forget_failures", "left_to_improve"),
    *("made_masters", "remove_unused", "share", "some_failed", "to_try"),
]

ARRIVED, IMPROVED = "arrived", "improved"
FOLDER = ".ccdlib/watch"
_FAILED, _LEFT = f"{FOLDER}/failed.json", f"{FOLDER}/left.json"
_MASTERS = f"{FOLDER}/masters.json"
# lights that are made again before it is looked for new ones: some seconds
_SHARE = 40


def to_try(plan: Plan, frames: Iterable[str], keys: Mapping[str, str]) -> list[str]:
    """Those of some products that are missing and did not fail with what they are made of now.

    Parameters
    ----------
    plan : Plan
    frames : iterable of str
    keys : dict
        From `ccdlib.plan.plan_tables.recipe_keys`.
    """
    failed = kept_json(_FAILED) or {}
    missing = [product for product in frames if not os.path.exists(product)]
    return [each for each in missing if failed.get(each) != plan.recipe(each, keys)]


def share(masters: list[str], frames: list[str]) -> list[str]:
    """What one round of improving makes: all masters, and the latest of the frames."""
    return masters + frames[-_SHARE:]


def conclude_round(
    target: str, failed: bool, plan: Plan, keep: list[str], keys: Mapping[str, str], since: int
) -> None:
    """Note what failed, which masters were made, and how much is left to improve.

    Parameters
    ----------
    target : {'arrived', 'improved'}
    failed : bool
        Whether a job failed, and not because the run was interrupted.
    plan : Plan
    keep : list of str
        Types of frame that get a calibrated file.
    keys : dict
    since : int
        When the round began, ns.
    """
    made = {each for each in plan.targets(()) if kind_of(each).serves and _is_since(each, since)}
    if made - set(made_masters()):
        keep_json(_MASTERS, sorted(made.union(made_masters())))
    if failed:
        missing = to_try(plan, plan.targets(keep, "results/calibrated/"), keys)
        own = {product: plan.recipe(product, keys) for product in missing}
        keep_json(_FAILED, (kept_json(_FAILED) or {}) | own)
    if target == IMPROVED:
        keep_json(_LEFT, len(plan.outdated(keys)))


def _is_since(product, since):
    try:
        return os.stat(product).st_mtime_ns >= since
    except OSError:
        return False


def made_masters() -> list[str]:
    """The masters that rounds made."""
    return kept_json(_MASTERS) or []


def remove_unused(plan: Plan) -> list[str]:
    """Delete the masters that rounds made and that nothing is made with any more.

    A flat of the night before may have served until there was one of the night: the bad pixels
    measured from it are in no plan of the whole night.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    list of str
        Those deleted.
    """
    planned = set(plan.targets(()))
    unused = [each for each in made_masters() if each not in planned and os.path.exists(each)]
    for product in unused:
        remove(product)
    Path(_MASTERS).unlink(missing_ok=True)
    return unused


def left_to_improve() -> int:
    """How many products were outdated after the last round that improved some."""
    return kept_json(_LEFT) or 0


def some_failed() -> bool:
    """Whether there are frames that failed and are left alone."""
    return bool(kept_json(_FAILED))


def forget_failures() -> None:
    """Have the next round try again what failed."""
    Path(_FAILED).unlink(missing_ok=True)
