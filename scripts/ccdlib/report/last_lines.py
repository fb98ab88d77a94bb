"""The last lines on the terminal after a run."""

import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from ..config import is_remembered, last_config
from ..errors import CcdlibError
from ..frame.detector_noise import NO_GAIN, OWN_NOISE
from ..index.index_tables import INDEX_TABLE, READY_TABLE
from ..index.remarks import remarks
from ..index.type_evidence import DOUBTED, PLAIN
from ..kinds import masters, record_of
from ..plan.frames import read_corrections
from ..plan.night_plan import LEFT_STACK, SET_ASIDE, product_of, type_of
from ..plan.plan_columns import MEMBERS_TABLE, PLAN_TABLE
from ..plan.plan_tables import PLAN, orphans_of, read_plan
from ..products.text_cards import text_card
from ..raw.raw_folder import hidden_files
from ..rerun import software
from ..state import unsealed
from .level_doubts import level_notes
from .obstacles import obstacles

__all__ = [
    *(
        "detector_warnings",
        "few_frames",
        "header_remarks",
        "lacking_maps",
        "left_out",
        "left_frames",
        "left_lights",
        "left_stacks",
    ),
    *("lines", "noise_notes", "plural", "refusals", "type_notes", "unfit_masters"),
    "without_sky",
]

# a gain or read noise is told if it is this many sigma and this fraction from the declared one
_SIGMA, _RELATIVE = 5.0, 0.05
# what stays in a frame that goes without
_STAYS = {
    "bias": "; overscan or dark take its level out",
    "dark": "; dark current and hot pixels stay in",
    "flat": "; vignetting and the response of single pixels stay in",
}
# a master of fewer frames is told
_FEW = 3
_UPPER = "with a read noise that is an upper limit"
_PAGE = "results/report/index.html"
# old files that are named
_LISTED = 5
# a larger share of a stack's values are not cosmic rays, satellites and planes
_MANY_OUTLIERS = 0.05
# what the lines need of the tables, of which an archive's are long
_OF_PLAN = ("product", "kind", "master", "status", "reason", "age", "candidates")
_OF_MEMBERS = ("master", "file", "imagetyp")
_OF_INDEX = ("file", "frame", "imagetyp", "status", "reason", "failed", "evidence")


def _types(plan):
    """{calibrated product: type of its frame} in the plan, after corrections."""
    kinds: dict[str, list[str]] = {}
    for row in plan:
        if row["product"].startswith("results/calibrated/") and row["kind"] != "frame":
            kinds.setdefault(row["product"], []).append(row["kind"])
    return {product: type_of(frozenset(own)) for product, own in kinds.items()}


def refusals(keep: Collection[str]) -> list[tuple[str, str]]:
    """(what, reason) of every raw frame and product that is refused, with each of its reasons.

    Parameters
    ----------
    keep : list of str
        Types of frame that get a calibrated file; refusals of others are left out.
    """
    plan = PLAN_TABLE.rows(names=("product", "kind", "status", "reason"))
    index = INDEX_TABLE.rows(names=("file", "frame", "status", "reason"))
    # a watch asks in each round: of thousands of frames few are refused
    asked = {row["product"] for row in plan if row["status"] == "refused"}
    asked |= {product_of(row["frame"]) for row in index if row["status"] not in ("ok", "aside")}
    types = _types(row for row in plan if row["product"] in asked)
    return _refusals(plan, index, types, keep)


def _refusals(plan, index, types, keep):
    unwanted = {row["reason"].removesuffix(SET_ASIDE) for row in plan if row["kind"] == "frame"}
    found = [
        (row["file"], row["reason"])
        for row in index
        # a frame whose type only the corrections give is planned
        if row["status"] not in ("ok", "aside")
        and product_of(row["frame"]) not in types
        and row["file"] not in unwanted
    ]
    wanted = (
        (row["product"], row["reason"])
        for row in plan
        if row["status"] == "refused"
        and (row["product"] not in types or types[row["product"]] in keep)
    )
    return list(dict.fromkeys([*found, *wanted]))


