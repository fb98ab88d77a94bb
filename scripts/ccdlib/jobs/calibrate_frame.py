"""How a raw frame is calibrated: a product from a raw frame and its masters."""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from typing import TYPE_CHECKING

from ..frame.below_zero import refuse_below_zero
from ..frame.calibrate import Calibration, calibrate_frame
from ..products.bad_pixel_file import open_map
from ..products.common_cards import add_recipe
from ..products.cut_out import cut_out
from ..products.frame_headers import frame_headers
from ..products.kept_hashes import kept_sha256
from ..products.product_files import open_product, write_product
from ..quality import records
from .inputs import measured_detector, unchanged

if TYPE_CHECKING:
    from .task import Task

__all__ = ["make"]

_MASTERS = ("bias", "dark", "flat", "bad_pixels")


def _opened(name, path):
    if not path:
        return nullcontext()
    return open_map(path) if name == "bad_pixels" else open_product(path, kept_sha256(path))


def make(task: Task) -> None:
    """Calibrate a raw frame and write it.

    Parameters
    ----------
    task : Task
        Of one frame.
    """
    (frame,) = task.frames
    kind = frame["facts"]["imagetyp"]
    firsts: list[records.Before] = []

    def watch(shape):
        firsts.append(records.Before(shape))
        return firsts[-1]

    with unchanged(task) as (member,), ExitStack() as opened:
        calibration, detector_name = _calibration(task, opened)
        primary, raws, images = calibrate_frame(
            member.path,
            member.name,
            member.amplifiers,
            calibration,
            task.settings,
            kind,
            watch=watch if task.record else None,
        )
        for image in images:
            refuse_below_zero(member.name, image)
        header, own = frame_headers(
            primary, raws, images, frame, calibration, task.settings, detector_name
        )
        record = None
        if task.record:
            record = records.frame_record(kind, images, firsts, raws, calibration)
    add_recipe(header, task.recipe)
    write_product(task.output, images, header, own, task.settings["products"]["compress"])
    if task.record and record is not None:
        records.write_record(task.record, record, task.recipe)


def _calibration(task, opened):
    """What the frame is calibrated with, kept open by an ExitStack, and the detector's name."""
    facts = task.frames[0]["facts"]
    measured, detector_name = measured_detector(task.masters.get("detector"))
    found = {
        name: cut_out(
            opened.enter_context(_opened(name, task.masters.get(name))),
            facts.get("window"),
            facts.get("binning"),
        )
        for name in _MASTERS
    }
    done = facts.get("done", "").partition(" ")[0].split("+")
    calibration = Calibration(
        **found,
        dark_scale=task.dark_scale,
        measured=measured,
        bias_done="bias" in done,
        dark_done="dark" in done,
    )
    return calibration, detector_name
