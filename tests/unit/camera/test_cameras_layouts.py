"""Layouts of amplifiers: what is simulated in them comes out of the pipeline as the truth."""

import numpy as np
import pytest
from cameras import ROWS, TWO_BESIDE, assert_true, level_share
from layouts import camera_of, headers, reduce, row_of, settings, take

from ccdlib.config import load_camera
from ccdlib.index.raw_index import index_file
from ccdlib.simulate.layout import Layout, Readout, assembled

TWO_AFTER = Layout(
    shape=(ROWS, 128),
    readouts=(
        Readout("[1:48,1:96]", "[1:48,1:96]", "[97:112,1:96]", gain=1.3, level=900.0),
        Readout("[49:96,1:96]", "[49:96,1:96]", "[113:128,1:96]", gain=1.9, read_noise=8.0),
    ),
    drift=25.0,
)
AMPLIFIERS = {
    "cards, overscan beside": (
        TWO_BESIDE,
        [
            {"data": "DATASEC1", "overscan": "BIASSEC1"},
            {"data": "DATASEC2", "overscan": "BIASSEC2"},
        ],
    ),
    "cards, overscans after all data": (
        TWO_AFTER,
        [
            {"data": "DATASEC1", "overscan": "BIASSEC1"},
            {"data": "DATASEC2", "overscan": "BIASSEC2"},
        ],
    ),
    "given outright, skipped columns": (
        TWO_BESIDE,
        [
            {"data": "[1:48,:]", "overscan": {"after": "data", "skip": 3, "columns": 16}},
            {"data": "[65:112,:]", "overscan": {"after": "data", "skip": 3}},
        ],
    ),
    "shared out after all data": (
        TWO_AFTER,
        [
            {"data": "[1:48]", "overscan": {"after": "all", "skip": 1}},
            {"data": "[49:96]", "overscan": {"after": "all", "skip": 1}},
        ],
    ),
    "corners and spaces": (
        TWO_BESIDE,
        [
            {"data": "[1,1:48,96]", "overscan": {"section": "[ 49: 64, 1: 96]", "skip": 2}},
            {"data": "[65,1:112,96]", "overscan": "[113:,:]"},
        ],
    ),
}


@pytest.mark.parametrize("way", AMPLIFIERS)
def test_two_amplifiers_in_one_image(tmp_path, way):
    layout, amplifiers = AMPLIFIERS[way]
    sections = {}
    for number, each in enumerate(layout.readouts, start=1):
        sections |= {f"DATASEC{number}": each.data, f"BIASSEC{number}": each.overscan}
    take(tmp_path / "raw", layout, lambda kind, number: headers(kind, number, **sections))
    reduced = reduce(tmp_path, layout, camera_of(layout, amplifiers=amplifiers))
    assert reduced.product.images[0].data.shape == (ROWS, 96)
    assert_true(reduced, level_share(layout, 13))


def test_gains_of_amplifiers_leave_no_step_whether_right_or_wrong(tmp_path):
    sections = {}
    for number, each in enumerate(TWO_BESIDE.readouts, start=1):
        sections |= {f"DATASEC{number}": each.data, f"BIASSEC{number}": each.overscan}
    take(tmp_path / "raw", TWO_BESIDE, lambda kind, number: headers(kind, number, **sections))
    camera = camera_of(TWO_BESIDE, amplifiers=AMPLIFIERS["cards, overscan beside"][1])
    camera["detector"]["gain"] = [1.3 * 1.05, 1.9]
    reduced = reduce(tmp_path, TWO_BESIDE, camera)
    image, truth = reduced.product.images[0], reduced.truth[0]
    ratio = image.data / truth
    step = np.median(ratio[:, :48]) / np.median(ratio[:, 48:])
    sigma = np.median(np.sqrt(image.variance) / truth) * np.sqrt(np.pi / (48 * ROWS))
    assert abs(step - 1) < 4 * sigma


