"""``ccdlib init``: from a folder of raw frames to a config and a list of open questions."""

import argparse
import csv
import io
import shlex
import shutil
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..camera.camera_file import matches_all
from ..config import PIPELINE, load_camera, load_config
from ..errors import CcdlibError
from ..files import is_given, write_atomically
from ..index.index_tables import as_read
from ..index.open_raw import open_headers
from ..index.raw_index import compared, index_file
from ..index.remarks import remarks
from ..index.type_evidence import BY_RULE, DOUBTED
from ..kinds import FRAME_TYPES
from ..plain_text import cell
from ..plan.night_plan import make_plan, product_of
from ..raw.raw_folder import find_raw_files, hidden_files, resolve
from ..report.advice import advice, lacking_kinds, missing_value
from ..report.last_lines import plural
from ..report.level_doubts import level_doubts
from ..report.obstacles import obstacles
from ..run.kernels import compile_beside
from .find_overscan import Pixels, column_medians
from .propose_camera import propose_camera
from .propose_filters import filters_of_names
from .propose_spectra import why_spectra

__all__ = ["Start", "add_arguments", "run", "start_folder"]

# number of headers read in a large folder
_SAMPLE = 400
# fraction of the frames that a known camera must understand to be chosen
_UNDERSTOOD = 0.9
# frames whose types or other values are asked about
_CORRECTIONS = "config/corrections.csv"
_TABLE = (
    "the table of `corrections` is a CSV with the column file and those in which you know better "
    f'(docs/config.md); corrections: "{_CORRECTIONS}" in the config names it'
)
# groups of types, and obstacles, that are listed
_GROUPS, _OBSTACLES = 12, 8


class Start:
    """Findings about a folder.

    Attributes
    ----------
    camera : str
        Name of a shipped camera, or the path of the proposed one below the working directory.
    camera_lines : list of str
        The proposed file, empty for a shipped camera.
    config_lines : list of str
    notes : list of str
        Findings.
    open : list of str
        Points that a person must decide or should know before a run.
    """

    def __init__(self) -> None:
        self.camera = ""
        self.camera_lines: list[str] = []
        self.config_lines: list[str] = []
        self.notes: list[str] = []
        self.open: list[str] = []


