"""One product made as its rule makes it, in this process and in any folder."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import settings_of
from ..index.ready_masters import is_ready, locate, own_map
from ..kinds import kind_of, order_of
from .task import Task

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..plan.plan_tables import Plan
    from ..raw.raw_folder import RawDir

__all__ = ["make_product", "needed"]


def make_product(
    product: str,
    plan: Plan,
    raw_dir: RawDir,
    work: str | Path,
    config: dict,
    recipe: str = "",
) -> None:
    """Make one product as its rule does, from masters that were made in the same folder.

    Parameters
    ----------
    product : str
        Its path below a working directory.
    plan : Plan
    raw_dir : str or list of str
    work : path
        Where it is made.
    config : dict
    recipe : str
        What the product is to say of itself.
    """
    kind, work = kind_of(product), Path(work)
    named = plan.calibrations(product)
    ready = {
        name: locate(plan.recipe(path, {}), config["ready_masters"])
        for name, path in named.items()
        if is_ready(path)
    }
    settings = settings_of(config, kind)
    ready |= own_map(settings, config)
    masters: dict[str, str | Path] = {name: work / path for name, path in named.items()}
    masters |= {name: each.path for name, each in ready.items()}
    task = Task(
        output=work / product,
        raw_dir=raw_dir,
        frames=plan.members(product),
        masters=masters,
        settings=settings,
        dark_scale=plan.dark_scale(product),
        recipe=recipe,
        ready=list(ready.values()),
    )
    import_module(f"ccdlib.jobs.{kind.module}").make(task)


def needed(products: Iterable[str], plan: Plan) -> list[str]:
    """The products and what they are made from, in the order in which they are made."""
    found = set()
    pending = list(products)
    while pending:
        product = pending.pop()
        if product not in found:
            found.add(product)
            pending += [path for path in plan.calibrations(product).values() if not is_ready(path)]
    return sorted(found, key=lambda product: (order_of(product), product))
