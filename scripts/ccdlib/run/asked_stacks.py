"""Whether stacks are part of a run whose config leaves open what they are made of."""

from __future__ import annotations

from os.path import normpath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import grouping_of_last_run
from ..kinds import KINDS
from ..rerun.snakemake_internals import is_main, targets, until

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["grouping", "settle"]

_STACK = KINDS["stack"]
# of stacks that are asked for without saying what their lights have in common
_USUAL = ["object", "filter"]


def _are_asked_for(names: Iterable[str]) -> bool:
    """Whether the rules and files of a command line are stacks, or have some among them."""
    below = f"{_STACK.folder}/"
    return any(
        name in ("stacks", _STACK.rule) or normpath(name).startswith(below) for name in names
    )


def grouping(
    config: Mapping[str, Any], given: Mapping[str, Any], asked: Iterable[str] = ()
) -> list[str]:
    """What the lights of a stack have in common, empty where no stacks are part of a run.

    Parameters
    ----------
    config : dict
        Whole; `stack.by` is taken from it where it is not null.
    given : dict
        What of it the command line gave: any other setting of stacks asks for them.
    asked : iterable of str
        Rules and files that the command line names.

    Returns
    -------
    list of str
        Where they are asked for, object and filter, or what those of the last run had in common;
        else as in the last run. Where that is not known, those that are there are to stay.
    """
    by: list[str] | None = config["stack"]["by"]
    if by is not None:
        return by
    last = grouping_of_last_run()
    if given.get("stack") or _are_asked_for(asked):
        return last or _USUAL
    if last is not None:
        return last
    return _USUAL if any(Path(_STACK.folder).glob("*.fits")) else []


def settle(config: dict[str, Any], given: Mapping[str, Any], workflow: Any) -> None:
    """Put into a config what the lights of a stack have in common.

    What the command line names is known once the DAG is built, not while the Snakefile is read. A
    process that runs a job is not told: for it that of the run counts, which is kept by then.
    """
    if is_main(workflow):
        asked = targets(workflow) | until(workflow)
        config["stack"]["by"] = grouping(config, given, asked)
    elif config["stack"]["by"] is None:
        config["stack"]["by"] = grouping_of_last_run() or []
