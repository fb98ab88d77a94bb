"""What the pages show can be done: each block, command, setting, path and link is checked.

What takes a reduced night is in tests/workflow/test_pages.py; the cells of the tutorials are run by
the site's build.
"""

import argparse
import pkgutil
import re
import runpy
import shlex
import tomllib
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from pages import PAGES, ROOT, anchors, blocks, commands, links, prose
from snakemake.cli import get_argument_parser, parse_config

from ccdlib import cli
from ccdlib.archives import fetch
from ccdlib.config import config_keys, load_config, validated
from ccdlib.errors import CcdlibError

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ALL = [block for page in PAGES for block in blocks(page)]

# language of a block: what checks it
CHECKED = {
    "bash": "test_each_command_is_one, and tests/workflow/test_pages.py",
    "python": "tests/workflow/test_pages.py",
    "yaml": "test_each_block_of_settings_is_one, tests/unit/camera/test_cameras_files.py",
    "text": "tests/unit/test_formulas.py; README's in tests/site/test_site.py",
    "{code-cell}": "run by the site's build",
    "{include} ../made/commands.md": "test_the_help_of_a_subcommand_is_what_the_page_has",
}


def named(page):
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_each_block_is_of_a_kind_that_is_checked(page):
    assert not [str(block) for block in blocks(page) if block.language not in CHECKED]
    # a block without fences is of no kind
    assert not re.findall(r"\n\n {4,}\S.*", prose(page))


# --- commands

# words that stand for something of the reader's
PLACES = {
    "ARGS": "--cores 2",
    "$PIPELINE": str(ROOT),
    "PIPELINE": str(ROOT),
    "CAMERA": "demo",
    "camera=C": "camera=demo",
    "[PRODUCT ...]": "PRODUCT",
    "cores N": "cores 2",
    "=I/N": "=1/2",
    "$(ccdlib snakefile)": str(ROOT / "Snakefile"),
}


def _ccdlib(words):
    """A subcommand with its arguments."""
    name, *rest = words
    if name == "run":
        return _snakemake(rest)
    if name == "archive":
        return _snakemake(rest, _check_archive) if rest else None
    assert name in cli.COMMANDS
    if name == "watch" and "--" in rest:
        rest, passed_on = rest[: rest.index("--")], rest[rest.index("--") + 1 :]
        _snakemake(passed_on)
    parser = argparse.ArgumentParser(exit_on_error=False)
    import_module(f"ccdlib.commands.{name}").add_arguments(parser)
    # the name of a command alone speaks of it
    return parser.parse_args(rest) if rest else None


def _check_night(given):
    """Fail where settings are none of a night."""
    load_config({"raw_dir": "raw", "camera": "demo"} | given)


def _check_archive(given):
    """Fail where settings are none of an archive."""
    config = validated({"raw_dir": "raw"} | given, "archive", "archive.yaml")
    nights = config["nights"] if isinstance(config["nights"], dict) else {}
    for settings in (config["settings"], *nights.values()):
        _check_night(settings)


def _check_fetch(given):
    """Fail where a key is none of the workflow that fetches raw frames."""
    fetch.place(given, "NIGHT/FILE")


def _snakemake(words, check=_check_night):
    """Snakemake with its arguments; its config must be one, and its files be there."""
    arguments = get_argument_parser(profiles=["profiles/default"]).parse_args(words)
    if Path(arguments.snakefile or "").name == "fetch.smk":
        check = _check_fetch
    check(dict(parse_config(arguments.config or [])))
    assert arguments.snakefile is None or Path(arguments.snakefile).exists()
    assert all((ROOT / name / "config.yaml").exists() for name in arguments.profile or ())


def _pip(words):
    """An installation; the extras must be the project's."""
    extras = {name for word in words for name in re.findall(r"\[(\w+)\]", word)}
    assert extras <= set(PROJECT["project"]["optional-dependencies"])


def _pytest(words):
    """Tests that are there, or a mark that is."""
    markers = [
        text.partition(":")[0] for text in PROJECT["tool"]["pytest"]["ini_options"]["markers"]
    ]
    marks = re.findall(r"-m (\w+)", " ".join(words))
    assert set(marks) <= set(markers)
    _files(words)


def _files(words):
    """Files of the repository among the words of a command must be there."""
    ours = [word.partition("[")[0] for word in words]
    ours = [word for word in ours if word.startswith(("tests/", "envs/", "docs/make", str(ROOT)))]
    # an environment is what the reader makes
    assert not [word for word in ours if ".venv" not in word and not (ROOT / word).exists()]


