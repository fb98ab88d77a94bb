"""Master frames from raw frames: bias, dark and flat.

Each file is opened once, and its rows are read once, as stored, in bands that fit in memory. Flats
are read once more before that, as their levels must be known.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dq
from ..errors import CcdlibError
from ..frame.below_zero import flag_below_zero, flag_stuck, refuse_below_zero
from ..frame.raw_image import RawImage, open_raw
from ..limits import allow_open_files
from ..quality.member_statistics import member_statistics
from ..quality.outliers import member_outliers
from .bad_pixels import flag_non_linear
from .combine_image import combine_image
from .declared_noise import found_otherwise
from .flat_levels import flat_levels, normalise
from .flat_noise import refuse_falling_noise
from .level_scatter import add_level_scatter
from .master_frames import MasterFrames
from .master_result import MasterResult
from .member import Member, UnfitFrames

if TYPE_CHECKING:
    from astropy.io.fits import Header

__all__ = ["make_master"]

# MB to use when the caller does not say
_MEMORY_MB = 1500
# beyond this ratio of the frames' variance to the noise model's, one of the two is wrong
_DISAGREEMENT = 2.0
# a few frames, such a share at most, do not belong to the others if these outvote such a share of
# their pixels, and so many times as many as is usual
_FEW, _STRANGE, _FACTOR = 1 / 3, 0.01, 10.0
# frames of which more values than this are rejected agree on nothing
_MOST_REJECTED = 0.5


def make_master(
    kind: str,
    name: str,
    members: list[Member],
    settings: dict,
    *,
    overscan: dict,
    bias: Any,
    darks: dict[str, Any],
    measured: list[dict] | None,
    memory_mb: float = _MEMORY_MB,
    threads: int = 1,
) -> tuple[list[Header], list[list[Header]], list[RawImage], list[MasterResult]]:
    """Make a master bias, dark or flat.

    Parameters
    ----------
    kind : {'bias', 'dark', 'flat'}
    name : str
        For messages.
    members : list of Member
    settings : dict
        The `combine` section of the kind; for flats also the config's `flat` section.
    overscan : dict
        The config's overscan.
    bias : Product or None
    darks : dict
        {dark, dark_2 ...: Product}; each member's fact `dark` says which is its own.
    measured : list of dict or None
        Amplifiers of a detector file.
    memory_mb : float
        What the process may use; the result does not depend on it.
    threads : int
        The result does not depend on it either.

    Returns
    -------
    headers : list of Header
        Primary headers of the raw frames.
    image_headers : list of list of Header
        Those of the images, for each raw frame.
    raws : list of RawImage
        Of the first frame, closed.
    results : list of MasterResult
        One for each image.

    Raises
    ------
    UnfitFrames
        If flats are saturated or not positive, or the scatter contradicts the noise model and
        the others outvote a few frames; the rest may make a master.
    CcdlibError
        If frames differ in shape, or their scatter contradicts the noise model.
    """
    allow_open_files(len(members))
    with ExitStack() as opened:
        headers, raws = _opened(members, overscan, opened)
        image_headers = [[image.header for image in images] for images in raws]
        if bias is not None:
            for image in (image for images in raws for image in images):
                image.use_bias(bias.header)
        frames = _frames_by_image(kind, raws, members, bias, darks, measured)
        if kind == "flat":
            for each in frames:
                refuse_falling_noise(name, each)
        run = settings, memory_mb, threads
        levels, results = _combined(kind, frames, *run)
        if any([found_otherwise(*each) for each in zip(frames, results, strict=True)]):
            frames = _frames_by_image(kind, raws, members, bias, darks, measured)
            levels, results = _combined(kind, frames, *run)
        _check_values(name, results, members)
        results = [_described(*each, levels) for each in zip(results, frames, strict=True)]
        if kind == "dark":
            first = f"{name}, {members[0].name} first"
            results = [_above_zero(first, *each) for each in zip(results, frames, strict=True)]
        if kind == "bias":
            results = [_read_out(*each) for each in zip(results, frames, strict=True)]
            results = [add_level_scatter(*each) for each in zip(results, frames, strict=True)]
        if kind == "flat":
            results = [flag_non_linear(*each, levels) for each in zip(results, frames, strict=True)]
        _check_agreement(kind, name, results, members)
        _check_noise(kind, name, results, members)
        if kind == "flat":
            results = list(normalise(results, [each.gain for each in frames], settings))
    return headers, image_headers, raws[0], results


def _opened(members, overscan, opened):
    """Primary header and images of each raw file."""
    files = [
        opened.enter_context(
            open_raw(member.path, member.amplifiers, member.name, overscan, spill=True)
        )
        for member in members
    ]
    return [header for header, _ in files], [images for _, images in files]


def _combined(kind, frames, settings, memory_mb, threads):
    """The level of each frame and the combined images."""
    levels = [1.0] * len(frames[0].raws)
    if kind == "flat":
        levels = flat_levels(frames, settings, threads)
    return levels, [combine_image(each, levels, settings, memory_mb, threads) for each in frames]


def _frames_by_image(kind, raws, members, bias, darks, measured):
    """`MasterFrames` of each image of the raw files."""
    scales = [1.0] * len(members)
    if darks:
        scales = [member.facts["dark_scale"] for member in members]
    products = list(darks.values())
    own = [list(darks).index(member.facts.get("dark", "dark")) for member in members if darks]
    return [
        MasterFrames(
            kind,
            list(images),
            bias=bias and bias.images[number],
            darks=[dark.images[number] for dark in products],
            dark_headers=[dark.header for dark in products],
            own_dark=own,
            scales=scales,
            shared_bias=bool(
                bias and all(dark.header.get("BIASSHA") == bias.sha256 for dark in products)
            ),
            measured=measured,
        )
        for number, images in enumerate(zip(*raws, strict=True))
    ]


def _described(result, frames, levels):
    """A result with what header and record say of its frames."""
    return replace(
        result,
        overscan=[raw.levels for raw in frames.raws],
        pedestals=frames.pedestals,
        members=member_statistics(frames, levels),
    )


def _above_zero(name, result, frames):
    """A dark's result, its rows and columns flagged that no dark can have."""
    noise = _read_noise(frames)
    refuse_below_zero(name, result.image, noise)
    return replace(result, image=flag_below_zero(result.image, noise))


