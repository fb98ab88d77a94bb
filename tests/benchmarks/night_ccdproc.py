"""A night with ccdproc, as one would write it who knows it: `night_ccdproc.py RAW CAMERA OUT`

Overscan, trim, master bias, dark and flats, lights with uncertainty, mask and bad-pixel map; two
processes, each frame read once, stacks in memory, everything float32.
"""

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import ccdproc
import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.stats import mad_std

GAIN = {"demo": 1.6, "lick_nickel": 1.8}  # fmt: skip
READ_NOISE = {"demo": 6.0, "lick_nickel": 9.0}


def kinds(raw, camera):
    """Paths by kind, and by filter for flats and lights."""
    found = {}
    for path in sorted(Path(raw).glob("*.fits")):
        header = fits.getheader(path)
        if camera == "demo":
            kind = header["IMAGETYP"].split()[0].lower()
        elif header["EXPTIME"] == 0:
            kind = "bias"
        else:
            kind = "flat" if "flat" in header["OBJECT"].lower() else "light"
        name = header.get("FILTER", header.get("FILTNAM"))
        key = (kind, name if kind in ("flat", "light") else None)
        found.setdefault(key, []).append(path)
    return found


def prepared(path, camera):
    """A frame without overscan, trimmed."""
    ccd = ccdproc.CCDData.read(path, unit="adu")
    nx = ccd.shape[1] - 32
    skip = 2 if camera == "demo" else 4
    ccd.data = ccd.data.astype(np.float32)
    ccd = ccdproc.subtract_overscan(ccd, overscan=ccd[:, nx + skip :], overscan_axis=1, median=True)
    return ccdproc.trim_image(ccd[:, :nx])


def combined(frames, scale=None):
    """Mean of a stack, 5 sigma about the median by the MAD."""
    return ccdproc.combine(
        frames,
        method="average",
        scale=scale,
        sigma_clip=True,
        sigma_clip_low_thresh=5,
        sigma_clip_high_thresh=5,
        sigma_clip_func=np.ma.median,
        sigma_clip_dev_func=partial(mad_std, ignore_nan=True),
        dtype=np.float32,
        mem_limit=4e9,
    )


def write(ccd, path):
    ccd.mask = np.zeros(ccd.shape, bool) if ccd.mask is None else ccd.mask
    hdus = ccd.to_hdu(as_image_hdu=False)
    for hdu in hdus:
        if hdu.data.dtype == np.float64:
            hdu.data = hdu.data.astype(np.float32)
    hdus.writeto(path, overwrite=True)


def inverse_median(data):
    return 1 / np.median(data)


def seconds(ccd):
    return ccd.header["EXPTIME"] * u.s


def less_dark(ccd, dark):
    if dark is None:
        return ccd
    return ccdproc.subtract_dark(
        ccd, dark, dark_exposure=seconds(dark), data_exposure=seconds(ccd), scale=True
    )


def master_flat(paths, camera, bias, dark):
    frames = [ccdproc.subtract_bias(prepared(path, camera), bias) for path in paths]
    return combined([less_dark(each, dark) for each in frames], inverse_median)


def calibrate(path, camera, bias, dark, flat, mask, out):
    """A light in electrons, with its uncertainty."""
    ccd = ccdproc.subtract_bias(prepared(path, camera), bias)
    ccd = less_dark(ccd, dark)
    ccd = ccdproc.create_deviation(
        ccd,
        gain=GAIN[camera] * u.electron / u.adu,
        readnoise=READ_NOISE[camera] * u.electron,
        disregard_nan=True,
    )
    ccd = ccdproc.gain_correct(ccd, GAIN[camera] * u.electron / u.adu)
    ccd.mask = mask
    write(ccdproc.flat_correct(ccd, flat, min_value=0.05), Path(out, path.name))


def calibrate_one(given):
    calibrate(*given)


def main(raw, camera, out):
    Path(out).mkdir()
    found = kinds(raw, camera)
    with ProcessPoolExecutor(2) as pool:
        bias = combined(list(pool.map(partial(prepared, camera=camera), found["bias", None])))
        dark = None
        if ("dark", None) in found:
            frames = list(pool.map(partial(prepared, camera=camera), found["dark", None]))
            dark = ccdproc.subtract_bias(combined(frames), bias)
        names = {name for kind, name in found if kind == "flat"}
        jobs = {
            name: pool.submit(master_flat, found["flat", name], camera, bias, dark)
            for name in sorted(names)
        }
        flats = {name: job.result() for name, job in jobs.items()}
        for name, flat in {"bias": bias, "dark": dark, **flats}.items():
            if flat is not None:
                write(flat, Path(out, f"master_{name}.fits"))
        masks = {name: ccdproc.ccdmask(flat) for name, flat in flats.items()}
        work = [
            (path, camera, bias, dark, flats[name], masks[name], out)
            for (kind, name), paths in found.items()
            if kind == "light" and name in flats
            for path in paths
        ]
        list(pool.map(calibrate_one, work))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main(*sys.argv[1:])
