"""The report's page, a self-contained HTML file, and its pieces."""

from collections.abc import Collection, Sequence
from html import escape
from pathlib import Path

__all__ = ["figure", "number", "page", "section", "table"]

_HERE = Path(__file__).parent


def section(title: str, body: str, anchor: str, lead: str = "") -> str:
    """A part of the page under its heading."""
    lead = f"<p>{lead}</p>" if lead else ""
    return f'<section id="{anchor}"><h2>{escape(title)}</h2>{lead}{body}</section>'


def number(value: float | None, digits: int = 4) -> str:
    """A number to so many digits, whole ones in full; None is a dash."""
    if value is None:
        return "&ndash;"
    return f"{value:.0f}" if 10**digits <= abs(value) < 1e7 else f"{value:.{digits}g}"


def figure(body: str, caption: str) -> str:
    """A picture or a graph with its caption, which is HTML."""
    return f"<figure>{body}<figcaption>{caption}</figcaption></figure>"


def _cell(value, wraps):
    """One cell; a tuple is (text, sort key)."""
    text, key = value if isinstance(value, tuple) else (value, None)
    sort = f' data-sort="{escape(str(key), quote=True)}"' if key is not None else ""
    return f"<td{' class=text' if wraps and text else ''}{sort}>{text}</td>"


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence],
    *,
    name: str = "",
    filtered: bool = False,
    marked: Collection[int] = (),
    text: Collection[int] = (),
) -> str:
    """A table that a click on a head sorts.

    Parameters
    ----------
    columns : list of str
        HTML is escaped.
    rows : list of list
        HTML of each cell, or (HTML, sort key).
    name : str
        Name of the table, for screen readers.
    filtered : bool
        Whether a field filters the rows by text.
    marked : set of int
        Numbers of the rows to highlight.
    text : tuple of int
        Numbers of the columns of sentences, which may wrap.
    """
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join(
        f"<tr{' class=marked' if number in marked else ''}>"
        + "".join(_cell(value, place in text) for place, value in enumerate(row))
        + "</tr>"
        for number, row in enumerate(rows)
    )
    field = '<input class="filter" type="search" placeholder="filter" aria-label="filter" hidden>'
    # a row that ends with a sentence is read without the heads
    look = "sortable sentences" if len(columns) - 1 in text and len(columns) < 5 else "sortable"
    return (
        f'<div class="scroll">{field if filtered else ""}'
        f'<table class="{look}" aria-label="{escape(name, quote=True)}">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def page(title: str, lead: str, sections: Sequence[tuple[str, str]]) -> str:
    """The whole page.

    Parameters
    ----------
    title : str
    lead : str
        HTML under the title.
    sections : list of (str, str)
        Name in the list of contents and HTML of each section.
    """
    style = (_HERE / "report.css").read_text(encoding="utf-8")
    script = (_HERE / "report.js").read_text(encoding="utf-8")
    contents = "".join(
        f'<a href="#{body.split(chr(34), 2)[1]}">{escape(name)}</a>' for name, body in sections
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{style}</style></head><body>"
        f"<header><h1>{escape(title)}</h1>{lead}</header><nav>{contents}</nav><main>"
        + "\n".join(body for _, body in sections)
        + f"</main><script>{script}</script></body></html>\n"
    )
