"""Nights of simulated raw files in a given layout, reduced with the pipeline's functions."""

import functools
from dataclasses import dataclass

import numpy as np

from ccdlib.commands.selftest import reduce_night
from ccdlib.config import load_camera, load_config
from ccdlib.index.raw_index import index_file
from ccdlib.products.product_files import read_product
from ccdlib.simulate.exposures import generator
from ccdlib.simulate.layout import assembled, read_out, write_layout

SKY, FLAT = 900.0, 20_000.0


@dataclass
class Reduced:
    """A product with its truth.

    Attributes
    ----------
    product : Product
    truth : list of ndarray
        Of each image; NaN in gaps.
    """

    product: object
    truth: list

    def pulls(self):
        """(value - truth) / sigma of all good pixels."""
        found = []
        for image, truth in zip(self.product.images, self.truth, strict=True):
            good = (image.dq == 0) & np.isfinite(truth)
            assert good.mean() > 0.9 * np.isfinite(truth).mean()
            found.append((image.data[good] - truth[good]) / np.sqrt(image.variance[good]))
        return np.concatenate(found)


def detector_shape(layout):
    places = layout.places
    return (
        max(place.y1 for place in places) - min(place.y0 for place in places),
        max(place.x1 for place in places) - min(place.x0 for place in places),
    )


# a detector of 4096 x 4096 takes a second, and each frame asks
@functools.lru_cache(maxsize=1)
def scene(layout):
    """Expected electrons of a light in each unbinned pixel: a sloping sky and a broad source."""
    ny, nx = detector_shape(layout)
    y, x = np.mgrid[:ny, :nx] / max(ny, nx)
    source = 3000 * np.exp(-((x - 0.4) ** 2 + (y - 0.3) ** 2) / 0.01)
    electrons = (SKY * (1 + 0.3 * x - 0.2 * y) + source) / np.prod(layout.binning)
    electrons.flags.writeable = False
    return electrons


@functools.lru_cache(maxsize=1)
def response(layout, seed=77):
    """Response of each unbinned pixel: vignetting and a spread of 1 %."""
    ny, nx = detector_shape(layout)
    y, x = np.mgrid[:ny, :nx]
    radius2 = ((y / ny - 0.5) ** 2 + (x / nx - 0.5) ** 2) / 0.5
    share = (1 - 0.2 * radius2) * generator(seed).normal(1, 0.01, (ny, nx))
    share.flags.writeable = False
    return share


def take(
    folder,
    layout,
    cards,
    extensions=None,
    counts=(("bias", 6), ("flat", 6), ("light", 1)),
    current=0.0,
):
    """Write raw frames; `cards` gives the primary header of (kind, number).

    `current` is that of the dark in every frame, electrons per second and unbinned pixel.
    """
    lamp = FLAT / np.prod(layout.binning)
    for first, (kind, number) in enumerate(counts):
        for each in range(number):
            light = {
                "bias": np.zeros(detector_shape(layout)),
                "dark": np.full(detector_shape(layout), 0.0 if current else 40.0),
                "flat": response(layout) * lamp * (1 + 0.05 * each),
                "light": scene(layout) * response(layout),
            }[kind]
            header = cards(kind, each)
            light = light + current * header.get("EXPTIME", 0.0)
            images = read_out(layout, light, generator(5, first, each))
            write_layout(folder / f"{kind}{each}.fits", images, header, extensions)


def headers(kind, number, **more):
    """Cards that the generic camera reads."""
    minute = 10 * {"bias": 0, "dark": 1, "flat": 2, "light": 3}[kind] + number
    lit = {"FILTER": "V"} if kind in ("flat", "light") else {}
    return {
        "IMAGETYP": kind,
        "EXPTIME": {"bias": 0.0, "dark": 60.0, "flat": 5.0, "light": 60.0}[kind],
        "DATE-OBS": f"2024-05-13T03:{minute:02d}:00",
        "INSTRUME": "simulated",
        **lit,
        **more,
    }


def settings(**parts):
    return load_config(
        {"raw_dir": "raw", "camera": "generic", "cosmic_rays": {"method": "none"}} | parts
    )


def camera_of(layout, **parts):
    """The generic camera with the layout's gains and noises and amplifiers of its own."""
    camera = load_camera("generic")
    camera["detector"] = {
        "gain": [each.gain for each in layout.readouts],
        "read_noise": [each.read_noise for each in layout.readouts],
        "saturation": 65535,
        "linear_limit": None,
    }
    return camera | parts


def reduce(folder, layout, camera, config=None, image_truth=None):
    """Reduce the frames in folder/raw; the light with its truth, in adu if the product is."""
    work = folder / f"work{len(list(folder.glob('work*')))}"
    made = reduce_night(folder / "raw", work, camera, config or settings())
    path = next(path for name, path in made.items() if name.startswith("results/calibrated/"))
    flats = any("/flat/" in name for name in made)
    # a light without a flat keeps the response; with one it is divided by it over its median
    light = scene(layout) * response(layout)
    product = read_product(path)
    scale = 1.0 if product.images[0].unit == "electron" else 1 / layout.readouts[0].gain
    truth = image_truth or (lambda image: [assembled(layout, image)])
    if not flats:
        return Reduced(product, [each * scale for each in truth(light)])
    binned = [each for each in truth(response(layout))]
    median = np.nanmedian(np.concatenate([each.ravel() for each in binned]))
    expected = [one / two * median * scale for one, two in zip(truth(light), binned, strict=True)]
    return Reduced(product, expected)


def row_of(path, camera):
    """The row of the index of one file, which must be typed."""
    row = index_file(path, path.name, camera)
    assert row["status"] == "ok", row["reason"]
    return row
