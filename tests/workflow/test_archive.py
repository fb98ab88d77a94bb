"""An archive of nights, run as a user runs it: which nights each change makes again, and faults."""

import fcntl
import os
import shutil
import signal
import subprocess
import time
from dataclasses import replace

import pytest
from small_archive import NIGHT, Archive, name_of, simulate_night
from small_night import change_pixel

import ccdlib
from ccdlib import state
from ccdlib.archives import status, survey
from ccdlib.products.text_cards import primary_cards

# 8 frames
TINY = replace(
    NIGHT, biases=3, darks=(1, 60.0), flats=NIGHT.flats[:2], lights=(("V", 1, 60.0), ("R", 1, 60.0))
)
FIRST, BORROWER, LAST = (name_of(number) for number in range(3))


def lender_of(archive):
    """The night whose flat a light of the borrower was divided by."""
    light = next(archive.folder.glob(f"nights/{BORROWER}/results/calibrated/*_V_*.fits"))
    (card,) = [card for card in primary_cards(light) if card.startswith("FLATFILE")]
    return next(name for name in (FIRST, BORROWER, LAST) if name in card)


def simulated(folder, nights=3):
    """Nights of which the second has no flats."""
    for number in range(nights):
        simulate_night(folder / "raw", number, TINY, lacking=("flat",) if number == 1 else ())
    return Archive(folder / "work", folder / "raw")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An archive of three nights that was made; not to be changed."""
    archive = simulated(tmp_path_factory.mktemp("archive"))
    archive.first = archive.run()
    return archive


@pytest.fixture
def archive(made, tmp_path):
    """One of one's own; its raw files are others on the disk, with the same content."""
    for name in ("raw", "work"):
        shutil.copytree(made.folder.parent / name, tmp_path / name, symlinks=True)
    return Archive(tmp_path / "work", tmp_path / "raw")


def test_every_night_is_made_and_one_is_lent_what_it_lacks(made):
    assert "3 nights to look at: new" in made.first
    assert "3 of 3 nights made, 0 failed, 6 lights calibrated, 0 refused" in made.first
    found = ccdlib.archive(made.folder)
    assert found.nights.lent.tolist() == [0, 4, 0]
    assert len(found.frames.query("state == 'calibrated'")) == 6
    assert lender_of(made) in (FIRST, LAST)
    page = (made.folder / "archive/index.html").read_text()
    assert "3 nights: 3 good." in page and "Over the years" in page
    # days, although they are few
    assert all(f">{name}</text>" in page for name in (FIRST, BORROWER, LAST))


def test_what_is_left_of_a_night_has_the_keys_that_are_asked_for(made):
    for name in (FIRST, BORROWER, LAST):
        record = state.unsealed(made.folder / f"nights/{name}/night.json")
        assert record.keys() == status.KEYS
        found = state.unsealed(made.folder / f"nights/{name}/survey.json")
        assert found.keys() == survey.KEYS


def test_a_copy_elsewhere_is_looked_at_and_only_what_changed_is_made_again(archive):
    """A bias of the night that lends: the one that is lent its flats is made again, too."""
    before = archive.products()
    # so that no new file can get the inode of an old one
    for number, path in enumerate(before):
        os.link(archive.folder / path, archive.folder.parent / str(number))
    text = archive.run("-n")
    assert "3 nights to look at" in text and "to make" not in text
    lender = lender_of(archive)
    change_pixel(next((archive.raw / lender).glob("bias*")))
    nights, text = archive.made_by()
    assert nights == {lender, BORROWER}, text
    changed = {path for path, inode in archive.products().items() if before[path] != inode}
    assert {path.split("/")[1] for path in changed} == {lender, BORROWER}
    # its own masters stay, but for the bad pixels that flats tell of
    own = {path.split("/")[4] for path in changed if f"nights/{BORROWER}/results/masters" in path}
    assert own == {"bad_pixels"}
    nights, text = archive.made_by()
    assert not nights and "3 nights up to date" in text
    lost = next(archive.folder.glob(f"nights/{LAST}/results/calibrated/*"))
    content = lost.read_bytes()
    lost.unlink()
    nights, text = archive.made_by()
    assert nights == {LAST} and "1 night to make: its products are not as they were left" in text
    assert lost.read_bytes() == content


