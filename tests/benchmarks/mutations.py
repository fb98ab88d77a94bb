"""Remove each term of the noise model once and see the tests fail.

python tests/benchmarks/mutations.py [NAME ...]; a line each, exit code 1 if a mutant survives.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOISE = "tests/unit/frame/test_noise.py"
STEPS = "tests/unit/frame/test_noise_steps.py"
OVERSCAN = "tests/unit/frame/test_overscan.py"
PEDESTAL = "tests/unit/master/test_level_scatter.py"
HITS = "tests/unit/frame/test_cosmic_rays.py"
STACK = "tests/unit/statistics/test_combine.py"
FLAGS = "tests/unit/frame/test_steps.py"
NIGHTS = "tests/workflow/test_pulls.py"
TESTS = [PEDESTAL, OVERSCAN, STEPS, FLAGS, NOISE, NIGHTS, HITS, STACK]

# what is removed: module, text, what takes its place, and the test that is run first
MUTANTS = {
    "digitisation": (
        "frame/noise",
        "DIGITISATION = 1 / 12",
        "DIGITISATION = 0.0",
        f"{NOISE}::test_digitisation_as_coarse_as_the_read_noise",
    ),
    "read noise": (
        "frame/detector_noise",
        "return sigma * sigma + DIGITISATION",
        "return DIGITISATION",
        f"{NIGHTS}::test_regime",
    ),
    "photon noise": (
        "frame/noise",
        "np.asarray(_variance(signal, gain, read_variance), dtype=np.float32)",
        "np.asarray(_variance(0 * signal, gain, read_variance), dtype=np.float32)",
        f"{NOISE}::test_even_light",
    ),
    "estimate that is not the own value": (
        "frame/noise_kernels",
        "out[x] = mean if plain else",
        "out[x] = own if plain else",
        f"{NOISE}::test_even_light",
    ),
    "bound on what chance makes negative": (
        "frame/noise_kernels",
        "lowest = -THREE * np.sqrt(",
        "lowest = ZERO * np.sqrt(",
        f"{NOISE}::test_empty_frames_have_no_signal_on_average",
    ),
    "surfaces near stars": (
        "frame/noise_kernels",
        "< limits.bright / (gain * gain)",
        "< ZERO / (gain * gain)",
        f"{NOISE}::test_well_sampled_stars",
    ),
    "variance of the overscan's level": (
        "frame/readout",
        "np.broadcast_to(part.variance, part.values.shape)",
        "np.broadcast_to(0 * part.variance, part.values.shape)",
        f"{NIGHTS}::test_overscan_methods",
    ),
    "variance of the bias": (
        "frame/steps",
        "variance=image.variance + bias.variance",
        "variance=image.variance",
        f"{STEPS}::test_subtract_bias",
    ),
    "variance of the dark": (
        "frame/steps",
        "variance=(image.variance + added)",
        "variance=(image.variance + 0 * added)",
        f"{STEPS}::test_subtract_dark",
    ),
    "bias that frame and dark share": (
        "frame/subtraction",
        "    if not shared_bias:\n",
        "    if True:\n",
        f"{STEPS}::test_subtract_dark",
    ),
    "photon noise of the dark's charge": (
        "frame/subtraction",
        "return charge * np.float32(scale)",
        "return charge * np.float32(0)",
        f"{STEPS}::test_the_dark_that_is_taken_away_leaves_its_noise",
    ),
    "current in a dark with its pedestal": (
        "master/master_frames",
        "max(np.mean(current), 0)",
        "0 * max(np.mean(current), 0)",
        f"{NIGHTS}::test_darks_that_hold_the_pedestal",
    ),
    "variance of the flat": (
        "frame/steps",
        "np.where(low | missing, np.float32(0), flat.variance)",
        "np.float32(0)",
        f"{STEPS}::test_divide_flat",
    ),
    "gains of unlike amplifiers in the flat": (
        "master/flat_levels",
        "image, gain / mean",
        "image, 1.0",
        f"{NIGHTS}::test_several_amplifiers",
    ),
    "bias and dark in a master's variance": (
        "master/combine_image",
        "quoted + frames.shared_variance(levels, rows)",
        "quoted",
        f"{NIGHTS}::test_regime",
    ),
    "efficiency of the median": (
        "statistics/combine",
        "        return MEDIAN_VARIANCE_RATIO[n - 1]",
        "        return 1.0",
        f"{STACK}::test_median_variance_ratio_is_the_integral",
    ),
    "scatter of a pixel that flickers": (
        "frame/noise",
        "np.where(unstable, scatter, model)",
        "np.where(unstable, model, model)",
        f"{NOISE}::test_master_variance_finds_a_pixel_that_flickers",
    ),
    "sigma of a replaced pixel": (
        "frame/cosmic_rays",
        "replace(image, data=data, variance=variance, dq=flags)",
        "replace(image, data=data, dq=flags)",
        f"{HITS}::test_replaced_pixels_say_so_and_lose_their_sigma",
    ),
    "noise of the frame's own overscan": (
        "frame/detector_noise",
        "[usual + excess for usual, excess in pairs]",
        "[usual for usual, _ in pairs]",
        f"{PEDESTAL}::test_a_noisier_overscan_adds_its_excess",
    ),
    "level that the overscan does not see": (
        "frame/raw_image",
        "+ self.unseen[number] * self.unseen[number]",
        "+ 0 * self.unseen[number]",
        f"{PEDESTAL}::test_a_frame_learns_from_the_biases",
    ),
    "the same in the master bias": (
        "master/level_scatter",
        "each * each / len(frames.raws)",
        "0 * each",
        f"{PEDESTAL}::test_a_masters_variance_holds_the_scatter_of_its_levels",
    ),
    "rows of the overscan that drift together": (
        "frame/overscan",
        "shared = max(shared, ratio)",
        "shared = 1.0",
        f"{OVERSCAN}::test_a_polynomials_sigma_knows_of_rows_that_drift_together",
    ),
    "factor of a clipped stack": (
        "statistics/combine",
        "    return scatter, model\n",
        "    return scatter, 1.0\n",
        f"{STACK}::test_variances_are_true",
    ),
    "flag of a master's unstable pixel": (
        "frame/steps",
        "(master.dq & dq.UNSTABLE) |",
        "np.uint16(0) |",
        f"{FLAGS}::test_a_master_without_a_value_is_said_so",
    ),
}


def first_failure(module, text, other, likely, work):
    """A test that fails with `text` replaced in `work`, a copy of the package, or None."""
    path = work / "scripts/ccdlib" / f"{module}.py"
    source = path.read_text()
    if source.count(text) != 1:
        raise SystemExit(f"{module}.py has {text!r} {source.count(text)} times, not once")
    path.write_text(source.replace(text, other))
    environment = os.environ | {"PYTHONPATH": str(work / "scripts")}
    try:
        for tests in ([likely], TESTS):
            command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
            done = subprocess.run(
                command, cwd=work, env=environment, capture_output=True, text=True
            )
            for line in done.stdout.splitlines():
                if line.startswith("FAILED"):
                    return line.split(" - ")[0].removeprefix("FAILED ")
    finally:
        path.write_text(source)
    return None


def main():
    lived = 0
    print("| removed | test that fails |\n| --- | --- |")
    # one copy for all, or the kernels would be compiled anew for each
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / "work"
        for name in ("scripts", "tests", "workflow", "config"):
            shutil.copytree(ROOT / name, work / name)
        shutil.copy(ROOT / "pyproject.toml", work)
        for name, mutant in MUTANTS.items():
            if len(sys.argv) > 1 and name not in sys.argv[1:]:
                continue
            failed = first_failure(*mutant, work)
            lived += failed is None
            print(f"| {name} | {failed or '**none**'} |", flush=True)
    return min(lived, 1)


if __name__ == "__main__":
    sys.exit(main())
