"""What an archive costs, against its number of lights. `python -m tests.benchmarks.scale`

Nights of 100 small lights are simulated, and each step is a snakemake of its own: wall time, and
processor time and peak of memory of its main process, without its jobs.

Products are copies of those of one night that was reduced before: in a copy of the pipeline the
scripts that make products do nothing but copy. With --laid-out no run makes them, they are put
there with the notes of their recipes. Index, plan, report and all else that Snakemake does are the
real ones. With --real each product is made of its frames, in one run from the raw files to the
report, and a second one that has nothing to do.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from ccdlib.config import last_config
from ccdlib.kinds import record_of
from ccdlib.plan.plan_tables import read_plan, recipe_keys
from ccdlib.products import recipes
from ccdlib.rerun.code_digests import kind_digest
from ccdlib.simulate.exposures import DEMO, simulate_demo

__all__ = ["main"]

PIPELINE = Path(__file__).parents[2]
LIGHTS = 100
NIGHT = replace(
    DEMO,
    shape=(64, 64),
    stars=8,
    biases=5,
    darks=(3, 60.0),
    flats=DEMO.flats[:3],
    lights=(("V", LIGHTS // 2, 60.0), ("R", LIGHTS // 2, 60.0)),
    readout=5.0,
)
TICK = os.sysconf("SC_CLK_TCK")

# makes a product by copying one of its kind, and notes the recipe that it would be made by
STAND_IN = """import shutil
from pathlib import Path

from ccdlib.products import recipes

if "snakemake" in globals():
    for output in snakemake.output:
        parts = Path(output).parts
        kind = "calibrated" if "calibrated" in parts else parts[-2]
        shutil.copy(Path({prepared!r}, kind + Path(output).suffix), output)
    recipes.note(snakemake.output[0], snakemake.params.row["recipe"])
    Path(snakemake.log[0]).write_text("done\\n")
"""
SCRIPTS = "calibrate_frame", "combine_frames", "measure_detector", "measure_bad_pixels"


@dataclass(frozen=True)
class Step:
    """What one snakemake took: seconds, seconds of its main process, its peak in MB, jobs."""

    wall: float
    cpu: float
    peak: float
    jobs: int


def simulate_night(raw):
    """The first night of an archive, in a folder of its own."""
    with tempfile.TemporaryDirectory() as truth:
        simulate_demo(raw / str(NIGHT.calibrations_from.date()), truth, night=NIGHT)


def copy_night(raw, number):
    """A night like the first one, so many days later, its rows shifted so that none is a copy."""
    first = raw / str(NIGHT.calibrations_from.date())
    dates = [NIGHT.calibrations_from.date() + timedelta(days=day) for day in range(-1, 3)]
    folder = raw / str(dates[1] + timedelta(days=number))
    folder.mkdir()
    for path in sorted(first.iterdir()):
        content = bytearray(path.read_bytes())
        for date in reversed(dates):
            later = str(date + timedelta(days=number)).encode()
            start = content.find(b"DATE-OBS= '" + str(date).encode())
            if start >= 0:
                content[start + 11 : start + 21] = later
                break
        # the padding is in the last block, which stays
        start = (content.index(b"END" + b" " * 77) // 2880 + 1) * 2880
        row = 2 * int(content[content.index(b"NAXIS1  =") + 10 :][:20])
        rows = (len(content) - 2880 - start) // row
        pixels = content[start : start + rows * row]
        # whole rows, as an overscan that is shifted makes flats of biases
        shift = number % rows * row
        content[start : start + rows * row] = pixels[shift:] + pixels[:shift]
        # there are fewer rows than nights: the last bit of one pixel more
        content[start + 2 * (number // rows) + 1] ^= 1
        (folder / path.name).write_bytes(content)


def simulate_archive(raw, lights):
    """Nights of `LIGHTS` lights each."""
    simulate_night(raw)
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(partial(copy_night, raw), range(1, lights // LIGHTS)))


def own_time(pid):
    """Processor time in seconds and peak of memory in MB of a process, without its children."""
    # the name of a process may hold anything, a blank too
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    status = Path(f"/proc/{pid}/status").read_text()
    peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return (int(fields[11]) + int(fields[12])) / TICK, int(peak) / 1024


def _children_time():
    """Processor time in seconds of all processes that ended below this one."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Archive:
    """A raw folder, a working directory, and the pipeline that reduces one into the other."""

    def __init__(self, folder, lights, pipeline=PIPELINE):
        self.raw, self.work = folder / "raw", folder / "work"
        self.pipeline, self.lights = pipeline, lights
        simulated = folder / "simulated"
        if not simulated.exists():
            simulate_archive(simulated, lights)
        for old in (self.raw, self.work):
            shutil.rmtree(old, ignore_errors=True)
        shutil.copytree(simulated, self.raw)
        self.work.mkdir()

    def run(self, *arguments):
        """Run snakemake."""
        command = [sys.executable, "-m", "snakemake", "--snakefile", self.pipeline / "Snakefile"]
        command += ["--cores", "2", "--directory", self.work, *arguments]
        command += ["--config", f"raw_dir={self.raw}", "camera=demo"]
        environment = os.environ | {"PYTHONPATH": str(self.pipeline / "scripts")}
        began, start, own = time.time(), time.perf_counter(), (0.0, 0.0)
        with open(self.work / "run.log", "w") as log:
            process = subprocess.Popen(
                list(map(str, command)), env=environment, stdout=log, stderr=subprocess.STDOUT
            )
            while process.poll() is None:
                # it may end between the two
                with suppress(FileNotFoundError, ProcessLookupError, StopIteration):
                    own = own_time(process.pid)
                time.sleep(0.05)
        wall = time.perf_counter() - start
        if process.returncode:
            raise SystemExit((self.work / "run.log").read_text())
        made = [path for path in (self.work / "benchmarks").rglob("*.tsv")]
        jobs = sum(path.stat().st_mtime >= began for path in made)
        return Step(wall, *own, jobs)

    def change(self, name):
        """Change one pixel of a frame of the first night."""
        path = sorted(self.raw.iterdir())[0] / name
        content = bytearray(path.read_bytes())
        content[-3000] ^= 1
        path.write_bytes(content)

    def last_job(self, rule):
        """Seconds and peak in MB of a rule's last job, as Snakemake measured them."""
        path = next((self.work / "benchmarks" / rule).glob("*.tsv"))
        cells = path.read_text().splitlines()[1].split("\t")
        return float(cells[0]), cells[2]


