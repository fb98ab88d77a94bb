"""The names of ccdproc's module `combiner`."""

from .toolbox.combiner import Combiner, combine

__all__ = ["Combiner", "combine"]
