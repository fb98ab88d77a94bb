"""Simulated nights put through the real reduction, to check its error bars.

The pull of a pixel is (value - truth) / quoted sigma. Where the sigma is right, pulls have mean
0 and standard deviation 1.
"""

import argparse
import tempfile
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ..config import load_camera, load_config, plan_settings
from ..errors import CcdlibError
from ..index.index_tables import INDEX_TABLE, write_layouts
from ..index.raw_index import Cache, build_index
from ..jobs.remake import make_product, needed
from ..plan import plan_tables
from ..plan.night_plan import plan_files
from ..plan.plan_columns import PLAN_TABLE, write_members
from ..products.product_files import Product, read_product
from ..simulate import exposures as simulate

__all__ = [
    "Moments",
    "Night",
    "add_arguments",
    "make_night",
    "measure",
    "moments",
    "reduce_night",
    "reduced",
    "regimes",
    "run",
    "take_night",
]

_FIRST = datetime(2024, 5, 13, 20, 0, 0)


@dataclass(frozen=True)
class Night:
    """A simulated night.

    Attributes
    ----------
    detector : simulate.Detector
    biases, darks, flats, lights : int
        Frames of each kind.
    exptime, dark_exptime : float
        Exposure time of the lights and of the darks, s.
    flat_level : float
        Electrons in a flat; each flat is 10 % brighter than the one before.
    sky : float
        Electrons per pixel of a light.
    stars : ndarray, shape (n, 3), or None
        x, y, electrons in a light.
    fwhm : float
        Pixels.
    flat_darks : bool
        Whether darks of the flats' exposure are taken too.
    config : tuple
        Config keys that differ from the defaults, as pairs.
    camera : tuple
        Keys of the camera's detector section that differ from the headers, as pairs.
    """

    detector: simulate.Detector
    biases: int = 10
    darks: int = 10
    flats: int = 10
    lights: int = 2
    exptime: float = 100.0
    dark_exptime: float = 100.0
    flat_level: float = 30_000.0
    sky: float = 100.0
    stars: np.ndarray | None = None
    fwhm: float = 3.2
    flat_darks: bool = False
    config: tuple[tuple[str, Any], ...] = ()
    camera: tuple[tuple[str, Any], ...] = ()

    @property
    def scene(self) -> simulate.Scene:
        """The light that falls on a light frame, electrons per second."""
        if self.stars is None:
            return simulate.Scene(self.sky / self.exptime, fwhm=self.fwhm)
        stars = np.asarray(self.stars) / np.array([1, 1, self.exptime])
        return simulate.Scene(self.sky / self.exptime, stars, self.fwhm)


_FLAT_EXPTIME = 5.0
# of a gain (electron/adu) and a read noise (electron)
_LARGEST = 1e6


def _frames(night):
    """(name, kind, exposure time, scene) of each frame."""
    for number in range(night.biases):
        yield f"bias{number}", "bias", 0.0, None
    for number in range(night.darks):
        yield f"dark{number}", "dark", night.dark_exptime, None
    for number in range(night.darks if night.flat_darks else 0):
        yield f"flatdark{number}", "dark", _FLAT_EXPTIME, None
    for number in range(night.flats):
        level = night.flat_level * (1 + 0.1 * number)
        yield f"flat{number}", "flat", _FLAT_EXPTIME, simulate.Scene(level / _FLAT_EXPTIME)
    for number in range(night.lights):
        yield f"light{number}", "light", night.exptime, night.scene


def take_night(night: Night, folder: str | Path, seed: int) -> dict[str, simulate.Exposure]:
    """Write the raw frames of a night.

    Parameters
    ----------
    night : Night
    folder : path
    seed : int

    Returns
    -------
    dict
        {name of the frame: simulate.Exposure}.
    """
    filter_name = night.detector.vignetting[0][0] if night.detector.vignetting else None
    exposures = {}
    for number, (name, kind, exptime, scene) in enumerate(_frames(night)):
        lit = filter_name if scene is not None else None
        rng = simulate.generator(seed, number)
        exposure = simulate.expose(night.detector, rng, kind, exptime, filter=lit, scene=scene)
        start = _FIRST + timedelta(seconds=200 * number)
        head = simulate.header(night.detector, kind, exptime, start, filter=lit or "clear")
        simulate.write_raw(Path(folder) / f"{name}.fits", night.detector, exposure, head)
        exposures[name] = exposure
    return exposures


