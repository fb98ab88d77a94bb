"""Every kind of product: one entry each.

Plan, DAG, needs of the jobs, ready masters, remaking, time stamps, `ccdlib why`, last lines, report
and the table in docs/architecture.md follow from the entry. A new kind is an entry here, a recipe
`make` in a module of `ccdlib.jobs`, a script and a rule.
"""

from dataclasses import dataclass
from functools import cache

__all__ = [
    "FRAME_TYPES",
    "KINDS",
    "Kind",
    "calibrations_of",
    "kind_of",
    "masters",
    "order_of",
    "product_of",
    "ready_kinds",
    "record_of",
]

# types of raw frames, in the order in which a night needs them; a lamp is a comparison spectrum
FRAME_TYPES = ("bias", "dark", "flat", "light", "lamp")
# what changes a flat, and not which one is taken
_FLAT = "flat.normalise", "flat.section", "flat.min_value", "flat.max_saturated"
# what is calibrated for its own sake
_EXPOSED = ("light", "lamp")


@dataclass(frozen=True)
class Kind:
    """A kind of product.

    Attributes
    ----------
    name : str
        As in the column `kind` of results/plan.csv.
    title : str
        As in messages and in the report.
    rule : str
        The rule that makes it.
    folder : str
        Where its products lie, below the working directory.
    made_of : tuple of str
        Types of the raw frames that it is made from; none for what is made from masters alone.
    serves : tuple of str
        Types of the raw frames that are calibrated with it. A product's own frames are calibrated
        with those kinds that serve their type and stand before it in the table.
    sections : tuple of str
        Sections of the config, or keys of one, that it depends on.
    missing : {'auto', 'refuse', 'skip'} or None
        What happens to a frame for which there is none, where neither config nor camera file says;
        None for what is not chosen from among several masters.
    same : tuple of str
        Facts, beside those of match.facts, in which its frames agree with each other and with the
        frames that it serves.
    recipe : str
        Module of `ccdlib.jobs` with its recipe; empty: it is called as the rule.
    entry : str
        The recipe's function in it.
    ending : str
    per_frame : bool
        Whether each is made of one raw frame, and called by its FRAME.
    recorded : bool
        Whether its job leaves a record for the report.
    combined : bool
        Whether its job combines many frames, which takes memory for their rows.
    needed_cards : tuple of str
        Header cards without which a ready master of this kind cannot be applied.
    unit : str
        BUNIT of its image.
    """

    name: str
    title: str
    rule: str
    folder: str
    made_of: tuple[str, ...]
    serves: tuple[str, ...]
    sections: tuple[str, ...]
    missing: str | None = None
    same: tuple[str, ...] = ()
    recipe: str = ""
    entry: str = "make"
    ending: str = ".fits"
    per_frame: bool = False
    recorded: bool = False
    combined: bool = False
    needed_cards: tuple[str, ...] = ()
    unit: str = "adu"

    @property
    def pattern(self) -> str:
        """The path of its products with a wildcard for the name, as in a rule's output."""
        return f"{self.folder}/{{name}}{self.ending}"

    @property
    def module(self) -> str:
        """The module of `ccdlib.jobs` that has its recipe."""
        return self.recipe or self.rule

    def path(self, name: str) -> str:
        """Where the product of a name is written."""
        return f"{self.folder}/{name}{self.ending}"


