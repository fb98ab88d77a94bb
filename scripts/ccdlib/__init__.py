"""CCD reduction: the pipeline's modules, and a toolbox under the names of ccdproc.

``import ccdlib`` imports nothing else. Each public name is found in its module when it is first
asked for, so that a step brings in what it uses and no more.
"""

from importlib import import_module as _import_module

_MODULES = {
    "archives.query": ("archive",),
    "plan.data_frames": ("read_amplifiers", "read_index", "read_members", "read_plan"),
    "toolbox.ccddata": ("CCDData", "fits_ccddata_reader", "fits_ccddata_writer"),
    "toolbox.metadata": ("Conf", "conf"),
    "toolbox.keywords": ("Keyword",),
    "toolbox.calibration": (
        *("create_deviation", "flat_correct", "gain_correct", "subtract_bias", "subtract_dark"),
    ),
    "toolbox.overscan_and_trim": ("subtract_overscan", "trim_image"),
    "toolbox.process": ("ccd_process",),
    "toolbox.cosmicrays": ("cosmicray_lacosmic", "cosmicray_median"),
    "toolbox.combiner": ("Combiner", "combine"),
    "statistics.clip": ("Clip",),
    "registration.register": ("register",),
    "registration.star_list": ("find_stars",),
    "registration.transforms": ("Transform",),
    "toolbox.masks": ("bitfield_to_boolean_mask", "ccdmask"),
    "toolbox.filters": (
        *("background_deviation_box", "background_deviation_filter", "median_filter"),
        "sigma_func",
    ),
    "toolbox.aperture": ("aperture_sigma",),
    "toolbox.blocks": ("block_average", "block_reduce", "block_replicate", "rebin"),
    "toolbox.collection": ("ImageFileCollection",),
    "toolbox.image_files": ("ImageFile", "read", "write"),
    "toolbox.transforms": ("transform_image", "wcs_project"),
    "watch.latest": ("latest",),
}
_TABLE = {name: module for module, names in _MODULES.items() for name in names}

# modules that are there after `import ccdlib` alone, and what they need: those of ccdproc, and dq
_SUBMODULES = {name: name for name in ("ccddata", "combiner", "core", "dq", "image_collection")}
_SUBMODULES["utils"] = "utils.slices"

# tools that collect a package's names read __all__, and it must name what is not imported yet
__all__ = sorted(_TABLE)


def __getattr__(name: str) -> object:
    if name == "__version__":
        return _import_module("importlib.metadata").version("ccdlib")
    if name in _SUBMODULES:
        _import_module(f".{_SUBMODULES[name]}", __name__)
        return globals()[name]
    if name not in _TABLE:
        raise AttributeError(f"module 'ccdlib' has no attribute {name!r}")
    value = getattr(_import_module(f".{_TABLE[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBMODULES})