def _camera(night):
    """The demo's camera file with the sections of the night's detector."""
    camera = load_camera("demo")
    amps = night.detector.amplifiers
    camera["detector"] = {
        "gain": [amp.gain for amp in amps],
        "read_noise": [amp.read_noise for amp in amps],
        "saturation": night.detector.saturation,
        "linear_limit": None,
    } | dict(night.camera)
    camera["amplifiers"] = []
    for where in simulate.sections(night.detector):
        overscan = {"overscan": [where["BIASSEC"]]} if where["BIASSEC"] else {}
        camera["amplifiers"].append({"data": [where["DATASEC"]]} | overscan)
    if night.detector.layout == "extensions":
        camera["amplifiers"] = [{"data": ["DATASEC"], "overscan": ["BIASSEC"]}]
        camera["detector"] |= {"gain": ["GAIN"], "read_noise": ["RDNOISE"]} | dict(night.camera)
    return camera


def _make_plan(raw_dir, work, camera, config, corrections=None):
    index, amplifiers, plan, members = (
        work / f"{name}.csv" for name in ("index", "amplifiers", "plan", "members")
    )
    found, layouts = build_index(raw_dir, camera, cache=Cache(work / "index.json", ""))
    write_layouts(layouts, amplifiers)
    INDEX_TABLE.write(found, index)
    planned = plan_files(index, amplifiers, corrections, plan_settings(config, camera))
    PLAN_TABLE.write(planned[0], plan)
    write_members(planned[1], members)
    return plan_tables.read_plan(plan, members, amplifiers)


def reduce_night(
    raw_dir: str | Path, work: str | Path, camera: dict, config: dict
) -> dict[str, Path]:
    """Reduce a folder of raw frames in this process, with the rules' own functions.

    Parameters
    ----------
    raw_dir, work : path
    camera, config : dict
        Validated.

    Returns
    -------
    dict
        {product: its path}.

    Raises
    ------
    CcdlibError
        If the plan refuses anything.
    """
    plan, products = make_night(raw_dir, work, camera, config)
    if plan.refused:
        raise CcdlibError(next(iter(plan.refused.values())))
    return products


def make_night(
    raw_dir: str | Path,
    work: str | Path,
    camera: dict,
    config: dict,
    corrections: str | Path | None = None,
) -> tuple[plan_tables.Plan, dict[str, Path]]:
    """Make what the plan of a folder can make, in this process.

    Parameters
    ----------
    raw_dir, work : path
    camera, config : dict
        Validated.
    corrections : path or None
        A table of corrections.

    Returns
    -------
    plan : Plan
    products : dict
        {product: its path}.
    """
    work = Path(work)
    plan = _make_plan(raw_dir, work, camera, config, corrections)
    targets = needed(plan.targets(config["products"]["keep"]), plan)
    for product in targets:
        make_product(product, plan, raw_dir, work, config)
    return plan, {product: work / product for product in targets if product.endswith(".fits")}


def _assembled(product, plane, detector):
    """One plane of a product over the whole detector, amplifiers side by side."""
    return np.hstack([getattr(image, plane) for image in product.images])


def _truth(product, path, night, exposures):
    """The true values of a product, in its unit."""
    detector = night.detector
    name, kind = Path(path).stem, Path(path).parts[-2]
    if kind == "calibrated":
        return exposures[name].truth.astype(float)
    if kind == "flat":
        return simulate.flat_field(detector, *(name for name, _ in detector.vignetting[:1]))
    gain = np.empty(detector.shape)
    pedestal = np.empty(detector.shape)
    for amp in detector.amplifiers:
        gain[:, amp.x0 : amp.x1] = amp.gain
        pedestal[:, amp.x0 : amp.x1] = 0 if amp.overscan else amp.bias_level
    pedestal += simulate.bias_structure(detector)
    if kind == "bias":
        return pedestal
    dark = simulate.dark_rate(detector) * product.header["EXPTIME"] / gain
    return dark if product.header.get("BIASSHA") else dark + pedestal


@dataclass(frozen=True)
class Moments:
    """Mean and standard deviation of pulls with their errors.

    Attributes
    ----------
    mean, mean_error, std, std_error : float
    beyond : int
        Pulls beyond 5.
    number : int
        Pulls.
    """

    mean: float
    mean_error: float
    std: float
    std_error: float
    beyond: int
    number: int