def plural(number: int, noun: str) -> str:
    """A number with its noun: '1 frame', '3 frames'."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def left_out(plan: Iterable[Mapping], products: Collection[str]) -> list[str]:
    """One line for each kind of calibration that some frames went without, and why.

    Parameters
    ----------
    plan : list of dict
        Rows of plan.csv.
    products : set of str
        The calibrated frames that count.
    """
    reasons: dict[tuple[str, str], list[Mapping]] = {}
    for row in plan:
        skipped = row["status"] == "skipped" and row["kind"] in ("bias", "dark", "flat")
        if skipped and row["product"] in products:
            reasons.setdefault((row["kind"], row["reason"]), []).append(row)
    return [
        f"{kind} left out of {plural(len(own), 'frame')}: {reason}{_why_none_fits(own)}"
        f"{_stays(kind, reason)}"
        for (kind, reason), own in sorted(reasons.items())
    ]


def _why_none_fits(rows):
    """Why the masters that there are do not serve the first frame that has some."""
    first = next((row for row in rows if row["candidates"]), None)
    return f" (why not {first['product']}: {first['candidates']})" if first else ""


def _stays(kind, reason):
    """What stays in a frame that goes without, nothing where it was taken out before."""
    return "" if reason.startswith("done already") else _STAYS.get(kind, "")


def left_stacks(plan: Iterable[Mapping]) -> list[str]:
    """One line for the frames that left a stack for the same reason.

    Parameters
    ----------
    plan : list of dict
        Rows of plan.csv.
    """
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in plan:
        if row["kind"] == LEFT_STACK:
            file, _, reason = row["reason"].partition(": ")
            reasons.setdefault((row["master"], reason), []).append(file)
    return [
        f"{', '.join(files)} left out of {master}: {reason}"
        for (master, reason), files in reasons.items()
    ]


def without_sky(plan: Iterable[Mapping]) -> list[str]:
    """One line for each reason for which lights are not flattened.

    Parameters
    ----------
    plan : list of dict
        Rows of plan.csv.
    """
    reasons = Counter(
        row["reason"]
        for row in plan
        if row["product"].startswith("results/flattened/")
        and (row["kind"], row["status"]) == ("frames", "skipped")
    )
    return [
        f"{plural(number, 'light')} not flattened: {reason}" for reason, number in reasons.items()
    ]


def few_frames(plan: Iterable[Mapping], products: Collection[str]) -> list[str]:
    """One line for each master of one or two frames that a frame uses.

    Parameters
    ----------
    plan : list of dict
        Rows of plan.csv.
    products : set of str
        The calibrated frames that count.
    """
    rows = list(plan)
    numbers = {
        row["product"]: int(row["reason"].split()[0])
        for row in rows
        if row["kind"] == "frames" and row["status"] == "used"
    }
    used = dict.fromkeys(
        row["master"] for row in rows if row["product"] in products and row["status"] == "used"
    )
    return [
        f"{master} is made of {plural(numbers[master], 'frame')}: too few to reject a value, and "
        "their noise is in every frame that it calibrates"
        for master in used
        if master.startswith("results/masters/") and 0 < numbers.get(master, 0) < _FEW
    ]


def _used(plan, kind):
    """The products of a kind that some frame uses and that are there, each once."""
    used = (row["master"] for row in plan if row["kind"] == kind and row["status"] == "used")
    return [path for path in dict.fromkeys(used) if os.path.exists(path)]


def left_frames(plan: Iterable[Mapping]) -> list[str]:
    """One line for each raw frame whose pixels do not fit the master that it was planned for.

    Parameters
    ----------
    plan : list of dict
        Rows of plan.csv.
    """
    found = []
    for path in (path for kind in masters() for path in _used(plan, kind.name)):
        # few headers have one, and a FITS library takes long to look
        if text_card(path, "LEFT001"):
            from astropy.io import fits

            cards = fits.getheader(path)["LEFT*"].values()
            found += [f"left out of {path}: {text}" for text in cards]
    return found


def left_lights(stacks: Iterable[str]) -> list[str]:
    """One line for each light that could not go into its stack, or was not to; and for values.

    Parameters
    ----------
    stacks : list of str
        Stacks, illuminations and fringe frames that are there.
    """
    found = []
    for product in stacks:
        record = unsealed(record_of(product) or "") or {}
        for light in record.get("lights", ()):
            if light["LEFT"]:
                found.append(f"{light['FRAME']} left out of {product}: {light['LEFT']}")
        for image in record.get("images", ()) if record.get("kind") == "stack" else ():
            share = image["rejected"] / max(image["rejected"] + image["used"], 1)
            if share > _MANY_OUTLIERS:
                found.append(
                    f"{product}: {100 * share:.0f} % of its values were left out as outliers, as "
                    "where the sky is brighter at another side in each light; a higher stack.clip "
                    "keeps them"
                )
    return found


def lacking_maps(plan: Iterable[Mapping]) -> list[str]:
    """One line for each bad-pixel map for which a master shows no bad pixels.

    Parameters
    ----------
    plan : list of dict
        Rows of plan.csv.
    """
    reasons = ((path, text_card(path, "BPMLACK")) for path in _used(plan, "bad_pixels"))
    return [
        f"{path}: nothing taken from its {reason}; the lights go without. LA Cosmic may take what "
        "makes them so (lines of a spectrum) for cosmic rays: cosmic_rays={method: none}"
        for path, reason in reasons
        if reason
    ]


def detector_warnings(name: str, amplifiers: Iterable[Mapping]) -> list[str]:
    """One line for each measured value that differs significantly from the declared one.

    Parameters
    ----------
    name : str
        Name of the measurement.
    amplifiers : list of dict
        From `ccdlib.master.gain_read_noise.measure_detector`.
    """
    found = []
    for number, amp in enumerate(amplifiers, start=1):
        for fact, unit in (("gain", "electron/adu"), ("read_noise", "electron")):
            declared, measured = amp[f"declared_{fact}"], amp[fact]
            sigma = amp.get(f"{fact}_discrepancy")
            if sigma is None or abs(sigma) <= _SIGMA or abs(measured / declared - 1) <= _RELATIVE:
                continue
            doubt = amp.get(f"{fact}_doubt")
            used = f"declared used, as {doubt}" if doubt else "measured used where it matters"
            found.append(
                f"{name}, amplifier {number}: measured {fact.replace('_', ' ')} {measured:.4g} +- "
                f"{amp[f'{fact}_error']:.2g} {unit}, {declared:g} is declared ({sigma:+.0f} "
                f"sigma): {used}"
            )
    return found


def _measured():
    """The warnings of all measurements of gain and read noise."""
    for path in sorted(Path("results/detector").glob("*.json")):
        found = unsealed(path) or {}
        yield from detector_warnings(path.stem, found.get("amplifiers", []))


def noise_notes(plan: Iterable[Mapping], products: Collection[str]) -> list[str]:
    """One line for the frames whose noise comes from elsewhere than from gain and read noise.

    Parameters
    ----------
    plan : list of dict
        Rows of plan.csv.
    products : set of str
        The calibrated frames that count.
    """
    notes: dict[str, int] = {}
    for row in plan:
        if row["kind"] != "detector" or row["product"] not in products:
            continue
        reason = row["reason"]
        if row["status"] == "used":
            reason = _detector_lack(row["master"])
        if reason and reason.startswith((NO_GAIN, OWN_NOISE, _UPPER)):
            notes[reason] = notes.get(reason, 0) + 1
    return [
        f"{plural(number, 'frame')}{' in adu,' * reason.startswith(NO_GAIN)} {reason}"
        for reason, number in notes.items()
    ]


def _detector_lack(path):
    """What a measurement of gain and read noise did not tell, None where nothing is missing."""
    if not path.endswith(".json") or not Path(path).exists():
        return None
    for amp in (unsealed(path) or {}).get("amplifiers", []):
        if amp["gain"] is None and amp["declared_gain"] is None:
            return f"{NO_GAIN}: {path} has none, {amp.get('gain_lack')}"
        if amp["declared_read_noise"] is None:
            if amp["read_noise_adu"] is None:
                return f"{OWN_NOISE}: {path} has none, {amp.get('read_noise_lack')}"
            if amp["pairs_of"] == "dark":
                return f"{_UPPER}, as {path} is of darks"
    return None


def header_remarks(index: Iterable[Mapping]) -> list[str]:
    """One line for each thing that is odd in the headers of usable frames."""
    found = []
    for _, text, files in remarks(row for row in index if row["status"] == "ok"):
        others = f" (and {len(files) - 1} more)" if len(files) > 1 else ""
        then = "; matched with undated frames alone" if text.startswith("undated") else ""
        found.append(f"{files[0]}: {text}{others}{then}")
    return found


def type_notes(index: Iterable[Mapping]) -> list[str]:
    """One line for each kind of type that a person should look at and has not settled yet."""
    notes: dict[str, list[str]] = {}
    index = list(index)
    settled = _corrected_types({row["file"] for row in index})
    for row in index:
        if row["file"] in settled:
            continue
        evidence = row.get("evidence") or ""
        if row["status"] == "aside":
            notes.setdefault("set aside", []).append(row["reason"].replace(": set aside", ""))
        elif row["status"] == "ok" and evidence.startswith(DOUBTED):
            text = f"{row['file']}: {row['imagetyp']}, {evidence.removeprefix(DOUBTED)}"
            notes.setdefault("typed with doubt", []).append(text)
        elif row["status"] == "ok" and evidence.endswith(PLAIN):
            text = f"{row['file']}: {evidence}"
            notes.setdefault("taken for lights", []).append(text)
    return [f"{plural(len(own), 'frame')} {what}, such as {own[0]}" for what, own in notes.items()]


def _corrected_types(files):
    """The files whose type, or whose use, the run's table of corrections gives."""
    try:
        table = last_config()["corrections"]
        given = read_corrections(table, files) if table and Path(table).exists() else {}
    except CcdlibError:
        # without a run nothing is corrected; the plan's job tells of a table with a mistake
        return set()
    return {file for file, own in given.items() if {"imagetyp", "use"} & own.keys()}


