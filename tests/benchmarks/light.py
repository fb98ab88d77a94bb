"""A light as a whole process beside the least that such a process can do."""

import json
import sys
from dataclasses import replace
from pathlib import Path

from .measure import REPOSITORY, Cost, row, run

__all__ = ["least_of", "light", "reduce"]

PRODUCT = "results/calibrated/M13_V_001.fits"
FLOOR = """
import snakemake, numpy as np
from astropy.io import fits
with fits.open("raw/M13_V_001.fits", memmap=False) as raw:
    image = raw[0].data[:, :4096].astype(np.float32)
planes = [fits.PrimaryHDU(image), fits.ImageHDU(image)]
planes += [fits.ImageHDU(image.astype(kind)) for kind in (np.uint8, np.uint16)]
fits.HDUList(planes).writeto("floor.fits", overwrite=True)
"""
JOB = """
import json, snakemake
from ccdlib.jobs.job import job
from ccdlib.limits import keep_freed_memory
from ccdlib.jobs.calibrate_frame import make
from ccdlib.jobs.task import Task
keep_freed_memory()
make(Task(**json.load(open("job.json"))))
"""
NO_COSMIC_RAYS = "cosmic_rays: {method: none}\n"


def reduce(folder, raw, camera):
    """Cost of the pipeline over a folder of raw frames, without cosmic rays, on two cores."""
    (folder / "config").mkdir(parents=True)
    config = f"raw_dir: {raw}\ncamera: {camera}\n{NO_COSMIC_RAYS}"
    (folder / "config/config.yaml").write_text(config)
    command = [sys.executable, "-m", "snakemake", "--snakefile", REPOSITORY / "Snakefile"]
    command += ["--cores", "2", "--directory", "."]
    return run(command, folder, PYTHONPATH=str(REPOSITORY / "scripts"))


def least_of(costs):
    """The least of each column."""
    return Cost(*map(min, zip(*costs, strict=True)))


def prepare(folder):
    """A night of one light is reduced; the job of that light is written to job.json."""
    from ccdlib.config import load_config, settings_of
    from ccdlib.kinds import KINDS
    from ccdlib.plan.plan_tables import read_plan
    from ccdlib.simulate.exposures import DEMO, simulate_demo

    few = {"biases": 3, "darks": (3, 120.0), "flats": DEMO.flats[:3], "stars": 1500}
    night = replace(DEMO, shape=(2080, 4096), vignetting=DEMO.vignetting[:1], **few,
                    lights=(("V", 1, 120.0),))  # fmt: skip
    simulate_demo(folder / "raw", None, night=night)
    reduce(folder, folder / "raw", "demo")
    plan = read_plan(folder / "results/plan.csv", folder / "results/members.csv")
    config = load_config({"raw_dir": "raw", "camera": "demo", "cosmic_rays": {"method": "none"}})
    job = {"output": "out.fits", "raw_dir": "raw", "frames": plan.members(PRODUCT)}
    job |= {"settings": settings_of(config, KINDS["calibrated"])}
    job |= {"masters": plan.calibrations(PRODUCT)}
    job |= {"dark_scale": plan.dark_scale(PRODUCT), "record": "qa.json"}
    (folder / "job.json").write_text(json.dumps(job))


def light(folder):
    """Print what a light costs without cosmic rays."""
    folder = Path(folder)
    prepare(folder)
    print("\na light of 2080 x 4128 without cosmic rays, whole process, best of 5\n")
    print("| | s on the clock | s of processor | over the floor: clock, processor | peak MB |")
    print("|---|---|---|---|---|")
    floor, ours = [], []
    for _ in range(5):
        for script, costs in ((FLOOR, floor), (JOB, ours)):
            command = [sys.executable, "-c", script]
            costs.append(run(command, folder, PYTHONPATH=str(REPOSITORY / "scripts")))
    least, own = least_of(floor), least_of(ours)
    row("floor: start, import, read, write four planes", least)
    over = f"{own.wall / least.wall:.1f}, {own.cpu / least.cpu:.1f}"
    print(f"| calibrate_frame | {own.wall:.2f} | {own.cpu:.2f} | {over} | {own.peak:.0f} |")