def moments(samples: Sequence[np.ndarray]) -> Moments:
    """Moments of several sets of pulls.

    From four sets on the errors come from the scatter of the sets, because pulls of one set may
    share an error (the level of the overscan, the normalisation of the flat). They are never
    smaller than for as many independent normal pulls.

    Parameters
    ----------
    samples : list of ndarray
    """
    number = sum(sample.size for sample in samples)
    means = np.array([sample.mean() for sample in samples])
    stds = np.array([sample.std() for sample in samples])
    sets = len(samples)
    spread = [values.std(ddof=1) / sets**0.5 if sets > 3 else 0.0 for values in (means, stds)]
    return Moments(
        float(means.mean()),
        max(spread[0], number**-0.5),
        float(stds.mean()),
        max(spread[1], (2 * number) ** -0.5),
        int(sum((np.abs(sample) > 5).sum() for sample in samples)),
        number,
    )


def _pulls(path, night, exposures):
    product = read_product(path)
    good = _assembled(product, "dq", night.detector) == 0
    data = _assembled(product, "data", night.detector)
    sigma = np.sqrt(_assembled(product, "variance", night.detector))
    truth = _truth(product, path, night, exposures)
    if Path(path).parts[-2] == "flat":
        # a flat is normalised by its own median, whose error all pixels share
        truth = truth * np.mean((data / truth)[good])
    pull = (data - truth) / sigma
    if Path(path).parts[-2] == "calibrated":
        hit = exposures[Path(path).stem]
        good &= ~(hit.cosmic_ray | hit.saturated | hit.bleed)
    return pull[good]


def _settings(night):
    config = {"raw_dir": "raw", "camera": "demo", "cosmic_rays": {"method": "none"}}
    return load_config(config | dict(night.config))


@contextmanager
def _reduced(night, seed):
    """{product: path} of a night and its exposures, in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="ccdlib-selftest-") as folder:
        raw_dir, work = Path(folder) / "raw", Path(folder) / "work"
        exposures = take_night(night, raw_dir, seed)
        yield reduce_night(raw_dir, work, _camera(night), _settings(night)), exposures


def reduced(night: Night, seed: int) -> list[tuple[Product, simulate.Exposure]]:
    """Simulate and reduce a night once.

    Returns
    -------
    list of (Product, simulate.Exposure)
        Its lights.
    """
    with _reduced(night, seed) as (products, exposures):
        lights = [path for path in products.values() if path.parts[-2] == "calibrated"]
        return [(read_product(path), exposures[path.stem]) for path in lights]


def measure(night: Night, nights: int = 3, seed: int = 1) -> dict[str, Moments]:
    """Simulate and reduce a night several times.

    Parameters
    ----------
    night : Night
    nights : int
    seed : int
        Seed of the first night.

    Returns
    -------
    dict
        {bias, dark, flat or calibrated: Moments} of each kind of product that is made.
    """
    samples: dict[str, dict[int, list[np.ndarray]]] = {}
    for number in range(nights):
        with _reduced(night, seed + number) as (products, exposures):
            for path in products.values():
                kind = path.parts[-2]
                if kind not in ("bad_pixels", "detector"):
                    own = samples.setdefault(kind, {}).setdefault(number, [])
                    own.append(_pulls(path, night, exposures))
    return {
        kind: moments([np.concatenate(each) for each in by_night.values()])
        for kind, by_night in samples.items()
    }


def regimes(night: Night) -> dict[str, Night]:
    """The same night with each source of noise dominant in turn.

    Parameters
    ----------
    night : Night

    Returns
    -------
    dict
        {name: Night}
    """
    noise = max(amp.read_noise for amp in night.detector.amplifiers) ** 2
    amp = night.detector.amplifiers[0]
    well = (night.detector.saturation - amp.bias_level) * amp.gain

    def of(sky, charge, **changes):
        detector = replace(night.detector, dark_current=charge / night.exptime)
        return replace(night, detector=detector, sky=sky, **changes)

    return {
        "bias-limited": of(0.0, 0.0),
        "dark-limited": of(0.0, 10 * noise),
        "dark scaled by 2": of(0.0, 10 * noise, dark_exptime=night.exptime / 2),
        "sky-limited": of(10 * noise, 0.05 * noise),
        "bright": of(0.4 * well, 0.05 * noise),
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ccdlib selftest``."""
    number: dict[str, Any] = {"type": float, "metavar": "X"}
    parser.add_argument("--camera", help="camera file: gain, read noise, amplifiers, overscan")
    parser.add_argument("--gain", **number, help="electrons per adu")
    parser.add_argument("--read-noise", **number, help="electrons")
    parser.add_argument("--bias-level", **number, default=1000.0, help="adu (default 1000)")
    parser.add_argument(
        "--amplifiers", type=int, help="default: as many as in the camera file, else one"
    )
    parser.add_argument("--overscan", type=int, default=32, help="columns (default 32)")
    parser.add_argument("--frames", type=int, default=10, help="of each master (default 10)")
    parser.add_argument("--method", default="mean", help="how masters are combined: mean, median")
    parser.add_argument("--size", type=int, default=200, help="rows and columns (default 200)")
    parser.add_argument("--nights", type=int, default=3, help="simulated a regime (default 3)")
    parser.add_argument("--seed", type=int, default=1)


