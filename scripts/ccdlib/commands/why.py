"""``ccdlib why``: what a product was made from, why that, and what is out of date now."""

import argparse
import tempfile
from pathlib import Path

from ..config import last_config, last_given, load, plan_settings
from ..errors import CcdlibError
from ..index import ready_index
from ..index.folder_state import CACHE, EXCLUDE
from ..index.index_tables import INDEX_TABLE, READY_TABLE, write_layouts
from ..index.raw_index import Cache, build_index, cache_key
from ..jobs.remake import needed
from ..kinds import KINDS, kind_of
from ..plan.night_plan import plan_files
from ..plan.plan_columns import PLAN_TABLE
from ..plan.plan_tables import Plan, read_plan, recipe_keys
from ..products.card_steps import STEPS, step_of
from ..products.recipes import recipe_of
from ..raw.frame_names import strip_ending
from ..rerun.code_digests import kind_digest, rule_digest
from ..rerun.outdated import causes
from ..rerun.software import made_with, present
from ..run.asked_stacks import grouping

__all__ = ["add_arguments", "out_of_date", "plan_of_now", "run"]

# `_software` tells these, beside those of now
_TOLD_BY_SOFTWARE = "versions"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ccdlib why``."""
    parser.add_argument(
        "product",
        metavar="PRODUCT",
        help="such as results/calibrated/d1074.fits, or a raw frame that goes into one",
    )


def out_of_date(product: str, plan: Plan, config: dict) -> list[str]:
    """What has changed since a product was made.

    Returns
    -------
    list of str
        Empty when it would be made again just as it is.
    """
    if not Path(product).exists():
        return ["it has not been made yet"]
    keys = recipe_keys(config, kind_digest)
    if recipe_of(product) == plan.recipe(product, keys):
        return []
    return list(causes(product, plan, config, keys))


def _cache(path, key, folder):
    """A cache that is read and not written to."""
    cache = Cache(path, key)
    cache.path = Path(folder, "cache.json")
    return cache


def plan_of_now() -> tuple[dict, Plan]:
    """Config and plan as a run would make them now, the working directory left as it is.

    Returns
    -------
    config : dict
    plan : Plan
    """
    given = last_given()
    config, camera = load(given)
    config["stack"]["by"] = grouping(config, given)
    raw_dir, masters, code = config["raw_dir"], config["ready_masters"], rule_digest("build_index")
    with tempfile.TemporaryDirectory() as folder:
        tables = [f"{folder}/{name}.csv" for name in ("index", "amplifiers", "ready")]
        index, amplifiers, ready = tables
        cache = _cache(CACHE, cache_key(camera, code), folder)
        others = [*EXCLUDE, *ready_index.folders_of(masters)]
        found, layouts = build_index(raw_dir, camera, cache=cache, exclude=others)
        INDEX_TABLE.write(found, index)
        cache = _cache(ready_index.CACHE, code, folder)
        found, of_masters = ready_index.index_masters(masters, cache=cache, exclude=EXCLUDE)
        READY_TABLE.write(found, ready)
        write_layouts(layouts | of_masters, amplifiers)
        settings = plan_settings(config, camera)
        return config, Plan(*plan_files(index, amplifiers, config["corrections"], settings, ready))


def _header_lines(product):
    from astropy.io import fits

    with fits.open(product) as hdus:
        cards = [card for card in hdus[0].header.cards if card.keyword not in ("COMMENT", "")]
    by_step: dict[str, list[str]] = {step: [] for step in STEPS}
    for card in cards:
        step = step_of(card.keyword)
        if step is not None:
            by_step[step].append(f"{card.keyword}={card.value}")
    for step, told in by_step.items():
        if told and step != _TOLD_BY_SOFTWARE:
            yield f"  {step}: {', '.join(told)}"


def _software(product):
    """The versions it was made with, and those of now where they are others."""
    now = present()
    for package, then in made_with(product).items():
        other = now.get(package)
        note = "" if then == other else f", now {other}: kept (--forceall makes all again)"
        yield f"  {package} {then}{note}"


def _choices(product):
    for row in PLAN_TABLE.rows():
        if row["product"] != product or row["kind"] == "frames":
            continue
        age = f", {row['age']:.2f} days away" if row["age"] is not None else ""
        scale = f", times {row['scale']:g}" if row["scale"] not in (None, 1.0) else ""
        chosen = f" {row['master']}" if row["master"] else ""
        yield f"  {row['kind']}: {row['status']}{chosen} ({row['reason']}{age}{scale})"
        for candidate in filter(None, (row["candidates"] or "").split("; ")):
            yield f"    not {candidate}"


def _masters(product, plan):
    """The masters behind a product: their frames, and what they were calibrated with."""
    for each in needed([product], plan):
        if each == product:
            continue
        yield f"  {each}"
        files = [member["file"] for member in plan.members(each)]
        if files:
            yield f"    from {', '.join(files)}"
        for kind, path in plan.calibrations(each).items():
            yield f"    with {kind} {path}"


def _stale(product):
    """What a run would find changed now, in the product and in what it is made from."""
    try:
        config, plan = plan_of_now()
        plan.sources(product, config["raw_dir"])
    except CcdlibError as error:
        return [str(error)]
    found: list[str] = []
    for each in reversed(needed([product], plan)):
        lines = out_of_date(each, plan, config)
        found += lines if each == product else [f"{each}: {line}" for line in lines]
    return found


def _meant(asked, plan, config):
    """The product that is asked for, by its path or by the name of its only raw frame."""
    product = str(Path(asked))
    for path in (product, KINDS["calibrated"].path(strip_ending(asked) or asked)):
        if path in plan.refused:
            return path
    found = plan.made_of(asked, config["products"]["keep"])
    # of a light it is the frame that is meant, which tells of its stacks
    found = [each for each in found if kind_of(each).name != "stack"] or found
    if len(found) > 1:
        raise CcdlibError(f"{asked} goes into {', '.join(found)}: name one of them")
    return found[0] if found else product


def _stacks_of(product, plan):
    """The stacks that a light goes into."""
    stacks = plan.targets((), KINDS["stack"].folder)
    return [each for each in stacks if product in plan.calibrations(each).values()]


def _not_planned(asked):
    """Why a raw frame, asked for by its file or its FRAME, is in no plan; None where it is."""
    for row in INDEX_TABLE.rows(names=("file", "frame", "status", "reason")):
        names = row["file"], Path(row["file"]).name, row["frame"]
        if row["status"] != "ok" and asked in names:
            return f"{row['file']} is {row['status']}: {row['reason']}"
    return None


def run(arguments: argparse.Namespace) -> int:
    """Print the story of a product.

    Returns
    -------
    int
        0 when it is up to date, else 1.
    """
    config, plan = last_config(), read_plan()
    product = _meant(arguments.product, plan, config)
    if product in plan.refused:
        print("\n".join([product, *_choices(product)]))
        return 1
    try:
        plan.sources(product, config["raw_dir"])
    except CcdlibError:
        if reason := _not_planned(arguments.product):
            print(reason)
            return 1
        raise
    print(product)
    print("made from")
    for member in plan.members(product):
        facts = {key: value for key, value in member["facts"].items() if key != "amplifiers"}
        shown = ", ".join(f"{key} {value}" for key, value in facts.items())
        print(f"  {member['file']} ({shown}; SHA-256 {member['sha256']})")
    for stack in _stacks_of(product, plan):
        print(f"goes into {stack}")
    print("\n".join(["calibrated with", *_choices(product)]))
    print("\n".join(["which were made from", *_masters(product, plan)]))
    if Path(product).exists() and product.endswith(".fits"):
        print("\n".join(["steps", *_header_lines(product), *_software(product)]))
    stale = _stale(product)
    print("\n".join(["out of date", *(f"  {line}" for line in stale)]) if stale else "up to date")
    return 1 if stale else 0
