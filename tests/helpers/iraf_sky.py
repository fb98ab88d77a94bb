"""IRAF's tasks for the sky of a night's own lights, on plain copies of them."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
from astropy.io import fits

__all__ = ["PROGRAM", "IrafNight", "iraf"]

PROGRAM = shutil.which("irafcl")
# no step but the one that is asked for, and nothing but the log file is written
SILENT = """noao
imred
ccdred
ccdred.verbose=no
ccdred.logfile="log"
ccdred.instrument=""
"""
STEPS = ["fixpix", "overscan", "trim", "zerocor", "darkcor", "flatcor", "illumcor", "fringecor"]
# combine, by the noise of the lights; these are in electrons
COMBINED = (
    'combine=average reject=ccdclip scale=mode mclip=yes lsigma=3 hsigma=3 rdnoise="{}" gain="1."'
)
# sources by its own detection, grown
FIND = 'objmasks {0} m{0}.pl omtype=boolean masks="" logfiles=""'
ADD = "add+ verify- show- update+"


def iraf(folder, commands):
    """Run commands of IRAF's language in a folder.

    Parameters
    ----------
    folder : path
    commands : list of str

    Returns
    -------
    str
        All that it wrote.
    """
    folder = Path(folder)
    (folder / "uparm").mkdir(exist_ok=True)
    (folder / "login.cl").write_text('set uparm = "uparm/"\nset imtype = "fits"\nkeep\n')
    off = "".join(f"ccdproc.{step}=no\n" for step in STEPS)
    script = SILENT + off + "\n".join(commands) + "\nlogout\n"
    done = subprocess.run(
        [PROGRAM],
        cwd=folder,
        input=script,
        text=True,
        capture_output=True,
        timeout=300,
        check=True,
        env=os.environ | {"HOME": str(folder)},
    )
    # it goes on after an error, and ends with 0
    assert "ERROR" not in done.stdout, done.stdout[-2000:]
    return done.stdout


class IrafNight:
    """Calibrated lights of one filter, as IRAF has them.

    Parameters
    ----------
    folder : path
        Made, and written to.
    images : list of ndarray
        In electrons, NaN where a pixel is bad.
    read_noise : float
        In electrons.
    """

    def __init__(self, folder, images, read_noise):
        self.folder, self.read_noise = Path(folder), read_noise
        self.folder.mkdir(parents=True)
        self.names = [f"l{at:02d}" for at in range(len(images))]
        for name, image in zip(self.names, images, strict=True):
            self.write(name, np.nan_to_num(image), IMAGETYP="object", FLATCOR="done")
            self.write(f"f{name}", np.isnan(image))
        # masks are of its own format; bad pixels are interpolated as by its ccdproc
        masks = [f"imcopy f{each} b{each}.pl" for each in self.names]
        self.run("proto", *masks, *(f"fixpix {each} b{each}.pl" for each in self.names))

    def run(self, *commands):
        """Commands of IRAF in the night's folder."""
        return iraf(self.folder, commands)

    def write(self, name, pixels, **cards):
        """An image."""
        header = fits.Header({"FILTER": "z", "EXPTIME": 60.0} | cards)
        fits.writeto(self.folder / f"{name}.fits", np.asarray(pixels, np.float32), header)

    def data(self, name):
        """The pixels of an image."""
        return fits.getdata(self.folder / f"{name}.fits").astype(float)

    def combined(self, name, prefix="", masked=False):
        """The lights over their modes, clipped by their noise, with sources masked or not."""
        lights = [prefix + each for each in self.names]
        (self.folder / "list").write_text("\n".join(lights) + "\n")
        how = COMBINED.format(self.read_noise)
        if masked:
            self.run("nproto", *(FIND.format(each) for each in self.names))
            self.run(*(f"hedit {prefix}{each} BPM m{each}.pl {ADD}" for each in self.names))
            # of pixels that are masked in all lights
            blank = np.mean([np.median(self.data(each)) for each in lights])
            how += f" masktype=goodvalue maskvalue=0 blank={blank}"
        self.run(f"combine @list {name} {how}")
        return name

    def made(self, task, sky, name, **given):
        """What mkskycor, mkskyflat, mkfringecor or mkillumflat makes of an image."""
        self.run(f"{task} {sky} output={name}" + _parameters(given))
        return name

    def scaled_by_sky(self, prefix, sky):
        """Give lights the exposure times that their skies ask for.

        ccdproc scales fringes by exposure times, and by a card FRINGSCL of the fringe frame: a
        light has none of its own.
        """
        exposure = fits.getheader(self.folder / f"{sky}.fits")["EXPTIME"]
        level = np.median(self.data(sky))
        for name in self.names:
            asked = np.median(self.data(prefix + name)) / level * exposure
            fits.setval(self.folder / f"{prefix}{name}.fits", "EXPTIME", value=asked)

    def corrected(self, prefix, lights="", **used):
        """The lights after ccdproc with illum or fringe, under new names."""
        steps = "".join(f" {kind}cor=yes {kind}={name}" for kind, name in used.items())
        self.run(
            *(
                f'ccdproc {lights}{each} output={prefix}{lights}{each} ccdtype=""{steps}'
                for each in self.names
            )
        )
        return prefix + lights


def _parameters(given):
    return "".join(f" {name}={value}" for name, value in given.items())