def _passed_over():
    """A line for raw files whose names begin with a dot."""
    if not is_remembered():
        return []
    found = hidden_files(last_config()["raw_dir"], ["results", "logs", "benchmarks"])
    return [found] if found else []


def unfit_masters() -> list[str]:
    """One line for each file among the ready masters that cannot be used."""
    if is_remembered() and not last_config()["ready_masters"]:
        # the table is of a run that asked for them
        return []
    return [
        f"among the ready masters, {row['reason']}"
        for row in READY_TABLE.rows()
        if row["status"] == "refused"
    ]


def _refused_lines(refused, index, keep):
    """A line for each that is refused, by cause, those that cost most lights first."""
    # a raw file whose value cannot be used has its type all the same
    raw = {row["file"] for row in index if row["failed"] and row["imagetyp"] in keep}
    named: set[str] = set()
    for each in obstacles(refused, raw):
        first, *others = each.refused
        yield f"  {first}: {each.cause}"
        yield from (f"  {what}: the same" for what in others if what not in named)
        again = len(named.intersection(others))
        if again:
            yield f"  and {again} more of those above: the same"
        named.update(each.refused)
        lights = f" for {plural(each.lights, 'frame')}" if each.lights else ""
        yield f"    what to do{lights}: {each.act}"


def _not_made(plan, keep, outdated):
    """Yield a line if planned products were not made after a failed job, and one of old files."""
    planned = list(plan.targets(keep))
    missing = [each for each in planned if each in outdated or not Path(each).exists()]
    if outdated:
        yield (
            f"out of date: {plural(len(outdated), 'product')} of an earlier run, as something that "
            "they need was not made:"
        )
        yield from (f"  {product}" for product in sorted(outdated)[:_LISTED])
        if len(outdated) > _LISTED:
            yield f"  and {len(outdated) - _LISTED} more"
    if missing:
        yield (
            f"{len(missing)} of {len(planned)} planned products not made, "
            f"see 'failed' above (what to do: {_PAGE})"
        )


