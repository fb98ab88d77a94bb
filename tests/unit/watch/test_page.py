"""The live page says what is known, and nothing on it can run."""

import re
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import browser
import pytest

from ccdlib.watch.alarms import Alarms
from ccdlib.watch.night_so_far import Bias, Frame, NightSoFar
from ccdlib.watch.page import PAGE, State, live_page, write_page

BEGAN = datetime(2024, 5, 14, 1, 0)
EVIL = '"><script>document.title="ran"</script><img src=x onerror="document.title=\'ran\'">\x1b[31m'


def light(number, **changed):
    facts = {
        "product": f"results/calibrated/l{number}.fits",
        "name": f"l{number}",
        "kind": "light",
        "object": "M13",
        "filter": "V",
        "date_obs": BEGAN + timedelta(minutes=number),
        "exptime": 60.0,
        "unit": "electron",
        "background": 240.0 + number,
        "noise": 16.0,
        "fwhm": 3.1 + 0.01 * number,
        "elongation": 1.1,
        "stars": {"count": 80, "measured": 60, "brightest": []},
        "saturated": 0.0001,
        "pull": 1.01,
        "transparency": 0.97,
    }
    return Frame(**facts | changed)


@pytest.fixture
def night():
    found = NightSoFar(["light"])
    found.frames = {each.product: each for each in map(light, range(12))}
    found.biases = [Bias(f"b{number}.fits", BEGAN, 1000.0, 4.1) for number in range(3)]
    return found


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def tags(text):
    parser = Tags()
    parser.feed(text)
    return parser.found


NOW = datetime(2024, 5, 14, 3, 0, 7)


def test_what_is_known_is_on_it(night):
    night.refused = [("flat_1.fits", "no bias fits")]
    text = live_page(night, State("calibrating", 3671.0, ["disk full"], {"x.fits": "cut"}), NOW)
    for words in (
        *("1:01:11 since the last frame", "calibrating", "12 calibrated", "03:00:07 UT", "l11"),
        *("FWHM [pixel]", "3.21", "97%", "0.010%", "transparency", "long / wide"),
        *("sky [electron/s]", "noise [electron]"),
        *("level of biases [adu]", "noise of biases [adu]", "refused: 1", "no bias fits"),
        *("disk full", "x.fits: cut"),
    ):
        assert words in text, words
    assert len(re.findall('<svg class="plot"', text)) == 7


def test_before_the_first_frame():
    text = live_page(NightSoFar(["light"]), State("waiting for frames", None), NOW)
    assert "no frame yet" in text
    assert "<svg" not in text


def hostile(night):
    night.frames = {"p": light(1, name=EVIL, object=EVIL, filter=EVIL, kind=EVIL, odd=[EVIL])}
    night.frames["q"] = light(2, filter=EVIL, name=EVIL, odd=[EVIL])
    night.biases = [Bias(EVIL, BEGAN, 1000.0, 4.1)]
    night.refused = [(EVIL, EVIL)]
    return live_page(night, State(EVIL, 3.0, [EVIL], {EVIL: EVIL}), NOW)


def test_no_text_becomes_markup(night):
    text, plain = hostile(night), live_page(night, State("", 1.0), NOW)
    found = tags(text)
    assert {tag for tag, _ in found} <= {tag for tag, _ in tags(plain)} | {"li", "ul"}
    assert not [tag for tag, _ in found if tag in ("script", "iframe", "object", "base", "form")]
    assert not [name for _, own in found for name in own if name.startswith("on")]
    assert "\x1b" not in text
    policy = [own["content"] for _, own in found if own.get("http-equiv", "").startswith("Content")]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


@pytest.mark.skipif(browser.MISSING is not None, reason=str(browser.MISSING))
def test_a_phone_shows_it_and_runs_nothing(night, tmp_path):
    path = tmp_path / "live.html"
    path.write_text(hostile(night))
    with browser.open_browser() as page:
        page.size(390, 844)
        page.open(path)
        assert page.run("return document.title") == "the night so far"
        wide = page.run("return [document.documentElement.scrollWidth, innerWidth]")
        assert wide[0] <= wide[1]
        colour = page.run("return getComputedStyle(document.body).backgroundColor")
        assert colour == "rgb(0, 0, 0)"
        shown = page.run(
            "return [...document.querySelectorAll('body, body *')]"
            ".map(each => getComputedStyle(each).color)"
        )
        reds = [tuple(map(int, re.findall(r"\d+", each)[:3])) for each in set(shown)]
        # no light that spoils eyes that are used to the dark
        assert all(red >= 2 * max(green, blue) for red, green, blue in reds if red > 20)


def test_it_is_written_whole_into_the_folder_of_the_report(night, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_page(night, State("waiting for frames", 1.0), NOW)
    assert Path(PAGE).read_text().endswith("</html>\n")
    assert [each.name for each in Path(PAGE).parent.iterdir()] == ["live.html"]


def test_a_night_of_thousands_stays_a_small_page(night):
    night.frames = {each.product: each for each in map(light, range(2000))}
    night.refused = [(f"r{number}", "why") for number in range(2000)]
    text = live_page(night, State("", 1.0), NOW)
    assert len(text) < 600_000
    assert "and 1988 before" in text


def test_alarms_are_told_once(night):
    night.untyped = [("x.fits", "no card says its type")]
    alarms = Alarms()
    new = [light(1, saturated=0.02, odd=["sky 3.00 times as bright as in the others: clouds?"])]
    assert alarms.of(night, new) == [
        "ALARM l1: 2.0% of its pixels are saturated",
        "ALARM l1: sky 3.00 times as bright as in the others: clouds?",
        "ALARM x.fits: of no known type: no card says its type",
    ]
    assert alarms.of(night, new) == []
    assert alarms.of(night, [light(2)]) == []


@pytest.mark.parametrize(("bell", "rings"), [(False, ""), (True, "\a")])
def test_the_bell_rings_only_when_asked_to(night, capsys, monkeypatch, bell, rings):
    import sys

    monkeypatch.setattr(sys, "__stderr__", sys.stderr)
    Alarms(bell).of(night, [light(1, saturated=0.5)])
    assert capsys.readouterr().err == rings
