"""``ccdlib why``: what a product was made from, why that, and what is out of date now."""

import ast
import base64
import json
from importlib.metadata import version
from pathlib import Path

from .codehash import rule_digest
from .config import all_master_settings, frame_settings, last_config
from .dag import PLAN, RULES, kind_of, read_plan, recipe_keys
from .files import read_table
from .rawfiles import resolve, sha256
from .remake import needed

__all__ = ["add_arguments", "out_of_date", "run"]

_METADATA = ".snakemake/metadata"
# cards of a product's header by step, as provenance writes them
_STEPS = {
    "overscan": ("OSC",),
    "detector": ("AMP", "GAINSRC"),
    "bias": ("BIASFILE", "BIASSHA"),
    "dark": ("DARKFILE", "DARKSHA", "DARKSCAL", "PEDREMOV"),
    "flat": ("FLAT",),
    "bad pixels": ("BPMFILE", "BPMSHA"),
    "cosmic rays": ("CRMETH", "CRSIG", "CROBJL", "CRITER", "CRTHRES", "CRREPL", "NCOSMIC"),
    "combination": ("NCOMBINE", "COMB", "CLIP", "NCLIP", "LEVEL", "SCATTER"),
    "result": ("NSATUR", "NMASKED"),
}
_VERSIONS = ("CCDLIBV", "NUMPYV", "ASTROPYV", "SCIPYV")


def add_arguments(parser):
    """The options of ``ccdlib why``."""
    parser.add_argument("product", metavar="PRODUCT", help="such as results/calibrated/d1074.fits")


def _present_params(product, plan, config):
    """What the product's rule would be given now."""
    kind, masters = kind_of(product), all_master_settings(config)
    compress, overscan = config["products"]["compress"], config["overscan"]
    keys = recipe_keys(masters, overscan, compress, rule_digest)
    params = {"row": plan.params(product, keys), "code": rule_digest(RULES[kind])}
    if kind == "calibrated":
        return params | {"settings": frame_settings(config)}
    if kind == "detector":
        return params | {"overscan": overscan}
    return params | ({"settings": masters[kind]} if kind in masters else {})


def _recorded_params(product):
    """What Snakemake recorded of the job that made it, None when it did not."""
    path = Path(_METADATA, base64.b64encode(product.encode()).decode())
    try:
        texts = json.loads(path.read_text())["params"]
    except (FileNotFoundError, NotADirectoryError, KeyError):
        return None
    return [ast.literal_eval(text) for text in texts]


def _row_differences(was, now):
    before = {each["file"]: each for each in map(json.loads, was["raw"])}
    after = {each["file"]: each for each in map(json.loads, now["raw"])}
    for file in sorted({*before, *after}):
        old, new = before.get(file), after.get(file)
        if old is None or new is None:
            yield f"raw frame {file} {'was added' if old is None else 'is no longer used'}"
        elif old["sha256"] != new["sha256"]:
            yield f"the content of {file} changed"
        elif old != new:
            names = [
                name
                for name in {**old["facts"], **new["facts"]}
                if old["facts"].get(name) != new["facts"].get(name)
            ]
            for name in names:
                shown = old["facts"].get(name), new["facts"].get(name)
                yield f"{name} of {file} was {shown[0]!r}, is {shown[1]!r}"
    masters = [{line.split()[0]: line.split()[1:] for line in row["masters"]} for row in (was, now)]
    for kind in sorted({*masters[0], *masters[1]}):
        old, new = (each.get(kind) for each in masters)
        if old is None or new is None or old[0] != new[0]:
            yield f"{kind} was {old and old[0]}, is {new and new[0]}"
        elif old[1] != new[1]:
            yield f"{old[0]} changed"


def _flat(settings, above=""):
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def out_of_date(product, plan, config):
    """What has changed since a product was made.

    Returns
    -------
    list of str
        Empty when it would be made again just as it is.
    """
    if not Path(product).exists():
        return ["it has not been made yet"]
    recorded = _recorded_params(product)
    if recorded is None:
        return ["nothing is recorded of how it was made (ccdlib verify makes it again)"]
    found = []
    for name, value in _present_params(product, plan, config).items():
        if value in recorded:
            continue
        if name == "row":
            was = next(each for each in recorded if isinstance(each, dict) and "raw" in each)
            found += _row_differences(was, value)
        elif name == "code":
            found.append(f"the code of {RULES[kind_of(product)]} changed")
        else:
            olds = [dict(_flat(each)) for each in recorded if isinstance(each, dict)]
            old = max(olds, key=lambda each: len(each.keys() & dict(_flat(value)).keys()))
            found += [
                f"{key} was {old.get(key)!r}, is {new!r}"
                for key, new in _flat(value)
                if old.get(key) != new
            ]
    return found


def _changed_on_disk(product, plan, raw_dir):
    """Raw frames whose files are no longer those that were indexed."""
    for member in plan.members(product):
        path = resolve(raw_dir, member["file"])
        if not Path(path).exists():
            yield f"raw frame {member['file']} is gone"
        elif sha256(path) != member["sha256"]:
            yield f"the content of raw frame {member['file']} changed since the index was made"


def _header_lines(product):
    from astropy.io import fits

    with fits.open(product) as hdus:
        cards = [card for card in hdus[0].header.cards if card.keyword not in ("COMMENT", "")]
        for step, starts in _STEPS.items():
            own = [
                f"{card.keyword}={card.value}" for card in cards if card.keyword.startswith(starts)
            ]
            if own:
                yield f"  {step}: {', '.join(own)}"
        for keyword in _VERSIONS:
            was = hdus[0].header.get(keyword)
            package = keyword.removesuffix("V").lower()
            if was and was != version(package):
                yield f"  {package} was {was}, is {version(package)} (--forceall makes all again)"


def _choices(product):
    for row in read_table(PLAN):
        if row["product"] != product or row["kind"] == "frames":
            continue
        age = f", {float(row['age']):.2f} days away" if row["age"] else ""
        scale = f", times {float(row['scale']):g}" if row["scale"] not in ("", "1.0") else ""
        chosen = f" {row['master']}" if row["master"] else ""
        yield f"  {row['kind']}: {row['status']}{chosen} ({row['reason']}{age}{scale})"
        for candidate in filter(None, row["candidates"].split("; ")):
            yield f"    not {candidate}"


def run(arguments):
    """Print the story of a product.

    Returns
    -------
    int
        0 when it is up to date, else 1.
    """
    config, plan = last_config(), read_plan()
    product = str(Path(arguments.product))
    if product in plan.refused:
        print("\n".join([product, *_choices(product)]))
        return 1
    plan.sources(product, config["raw_dir"])
    print(product)
    print("made from")
    for member in plan.members(product):
        facts = {key: value for key, value in member["facts"].items() if key != "amplifiers"}
        shown = ", ".join(f"{key} {value}" for key, value in facts.items())
        print(f"  {member['file']} ({shown}; SHA-256 {member['sha256']})")
    print("\n".join(["calibrated with", *_choices(product)]))
    if Path(product).exists() and product.endswith(".fits"):
        print("\n".join(["steps", *_header_lines(product)]))
    stale = []
    for each in reversed(needed([product], plan)):
        lines = [*out_of_date(each, plan, config)]
        lines += _changed_on_disk(each, plan, config["raw_dir"])
        stale += lines if each == product else [f"{each}: {line}" for line in lines]
    print("\n".join(["out of date", *(f"  {line}" for line in stale)]) if stale else "up to date")
    return 1 if stale else 0
