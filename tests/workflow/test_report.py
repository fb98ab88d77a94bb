"""The night's report: what it says, and that a real browser shows it."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import browser as chromium
import numpy as np
import pytest
from astropy.io import fits
from small_night import NIGHT, copied

from ccdlib.simulate.exposures import DEMO, simulate_demo

_PIPELINE = Path(__file__).parents[2]
_REAL = _PIPELINE.parent / "shared/data/lick_nickel"
_NIGHT = replace(
    DEMO,
    shape=(96, 112),
    stars=20,
    biases=5,
    darks=(4, 120.0),
    flats=DEMO.flats[:4],
    lights=(("V", 3, 120.0), ("R", 1, 60.0)),
)
needs_browser = pytest.mark.skipif(chromium.MISSING is not None, reason=str(chromium.MISSING))


def _reduce(folder, raw_dir, camera, code=0, more=()):
    """Run the pipeline in a folder and return the report's path."""
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        _PIPELINE / "Snakefile",
        "--cores",
        "2",
        "--directory",
        folder,
        "--config",
        f"raw_dir={raw_dir}",
        f"camera={camera}",
        *more,
    ]
    done = subprocess.run(
        list(map(str, command)),
        env=os.environ | {"PYTHONPATH": str(_PIPELINE / "scripts")},
        text=True,
        capture_output=True,
        timeout=900,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return folder / "results/report/index.html"


def _change(path, change):
    """Rewrite the pixels of a raw frame."""
    with fits.open(path) as hdus:
        header, data = hdus[0].header, hdus[0].data.astype(np.int32)
    fits.writeto(path, change(data).clip(0, 65535).astype(np.uint16), header, overwrite=True)


def _leak(data):
    return data + np.linspace(0, 400, len(data)).astype(np.int32)[:, None] * (
        np.arange(data.shape[1]) < _NIGHT.shape[1]
    )


@pytest.fixture(scope="module")
def good(reduced, tmp_path_factory):
    """Report of a night with nothing wrong."""
    return copied(reduced, tmp_path_factory.mktemp("good")).folder / "results/report/index.html"


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    """Report of a night with a leaking bias, saturated flats in R and a truncated light."""
    folder = tmp_path_factory.mktemp("bad")
    raw = folder / "raw"
    simulate_demo(raw, folder / "truth", night=_NIGHT)
    _change(raw / "bias_003.fits", _leak)
    for number in range(1, 5):
        _change(raw / f"flat_R_{number:03d}.fits", lambda data: data * 0 + 65535)
    light = raw / "M13_V_002.fits"
    light.write_bytes(light.read_bytes()[:5000])
    return _reduce(folder / "work", raw, "demo", code=1)


@pytest.fixture(scope="module")
def window():
    if chromium.MISSING:
        pytest.skip(chromium.MISSING)
    with chromium.open_browser() as opened:
        yield opened


def test_a_good_night_says_so(good):
    text = good.read_text()
    assert "3 lights calibrated: nothing refused, nothing failed, no frame stands out." in text


def test_a_night_with_faults_is_reported_although_jobs_failed(bad):
    text = bad.read_text()
    assert (
        "2 lights calibrated, 1 refused, 3 not made because a job failed, 1 frame to look" in text
    )
    assert "M13_V_002.fits" in text
    assert "Copy the file again" in text
    assert "of the flat&#x27;s pixels are saturated" in text
    assert "bias_003.fits" in text and "a light leak or interference?" in text


def test_a_night_of_which_everything_is_refused_has_a_report(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/a.fits").write_bytes(b"not a FITS file at all")
    text = _reduce(tmp_path / "work", tmp_path / "raw", "demo").read_text()
    assert "0 lights calibrated, 1 refused." in text
    assert "Move it out of the raw folder." in text


def test_a_night_that_could_not_be_planned_has_a_report(tmp_path):
    simulate_demo(tmp_path / "raw", tmp_path / "truth", night=_NIGHT)
    (tmp_path / "fixes.csv").write_text("file,use\nnone.fits,false\n")
    fixes = f"corrections={tmp_path / 'fixes.csv'}"
    text = _reduce(tmp_path / "work", tmp_path / "raw", "demo", code=1, more=[fixes]).read_text()
    assert "1 not made because a job failed" in text
    assert "line 2: file=&#x27;none.fits&#x27; is not in the index" in text


def _written(path):
    """What is another after a file was written anew, even where it got the inode of the old one."""
    stat = path.stat()
    return stat.st_ino, stat.st_mtime_ns


def test_one_changed_light_recomputes_one_record(good, tmp_path):
    work = tmp_path / "night"
    shutil.copytree(good.parents[3], work, symlinks=True)
    report = _reduce(work / "work", work / "raw", "demo")
    folders = [work / "work/results/qa" / name for name in ("calibrated", "masters")]
    records = [path for folder in folders for path in folder.rglob("*.json")]
    before = {path: _written(path) for path in records}
    _change(work / "raw/M13_V_001.fits", lambda data: data + (data > 2000))
    assert _reduce(work / "work", work / "raw", "demo") == report
    changed = [path.name for path in records if _written(path) != before[path]]
    assert changed == ["M13_V_001.json"]


@pytest.fixture(scope="module")
def two_nights(tmp_path_factory):
    """Report of two small nights in one raw folder."""
    folder = tmp_path_factory.mktemp("two")
    for days, seed in enumerate((1, 2)):
        begins = {
            name: getattr(NIGHT, name) + timedelta(days=days)
            for name in ("calibrations_from", "lights_from")
        }
        raw, truth = folder / "raw" / str(days), folder / "truth" / str(days)
        simulate_demo(raw, truth, seed=seed, night=replace(NIGHT, **begins))
    return _reduce(folder / "work", folder / "raw", "demo")


def test_several_nights_have_a_page_each_and_a_list(two_nights):
    text = two_nights.read_text()
    assert "2 nights, none with something to look at." in text
    for night in ("2024-05-13", "2024-05-14"):
        assert f'<a href="{night}.html">' in text
        page = two_nights.with_name(f"{night}.html").read_text()
        assert f"<h1>CCD reduction {night}</h1>" in page
        assert "3 lights calibrated: nothing refused" in page


def test_a_changed_frame_makes_the_page_of_its_night_again_and_no_other(two_nights):
    pages = [two_nights.with_name(f"2024-05-{day}.html") for day in (13, 14)]
    before = [page.read_bytes() for page in pages]
    untouched = _written(pages[0])
    light = two_nights.parents[3] / "raw/1/M13_V_001.fits"
    _change(light, lambda data: data + 500 * (np.arange(data.shape[1]) < 40))
    _reduce(two_nights.parents[2], two_nights.parents[3] / "raw", "demo")
    assert _written(pages[0]) == untouched
    assert pages[1].read_bytes() != before[1]


def test_the_page_of_a_failed_run_is_made_again_though_no_product_is(bad, tmp_path):
    work = tmp_path / "night"
    shutil.copytree(bad.parents[3], work, symlinks=True)
    rows = [f"flat_R_{number:03d}.fits,false" for number in range(1, 5)]
    (work / "fixes.csv").write_text("\n".join(["file,use", *rows]) + "\n")
    more = [f"corrections={work / 'fixes.csv'}"]
    text = _reduce(work / "work", work / "raw", "demo", more=more).read_text()
    assert "2 lights calibrated, 2 refused, 1 frame to look at." in text


def _check(window, page):
    """Opened as a person would: no error, no request, every picture there."""
    window.open(page)
    asked = window.requests()
    assert asked == [page.resolve().as_uri()]
    assert window.console() == []
    broken = window.run(
        "for (const i of document.images) i.loading = 'eager';"
        "return Promise.all([...document.images].map(i => i.decode().then(() => 0, () => i.alt)))"
        ".then(all => all.filter(each => each !== 0))"
    )
    assert broken == []


def _fits(window):
    return window.run("return document.documentElement.scrollWidth <= innerWidth")


@needs_browser
@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_shows_without_error_or_request(window, good, bad, width, dark):
    for page in (good, bad):
        window.size(width, dark=dark)
        _check(window, page)
        assert _fits(window)
        window.screenshot(page.with_name(f"{width}.png"))


@needs_browser
def test_the_table_of_frames_sorts_and_filters(window, good):
    window.size(1400)
    window.open(good)
    names = (
        "return [...document.querySelectorAll('#lights tbody tr')].filter(r => !r.hidden)"
        ".map(r => r.cells[0].textContent)"
    )
    in_time = window.run(names)
    head = "document.querySelectorAll('#lights thead th')[{}].click();"
    assert window.run(head.format(0) + names) == sorted(in_time)
    assert window.run(head.format(0) + names) == sorted(in_time, reverse=True)
    rows = "return [...document.querySelectorAll('#lights tbody tr')]"
    sky = f"{rows}.map(r => +r.cells[5].innerText)"
    assert window.run(head.format(5) + sky) == sorted(window.run(sky))
    field = "const f = document.querySelector('#lights .filter'); f.value = 'm13_r';"
    assert window.run(field + "f.dispatchEvent(new Event('input'));" + names) == ["M13_R_001"]


@needs_browser
def test_flags_can_be_hidden(window, good):
    window.open(good)
    shown = "return getComputedStyle(document.querySelector('.flags')).display"
    assert window.run(shown) == "block"
    assert window.run(f"document.querySelector('#flags').click(); {shown}") == "none"


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize("camera", ["demo", "lick_nickel"])
def test_the_demo_and_a_real_night_show(window, tmp_path, camera):
    if camera != "demo" and not _REAL.is_dir():
        pytest.skip(f"needs raw frames in {_REAL}")
    page = _reduce(tmp_path, "demo/raw" if camera == "demo" else _REAL, camera)
    for width in (390, 1400):
        window.size(width)
        _check(window, page)
        assert _fits(window)
    assert page.stat().st_size < 2e6
