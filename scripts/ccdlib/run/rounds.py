"""What a round of `ccdlib watch` makes, and what it leaves to a later one.

A round is a run of the workflow with one of two targets: `arrived` makes the frames that have no
product yet, `improved` what could be better by now, a share at a time, as a frame may arrive
meanwhile. What failed is left alone until something that goes into it changes, or until the watch
forgets it.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..plan.plan_tables import Plan
from ..state import keep_json, kept_json

__all__ = [
    *("ARRIVED", "FOLDER", "IMPROVED", "conclude_round", "forget_failures", "left_to_improve"),
    *("share", "some_failed", "to_try"),
]

ARRIVED, IMPROVED = "arrived", "improved"
FOLDER = ".ccdlib/watch"
_FAILED, _LEFT = f"{FOLDER}/failed.json", f"{FOLDER}/left.json"
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
    target: str, failed: bool, plan: Plan, keep: list[str], keys: Mapping[str, str]
) -> None:
    """Note what failed, and how much is left to improve.

    Parameters
    ----------
    target : {'arrived', 'improved'}
    failed : bool
        Whether a job failed, and not because the run was interrupted.
    plan : Plan
    keep : list of str
        Types of frame that get a calibrated file.
    keys : dict
    """
    if failed:
        missing = to_try(plan, plan.targets(keep, "results/calibrated/"), keys)
        own = {product: plan.recipe(product, keys) for product in missing}
        keep_json(_FAILED, (kept_json(_FAILED) or {}) | own)
    if target == IMPROVED:
        keep_json(_LEFT, len(plan.outdated(keys)))


def left_to_improve() -> int:
    """How many products were outdated after the last round that improved some."""
    return kept_json(_LEFT) or 0


def some_failed() -> bool:
    """Whether there are frames that failed and are left alone."""
    return bool(kept_json(_FAILED))


def forget_failures() -> None:
    """Have the next round try again what failed."""
    Path(_FAILED).unlink(missing_ok=True)
