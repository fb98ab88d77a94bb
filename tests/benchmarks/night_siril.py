"""Siril's whole night: masters with 5 sigma and calibrated lights; no sigma, DQ or report."""

from .measure import run

__all__ = ["siril_night"]

_FILTERS = "R", "V"
_TYPES = {"bias": "bias_*", "dark": "dark_*"}
_TYPES |= {f"flat{name}": f"flat_{name}*" for name in _FILTERS}
_TYPES |= {f"light{name}": f"M13_{name}*" for name in _FILTERS}


def _sequence(name, *commands):
    """Take the frames of a type as a sequence, then do what there is to do with it."""
    return [f"cd ../{name}", f"link {name} -out=../process", "cd ../process", *commands]


def _script():
    lines = ["requires 1.0.0", "setcpu 2", "set32bits", "cd process"]
    lines += _sequence("bias", "stack bias rej 5 5 -nonorm")
    lines += _sequence(
        "dark", "preprocess dark -bias=bias_stacked", "stack pp_dark rej 5 5 -nonorm"
    )
    for name in _FILTERS:
        flat, light = f"flat{name}", f"light{name}"
        lines += _sequence(
            flat, f"preprocess {flat} -bias=bias_stacked", f"stack pp_{flat} rej 5 5 -norm=mul"
        )
        masters = f"-bias=bias_stacked -dark=pp_dark_stacked -flat=pp_{flat}_stacked"
        lines += _sequence(light, f"preprocess {light} {masters}")
    return "\n".join([*lines, ""])


def siril_night(raw, work):
    """The cost of a night that `night.simulated` made.

    Parameters
    ----------
    raw, work : Path
        Where the frames are, and a folder that is made for what comes of them.
    """
    for name, pattern in _TYPES.items():
        (work / name).mkdir(parents=True)
        for path in raw.glob(pattern):
            (work / name / path.name).symlink_to(path)
    (work / "process").mkdir()
    (work / "night.ssf").write_text(_script())
    cost = run(["siril-cli", "-d", work, "-s", work / "night.ssf"], work)
    made = len(list((work / "process").glob("pp_light*.fit")))
    wanted = len(list(raw.glob("M13_*")))
    if made != wanted:
        raise RuntimeError(f"Siril made {made} lights of {wanted}")
    return cost