def _read_out(result, frames):
    """A bias's result, its rows and columns flagged that no frame has read out."""
    return replace(result, image=flag_stuck(result.image, _read_noise(frames)))


def _read_noise(frames):
    """Of one pixel of one frame."""
    return float(np.sqrt(np.mean(frames.read_variance)))


def _check_values(name, results, members):
    """Refuse a master without values."""
    if all((result.image.dq & dq.NO_DATA).all() for result in results) and not _disagreeing(
        results, members
    ):
        raise CcdlibError(
            f"{name}: none of its {len(members)} frames has a good pixel, {members[0].name} first"
        )


def _disagreeing(results, members):
    """The fraction of the frames' values that the others outvote, 0 where it is not most."""
    values = len(members) * sum(result.image.data.size for result in results)
    rejected = sum(sum(result.rejected) for result in results) / values
    return rejected if rejected > _MOST_REJECTED else 0.0


def _check_agreement(kind, name, results, members):
    """Refuse a master whose frames disagree in most pixels."""
    if rejected := _disagreeing(results, members):
        raise CcdlibError(
            f"{name}: {rejected:.0%} of the frames' values disagree with the others; the frames do "
            f"not belong together{_odd_ones(kind, results[0], members)}"
        )


def _check_noise(kind, name, results, members):
    """Refuse a master whose frames scatter otherwise than the noise model says.

    Where a few frames alone are to blame, the others may do without them.
    """
    for number, result in enumerate(results, start=1):
        ratio = result.scatter_ratio
        if not np.isfinite(ratio) or 1 / _DISAGREEMENT <= ratio <= _DISAGREEMENT:
            continue
        scatter = f"scatter with {ratio:.2f} times the variance of the noise model"
        if ratio > 1 and (strange := _strange_ones(result, members)):
            raise UnfitFrames(
                {at: f"{text}; with it the frames {scatter}" for at, text in strange.items()}
            )
        raise CcdlibError(
            f"{name}, image {number}: its frames {scatter}; gain or read noise is wrong, or the "
            f"frames do not belong together (allowed {1 / _DISAGREEMENT:g} to {_DISAGREEMENT:g})"
            f"{_odd_ones(kind, result, members)}"
        )


def _strange_ones(result, members):
    """{number: why} of frames that the others outvote in many pixels; empty unless they are few."""
    counts, pixels = np.asarray(result.rejected), result.image.data.size
    strange = counts > _STRANGE * pixels
    if not 0 < strange.sum() <= _FEW * len(counts):
        return {}
    usual = np.median(counts[~strange])
    if _FACTOR * usual > counts[strange].min():
        return {}
    return {
        int(at): f"{members[at].name}: the others disagree with {counts[at]} of its {pixels} "
        f"pixels, {usual:.0f} are usual"
        for at in np.flatnonzero(strange)
    }


def _odd_ones(kind, result, members):
    """Which frames differ from the others, and in what."""
    frames = [
        {"images": [statistics], "clipped_pixels": clipped}
        for statistics, clipped in zip(result.members, result.rejected, strict=True)
    ]
    named = zip(members, member_outliers(kind, frames), strict=True)
    odd = [f"{member.name}: {', '.join(reasons)}" for member, reasons in named if reasons]
    return f"; {'; '.join(odd)}" if odd else ""
