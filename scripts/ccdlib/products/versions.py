"""The cards that name the versions of the packages that can change a result."""

from functools import cache
from importlib.metadata import version

__all__ = ["CARDS", "installed"]

# keyword in a product's header: package
CARDS = {
    "CCDLIBV": "ccdlib",
    "NUMPYV": "numpy",
    "ASTROPYV": "astropy",
    "NUMBAV": "numba",
    "SCIPYV": "scipy",
    "ASTROSCV": "astroscrappy",
}


@cache
def installed(keyword: str) -> str:
    """The installed version of the package behind a card, looked up once in a process.

    The warm process looks before it forks for jobs.
    """
    return version(CARDS[keyword])
