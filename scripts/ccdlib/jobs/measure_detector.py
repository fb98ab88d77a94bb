"""How gain and read noise are measured: a JSON file from raw frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..files import write_atomically
from ..master.gain_read_noise import measure_detector
from ..state import sealed
from .inputs import unchanged

if TYPE_CHECKING:
    from .task import Task

__all__ = ["make"]


def make(task: Task) -> None:
    """Measure gain and read noise from the night's own frames and write them as JSON.

    Parameters
    ----------
    task : Task
    """
    with unchanged(task) as members:
        threads = task.limits.get("threads", 1)
        found = measure_detector(members, task.settings["overscan"], threads)
    content = {"recipe": task.recipe} if task.recipe else {}  # type: dict[str, object]
    content |= {"amplifiers": found}
    write_atomically(task.output, sealed(content), lasting=True)
