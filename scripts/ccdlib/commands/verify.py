"""``ccdlib verify``: products made again from the raw frames in a clean place, bit by bit."""

import argparse
import tempfile
import warnings
from pathlib import Path

import numpy as np

from ..config import last_config
from ..errors import CcdlibError, in_words
from ..jobs.remake import make_product, needed
from ..kinds import record_of
from ..plan.plan_tables import read_plan, recipe_keys
from ..products.check_stored import check_stored
from ..products.recipes import recipe_of
from ..rerun.code_digests import kind_digest

__all__ = ["add_arguments", "differences", "run"]

# cards that differ whenever anything else does
_SUMS = {"CHECKSUM", "DATASUM"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ccdlib verify``."""
    parser.add_argument("products", nargs="*", metavar="PRODUCT", help="(default: all)")
    parser.add_argument("--quick", action="store_true", help="look at the stored checksums only")
    parser.add_argument(
        "--remove", action="store_true", help="delete what is wrong; the next run makes it again"
    )


def _header_differences(stored, made):
    for keyword in sorted({*stored, *made} - _SUMS - {"", "COMMENT", "HISTORY"}):
        was, now = stored.get(keyword), made.get(keyword)
        if was != now:
            yield f"{keyword}={was!r} instead of {now!r}"


def _data_differences(stored, made):
    if (stored is None) != (made is None):
        yield "has data" if made is None else "has no data"
    elif stored is not None and stored.shape != made.shape:
        what = "rows" if made.dtype.names else "pixels"
        yield f"{stored.shape} {what} instead of {made.shape}"
    elif stored is not None and (stored.dtype.names or made.dtype.names):
        yield from _table_differences(stored, made)
    elif stored is not None:
        wrong = _unequal(stored, made)
        if wrong:
            apart = np.abs(stored.astype(float) - made.astype(float))
            most = f"{np.nanmax(apart):g}" if np.isfinite(apart).any() else "no number"
            yield f"{wrong} pixel{'s' * (wrong != 1)} differ{'s' * (wrong == 1)}, by up to {most}"


def _table_differences(stored, made):
    was, now = stored.dtype.names or (), made.dtype.names or ()
    if was != now:
        yield f"columns {', '.join(was) or 'none'} instead of {', '.join(now) or 'none'}"
        return
    for name in now:
        wrong = _unequal(stored[name], made[name])
        if wrong:
            yield f"{name}: {wrong} value{'s' * (wrong != 1)} differ{'s' * (wrong == 1)}"


def _unequal(stored, made):
    """How many values are not the same, where two that are NaN are."""
    same = (stored == made) | ((stored != stored) & (made != made))
    return int(np.size(same) - np.count_nonzero(same))


def differences(stored: str | Path, made: str | Path) -> list[str]:
    """What differs between two FITS products.

    Parameters
    ----------
    stored, made : path

    Returns
    -------
    list of str
        One line for each extension that differs, with the number of pixels and by how much;
        empty when the files are the same bit by bit.
    """
    if Path(stored).read_bytes() == Path(made).read_bytes():
        return []
    if Path(stored).suffix != ".fits":
        return ["differs from what the raw frames give"]
    from astropy.io import fits

    found = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # astropy leaves a damaged file open when it gives up on it
            with (
                open(stored, "rb") as first,
                open(made, "rb") as second,
                fits.open(first) as old,
                fits.open(second) as new,
            ):
                if len(old) != len(new):
                    found.append(f"{len(old)} extensions instead of {len(new)}")
                for number, (was, now) in enumerate(zip(old, new, strict=False)):
                    lines = [*_data_differences(was.data, now.data)]
                    lines += _header_differences(was.header, now.header)
                    name = now.name if number else "PRIMARY"
                    found += [f"{name}: {'; '.join(lines)}"] if lines else []
    except Exception as error:
        found.append(f"cannot be read: {type(error).__name__}: {error}")
    return found or ["its bytes differ, its values and cards do not"]


def _verify(products, plan, config, quick):
    """Yield (product, what is wrong with it) of each product."""
    keys = recipe_keys(config, kind_digest)
    lost: set[str] = set()
    with tempfile.TemporaryDirectory() as clean:
        for product in products if quick else needed(products, plan):
            if quick:
                wrong = check_stored(product) if Path(product).exists() else ["missing"]
                yield product, wrong
                continue
            if without := lost.intersection(plan.calibrations(product).values()):
                lost.add(product)
                yield product, [f"cannot be compared: {min(without)} cannot be made again"]
                continue
            try:
                # one that is damaged does not say what it was to say
                own = recipe_of(product) or plan.recipe(product, keys)
                make_product(product, plan, config["raw_dir"], clean, config, own)
            except (CcdlibError, OSError) as error:
                lost.add(product)
                yield product, [f"cannot be made again: {in_words(error)}"]
                continue
            if product in products:
                exists = Path(product).exists()
                made = Path(clean, product)
                yield product, differences(product, made) if exists else ["missing"]


def _asked(arguments, plan, config):
    known = list(plan.targets(config["products"]["keep"]))
    if not known:
        raise CcdlibError("results/plan.csv: no products here; run snakemake first")
    asked = [str(Path(product)) for product in arguments.products]
    for product in asked:
        plan.sources(product, config["raw_dir"])
    return asked or known


def run(arguments: argparse.Namespace) -> int:
    """Compare products with what the raw frames give.

    Returns
    -------
    int
        1 when anything differs.
    """
    config, plan = last_config(), read_plan()
    products = _asked(arguments, plan, config)
    bad = {}
    for product, wrong in _verify(products, plan, config, arguments.quick):
        if wrong:
            bad[product] = wrong
            print("\n".join(f"{product}: {line}" for line in wrong))
    for product in bad if arguments.remove else ():
        for path in filter(None, (product, record_of(product))):
            Path(path).unlink(missing_ok=True)
    right = "have the checksums they were written with"
    right = right if arguments.quick else "are what the raw frames give, bit for bit"
    # a master of the asked ones can be among the bad
    good = sum(product not in bad for product in products)
    print(f"{good} of {len(products)} products {right}")
    if bad and arguments.remove:
        print(f"{len(bad)} removed: the next run makes them again")
    return 1 if bad else 0
