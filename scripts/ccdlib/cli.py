"""The command ``ccdlib``; a subcommand is a module of commands/, imported when it is asked for."""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from typing import Any, TextIO, cast

from .errors import CcdlibError, in_words
from .plain_text import ShownStream

__all__ = ["COMMANDS", "PASSED_ON", "main", "parsers"]

# as a shell says that Ctrl-C ended a command
_INTERRUPTED = 130
# and that nobody reads what a command writes any more
_NOT_READ = 141

# those whose arguments are snakemake's
PASSED_ON = ("run", "archive")
# help of each; its module in commands/ has add_arguments(parser) and run(arguments)
COMMANDS = {
    "run": "run snakemake with this installation's Snakefile: all arguments are snakemake's",
    "archive": "run snakemake with the workflow of an archive of nights: all arguments are its own",
    "snakefile": "say where this installation's Snakefile is",
    "init": "look at a folder of raw frames and write a config for it",
    "watch": "calibrate frames as they arrive, with a live page",
    "verify": "make products again from the raw frames and compare them bit for bit",
    "why": "say what a product was made from, why, and what is out of date",
    "show": "draw a product as a PNG, with its flags and a histogram",
    "selftest": "simulate and reduce nights, and compare the quoted errors with the truth",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand.

    Parameters
    ----------
    argv : list of str or None
        Arguments; None takes those of the process.

    Returns
    -------
    int
        Exit code: the subcommand's, 1 for bad input, 2 for bad usage, 130 after Ctrl-C, 141
        when nobody reads the output any more.
    """
    try:
        code = _command(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        # whoever read it (head, a pager that was left) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _NOT_READ


def parsers(
    asked: str | None,
) -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """Return the parser of the command line, and those of its subcommands by name.

    Parameters
    ----------
    asked : str or None
        The subcommand whose arguments are wanted: its module is imported.
    """
    parser = argparse.ArgumentParser(prog="ccdlib", description="Reproducible CCD reduction.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, help_text in COMMANDS.items():
        # what begins with a dash is for snakemake
        passed_on: dict[str, Any] = (
            {"prefix_chars": "\0", "add_help": False} if name in PASSED_ON else {}
        )
        own = commands.add_parser(name, help=help_text, description=help_text, **passed_on)
        if name == asked:
            import_module(f".commands.{name}", __package__).add_arguments(own)
    return parser, commands.choices


def _command(argv):
    parser, _ = parsers(argv[0] if argv else None)
    own = list(argv)
    # argparse takes what follows "--" for positional arguments that it has no more room for
    end = own.index("--") if own[:1] == ["watch"] and "--" in own else len(own)
    arguments = parser.parse_args(own[:end], argparse.Namespace(passed_on=own[end + 1 :]))
    command = import_module(f".commands.{arguments.command}", __package__)
    out, err = ShownStream(sys.stdout), ShownStream(sys.stderr)
    with redirect_stdout(cast(TextIO, out)), redirect_stderr(cast(TextIO, err)):
        try:
            return command.run(arguments) or 0
        except BrokenPipeError:
            raise
        except (CcdlibError, OSError) as error:
            # a folder that is not there or a full disk is no fault of the code, and names itself
            print(f"ccdlib {arguments.command}: {in_words(error)}", file=sys.stderr)
            return 1


if __name__ == "__main__":
    sys.exit(main())
