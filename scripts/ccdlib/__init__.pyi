"""The names that ``ccdlib`` finds when they are asked for, for type checkers; see __init__.py."""

from .archives.query import archive as archive
from .plan.data_frames import read_amplifiers as read_amplifiers
from .plan.data_frames import read_index as read_index
from .plan.data_frames import read_members as read_members
from .plan.data_frames import read_plan as read_plan
from .registration.register import register as register
from .registration.star_list import find_stars as find_stars
from .registration.transforms import Transform as Transform
from .statistics.clip import Clip as Clip
from .toolbox.aperture import aperture_sigma as aperture_sigma
from .toolbox.blocks import block_average as block_average
from .toolbox.blocks import block_reduce as block_reduce
from .toolbox.blocks import block_replicate as block_replicate
from .toolbox.blocks import rebin as rebin
from .toolbox.calibration import create_deviation as create_deviation
from .toolbox.calibration import flat_correct as flat_correct
from .toolbox.calibration import gain_correct as gain_correct
from .toolbox.calibration import subtract_bias as subtract_bias
from .toolbox.calibration import subtract_dark as subtract_dark
from .toolbox.ccddata import CCDData as CCDData
from .toolbox.ccddata import fits_ccddata_reader as fits_ccddata_reader
from .toolbox.ccddata import fits_ccddata_writer as fits_ccddata_writer
from .toolbox.collection import ImageFileCollection as ImageFileCollection
from .toolbox.combiner import Combiner as Combiner
from .toolbox.combiner import combine as combine
from .toolbox.cosmicrays import cosmicray_lacosmic as cosmicray_lacosmic
from .toolbox.cosmicrays import cosmicray_median as cosmicray_median
from .toolbox.filters import background_deviation_box as background_deviation_box
from .toolbox.filters import background_deviation_filter as background_deviation_filter
from .toolbox.filters import median_filter as median_filter
from .toolbox.filters import sigma_func as sigma_func
from .toolbox.image_files import ImageFile as ImageFile
from .toolbox.image_files import read as read
from .toolbox.image_files import write as write
from .toolbox.keywords import Keyword as Keyword
from .toolbox.masks import bitfield_to_boolean_mask as bitfield_to_boolean_mask
from .toolbox.masks import ccdmask as ccdmask
from .toolbox.metadata import Conf as Conf
from .toolbox.metadata import conf as conf
from .toolbox.overscan_and_trim import subtract_overscan as subtract_overscan
from .toolbox.overscan_and_trim import trim_image as trim_image
from .toolbox.process import ccd_process as ccd_process
from .toolbox.transforms import transform_image as transform_image
from .toolbox.transforms import wcs_project as wcs_project

__version__: str