def quadrants(hdus, half=48, columns=16, **options):
    """Four amplifiers, one an extension, each read towards its own corner of the detector."""
    full = 2 * half
    places = [
        f"[1:{half},{full}:{half + 1}]",
        f"[1:{half},1:{half}]",
        f"[{full}:{half + 1},1:{half}]",
        f"[{full}:{half + 1},{full}:{half + 1}]",
    ]
    return Layout(
        shape=(half + 2, half + columns + 4),
        readouts=tuple(
            Readout(
                f"[1:{half},1:{half}]", place, f"[{half + 3}:{half + 2 + columns},1:{half}]",
                hdu=hdu, gain=gain, level=level,
            )
            for place, hdu, gain, level in zip(
                places,
                hdus,
                (1.42, 1.23, 1.27, 1.26),
                (2522.0, 2560.0, 2553.0, 2582.0),
                strict=True,
            )
        ),
        **options,
    )  # fmt: skip


def extension_cards(layout, **more):
    return {
        each.hdu: {
            "DATASEC": each.data, "BIASSEC": each.overscan, "DETSEC": each.place, "GAIN": each.gain,
            "RDNOISE": each.read_noise,
        }
        | {name: values[each.hdu] for name, values in more.items()}
        for each in layout.readouts
    }  # fmt: skip


PLACED = [{"data": ["DATASEC"], "overscan": ["BIASSEC"], "place": ["DETSEC"]}]


def mef_camera(**parts):
    camera = load_camera("generic")
    camera["detector"] |= {"gain": ["GAIN"], "read_noise": ["RDNOISE"]}
    return camera | {"amplifiers": PLACED, "assemble": {}} | parts


def test_four_extensions_become_one_image(tmp_path):
    layout = quadrants((1, 2, 3, 4), drift=10.0)

    def cards(kind, number):
        return headers(kind, number, CCDSUM="1 1")

    take(tmp_path / "raw", layout, cards, extension_cards(layout))
    reduced = reduce(tmp_path, layout, mef_camera())
    assert [image.data.shape for image in reduced.product.images] == [(96, 96)]
    assert_true(reduced, level_share(layout, 16))


CROSSTALK = ((0, 0.02, 0, 0), (0.03, 0, 0, 0), (0, 0, 0, 0.01), (0, 0.005, 0.015, 0))


@pytest.mark.parametrize("by", ["table", "cards"])
def test_crosstalk_is_taken_out_of_every_frame(tmp_path, by):
    layout = quadrants((1, 2, 3, 4), crosstalk=CROSSTALK)
    cards = {
        f"CRSTLK{one + 1}{two + 1}": CROSSTALK[one][two]
        for one in range(4)
        for two in range(4)
        if one != two
    }
    take(
        tmp_path / "raw",
        layout,
        lambda kind, number: headers(kind, number, CCDSUM="1 1", **cards),
        extension_cards(layout),
        counts=(("bias", 6), ("light", 1)),
    )
    rule = [list(row) for row in CROSSTALK] if by == "table" else "CRSTLK{from}{onto}"
    config = settings(missing={"flat": "skip"})
    reduced = reduce(tmp_path, layout, mef_camera(crosstalk=rule), config)
    assert_true(reduced, level_share(layout, 16))
    without = reduce(tmp_path, layout, mef_camera(), config)
    assert without.pulls().mean() > 0.3


def test_what_leaked_goes_with_its_photon_noise(tmp_path):
    # one way, and far more than any camera's, so that a third of the signal comes and goes
    shares = ((0, 0.5, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0.5), (0, 0, 0, 0))
    layout = quadrants((1, 2, 3, 4), crosstalk=shares)
    take(
        tmp_path / "raw",
        layout,
        lambda kind, number: headers(kind, number, CCDSUM="1 1"),
        extension_cards(layout),
        counts=(("bias", 6), ("light", 1)),
    )
    camera = mef_camera(crosstalk=[list(row) for row in shares])
    reduced = reduce(tmp_path, layout, camera, settings(missing={"flat": "skip"}))
    # what stays is the source's read noise, a share squared of it: 0.25 * 36 of 936 in half of
    # the pixels, which the uncertainty leaves out
    assert_true(reduced, level_share(layout, 16) + (0.25 * 36 / 936 / 2 / 2 / 4) ** 2)


