"""What a run has to make, as the products on the disk say, and why.

A product is up to date when it says that it was made by the recipe that the plan has for it now.
Snakemake's own records do not decide: they are of the run before when a run was killed while its
jobs went on, and of another folder when results were copied.
"""

import os
from collections.abc import Iterator
from typing import Any

from ..config import settings_of
from ..kinds import kind_of, record_of
from ..plan.plan_tables import Plan
from ..products.recipes import has_record, params_of, recipe_of
from ..state import discarded, drop
from .changes import OUTDATED, differences
from .code_digests import kind_digest
from .snakemake_internals import force, say

__all__ = ["Outdated", "causes", "present_params"]


def present_params(product: str, plan: Plan, config: dict, keys: dict[str, str]) -> dict[str, Any]:
    """What the job of a product would be given now: row, settings and digest of the code."""
    kind = kind_of(product)
    row = plan.params(product, keys)
    return {"row": row, "settings": settings_of(config, kind), "code": kind_digest(kind)}


def causes(product: str, plan: Plan, config: dict, keys: dict[str, str]) -> Iterator[str]:
    """What has changed since a product was made, in a few words each."""
    was, now = params_of(product), present_params(product, plan, config, keys)
    if was is None:
        found = recipe_of(product)
        yield "it does not say what it was made of" if found is None else "it was made otherwise"
        return
    changed = [name for name in now if was.get(name) != now[name]]
    before = [was[name] for name in changed if name in was]
    yield from differences(before, [now[name] for name in changed], kind_of(product).rule)


def _is_no_file(product):
    """Whether a FIFO, a socket or a device is in a product's place: Snakemake would read it."""
    return os.path.exists(product) and not (os.path.isfile(product) or os.path.isdir(product))


def _tell():
    for line in discarded():
        say(line)


class Outdated:
    """The products of a plan that are there and were made by another recipe.

    Parameters
    ----------
    config : dict
    keys : dict
        From `ccdlib.plan.plan_tables.recipe_keys`.
    masters_alone : bool
        Whether no frame that is there is made again.
    """

    def __init__(self, config: dict, keys: dict[str, str], masters_alone: bool = False) -> None:
        self._config, self._keys, self._masters_alone = config, keys, masters_alone
        self._plan: Plan | None = None
        self._found: set[str] = set()

    def of(self, plan: Plan) -> set[str]:
        """The outdated products of a plan, looked for once."""
        if plan is not self._plan:
            self._plan, self._found = plan, set(plan.outdated(self._keys, self._masters_alone))
            for product in filter(_is_no_file, self._found):
                drop(product)
        return self._found

    def to_make(self, plan: Plan, products: list[str]) -> list[str]:
        """Those of some products that are missing or outdated, and records lost or damaged."""
        outdated, found = self.of(plan), []
        for product in products:
            record = record_of(product)
            if product in outdated or not os.path.exists(product):
                found.append(product)
            elif record and not has_record(product):
                found.append(record)
                if os.path.exists(record):
                    drop(record)
        _tell()
        return found

    def force(self, workflow: Any, plan: Plan) -> None:
        """Have the outdated products of a plan made by this run, and tell why.

        It is for input functions: after them Snakemake looks which jobs have to run.
        """
        if plan is not self._plan:
            found = self.of(plan)
            _tell()
            # now, not when a job is told of: by then it may have removed what it makes again
            OUTDATED.clear()
            OUTDATED.update((product, self._causes(plan, product)) for product in found)
            force(workflow, found)

    def _causes(self, plan, product):
        return list(dict.fromkeys(causes(product, plan, self._config, self._keys)))
