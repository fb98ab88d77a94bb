"""What a product's own checksums say against it."""

import warnings
from pathlib import Path

__all__ = ["check_stored"]


def check_stored(path: str | Path) -> list[str]:
    """What a product's own checksums say against it.

    Returns
    -------
    list of str
        One line for each extension that is not as it was written.
    """
    from astropy.io import fits

    if Path(path).suffix != ".fits":
        return []
    found = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with (
                open(path, "rb") as file,
                fits.open(file, checksum=True, lazy_load_hdus=False) as hdus,
            ):
                for number, hdu in enumerate(hdus):
                    name = hdu.name if number else "PRIMARY"
                    if hdu.verify_datasum() == 0:
                        found.append(f"{name}: its data are not those of its DATASUM")
                    elif hdu.verify_checksum() == 0:
                        found.append(f"{name}: its header is not that of its CHECKSUM")
                if [hdu.name for hdu in hdus][-1] != "DQ":
                    found.append(f"ends with {hdus[-1].name or 'PRIMARY'} instead of DQ")
    except Exception as error:
        found.append(f"cannot be read: {type(error).__name__}: {error}")
    return found
