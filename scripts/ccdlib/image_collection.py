"""The name of ccdproc's module `image_collection`."""

from .toolbox.collection import ImageFileCollection

__all__ = ["ImageFileCollection"]