def lines(keep: Collection[str], failed: bool = False, outdated: Collection[str] = ()) -> list[str]:
    """The last lines of a run.

    Parameters
    ----------
    keep : list of str
        Types of frame that get a calibrated file.
    failed : bool
        Whether a job failed.
    outdated : set of str
        Products on the disk that the run was to make again and did not; they do not count.

    Returns
    -------
    list of str
    """
    if failed and not Path(PLAN).exists():
        return ["there is no plan, so nothing was made: see 'failed' above"]
    members = MEMBERS_TABLE.rows(names=_OF_MEMBERS)
    products = {row["master"] for row in members}
    made = {each for each in products if os.path.exists(each) and each not in outdated}
    calibrated = sum(product.startswith("results/calibrated/") for product in made)
    masters = sum(product.startswith("results/masters/") for product in made)
    stacks = sorted(product for product in made if product.startswith("results/stacks/"))
    counts = [plural(calibrated, "calibrated frame"), plural(masters, "master")]
    skies = sorted(product for product in made if product.startswith("results/sky/"))
    flattened = sum(product.startswith("results/flattened/") for product in made)
    counts += [plural(flattened, "flattened light")] if flattened else []
    counts += [plural(len(stacks), "stack")] if stacks else []
    text = [f"{', '.join(counts[:-1])} and {counts[-1]} in results/"]
    if Path(_PAGE).exists():
        text[0] += f", to be seen in {_PAGE}"
    plan = PLAN_TABLE.rows(names=_OF_PLAN)
    index = INDEX_TABLE.rows(names=_OF_INDEX)
    types = _types(plan)
    refused = _refusals(plan, index, types, keep)
    kept = {product for product, own in types.items() if own in keep} - dict(refused).keys()
    text += left_out(plan, kept) + noise_notes(plan, kept)
    text += [*few_frames(plan, kept), *left_stacks(plan), *lacking_maps(plan), *_measured()]
    text += left_frames(plan) + left_lights([*skies, *stacks]) + without_sky(plan)
    text += level_notes(plan, members)
    text += header_remarks(index) + type_notes(index) + _passed_over() + unfit_masters()
    text += software.advice(made)
    if refused:
        text.append(f"{len(dict(refused))} refused (what to do: {_PAGE}):")
        text += _refused_lines(refused, index, keep)
    else:
        text.append("nothing refused")
    if failed:
        text += _not_made(read_plan(), keep, outdated)
    orphans = orphans_of(products) if Path(PLAN).exists() else ()
    if orphans:
        text.append(
            f"{len(orphans)} left from before: this night and config no longer make them "
            "(--config prune=true deletes them):"
        )
        text += [f"  {path}" for path in orphans]
    return text
