"""How a master bias, dark or flat is made: a product from raw frames."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..master.make_master import make_master
from ..master.member import UnfitFrames
from ..products.common_cards import add_recipe
from ..products.cut_out import cut_out
from ..products.kept_hashes import kept_sha256
from ..products.master_headers import add_left, master_headers
from ..products.product_files import read_product, write_product
from ..quality import records
from .inputs import measured_detector, unchanged

if TYPE_CHECKING:
    from .task import Task

__all__ = ["make"]


def make(task: Task) -> None:
    """Make a master and write it.

    Parameters
    ----------
    task : Task
        Its frames are all of one type, which is the kind of the master.
    """
    kind = task.frames[0]["facts"]["imagetyp"]
    facts = task.frames[0]["facts"]

    def read(name):
        path = task.masters[name]
        product = read_product(path, kept_sha256(path))
        return cut_out(product, facts.get("window"), facts.get("binning"))

    settings = task.settings
    with unchanged(task) as members:
        measured, detector_name = measured_detector(task.masters.get("detector"))
        masters = {
            "bias": read("bias") if "bias" in task.masters else None,
            # a flat's frames of unlike exposure may have darks of their own: dark, dark_2 ...
            "darks": {name: read(name) for name in sorted(task.masters) if name.startswith("dark")},
        }
        numbers, left, made = _made_of_the_fit(
            kind,
            Path(task.output).stem,
            members,
            settings["combine"] | settings.get("flat", {}),
            overscan=settings["overscan"],
            measured=measured,
            **masters,
            **task.limits,
        )
    headers, image_headers, raws, results = made
    frames = [task.frames[number] for number in numbers]
    sources = masters | {"measured": measured, "detector_name": detector_name}
    header, own = master_headers(
        kind, headers, image_headers, raws, results, frames, settings, sources
    )
    add_left(header, left)
    add_recipe(header, task.recipe)
    images = [result.image for result in results]
    write_product(task.output, images, header, own, settings["products"]["compress"])
    if task.record:
        records.write_record(task.record, records.master_record(kind, results, frames), task.recipe)


def _made_of_the_fit(kind, name, members, settings, **sources):
    """A master of the frames that are fit, as long as there are enough of them.

    Parameters
    ----------
    kind, name, members, settings, **sources
        Of `make_master`.

    Returns
    -------
    numbers : list of int
        Of the members that it is made of.
    left : list of str
        Why each of the others is left out, with its name.
    made : tuple
        From `make_master`.

    Raises
    ------
    UnfitFrames
        If too few are left.
    """
    numbers: list[int] = list(range(len(members)))
    left: list[str] = []
    while True:
        try:
            own = [members[number] for number in numbers]
            return numbers, left, make_master(kind, name, own, settings, **sources)
        except UnfitFrames as unfit:
            if len(numbers) - len(unfit.reasons) < max(settings["min_frames"], 1):
                raise
            left += unfit.reasons.values()
            numbers = [number for at, number in enumerate(numbers) if at not in unfit.reasons]