def _in_ci(words):
    """A check that CI's script runs, word for word but for its -q."""
    ran = [line.replace(" -q ", " ") for line in (ROOT / ".ci/run").read_text().splitlines()]
    assert any(line.endswith(f"bin/{shlex.join(words)}") for line in ran)


def _script(words):
    """A module or a script of the repository."""
    if words[0] == "-m" and words[1] != "venv":
        module = words[1].replace(".", "/")
        places = [
            folder / (module + end) for folder in (ROOT, ROOT / "scripts") for end in ("", ".py")
        ]
        assert any(place.exists() for place in places)
    _files(words)


KNOWN = {
    "ccdlib": _ccdlib,
    "snakemake": _snakemake,
    "pip": _pip,
    "pytest": _pytest,
    "python": _script,
    "python3": _script,
} | dict.fromkeys(("source", "sbatch", "apptainer", "batches.sh", "sphinx-build"), _files)
IN_CI = "ruff", "snakefmt", "mypy", "sphinx-build"
# programs that are not ours, without a file of ours
OTHERS = "git", "less", "cp", "squeue", "tail", "pre-commit", "dirname", "ssh", "while", "done"


def check(command):
    """Fail where a command cannot be one."""
    # what the shell keeps for later
    command = re.sub(r"^\w+=\$\((.*)\)$", r"\1", command)
    for place, stands_for in PLACES.items():
        command = command.replace(place, stands_for)
    words = shlex.split(command)
    if not words:
        return
    program, rest = words[0].rpartition("/")[2], words[1:]
    if program in IN_CI:
        _in_ci([program, *rest])
    elif program not in OTHERS:
        KNOWN[program](rest)
        _files(words)


@pytest.mark.parametrize("block", [b for b in ALL if b.language == "bash"], ids=str)
def test_each_command_is_one(block):
    found = commands(block.text)
    assert found
    for command in found:
        check(command)


def _inline():
    """(page, command) of each command in the running text."""
    for page in PAGES:
        for span in re.findall(r"`([^`\n]+)`", prose(page)):
            if re.match(r"(ccdlib|snakemake|pytest|python3?|pip|sphinx-build|ruff) ", span):
                yield pytest.param(span, id=f"{named(page)}: {span}")


@pytest.mark.parametrize("command", list(_inline()))
def test_each_command_in_the_text_is_one(command):
    check(command)


def _options():
    """Each option of Snakemake in the part of docs/cluster.md that is about them."""
    text = (ROOT / "docs/cluster.md").read_text().partition("## Without profiles/default")[2]
    return re.findall(r"`(--?[a-z][^`]*)`", text)


@pytest.mark.parametrize("options", _options())
def test_each_option_of_snakemake_is_one(options):
    check(f"snakemake {options.replace('--profile X', '--profile PIPELINE/profiles/slurm')}")


WRONG = AssertionError, SystemExit, argparse.ArgumentError, CcdlibError, KeyError


def test_a_command_that_is_none_is_found():
    for wrong in (
        "ccdlib wy PRODUCT",
        "ccdlib why --colour PRODUCT",
        "snakemake --core-count 2",
        "snakemake --cores 2 --config 'cosmic_rays={sigclp: 5}'",
        "snakemake --cores 2 --snakefile PIPELINE/Snakefil",
        "pip install -e '.[tests]'",
        "pytest tests/unit/test_nothing.py",
        "pytest -m fault",
        "ruff check scripts",
        "sbatch PIPELINE/profiles/slurm/nigt.sbatch",
        "python -m tests.benchmark night",
    ):
        with pytest.raises(WRONG):
            check(wrong)


# --- help