_ENTRIES = (
    Kind(
        name="detector",
        title="gain and read noise",
        rule="measure_detector",
        folder="results/detector",
        made_of=("bias", "dark", "flat"),
        serves=FRAME_TYPES,
        sections=("overscan",),
        ending=".json",
    ),
    Kind(
        name="bias",
        title="master bias",
        rule="combine_bias",
        folder="results/masters/bias",
        made_of=("bias",),
        serves=("dark", "flat", *_EXPOSED),
        sections=("overscan", "combine", "products.compress"),
        missing="auto",
        recipe="combine_frames",
        recorded=True,
        combined=True,
        needed_cards=("OSCMETH",),
    ),
    Kind(
        name="dark",
        title="master dark",
        rule="combine_dark",
        folder="results/masters/dark",
        made_of=("dark",),
        serves=("flat", *_EXPOSED),
        sections=("overscan", "combine", "products.compress"),
        missing="auto",
        recipe="combine_frames",
        recorded=True,
        combined=True,
        needed_cards=("EXPTIME", "PEDREMOV"),
    ),
    Kind(
        name="flat",
        title="master flat",
        rule="combine_flat",
        folder="results/masters/flat",
        made_of=("flat",),
        serves=_EXPOSED,
        sections=("overscan", "combine", *_FLAT, "products.compress"),
        missing="auto",
        same=("filter",),
        recipe="combine_frames",
        recorded=True,
        combined=True,
        needed_cards=("FLATNORM",),
        unit="",
    ),
    Kind(
        name="bad_pixels",
        title="bad pixels",
        rule="measure_bad_pixels",
        folder="results/masters/bad_pixels",
        made_of=(),
        serves=FRAME_TYPES,
        sections=("products.compress",),
        unit="",
    ),
    Kind(
        name="calibrated",
        title="calibrated frame",
        rule="calibrate_frame",
        folder="results/calibrated",
        made_of=FRAME_TYPES,
        serves=(),
        sections=(
            *("overscan", "saturation", *_FLAT, "cosmic_rays", "bad_pixels"),
            *("products.unit", "products.compress"),
        ),
        per_frame=True,
        recorded=True,
        unit="electron",
    ),
    Kind(
        name="illumination",
        title="illumination",
        rule="make_illumination",
        folder="results/sky/illumination",
        made_of=("light",),
        serves=(),
        sections=("sky.illumination", "sky.fringe", "sky.min_frames", "products.compress"),
        recorded=True,
        combined=True,
        needed_cards=("SKYMETH",),
        unit="",
    ),
    Kind(
        name="fringe",
        title="fringe frame",
        rule="make_fringe",
        folder="results/sky/fringe",
        made_of=("light",),
        serves=(),
        sections=("sky.min_frames", "products.compress"),
        recorded=True,
        combined=True,
        needed_cards=("SKYKERN", "SKYRMS"),
        unit="",
    ),
    Kind(
        name="flattened",
        title="flattened light",
        rule="flatten_light",
        folder="results/flattened",
        made_of=("light",),
        serves=(),
        sections=("products.compress",),
        per_frame=True,
        recorded=True,
        unit="electron",
    ),
    Kind(
        name="stack",
        title="stack",
        rule="make_stack",
        folder="results/stacks",
        made_of=("light",),
        serves=(),
        sections=(
            *("stack.reference", "stack.grid", "stack.scale", "stack.north_up"),
            *("stack.resampling", "stack.method", "stack.weights"),
            *("stack.clip", "stack.sky", "stack.min_frames", "stack.leave", "products.compress"),
        ),
        recorded=True,
        combined=True,
        unit="electron",
    ),
)

# {name: Kind}, in the order in which they are made
KINDS: dict[str, Kind] = {kind.name: kind for kind in _ENTRIES}


def masters() -> list[Kind]:
    """The kinds of which the plan chooses one among several for each frame."""
    return [kind for kind in KINDS.values() if kind.missing is not None]


def ready_kinds() -> list[Kind]:
    """The kinds of which there may be ready ones: masters, and what is known of the sky."""
    return [*masters(), KINDS["illumination"], KINDS["fringe"]]


def calibrations_of(frame_type: str, before: str | None = None) -> list[Kind]:
    """The kinds of masters that a frame is calibrated with, in the order of the steps.

    Parameters
    ----------
    frame_type : str
    before : str or None
        The kind of product that the frame goes into: those that stand behind it in the table are
        made later.
    """
    places = list(KINDS)
    last = len(places) if before is None else places.index(before)
    return [
        kind for kind in masters() if frame_type in kind.serves and places.index(kind.name) < last
    ]


def kind_of(product: str) -> Kind:
    """The kind of a product by its path below the working directory, or of a ready master's."""
    if product.startswith("ready/"):
        return KINDS[product.split("/")[1]]
    return _kind_in(product.rpartition("/")[0])


# a plan asks for the kind of a product again and again
@cache
def _kind_in(folder):
    for kind in KINDS.values():
        if f"{folder}/".startswith(f"{kind.folder}/"):
            return kind
    raise KeyError(f"{folder} is no folder of a kind of product")


def order_of(product: str) -> int:
    """The place of a product's kind in the order in which kinds are made."""
    return list(KINDS).index(kind_of(product).name)


def product_of(path: str) -> str:
    """The product behind a path: the one that a record is of, or the path itself."""
    if not path.startswith("results/qa/"):
        return path
    below = path.replace("results/qa/", "results/", 1).removesuffix(".json")
    kinds = (kind for kind in KINDS.values() if below.startswith(f"{kind.folder}/"))
    return next((f"{below}{kind.ending}" for kind in kinds), path)


def record_of(product: str) -> str | None:
    """Where the job of a product leaves what the report needs, None where it leaves nothing."""
    kind = kind_of(product)
    if not kind.recorded:
        return None
    below = product.removeprefix("results/").removesuffix(kind.ending)
    return f"results/qa/{below}.json"
