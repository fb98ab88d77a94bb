"""Reference pages from what the code declares: flags, header cards, refusals, commands."""

from importlib import import_module
from pathlib import Path

import ccdlib
from ccdlib import cli, dq
from ccdlib.products.card_steps import STEPS
from ccdlib.report.advice import ADVICE

__all__ = ["page", "write"]

_PAGES = Path(__file__).with_name("reference")
# what lies between is written by `python docs/make_reference.py`; a test keeps it in step
_BEGIN, _END = "<!-- made from the code -->", "<!-- end -->"


def _table(head, rows):
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    # a bar would end a cell
    lines += [
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows
    ]
    return "\n".join(lines) + "\n"


def _flags():
    """The bits of DQ."""
    return _table(
        ["bit", "name", "meaning"],
        [(bit, f"`{name}`", text) for bit, (name, text) in dq.BITS.items()],
    )


def _cards():
    """The header cards of products, step by step."""
    for step, tables in STEPS.items():
        rows = {name: text for cards in tables for name, text in cards.comments.items()}
        yield f"## {step}\n\n"
        yield _table(
            ["card", "comment in the header"], [(f"`{name}`", text) for name, text in rows.items()]
        )
        yield "\n"


def _messages():
    """What a refusal says, and what to do about it."""
    return _table(
        ["words of the message", "what to do"], [(f"`{words}`", act) for words, act in ADVICE]
    )


def _commands():
    """The help of `ccdlib` and of each subcommand, as the terminal shows it."""
    yield f"## ccdlib\n\n```text\n{cli.parsers(None)[0].format_help()}```\n\n"
    for name in cli.COMMANDS:
        yield f"## {name}\n\n```text\n{cli.parsers(name)[1][name].format_help()}```\n\n"


def _api():
    """Every public name, by the module that it is in."""
    yield (
        "# API\n\nEvery public name of `ccdlib`. Names that ccdproc has are in the groups of its "
        "chapters; [differences](../differences.md) says where their results differ.\n\n"
    )
    for module, names in ccdlib._MODULES.items():
        title = import_module(f"ccdlib.{module}").__doc__.partition("\n")[0].rstrip(".")
        each = "".join(f"   ccdlib.{name}\n" for name in names)
        yield f"## {title}\n\n```{{eval-rst}}\n.. autosummary::\n   :toctree: api\n\n{each}```\n\n"


def page(name: str) -> str:
    """A page of docs/reference with its table as the code has it now.

    Parameters
    ----------
    name : {'flags', 'cards', 'messages'}
    """
    made = {"flags": _flags, "cards": _cards, "messages": _messages}[name]
    before, mark, rest = (_PAGES / f"{name}.md").read_text().partition(_BEGIN)
    return before + mark + "\n" + "".join(made()) + "\n" + _END + rest.partition(_END)[2]


def write(folder: Path) -> None:
    """Write the pages that only the site has.

    Parameters
    ----------
    folder : path
    """
    folder.mkdir(exist_ok=True)
    for made in (_commands, _api):
        text = "".join(made())
        path = folder / f"{made.__name__.strip('_')}.md"
        # Sphinx reads again what has changed
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


if __name__ == "__main__":
    for each in ("flags", "cards", "messages"):
        (_PAGES / f"{each}.md").write_text(page(each))
