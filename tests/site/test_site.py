"""The site as it was built last: it opens from disk with no network, on a phone and on paper.

`.ci/run` builds it and runs these tests (`pytest -m site`); none has to be built for the others.
"""

import html
import re

import pytest
from browser import MISSING, open_browser
from pages import ROOT, blocks

HTML = ROOT / "docs/_build/html"
SITE = sorted(path for path in HTML.rglob("*.html") if "_static" not in path.parts)
pytestmark = [
    pytest.mark.site,
    pytest.mark.skipif(not SITE, reason="needs the site: sphinx-build -W docs docs/_build/html"),
]

# what is wider than the window, and in nothing that can be scrolled
_TOO_WIDE = """
const width = document.documentElement.clientWidth;
const scrolls = (e) => ["auto", "scroll"].includes(getComputedStyle(e).overflowX);
const inside = (e) => e.tagName !== "ARTICLE" && (scrolls(e) || inside(e.parentElement));
const wide = [...document.querySelectorAll("article *")].filter((e) => {
  const box = e.getBoundingClientRect();
  return box.width > 0 && box.right > width + 1 && !inside(e);
});
const page = document.documentElement.scrollWidth > width ? ["the page"] : [];
return page.concat(wide.map((e) => e.tagName + " " + e.textContent.slice(0, 60)));
"""


def test_the_demo_ends_as_readme_says():
    lines = next(block.text for block in blocks(ROOT / "README.md") if block.language == "text")
    page = html.unescape(re.sub(r"<[^>]*>", "", (HTML / "tutorials/demo.html").read_text()))
    assert lines.strip() in page


@pytest.fixture(scope="module")
def browser():
    if MISSING:
        pytest.skip(MISSING)
    with open_browser() as browser:
        yield browser


def told(page):
    return page.relative_to(HTML).as_posix()


def test_nothing_is_loaded_from_elsewhere():
    loads = r"""<(?:script|img|iframe|source)\b[^>]*\bsrc(?:set)?=["'](?:https?:)?//[^"']*"""
    loads += r"""|<link\b[^>]*\bhref=["'](?:https?:)?//[^"']*"""
    found = {told(page): re.findall(loads, page.read_text()) for page in SITE}
    assert not {page: each for page, each in found.items() if each}
    sheets = {path.name: path.read_text() for path in HTML.rglob("*.css")}
    assert sheets
    far = r"""@import\s+["'](?:https?:)?//|url\(["']?(?:https?:)?//"""
    assert not [name for name, text in sheets.items() if re.search(far, text)]


def test_each_picture_says_what_is_on_it():
    for page in SITE:
        for picture in re.findall(r"<img\b[^>]*>", page.read_text()):
            alt = re.search(r'alt="([^"]*)"', picture)
            # MyST-NB's own word where a cell has none, or a path
            assert alt and len(alt[1].split()) > 3, f"{told(page)}: {picture}"


@pytest.mark.parametrize(("width", "medium"), [(390, "screen"), (718, "print")])
def test_no_page_is_wider_than_a_phone_or_a_sheet(width, medium, browser):
    """718 pixels are an A4 sheet's 190 mm."""
    browser.size(width, medium=medium)
    wrong = {}
    for page in SITE:
        browser.open(page)
        wide, asked = browser.run(_TOO_WIDE), browser.requests()
        far = [address for address in asked if not address.startswith("file:")]
        if wide or far:
            wrong[told(page)] = wide[:3] + far
    assert not wrong


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("removes its pedestal", "reference/messages"),
        ("BIASFILE", "reference/cards"),
        ("LOW_FLAT", "reference/flags"),
        ("subtract_overscan", "made/api/ccdlib.subtract_overscan"),
        ("max_age", "config"),
    ],
)
def test_the_search_finds_from_disk(words, page, browser):
    browser.size(1200)
    browser.open(HTML / "search.html", query=f"q={words.replace(' ', '+')}")
    # results come one after the other
    links = "[...document.querySelectorAll('#search-results li a')].map((a) => a.href)"
    found = f"return {links}.some((address) => address.includes('/{page}.html'))"
    assert browser.wait(found), browser.run(f"return {links}")