def _kind(path):
    return "calibrated" if "calibrated" in path.parts else path.parent.name


def prepare(folder):
    """A product and a record of each kind, from a real run of one night."""
    night = Archive(folder / "night", LIGHTS)
    night.run()
    (folder / "prepared").mkdir()
    for path in (night.work / "results").rglob("*"):
        if path.suffix in (".fits", ".json"):
            shutil.copy(path, folder / "prepared" / f"{_kind(path)}{path.suffix}")


def with_stand_in(folder):
    """A copy of the pipeline whose scripts copy prepared products."""
    prepared, pipeline = folder / "prepared", folder / "pipeline"
    if not prepared.exists():
        prepare(folder)
    shutil.rmtree(pipeline, ignore_errors=True)
    ignored = shutil.ignore_patterns(".git", "tests", ".snakemake")
    shutil.copytree(PIPELINE, pipeline, ignore=ignored)
    for script in SCRIPTS:
        (pipeline / f"scripts/{script}.py").write_text(STAND_IN.format(prepared=str(prepared)))
    return pipeline


def lay_out(archive, folder):
    """Put products and records of a planned archive there, as if a run had made them."""
    os.chdir(archive.work)
    plan, config = read_plan(), last_config()
    keys = recipe_keys(config, kind_digest)
    for product in plan.targets(config["products"]["keep"]):
        for path in filter(None, (product, record_of(product))):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(folder / "prepared" / (_kind(Path(path)) + Path(path).suffix), path)
        recipes.note(product, plan.recipe(product, keys))


def show(lights, what, step):
    print(
        f"| {lights} | {what} | {step.jobs} | {step.wall:.1f} | {step.cpu:.1f} | {step.peak:.0f} |",
        flush=True,
    )


def measure(archive, laid_out=None):
    """Print a line for each thing that one does with an archive."""

    def step(what, *arguments):
        found = archive.run(*arguments)
        show(archive.lights, what, found)
        return found

    step("first index", "results/index.csv")
    step("plan", "results/plan.csv")
    step("dry run", "-n")
    if laid_out:
        lay_out(archive, laid_out)
        step("pages of the report")
        step("nothing to do")
    else:
        first, nothing = step("first run"), step("nothing to do")
        print(f"main process, a job: {1000 * (first.cpu - nothing.cpu) / first.jobs:.1f} ms")
    archive.change("bias_002.fits")
    step("index after a change", "results/index.csv")
    step("dry run, one bias changed", "-n")
    step("one bias changed")
    archive.change("M13_V_001.fits")
    step("one light changed")
    copy_night(archive.raw, archive.lights // LIGHTS)
    step("one night added")
    for rule in ("build_index", "make_plan", "write_report"):
        seconds, peak = archive.last_job(rule)
        print(f"last {rule}: {seconds:.1f} s, {peak} MB")


def measure_real(archive):
    """Print what it takes to reduce an archive, with compiled kernels, and how much a light."""
    before = _children_time()
    first = archive.run()
    cpu = _children_time() - before
    show(archive.lights, "whole run, real jobs", first)
    clock, processor = (1000 * each / archive.lights for each in (first.wall, cpu))
    print(
        f"whole run, a light: {clock:.1f} ms on the clock, {processor:.1f} of processor, jobs too"
    )
    show(archive.lights, "nothing to do", archive.run())


def main(arguments=None):
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lights", type=int, nargs="*", default=[300, 1000, 3000, 10000])
    parser.add_argument(
        "--folder", type=Path, help="kept, and what is simulated used again; else a temporary one"
    )
    parser.add_argument(
        "--laid-out", action="store_true", help="products are put there, no run makes them"
    )
    parser.add_argument("--real", action="store_true", help="every product is really made")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        pipeline = PIPELINE if options.real else with_stand_in(folder)
        print("| lights | what | jobs | s | s of the main process | peak, MB |")
        print("|---|---|---|---|---|---|")
        for lights in options.lights:
            archive = Archive(folder / str(lights), lights, pipeline)
            if options.real:
                measure_real(archive)
                continue
            measure(archive, folder if options.laid_out else None)


if __name__ == "__main__":
    main()