def test_tables_pages_and_catalogue_that_were_damaged_are_written_again(archive):
    """They were believed while they were there."""
    archive.run()
    right = {path: path.read_bytes() for path in (archive.folder / "archive").glob("*.*")}
    assert len(right) == 4
    for path, content in right.items():
        stat = path.stat()
        path.write_bytes(content[:-9])
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    nights, _ = archive.made_by()
    assert not nights
    assert {path.name for path, content in right.items() if path.read_bytes() != content} <= {
        # its pages are those of a new one
        "catalogue.sqlite"
    }
    assert len(ccdlib.archive(archive.folder).frames.query("state == 'calibrated'")) == 6
    page = archive.folder / f"nights/{LAST}/results/report/index.html"
    page.unlink()
    nights, _ = archive.made_by()
    assert nights == {LAST} and page.exists()
    assert "3 nights up to date" in archive.run()


@pytest.mark.slow
def test_what_a_dry_run_says_and_shares_of_it(archive):
    archive.run()
    given = ("--config", "settings={camera: demo, cosmic_rays: {sigclip: 6}}")
    tasks = archive.tasks()
    text = archive.run("-n", *given)
    assert "3 nights to make: cosmic_rays.sigclip was 4.5, is 6" in text
    # what a run that is at work would give its jobs
    assert archive.tasks() == tasks and len(tasks) == 3
    nights, text = archive.made_by(*given, "share=1/3")
    assert nights == {FIRST} and "of which 1 are asked for" in text
    nights, text = archive.made_by(*given, f"only={LAST}")
    assert nights == {LAST}
    assert "1 night to make: cosmic_rays.sigclip was 4.5, is 6" in archive.run("-n", *given)
    nights, _ = archive.made_by(*given)
    assert nights == {BORROWER}


@pytest.mark.slow
def test_one_night_added_is_made_alone_and_one_removed_leaves_the_table(archive):
    archive.run()
    simulate_night(archive.raw, 20, TINY)
    nights, text = archive.made_by()
    assert nights == {name_of(20)} and "1 night to look at: new" in text
    shutil.rmtree(archive.raw / LAST)
    nights, text = archive.made_by()
    # it lent something, and what is lent instead need not be as near
    assert nights == {BORROWER} and "3 of 3 nights made" in text
    assert ccdlib.archive(archive.folder).nights.night.tolist() == [FIRST, BORROWER, name_of(20)]


@pytest.mark.slow
def test_a_night_that_fails_stops_no_other_and_is_told(archive):
    results = archive.folder / f"nights/{LAST}/results"
    shutil.rmtree(results)
    results.write_text("in the way")
    given = ("--config", "settings={camera: demo, cosmic_rays: {sigclip: 6}}")
    nights, text = archive.made_by(*given, code=1)
    assert nights == {FIRST, BORROWER, LAST}
    assert f"1 of 3 nights failed: {LAST}" in text
    assert f"{LAST}: exit code 1: results is a file, where a folder should be" in text
    assert ccdlib.archive(archive.folder).nights.verdict.tolist() == ["good", "good", "failed"]
    results.unlink()
    text = archive.run("-n", *given)
    assert "1 night to make: it failed" in text
    assert "1 night to make: a master that it is lent was not there" in text
    nights, _ = archive.made_by(*given)
    assert nights == {BORROWER, LAST}


@pytest.mark.slow
def test_a_folder_without_frames_is_told_and_stops_nothing(archive):
    (archive.raw / "logs").mkdir()
    nights, text = archive.made_by()
    assert not nights
    assert "logs: raw_dir: no .fits, .fit or .fts file below" in text
    assert "1 unreadable" in (archive.folder / "archive/index.html").read_text()
    assert "to look at" not in archive.run()


def started(archive):
    """A run in a process group of its own."""
    command, environment = archive.command()
    return subprocess.Popen(
        command,
        cwd=archive.folder,
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.slow
@pytest.mark.parametrize("whole", [True, False], ids=["with its jobs", "alone"])
def test_a_run_that_is_killed_goes_on_and_a_second_one_is_refused(made, tmp_path, whole):
    archive = simulated(tmp_path)
    lock = archive.folder / f"nights/{LAST}/.ccdlib/lock"
    lock.parent.mkdir(parents=True)
    with lock.open("a") as held:
        # as if someone were at work in that night: its job waits, and the run does not end
        fcntl.flock(held, fcntl.LOCK_EX)
        run = started(archive)
        try:
            while run.poll() is None and not archive.runs():
                time.sleep(0.2)
            assert run.poll() is None
            tasks = archive.tasks()
            given = ("--config", "settings={camera: demo, cosmic_rays: {sigclip: 6}}")
            assert "another run is at work in" in archive.run(*given, code=1)
            assert archive.tasks() == tasks
        finally:
            if whole:
                os.killpg(run.pid, signal.SIGKILL)
            run.kill()
            run.wait()
    assert LAST not in archive.runs()
    text = archive.run()
    assert "3 of 3 nights made, 0 failed" in text
    for path in made.products():
        assert (archive.folder / path).read_bytes() == (made.folder / path).read_bytes(), path
