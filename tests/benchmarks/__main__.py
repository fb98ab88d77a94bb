"""All benchmarks beside their peers in one run: `python -m tests.benchmarks [PART ...]`

Seconds on the clock and of the processor (with all threads and children), both ratios to the peer,
peak of memory in MB. Only ratios of one run mean anything. Peers that are missing are said to be.
"""

import argparse
import importlib.util
import shutil
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from .field import field
from .light import light
from .measure import row, run, way
from .night import nickel, night, small_night
from .stack_memory import stack_memory
from .toolbox import DTYPES, SIZES, Choice, toolbox
from .watch import watch

FRAME = (2080, 4128)
IMCOMBINE = """images
immatch
imcombine @list iraf.fits combine=average reject=sigclip mclip=yes lsigma=5 hsigma=5 logfile=""
logout
"""


def frames(folder, number, shape):
    """Frames of uint16 with a few outliers."""
    from astropy.io import fits

    rng = np.random.default_rng(1)
    for each in range(1, number + 1):
        pixels = rng.normal(1000, 10, shape).astype(np.uint16)
        pixels[rng.random(shape) < 1e-4] = 20000
        fits.PrimaryHDU(pixels).writeto(Path(folder, f"b_{each:05d}.fit"), overwrite=True)


def siril(folder, rule):
    """Cost of its stack: that of a script that stacks, less that of one that does not."""
    costs = []
    for name, what in (("empty", ""), ("stack", f"stack b_ rej {rule} 5 5 -nonorm -out=siril\n")):
        Path(folder, f"{name}.ssf").write_text(f"requires 1.0.0\nsetext fit\n{what}close\n")
        costs.append(run(["siril-cli", "-d", ".", "-s", f"{name}.ssf"], folder))
    empty, whole = costs
    return whole._replace(wall=whole.wall - empty.wall, cpu=whole.cpu - empty.cpu)


def iraf(folder):
    """Cost of imcombine in a process that does nothing else."""
    Path(folder, "login.cl").write_text("\n")
    Path(folder, "list").write_text("".join(f"{p.name}\n" for p in Path(folder).glob("b_*.fit")))
    Path(folder, "im.cl").write_text(IMCOMBINE)
    return run(["irafcl"], folder, feed=Path(folder, "im.cl"))


def head(title, what="ratios: clock, processor"):
    print(f"\n{title}\n\n| | s on the clock | s of processor | {what} | peak MB |")
    print("|---|---|---|---|---|")


def stacks(folder):
    """Ten frames with ours and with every peer, then how ours grows."""
    frames(folder, 10, FRAME)
    pixels = f"{FRAME[0]} x {FRAME[1]}"
    head(
        f"10 frames of {pixels} uint16, 5 sigma MAD about the median, mean",
        "clock over combine's, over the engine's",
    )
    ours = way("ours_from_files", folder, 10)
    row("ccdlib.combine, from files, 2 threads", ours)
    engine = way("ours_in_memory", folder, 10)
    row("engine, in memory, 2 threads", engine)
    peers = (
        ("ccdproc", importlib.util.find_spec("ccdproc"),
         lambda: way("ccdproc_from_files", folder, 10)),
        ("Siril (standard deviation)", shutil.which("siril-cli"), lambda: siril(folder, "s")),
        ("Siril (MAD)", shutil.which("siril-cli"), lambda: siril(folder, "a")),
        ("IRAF imcombine (sigclip)", shutil.which("irafcl"), lambda: iraf(folder)),
    )  # fmt: skip
    for name, installed, measured in peers:
        if not installed:
            print(f"| {name} | is not installed | | | |")
            continue
        peer = measured()
        ratio = f"{peer.wall / ours.wall:.0f}, {peer.wall / engine.wall:.0f}"
        print(f"| {name} | {peer.wall:.2f} | {peer.cpu:.2f} | {ratio} | {peer.peak:.0f} |")
    head("ccdlib's engine with frames and pixels", "")
    ny, nx = FRAME
    for number, rows in ((5, ny), (10, ny), (20, ny), (10, ny // 2), (10, 2 * ny)):
        for old in Path(folder).glob("b_*.fit"):
            old.unlink()
        frames(folder, number, (rows, nx))
        row(f"{number} frames of {rows} x {nx}", way("ours_in_memory", folder, number))


def packed(folder):
    """Reading gz and tiles with every library that is there."""
    import gzip
    import subprocess

    frames(folder, 1, FRAME)
    plain = next(Path(folder).glob("b_*.fit"))
    zipped, tiled = Path(folder, "a.fit.gz"), Path(folder, "a.fit.fz")
    zipped.write_bytes(gzip.compress(plain.read_bytes(), 6))
    head(f"reading one frame of {FRAME[0]} x {FRAME[1]}, gz", "gzip's ratios")
    first = None
    for module in ("gzip", "isal.igzip", "zlib_ng.gzip_ng"):
        if importlib.util.find_spec(module.split(".")[0]) is None:
            print(f"| {module} | is not installed | | | |")
            continue
        cost = way("gunzip", zipped, module)
        first = first or cost
        row(module, cost, first)
    if shutil.which("fpack"):
        subprocess.run(["fpack", "-O", tiled, plain], check=True)
        head("the same in tiles of Rice, fz", "astropy's ratios")
        first = way("tiles", tiled, "astropy")
        row("astropy", first)
        if importlib.util.find_spec("fitsio"):
            row("fitsio", way("tiles", tiled, "fitsio"), first)
        else:
            print("| fitsio | is not installed | | | |")


PARTS = {"stack": stacks, "light": light, "packed": packed, "nickel": nickel, "night": night}
PARTS |= {"toolbox": toolbox, "field": field, "stack_memory": stack_memory, "watch": watch}
SMALL = {"night": small_night}


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all without any")
    parser.add_argument("--folder", help="below which the frames are simulated")
    parser.add_argument("--small", action="store_true", help="a night of a quarter of the pixels")
    lines = parser.add_argument_group("lines of toolbox")
    lines.add_argument("--rows", nargs="+", default=("",), help="names of functions, or parts")
    lines.add_argument("--sizes", nargs="+", type=int, default=SIZES, help="pixels a side")
    lines.add_argument("--dtypes", nargs="+", choices=DTYPES, default=DTYPES)
    options = parser.parse_args()
    choice = Choice(options.rows, options.sizes, options.dtypes)
    parts = PARTS | (SMALL if options.small else {}) | {"toolbox": partial(toolbox, choice=choice)}
    for part in options.parts or PARTS:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            parts[part](Path(folder))


if __name__ == "__main__":
    main()