def mosaic():
    """Eight CCDs in two rows with gaps, two amplifiers each, one an extension."""
    readouts, names, width, height = [], {}, 32, 40
    for ccd in range(8):
        x0 = (ccd % 4) * (2 * width + 6)
        y0 = (ccd // 4) * (height + 9)
        for side in range(2):
            hdu = len(readouts) + 1
            names[hdu] = f"CCD{ccd + 1}"
            low, high = x0 + side * width + 1, x0 + (side + 1) * width
            xs = f"{high}:{low}" if side else f"{low}:{high}"
            readouts.append(
                Readout(
                    f"[3:{width + 2},1:{height}]", f"[{xs},{y0 + 1}:{y0 + height}]",
                    f"[{width + 3}:{width + 18},1:{height}]", hdu=hdu, gain=1.2 + 0.03 * hdu,
                    level=500.0 + 20 * hdu,
                )
            )  # fmt: skip
    return Layout(shape=(height, width + 18), readouts=tuple(readouts)), names


def test_eight_ccds_with_gaps_become_one_image(tmp_path):
    layout, names = mosaic()
    cards = extension_cards(layout, CCDNAME=names)
    take(tmp_path / "raw", layout, lambda *frame: headers(*frame, CCDSUM="1 1"), cards)
    reduced = reduce(tmp_path, layout, mef_camera())
    (image,) = reduced.product.images
    assert image.data.shape == (89, 274)
    gaps = np.isnan(reduced.truth[0])
    assert (image.data[gaps] == 0).all()
    assert (image.dq[gaps] & 1 << 4).all() or (image.dq[gaps] != 0).all()
    assert_true(reduced, level_share(layout, 16))


def test_eight_ccds_become_eight_images_or_one_without_gaps(tmp_path):
    layout, names = mosaic()
    cards = extension_cards(layout, CCDNAME=names)
    take(tmp_path / "raw", layout, lambda *frame: headers(*frame, CCDSUM="1 1"), cards)

    def by_ccd(image):
        whole = assembled(layout, image)
        return [
            whole[row * 49 : row * 49 + 40, column * 70 : column * 70 + 64]
            for row in range(2)
            for column in range(4)
        ]

    eight = reduce(tmp_path, layout, mef_camera(assemble={"by": ["CCDNAME"]}), None, by_ccd)
    assert len(eight.product.images) == 8
    assert_true(eight, level_share(layout, 16))

    def closed(image):
        pieces = by_ccd(image)
        return [np.vstack([np.hstack(pieces[:4]), np.hstack(pieces[4:])])]

    one = reduce(tmp_path, layout, mef_camera(assemble={"gaps": "close"}), None, closed)
    assert one.product.images[0].data.shape == (80, 256)
    assert_true(one, level_share(layout, 16))


WINDOWED = Layout(
    shape=(40, 80),
    readouts=(Readout("[1:64,1:40]", "[41:168,21:100]", "[65:80,1:40]", gain=1.6),),
    binning=(2, 2),
    drift=12.0,
)


def test_a_binned_window_of_a_chip(tmp_path):
    cards = {"CCDSEC": "[41:168,21:100]", "XBINNING": 2, "YBINNING": 2}
    take(tmp_path / "raw", WINDOWED, lambda *frame: headers(*frame, **cards))
    amplifiers = [
        {
            "data": "[1:200,1:300]", "coordinates": "chip", "window": "CCDSEC",
            "overscan": {"after": "data"},
        }
    ]  # fmt: skip
    camera = camera_of(WINDOWED, amplifiers=amplifiers)
    found = row_of(tmp_path / "raw/light0.fits", camera)["amplifiers"]
    # the chip goes on beyond the window, the image with its overscan ends there
    assert found[0]["data"] == "[1:80,1:40]"
    camera["amplifiers"][0]["data"] = "[1:168,1:300]"
    reduced = reduce(tmp_path, WINDOWED, camera)
    assert reduced.product.images[0].data.shape == (40, 64)
    assert_true(reduced, level_share(WINDOWED, 16) * ROWS / 40)


def test_sections_that_count_unbinned_pixels(tmp_path):
    cards = {"XBINNING": 2, "YBINNING": 2, "DATASEC": "[1:128,1:80]", "BIASSEC": "[129:160,1:80]"}
    take(tmp_path / "raw", WINDOWED, lambda *frame: headers(*frame, **cards))
    amplifiers = [{"data": "DATASEC", "overscan": "BIASSEC", "coordinates": "unbinned"}]
    reduced = reduce(tmp_path, WINDOWED, camera_of(WINDOWED, amplifiers=amplifiers))
    assert_true(reduced, level_share(WINDOWED, 16) * ROWS / 40)


def test_a_chip_section_outside_the_window_is_refused(tmp_path):
    cards = {"CCDSEC": "[41:168,21:100]", "XBINNING": 2, "YBINNING": 2}
    take(tmp_path / "raw", WINDOWED, lambda *frame: headers(*frame, **cards), counts=(("bias", 1),))
    amplifiers = [{"data": "[1:40,1:300]", "coordinates": "chip", "window": "CCDSEC"}]
    row = index_file(
        tmp_path / "raw/bias0.fits", "bias0.fits", camera_of(WINDOWED, amplifiers=amplifiers)
    )
    assert row["status"] == "refused"
    assert "section [1:40,1:300] has no pixel in the image of 80 x 40" in row["reason"]


def test_serial_and_parallel_overscan(tmp_path):
    layout = Layout(
        shape=(ROWS + 16, 96 + 16),
        readouts=(
            Readout("[1:96,1:96]", "[1:96,1:96]", "[97:112,1:112]", "[1:96,97:112]", gain=1.6),
        ),
        drift=20.0,
        columns=15.0,
    )
    counts = (("flat", 6), ("light", 1))
    take(tmp_path / "raw", layout, headers, counts=counts)
    amplifiers = [
        {"data": "[1:96,1:96]", "overscan": {"after": "data"}, "parallel": {"above": "data"}}
    ]
    camera = camera_of(layout, amplifiers=amplifiers)
    reduced = reduce(tmp_path, layout, camera)
    assert_true(reduced, 2 * level_share(layout, 16))
    # there is no bias: without the parallel overscan a slope of 15 adu is left
    camera["amplifiers"][0].pop("parallel")
    slope = reduce(tmp_path, layout, camera)
    assert slope.pulls().mean() > 0.3


def test_what_has_no_place_cannot_be_assembled(tmp_path):
    layout = quadrants((1, 2, 3, 4))
    cards = extension_cards(layout)
    cards[3].pop("DETSEC")
    take(tmp_path / "raw", layout, headers, cards, counts=(("bias", 1),))
    row = index_file(tmp_path / "raw/bias0.fits", "bias0.fits", mef_camera())
    assert row["status"] == "refused"
    assert "bias0.fits, HDU 3: nothing says where the amplifier of data" in row["reason"]


def test_an_overscan_that_the_window_cuts_off_is_none(tmp_path):
    """CAFOS: BIASSEC='[0,513:0,1536]' is column 0, outside the chip."""
    cards = {"CCDSEC": "[1:256,1:160]", "XBINNING": 2, "YBINNING": 2, "BIASSEC": "[0,513:0,1536]"}
    take(tmp_path / "raw", WINDOWED, lambda *frame: headers(*frame, **cards), counts=(("bias", 1),))
    amplifier = {"data": "[1:128,1:80]", "coordinates": "chip", "window": "CCDSEC"}
    spec = camera_of(WINDOWED, amplifiers=[amplifier | {"overscan": ["BIASSEC"]}])
    row = index_file(tmp_path / "raw/bias0.fits", "bias0.fits", spec)
    assert row["status"] == "ok", row["reason"]
    assert "overscan" not in row["amplifiers"][0]
    # in pixels of the image the same section is a mistake
    spec["amplifiers"][0] |= {"coordinates": "image", "data": "[1:64,1:40]"}
    row = index_file(tmp_path / "raw/bias0.fits", "bias0.fits", spec)
    assert "section '[0:0,513:1536]' reaches from 0 to 0" in row["reason"]
