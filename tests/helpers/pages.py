"""What the pages of the documentation hold: blocks of code, links, pictures, words in code type."""

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PAGES", "ROOT", "Block", "anchors", "blocks", "commands", "links", "prose"]

ROOT = Path(__file__).parents[2]
_TOP = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "config/README.md")
# what the site's build writes itself is no page of ours
PAGES = [ROOT / name for name in _TOP] + sorted(
    path
    for path in (ROOT / "docs").rglob("*.md")
    if path.relative_to(ROOT).parts[1] not in ("_build", "made")
)

_FENCE = re.compile(r"^( *)(```+)(.*)$")


@dataclass(frozen=True)
class Block:
    """A block between fences.

    Attributes
    ----------
    page : str
        Path below the repository.
    line : int
        Line of the page at which the fence stands, from 1.
    language : str
        What stands behind the fence.
    text : str
        The lines between the fences, as they are indented in the block.
    """

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line} {self.language}"


def _parts(path):
    """Yield (line number, fence or None, text): blocks as wholes, all else line by line."""
    lines = iter(enumerate(path.read_text().splitlines(), 1))
    for number, line in lines:
        fence = _FENCE.match(line)
        if not fence:
            yield number, None, line
            continue
        indent, ticks, language = fence.groups()
        inside = []
        for _, each in lines:
            if each.strip() == ticks:
                break
            inside.append(each.removeprefix(indent))
        else:
            raise AssertionError(f"{path}:{number}: a block that does not end")
        yield number, language.strip(), "".join(f"{each}\n" for each in inside)


def blocks(path: Path) -> list[Block]:
    """Return the blocks of a page, in order."""
    page = path.relative_to(ROOT).as_posix()
    return [
        Block(page, line, fence, text) for line, fence, text in _parts(path) if fence is not None
    ]


def prose(path: Path) -> str:
    """Return a page without its blocks."""
    return "".join(f"{text}\n" for _, fence, text in _parts(path) if fence is None)


def links(path: Path) -> list[str]:
    """Return the targets of the links and pictures of a page."""
    text = re.sub(r"`[^`\n]*`", "", prose(path))
    return re.findall(r"\]\(([^)\s]+)\)", text)


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and the site name them."""
    titles = re.findall(r"^#+ (.*)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def commands(text: str) -> list[str]:
    """Return the single commands of lines for a shell, without comments."""
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    bare = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in lines)
    return [each.strip() for line in bare for each in line.split("&&") if each.strip()]
