"""The report's page: one HTML file that needs nothing else, and the pieces it is made of."""

from html import escape
from pathlib import Path

__all__ = ["figure", "number", "page", "section", "table"]

_HERE = Path(__file__).parent


def section(title, body, anchor, lead=""):
    """A part of the page under its heading."""
    lead = f"<p>{lead}</p>" if lead else ""
    return f'<section id="{anchor}"><h2>{escape(title)}</h2>{lead}{body}</section>'


def number(value, digits=4):
    """A number to so many digits, whole ones in full, a dash for none."""
    if value is None:
        return "&ndash;"
    return f"{value:.0f}" if 10**digits <= abs(value) < 1e7 else f"{value:.{digits}g}"


def figure(body, caption):
    """A picture or a graph with what it shows; the caption is HTML."""
    return f"<figure>{body}<figcaption>{caption}</figcaption></figure>"


def _cell(value, wraps):
    """One cell; a tuple is (text, what it sorts by)."""
    text, key = value if isinstance(value, tuple) else (value, None)
    sort = f' data-sort="{escape(str(key), quote=True)}"' if key is not None else ""
    return f"<td{' class=text' if wraps and text else ''}{sort}>{text}</td>"


def table(columns, rows, *, name="", filtered=False, marked=(), text=()):
    """A table that can be sorted by a click on its heads.

    Parameters
    ----------
    columns : list of str
        HTML is escaped.
    rows : list of list
        HTML of each cell, or (HTML, what it sorts by).
    name : str
        Of the table, for those who do not see it.
    filtered : bool
        With a field that leaves the rows with some text.
    marked : set of int
        Rows with something to look at.
    text : tuple of int
        Columns of sentences, which may wrap.
    """
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join(
        f"<tr{' class=marked' if number in marked else ''}>"
        + "".join(_cell(value, place in text) for place, value in enumerate(row))
        + "</tr>"
        for number, row in enumerate(rows)
    )
    field = '<input class="filter" type="search" placeholder="filter" aria-label="filter" hidden>'
    # with a sentence at its end a row reads without its heads
    look = "sortable sentences" if len(columns) - 1 in text and len(columns) < 5 else "sortable"
    return (
        f'<div class="scroll">{field if filtered else ""}'
        f'<table class="{look}" aria-label="{escape(name, quote=True)}">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def page(title, lead, sections):
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