def _sampled(files):
    step = max(len(files) // _SAMPLE, 1)
    return files[::step]


def _read_headers(raw_dir, files):
    """Headers of the files that can be read, and why others cannot (the index tells all)."""
    found, lost = [], []
    for file in files:
        try:
            found.append(open_headers(resolve(raw_dir, file), file, {"UNKNOWN", "N/A"}))
        except CcdlibError as error:
            lost.append(str(error))
        except Exception as error:
            # a damaged file can raise anything inside a FITS reader
            lost.append(f"{file}: {type(error).__name__}")
    return found, lost


def _shipped():
    """{name: camera} of the shipped files that have a `recognise` entry."""
    names = sorted(path.stem for path in (PIPELINE / "config/cameras").glob("*.yaml"))
    cameras = {name: load_camera(name) for name in names}
    return {name: camera for name, camera in cameras.items() if "recognise" in camera}


def _index(raw_dir, files, camera):
    rows = [index_file(resolve(raw_dir, file), file, camera) for file in files]
    return compared(raw_dir, rows, camera)


def _known_camera(raw_dir, headers, start):
    """The shipped camera that recognises most frames and understands them."""
    for name, camera in _shipped().items():
        own = [each for each in headers if matches_all(each, camera["recognise"])]
        if not own:
            continue
        conditions = ", ".join(f"{card}={own[0].get(card)!r}" for card in camera["recognise"])
        if len(own) < _UNDERSTOOD * len(headers):
            start.open.append(
                f"camera {name} ({conditions}) took {len(own)} of {len(headers)} frames, such as "
                f"{own[0].file}: its shipped file serves them in a folder of their own"
            )
            continue
        rows = _index(raw_dir, [each.file for each in own], camera)
        good = sum(row["status"] == "ok" for row in rows)
        if good >= _UNDERSTOOD * len(own):
            start.notes.append(f"camera {name} ({camera['description']}): {conditions}")
            return name, camera
        reason = next(row["reason"] for row in rows if row["status"] != "ok")
        start.open.append(
            f"these look like camera {name} ({conditions}), but only {good} of {len(own)} frames "
            f"fit its file: {reason}"
        )
    return None, None


def _image(raw_dir, headers):
    """The pixels of a frame with one image."""
    from astropy.io import fits

    hdu, _, shape = headers.images[0]
    with fits.open(resolve(raw_dir, headers.file), memmap=False) as hdus:
        return np.asarray(hdus[hdu].data).reshape(shape)


def _pixels(raw_dir, headers):
    """Pixels of the brightest of a few frames with one image, and columns of dark ones, or None."""
    rows = _index(raw_dir, [each.file for each in headers], load_camera("generic"))
    dark = {row["file"] for row in rows if row["imagetyp"] in ("bias", "dark")}
    # tiles that are damaged end in any error of their library
    refused = {row["file"] for row in rows if row["status"] == "refused"}
    headers = [each for each in headers if each.file not in refused]
    lit = [each for each in headers if len(each.images) == 1 and each.file not in dark]
    best, of, level = None, None, -np.inf
    for each in lit[:: max(len(lit) // 8, 1)]:
        shape = each.images[0][2]
        if min(shape) < 64:
            continue
        image = _image(raw_dir, each)
        # saturated frames have no edge to see
        median = float(np.median(image[:: max(shape[0] // 64, 1)]))
        if level < median < 60_000:
            best, of, level = image, each, median
    if best is None or of is None:
        return None
    unlit = [
        each
        for each in headers
        if each.file in dark and len(each.images) == 1 and each.images[0][2] == best.shape
    ]
    some = unlit[:: max(len(unlit) // 6, 1)]
    return Pixels(best, of, [column_medians(_image(raw_dir, each)) for each in some])


@dataclass(frozen=True)
class _Trial:
    """What a camera file would make of the folder.

    Attributes
    ----------
    name : str
    rows : list of dict
        The index.
    refused : list of (str, str)
        Calibrated products that would not be made, with each reason.
    wanted : dict
        {calibrated product: type of its frame}.
    doubts : list of str
        What is to be said of levels.
    """

    name: str
    rows: list
    refused: list
    wanted: dict
    doubts: list

    @property
    def calibrated(self):
        return len(self.wanted) - len(dict(self.refused))

    @property
    def makes(self):
        """What a file is good for: frames that it calibrates, then as few refused as possible."""
        return self.calibrated, -sum(row["status"] == "refused" for row in self.rows)

    @property
    def nouns(self):
        """The types of frame that are to be calibrated, as 'lights and lamps'."""
        kinds = [kind for kind in FRAME_TYPES if kind in self.wanted.values()]
        return " and ".join(f"{kind}s" for kind in kinds or ["light"])


def _try(raw_dir, files, name, camera, config):
    """Index and plan the folder with a camera file."""
    rows = _index(raw_dir, files, camera)
    found = [as_read(row | {"sha256": row["file"]}) for row in rows]
    plan, members = make_plan(found, config, {"missing": camera["missing"]}, {})
    keep = config["products"]["keep"]
    wanted = {
        product_of(row["frame"]): row["imagetyp"]
        for row in rows
        if row["imagetyp"] in keep and row["status"] == "ok"
    }
    refused = [
        (row["product"], row["reason"])
        for row in plan
        if row["product"] in wanted and row["status"] == "refused"
    ]
    by_name = {row["file"]: row for row in found}
    by_name |= {product_of(row["frame"]): row for row in found if row["layout"]}
    return _Trial(name, rows, refused, wanted, level_doubts(plan, members, by_name))


def _proposed(raw_dir, headers, directory):
    """A camera file proposed from the headers, written: its place, lines and open points."""
    proposal = propose_camera(headers, _pixels(raw_dir, headers))
    lines = [
        f"# Proposed from the headers of {len(headers)} files; see docs/camera.md.",
        *proposal.lines,
    ]
    path = Path(directory) / "config/camera.yaml"
    write_atomically(path, ("\n".join(lines) + "\n").encode())
    return path, lines, proposal.open


def _best_trial(raw_dir, files, headers, start, directory):
    """The trial of a proposed file, or of generic where that makes more."""
    path, lines, open_points = _proposed(raw_dir, headers, directory)
    config = load_config({"raw_dir": str(raw_dir), "camera": "generic"})
    names = {"config/camera.yaml": load_camera(str(path)), "generic": load_camera("generic")}
    own, generic = (_try(raw_dir, files, name, camera, config) for name, camera in names.items())
    if generic.makes > own.makes:
        path.unlink()
        start.camera = "generic"
        start.notes.append(
            f"camera not known: generic would calibrate {generic.calibrated} frames and refuse "
            f"{-generic.makes[1]} files, a file proposed from the headers {own.calibrated} and "
            f"{-own.makes[1]}"
        )
        return generic
    start.camera, start.camera_lines = own.name, lines
    start.open += open_points
    start.notes.append(f"camera not known: proposed in {path}")
    return own


def _config_lines(raw_dir, start):
    why = "a shipped camera file" if not start.camera_lines else "proposed, correct it there"
    return [
        "# What is not here has the default that the pipeline's own config/config.yaml explains.",
        f'raw_dir: "{Path(raw_dir).resolve()}"  # the folder that was looked at',
        f'camera: "{start.camera}"  # {why}',
    ]


def _colour_lines(headers, start):
    """Config lines for a colour sensor, whose neighbouring pixels have different filters."""
    cards = ((card, each.get(card)) for each in headers for card in ("BAYERPAT", "COLORTYP"))
    found = [f"{card}={value!r}" for card, value in cards if value and len(str(value)) == 4]
    if not found:
        return []
    why = f"{found[0]}: neighbouring pixels have different colours"
    start.open.append(
        f"colour sensor: {why}; no bad pixels are sought in flats, and no cosmic rays "
        "(docs/camera.md, 'Colour sensors')"
    )
    return [f"bad_pixels: dark  # {why}", "cosmic_rays: {method: none}  # the same"]


def _spectra_lines(headers, rows, start):
    """Config lines for spectra."""
    why = why_spectra(headers, rows)
    if why is None:
        return []
    start.open.append(
        f"spectra: {why}; no bad pixels are sought in flats, and no cosmic rays, which LA Cosmic "
        "takes sharp lines for (docs/camera.md, 'Spectra'); data: images in the config undoes it"
    )
    return [f"data: spectra  # {why}"]


def _asked(trial):
    """{file: columns of the table of corrections} of what headers do not say, and only you know."""
    asked = defaultdict(set)
    products = {product_of(row["frame"]): row["file"] for row in trial.rows}
    for row in trial.rows:
        if row["status"] == "unknown":
            asked[row["file"]].add("imagetyp")
        elif row["status"] == "refused" and row["failed"]:
            asked[row["file"]].update(row["failed"].split("+"))
    for product, reason in trial.refused:
        column = missing_value(reason)
        if column:
            asked[products[product]].add(column)
    for column, kinds in lacking_kinds(reason for _, reason in trial.refused).items():
        for row in trial.rows:
            if row["status"] == "ok" and row["imagetyp"] in kinds and row[column] is None:
                asked[row["file"]].add(column)
    return asked


def _corrections_lines(trial, directory, start):
    """Config lines for a table of the frames that are asked about, which is written."""
    asked, filters = _asked(trial), filters_of_names(trial.rows)
    for file in filters:
        asked[file].add("filter")
    if not asked:
        return []
    columns = sorted(set().union(*asked.values()), key=lambda name: (name != "imagetyp", name))
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["file", *columns])
    for file in asked:
        given = {"filter": filters.get(file, "")}
        table.writerow([cell(file), *(given.get(column, "") for column in columns)])
    path = Path(directory) / _CORRECTIONS
    write_atomically(path, text.getvalue().encode())
    if filters:
        names = sorted(set(filters.values()))
        start.open.append(
            f"filter: no card has it; {', '.join(names)} in the names of folders or files of flats "
            f"and lights are taken for filters, see {path}"
        )
    for column in columns:
        number = sum(column in own and file not in filters for file, own in asked.items())
        if column == "imagetyp":
            start.open.append(
                f"types: {plural(number, 'file')} of no clear type (below), in no plan; write "
                f"what each is ({', '.join(FRAME_TYPES)}) beside its name in {path}"
            )
        elif number:
            start.open.append(
                f"{column}: {plural(number, 'file')} need one that the header does not have or "
                f"that cannot be used; write it beside the name in {path}"
            )
    return [f'corrections: "{_CORRECTIONS}"  # what only you know']


def _report_index(rows, start):
    kinds = Counter(row["imagetyp"] for row in rows if row["status"] == "ok")
    start.notes.append(
        f"{plural(len(rows), 'file')}: "
        + (", ".join(f"{count} {kind}" for kind, count in kinds.most_common()) or "none usable")
    )
    told = dict(_lost_lights(rows))
    for status, text, files in remarks(row for row in rows if row["file"] not in told):
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        act = f". What to do: {advice(text)}" if status == "refused" else ""
        start.open.append(f"{status.replace('ok', 'remark')}: {files[0]}{more}: {text}{act}")


def _report_types(rows, start):
    """What the types come from, a line for each group."""
    groups: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row["status"] == "ok" and row["evidence"] != BY_RULE:
            groups.setdefault((row["imagetyp"], row["evidence"]), []).append(row["file"])
    lines = sorted(groups.items(), key=lambda item: FRAME_TYPES.index(item[0][0]))
    for (kind, evidence), files in lines[:_GROUPS]:
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        if evidence.startswith(DOUBTED):
            start.open.append(
                f"{files[0]}{more}: typed {kind}, {evidence}; the table of `corrections` has the "
                f"last word (docs/config.md)"
            )
        else:
            start.notes.append(f"  {kind}: {files[0]}{more}: {evidence}")
    if len(lines) > _GROUPS:
        start.notes.append(f"  and {len(lines) - _GROUPS} more groups of types")


def _report_plan(trial, start):
    """Report what a run would refuse, from the plan itself: what costs most lights comes first."""
    lost = _lost_lights(trial.rows)
    total = len(trial.wanted) + len(lost)
    start.notes.append(f"a run would calibrate {trial.calibrated} of {total} {trial.nouns}")
    start.open += trial.doubts
    all_of_them = obstacles([*trial.refused, *lost], dict(lost))
    # one that quotes another (no flat, as that has no dark) is counted there
    found = [
        each
        for each in all_of_them
        if not any(other.cause in each.cause for other in all_of_them if other is not each)
    ]
    shown = [
        f"{plural(each.lights, 'light')} refused, such as {each.refused[0]}: {each.cause}. What to "
        f"do: {each.act}"
        for each in found[:_OBSTACLES]
    ]
    if len(found) > _OBSTACLES:
        shown.append(f"{len(found) - _OBSTACLES} more reasons for which lights are refused")
    start.open = shown + start.open


def _lost_lights(rows):
    """(file, reason) of the lights that are refused for a value in their headers."""
    return [
        (row["file"], row["reason"])
        for row in rows
        if row["status"] == "refused" and row["failed"] and row["imagetyp"] in ("light", "lamp")
    ]


def start_folder(raw_dir: str | Path, directory: str | Path) -> Start:
    """Look at a folder and write a config, and a camera file if none is known.

    Parameters
    ----------
    raw_dir : path
    directory : path
        Working directory of the later runs.

    Returns
    -------
    Start

    Raises
    ------
    CcdlibError
        If there is no raw frame, or a config exists already.
    """
    raw_dir, directory = str(raw_dir), Path(directory)
    target = directory / "config/config.yaml"
    if is_given(target):
        raise CcdlibError(f"{target} is there already; remove it to start anew")
    own = [directory / name for name in ("results", "logs", "benchmarks")]
    files = [name for name, _ in find_raw_files(raw_dir, own)]
    if not files:
        raise CcdlibError(
            f"{raw_dir}: no .fits, .fit or .fts file (nor .gz, .bz2, .fz of one) in it or below; "
            f"{hidden_files(raw_dir, own) or 'give the folder with the raw frames'}"
        )
    start = Start()
    headers, lost = _read_headers(raw_dir, _sampled(files))
    if not headers:
        raise CcdlibError(f"{raw_dir}: none of its {len(files)} files can be read: {lost[0]}")
    start.camera, camera = _known_camera(raw_dir, headers, start)
    if camera is None:
        trial = _best_trial(raw_dir, files, headers, start, directory)
    else:
        config = load_config({"raw_dir": raw_dir, "camera": start.camera})
        trial = _try(raw_dir, files, start.camera, camera, config)
    start.config_lines = [
        *_config_lines(raw_dir, start),
        *_colour_lines(headers, start),
        *_spectra_lines(headers, trial.rows, start),
        *_corrections_lines(trial, directory, start),
    ]
    write_atomically(target, ("\n".join(start.config_lines) + "\n").encode())
    _report_index(trial.rows, start)
    start.notes += filter(None, [hidden_files(raw_dir, own)])
    _report_types(trial.rows, start)
    _report_plan(trial, start)
    if any("table of `corrections`" in text for text in start.open):
        start.open.append(_TABLE)
    return start


def _next_command(directory):
    """The command that starts a run; it works in the shell that ran this one."""
    beside = Path(sys.executable).with_name("snakemake")
    program = "snakemake" if shutil.which("snakemake") or not beside.exists() else str(beside)
    where = ["--directory", str(Path(directory))]
    return [program, "--snakefile", str(PIPELINE / "Snakefile"), "--cores", "2", *where]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ccdlib init``."""
    parser.add_argument("raw_dir", metavar="RAW_DIR", help="folder with raw frames")
    parser.add_argument("--directory", default=".", help="working directory (default: this one)")


def run(arguments: argparse.Namespace) -> int:
    """Write the config, and print findings and open questions."""
    is_compiling = compile_beside()
    start = start_folder(arguments.raw_dir, arguments.directory)
    for note in start.notes:
        print(note)
    print(f"wrote {Path(arguments.directory) / 'config/config.yaml'}")
    if start.open:
        print("\nto decide or to know:")
        for text in start.open:
            print(f"- {text}")
    if is_compiling:
        print(
            "\nthe kernels (machine code for the sums over pixels) are being compiled meanwhile, "
            "once for each installation"
        )
    print("\nnext: " + shlex.join(_next_command(arguments.directory)))
    return 0
