"""The names of ccdproc's module `ccddata`."""

from .toolbox.ccddata import CCDData, fits_ccddata_reader, fits_ccddata_writer

__all__ = ["CCDData", "fits_ccddata_reader", "fits_ccddata_writer"]