def _given(arguments, fact, count):
    """A number for each amplifier, from the command line, else from the camera file."""
    value = getattr(arguments, fact)
    option = f"--{fact.replace('_', '-')}"
    if value is None and arguments.camera is None:
        raise CcdlibError(f"give {option}, or --camera with a camera file that has it")
    if value is None:
        value = load_camera(arguments.camera)["detector"][fact]
    values = value if isinstance(value, list) and len(value) == count else [value] * count
    for each in values:
        if not isinstance(each, (int, float)):
            raise CcdlibError(
                f"camera {arguments.camera} has no number for its {fact} ({value!r}): give {option}"
            )
        if not each > 0:
            raise CcdlibError(f"{option} is {each:g}, not positive")
        if each > _LARGEST:
            raise CcdlibError(f"{option} is {each:g}, no detector has more than {_LARGEST:g}")
    return [float(each) for each in values]


def _readout(arguments):
    """The number of amplifiers, overscan columns of each, and the layout of the file."""
    camera = load_camera(arguments.camera) if arguments.camera else {}
    specs = camera.get("amplifiers") or [{}]
    count = arguments.amplifiers or len(specs)
    if not 1 <= count <= arguments.size // 8:
        raise CcdlibError(f"--amplifiers is {count}, not from 1 to {arguments.size // 8}")
    none = arguments.camera and all(spec.get("overscan") is None for spec in specs)
    apart = count > len(specs) or any(spec.get("extension") is not None for spec in specs)
    return count, 0 if none else arguments.overscan, "extensions" if apart else "single"


def _check(arguments):
    for option, least, most in (
        ("--nights", 1, None),
        ("--frames", 1, None),
        ("--overscan", 0, None),
        ("--bias-level", 0, simulate.ADC_MAX / 2),
    ):
        value = getattr(arguments, option.strip("-").replace("-", "_"))
        if value < least or (most is not None and value > most):
            limits = f"at least {least}" if most is None else f"from {least} to {most:g}"
            raise CcdlibError(f"{option} is {value:g}, not {limits}")


def _night(arguments):
    _check(arguments)
    count, overscan, layout = _readout(arguments)
    gains, noises = (_given(arguments, fact, count) for fact in ("gain", "read_noise"))
    edges = np.linspace(0, arguments.size, count + 1).astype(int).tolist()
    amps = tuple(
        simulate.Amplifier(*place, gain, noise, arguments.bias_level, overscan)
        for place, gain, noise in zip(pairwise(edges), gains, noises, strict=True)
    )
    well = simulate.ADC_MAX * min(gains)
    detector = simulate.Detector(
        (arguments.size, arguments.size),
        amps,
        layout=layout,
        bias_columns=1.5,
        pixel_response=0.01,
        full_well=well,
    )
    frames = arguments.frames
    level = 0.3 * (detector.saturation - arguments.bias_level) * min(gains)
    config = (("combine", {"method": arguments.method}),)
    # each flat is brighter than the one before by a tenth of the first, up to twice the first
    return Night(detector, frames, frames, min(frames, 10), flat_level=level, config=config)


def run(arguments: argparse.Namespace) -> int:
    """Simulate and reduce nights and print the table of pulls.

    Returns
    -------
    int
        0 when every standard deviation is 1 within 2 % and its Monte-Carlo error.
    """
    nights = regimes(_night(arguments))
    print("pull = (value - truth) / quoted sigma; mean 0 and deviation 1 are right\n")
    print(f"{'regime':18}{'product':12}{'mean':>17}{'deviation':>18}{'beyond 5':>12}{'pixels':>9}")
    wrong = 0
    for name, night in nights.items():
        for kind, found in measure(night, arguments.nights, arguments.seed).items():
            off = abs(found.std - 1) > 0.02 + 3 * found.std_error
            wrong += off
            product = "light" if kind == "calibrated" else f"master {kind}"
            print(
                f"{name:18}{product:12}{found.mean:+9.4f} ± {found.mean_error:.4f}"
                f"{found.std:10.4f} ± {found.std_error:.4f}{found.beyond:12}{found.number:9}"
                + ("  wrong" if off else "")
            )
    print(f"\n{wrong} wrong" if wrong else "\nevery quoted sigma is right within 2 %")
    return min(wrong, 1)
