"""Which versions of the packages that can change a result the products were made with.

Another version makes nothing again by itself: it is told, and the user decides.
"""

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ..products.text_cards import primary_cards
from ..products.versions import CARDS
from ..state import keep, kept

__all__ = ["advice", "made_with", "others", "present", "remember"]

_LEDGER = ".ccdlib/software"


def present() -> dict[str, str]:
    """{package: version} of what is installed now."""
    found = {}
    for package in CARDS.values():
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def made_with(product: str) -> dict[str, str]:
    """{package: version} of what a product's header names."""
    found = {}
    for card in primary_cards(product):
        if card[:8].rstrip() in CARDS:
            found[CARDS[card[:8].rstrip()]] = card[10:].split("'")[1].strip()
    return found


def _line(versions):
    return " ".join(f"{package} {versions[package]}" for package in sorted(versions))


def _ledger():
    found = kept(_LEDGER)
    return [] if found is None else found.decode().splitlines()


def remember(has_results: bool) -> None:
    """Add the present versions to those that runs in this working directory had.

    Parameters
    ----------
    has_results : bool
        Whether there are products; those of which nothing is known may be of any version.
    """
    lines = _ledger() or (["unknown"] if has_results else [])
    if _line(present()) not in lines:
        keep(_LEDGER, "\n".join([*lines, _line(present())]).encode())


def others(products: Iterable[str]) -> dict[tuple[str, str, str | None], list[str]]:
    """The products that were made with other versions than those of now.

    Parameters
    ----------
    products : iterable of str
        Those that do not exist are passed over.

    Returns
    -------
    dict
        {(package, version then, version now): list of products}.
    """
    now = present()
    # headers are read only where some run had other versions
    if _ledger() == [_line(now)]:
        return {}
    found: dict[tuple[str, str, str | None], list[str]] = {}
    for product in products:
        if product.endswith(".fits") and Path(product).exists():
            for package, then in made_with(product).items():
                if then != now.get(package):
                    found.setdefault((package, then, now.get(package)), []).append(product)
    return found


def advice(products: Iterable[str]) -> list[str]:
    """One line for each package of which products were made with another version."""
    return [
        f"{len(made)} product{'s' * (len(made) != 1)} made with {package} {then}, now {now}: kept "
        "(--forceall makes all again, ccdlib verify --remove those that differ)"
        for (package, then, now), made in sorted(others(products).items())
    ]