@pytest.mark.parametrize(
    "words", [[], *([name] for name in cli.COMMANDS if name not in cli.PASSED_ON)], ids=str
)
def test_the_help_is_what_the_page_has(words, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    made = runpy.run_path(str(ROOT / "docs/make_reference.py"))["_commands"]
    with pytest.raises(SystemExit) as ended:
        cli.main([*words, "--help"])
    assert ended.value.code == 0
    title = words[0] if words else "ccdlib"
    assert f"## {title}\n\n```text\n{capsys.readouterr().out}```\n" in "".join(made())


# --- settings


KEYS = {key for key, *_ in config_keys()}
SECTIONS = {key.partition(".")[0] for key in KEYS}
CAMERA = yaml.safe_load((ROOT / "workflow/schemas/camera.schema.yaml").read_text())


def _spans():
    """(page, words) of all that is in code type."""
    for page in PAGES:
        yield from ((named(page), span) for span in re.findall(r"`([^`\n]+)`", prose(page)))


def _settings():
    """(page, text) of each setting with its section, such as `flat: {min_value: 0.05}`."""
    for page, text in _spans():
        if re.fullmatch(r"\w+: \{[^.]*\}", text) and text.partition(":")[0] in SECTIONS:
            yield pytest.param(text, id=f"{page}: {text}")


def _keys():
    """(page, key) of each key with its section, such as `flat.min_value`."""
    for page, text in _spans():
        if re.fullmatch(r"[a-z_]+\.[a-z_]+", text) and text.partition(".")[0] in SECTIONS:
            yield pytest.param(text, id=f"{page}: {text}")


@pytest.mark.parametrize("key", list(_keys()))
def test_each_key_in_the_text_is_one(key):
    section, _, name = key.partition(".")
    camera = CAMERA["properties"].get(section, {}).get("properties", {})
    assert key in KEYS or name in camera


def _names():
    """(page, name) of each name of the package with its modules."""
    for page, text in _spans():
        if re.fullmatch(r"ccdlib(\.\w+)+", text) and not text.endswith(".cfg"):
            yield pytest.param(text, id=f"{page}: {text}")


@pytest.mark.parametrize("name", list(_names()))
def test_each_name_in_the_text_is_one(name):
    pkgutil.resolve_name(name)


@pytest.mark.parametrize("text", list(_settings()))
def test_each_setting_in_the_text_is_one(text):
    load_config({"raw_dir": "raw", "camera": "demo"} | yaml.safe_load(text))


def test_each_block_of_settings_is_one():
    """Those of docs/camera.md are parts of camera files."""
    for block in (b for b in ALL if b.language == "yaml" and b.page != "docs/camera.md"):
        check = _check_archive if block.page == "docs/archive.md" else _check_night
        check(yaml.safe_load(block.text))


# --- files, links, pictures


def _files_named():
    """(page, path) of each file of the repository that a page names in code type."""
    for page in PAGES:
        for span in re.findall(
            r"`([\w./-]+/[\w.-]+\.(?:py|md|yaml|sh|sbatch|def|smk|toml))`", prose(page)
        ):
            # capitals stand for something of the reader's
            if not re.match(r"results/|work/|/|~", span) and not re.search(r"\b[A-Z]{4,}\b", span):
                yield pytest.param(span, id=f"{named(page)}: {span}")


@pytest.mark.parametrize("path", list(_files_named()))
def test_each_file_that_is_named_is_there(path):
    places = ROOT, ROOT / "scripts", ROOT / "scripts/ccdlib", ROOT / "workflow", ROOT / "config"
    assert any((place / path).exists() for place in places)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page):
    wrong = []
    for link in links(page):
        parts = urlsplit(link)
        if parts.scheme:
            # whether another's page is there is not for a test
            if parts.scheme != "https" or "." not in parts.netloc:
                wrong.append(link)
            continue
        other = page if not parts.path else page.parent / parts.path
        found = other.exists() and (not parts.fragment or parts.fragment in anchors(other))
        if not found:
            wrong.append(link)
    assert not wrong


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_each_picture_says_what_is_on_it(page):
    text = page.read_text()
    assert not re.findall(r"!\[\s*\]\(", text)
    # a cell that draws has its words in its head
    for cell in re.findall(r"^```\{code-cell\}\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        if re.search(r"^(plt\.|figure, |histogram\()", cell, re.MULTILINE):
            said = re.search(r"^ +alt: (.*)$", cell, re.MULTILINE)
            assert said and len(said[1].split()) > 5, cell


def _pages_that_messages_name():
    """(page, heading or "") of each page of the documentation that a message sends a reader to."""
    for path in sorted((ROOT / "scripts/ccdlib").rglob("*.py")):
        # a text that goes on in the next line is one
        text = re.sub(r'"\n\s*f?"', "", path.read_text())
        for page, heading in re.findall(r"docs/([\w/]+\.md)(?:, '?([A-Za-z][a-z ]+))?", text):
            yield pytest.param(page, heading, id=f"{path.name}: {page} {heading}")


@pytest.mark.parametrize(("page", "heading"), list(_pages_that_messages_name()))
def test_a_message_sends_to_a_heading_that_is_there(page, heading):
    words = heading.strip().lower().replace(" ", "-")
    there = anchors(ROOT / "docs" / page)
    assert any(words in anchor for anchor in there)
