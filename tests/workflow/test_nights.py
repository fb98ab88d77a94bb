"""An archive of nights: masters of each night, lights that borrow from the nearest one."""

import csv
import shutil
from dataclasses import replace
from datetime import timedelta

from small_night import INDEX, NIGHT, TABLES, Work, change_pixel

from ccdlib.simulate.exposures import simulate_demo

SMALL = replace(
    NIGHT,
    biases=3,
    darks=(3, 60.0),
    vignetting=NIGHT.vignetting[:1],
    lights=(("V", 1, 60.0),),
)


def take_night(raw, day, calibrations=True):
    """Simulate the night of that day of May 2024 into a folder of its own."""
    later = timedelta(days=day - SMALL.calibrations_from.day)
    night = replace(
        SMALL,
        calibrations_from=SMALL.calibrations_from + later,
        lights_from=SMALL.lights_from + later,
    )
    folder = raw / f"night{day}"
    simulate_demo(folder, raw.parent / "truth", seed=day, night=night)
    if not calibrations:
        for path in folder.glob("[bdf]*.fits"):
            path.unlink()


def masters(day):
    """What is made of a night's calibrations."""
    name = f"2024-05-{day}_demo_112x64_1x1"
    dark, flat = f"{name}_60s_-20C", f"{name}_V"
    return {
        f"masters/bias/{name}.fits",
        f"masters/dark/{dark}.fits",
        f"masters/flat/{flat}.fits",
        f"masters/bad_pixels/{dark}.fits",
        f"masters/bad_pixels/{dark}+{flat}.fits",
        f"detector/{name}.json",
    }


def light(day):
    return f"calibrated/night{day}/M13_V_001.fits"


def choices(work, product):
    """{kind: (status, master, reason)} of a product in the plan."""
    with open(work.folder / "results/plan.csv", newline="") as file:
        return {
            row["kind"]: (row["status"], row["master"], row["reason"])
            for row in csv.DictReader(file)
            if row["product"] == f"results/{product}"
        }


def test_nights_have_their_own_masters_and_one_more_touches_no_other(tmp_path):
    work = Work(tmp_path / "work", tmp_path / "raw")
    for day in (10, 13):
        take_night(work.raw, day)
    # the first is nearer to 13 than to 10; the second further than match.max_age from both
    for day in (12, 29):
        take_night(work.raw, day, calibrations=False)

    run = work.run()
    lights = {light(day) for day in (10, 12, 13, 29)}
    assert run.made == TABLES | masters(10) | masters(13) | lights
    assert "flat left out of 1 frame: no flat within 7 days; missing.flat is auto" in run.text
    assert choices(work, light(10))["flat"][1].endswith("2024-05-10_demo_112x64_1x1_V.fits")
    assert choices(work, light(12))["flat"][1].endswith("2024-05-13_demo_112x64_1x1_V.fits")
    assert choices(work, light(29))["flat"][0] == "skipped"

    take_night(work.raw, 16)
    work.run("results/index.csv")
    assert work.planned() == masters(16) | {light(16)}
    assert work.run().made == TABLES - INDEX | masters(16) | {light(16)}

    change_pixel(work.raw / "night10/bias_002.fits")
    assert work.run().made == TABLES | masters(10) | {light(10)}

    # its own calibrations are nearer than those of the night after
    shutil.rmtree(work.raw / "night12")
    take_night(work.raw, 12)
    assert work.run().made == TABLES | masters(12) | {light(12)}
    assert work.run().made == set()
