"""The cards that name the versions of the packages that can change a result."""

__all__ = ["CARDS"]

# keyword in a product's header: package
CARDS = {
    "CCDLIBV": "ccdlib",
    "NUMPYV": "numpy",
    "ASTROPYV": "astropy",
    "NUMBAV": "numba",
    "SCIPYV": "scipy",
    "ASTROSCV": "astroscrappy",
}
