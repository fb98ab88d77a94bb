"""The names of ccdproc's module `core`."""

from .toolbox.blocks import block_average, block_reduce, block_replicate, rebin
from .toolbox.calibration import (
    create_deviation,
    flat_correct,
    gain_correct,
    subtract_bias,
    subtract_dark,
)
from .toolbox.cosmicrays import cosmicray_lacosmic, cosmicray_median
from .toolbox.filters import (
    background_deviation_box,
    background_deviation_filter,
    median_filter,
    sigma_func,
)
from .toolbox.keywords import Keyword
from .toolbox.masks import bitfield_to_boolean_mask, ccdmask
from .toolbox.overscan_and_trim import subtract_overscan, trim_image
from .toolbox.process import ccd_process
from .toolbox.transforms import transform_image, wcs_project

__all__ = [
    "Keyword",
    "background_deviation_box",
    "background_deviation_filter",
    "bitfield_to_boolean_mask",
    "block_average",
    "block_reduce",
    "block_replicate",
    "ccd_process",
    "ccdmask",
    "cosmicray_lacosmic",
    "cosmicray_median",
    "create_deviation",
    "flat_correct",
    "gain_correct",
    "median_filter",
    "rebin",
    "sigma_func",
    "subtract_bias",
    "subtract_dark",
    "subtract_overscan",
    "transform_image",
    "trim_image",
    "wcs_project",
]
