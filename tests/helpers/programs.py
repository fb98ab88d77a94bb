"""Small nights with the headers that acquisition programs and observatories write.

Names of cards and the form of their values are those of the programs' manuals and of public
headers; the numbers are made up.
"""

from dataclasses import dataclass, field

import numpy as np
from astropy.io import fits

SHAPE, LEVEL, NOISE, GAIN = (72, 96), 1000.0, 4.0, 1.5
SECONDS = {"bias": 0.0, "dark": 60.0, "flat": 3.0, "light": 60.0}
_Y, _X = np.indices(SHAPE)
_STARS = [(20.0, 15.0), (50.0, 30.0), (33.0, 60.0), (60.0, 80.0), (12.0, 75.0), (40.0, 44.0)]


@dataclass(frozen=True)
class Program:
    """How a program writes a night.

    Attributes
    ----------
    cards : dict
        In the primary header of every frame; `{seconds}` and the like stand for what differs.
    kinds : dict
        {kind: more cards}.
    names : str
        Of the files; without words by which they could be told apart.
    images : list of dict
        Headers of the extensions; none for a primary image.
    margins : (int, int)
        Columns before and after the exposed ones, in every image.
    facts : dict
        Columns of the index that the lights are to have.
    counts : tuple of (str, int)
        Kinds and numbers of frames.
    """

    cards: dict
    kinds: dict = field(default_factory=dict)
    names: str = "frame_{number:04d}.fits"
    images: tuple = ()
    margins: tuple = (0, 0)
    facts: dict = field(default_factory=dict)
    counts: tuple = (("bias", 3), ("dark", 3), ("flat", 3), ("light", 2))


def exposed(kind, number, margins=(0, 0)):
    """Raw pixels in adu: biases, darks, flats that fall off outwards, and lights with stars."""
    rng = np.random.default_rng([number, *kind.encode()])
    light = np.zeros(SHAPE)
    if kind == "flat":
        light = 24_000 * (1 - 0.2 * np.hypot(_Y / 72 - 0.5, _X / 96 - 0.5))
    if kind in ("light", "lamp"):
        light = np.full(SHAPE, 300.0)
        for y, x in _STARS:
            light += 6e3 * np.exp(-((_Y - y) ** 2 + (_X - x) ** 2) / 4)
    electrons = rng.poisson(light + 0.2 * SECONDS.get(kind, 60.0)).astype(float)
    electrons = np.pad(electrons, ((0, 0), margins))
    values = (electrons + rng.normal(0, NOISE * GAIN, electrons.shape)) / GAIN + LEVEL
    return np.round(values).clip(0, 65535).astype(np.uint16)


def _filled(cards, values):
    found = {}
    for name, value in cards.items():
        value = value(values) if callable(value) else value
        if isinstance(value, str):
            value = value.format(**values)
        if value is not None:
            found[name] = value
    return found


def write(folder, program):
    """Write a night; {file: kind}."""
    folder.mkdir(parents=True)
    written = {}
    number = 0
    for hour, (kind, count) in enumerate(program.counts):
        for minute in range(count):
            number += 1
            values = {
                "seconds": SECONDS.get(kind, 60.0),
                "kind": kind,
                "number": number,
                "time": f"0{hour + 3}:{minute:02d}:10",
            }
            head = fits.Header()
            for name, value in _filled(program.cards | program.kinds.get(kind, {}), values).items():
                head[name] = value
            pixels = exposed(kind, number, margins=program.margins)
            hdus = [fits.PrimaryHDU(None if program.images else pixels, head)]
            for place, cards in enumerate(program.images):
                own = exposed(kind, 100 * place + number, margins=program.margins)
                hdus.append(fits.ImageHDU(own, fits.Header(_filled(cards, values))))
            name = program.names.format(**values)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            fits.HDUList(hdus).writeto(folder / name)
            written[name] = kind
    return written


def _kinds(card, **values):
    """The type card of each kind, and the filter of lit ones."""
    return {kind: {card: value} for kind, value in values.items()}


def _lit(kinds, **cards):
    """The same with more cards in flats and lights."""
    return {kind: own | (cards if kind in ("flat", "light") else {}) for kind, own in kinds.items()}


def _two_chips(**more):
    """Headers of the extensions of two chips side by side, with an overscan each."""
    cards = {
        **{"CCDSUM": "1 1", "GAIN": GAIN, "RDNOISE": NOISE * GAIN},
        **{"BIASSEC": "[97:112,1:72]", "DATASEC": "[1:96,1:72]"},
    }
    places = [f"[{96 * chip + 1}:{96 * chip + 96},1:72]" for chip in range(2)]
    return tuple(cards | more | {"DETSEC": place} for place in places)


_FRAMES = _kinds(
    "IMAGETYP", bias="Bias Frame", dark="Dark Frame", flat="Flat Field", light="Light Frame"
)
_WORDS = _kinds("IMAGETYP", bias="BIAS", dark="DARK", flat="FLAT", light="LIGHT")
_ISO = {"DATE-OBS": "2024-03-02T{time}"}


def _seconds(values):
    return values["seconds"]


_SBIG = _ISO | {
    **{"EXPTIME": _seconds, "EXPOSURE": _seconds, "INSTRUME": "SBIG ST-10XME"},
    **{"SET-TEMP": -20.0, "CCD-TEMP": -19.8, "XBINNING": 2, "YBINNING": 2, "EGAIN": GAIN},
    **{"XORGSUBF": 0, "YORGSUBF": 0, "SNAPSHOT": 1, "CBLACK": 990, "CWHITE": 1400},
}
_ESO = _ISO | {
    **{"INSTRUME": "EFOSC", "EXPTIME": lambda v: v["seconds"] or 0.0132},
    **{"OBJECT": "{kind}", "HIERARCH ESO DET OUT1 GAIN": 1 / GAIN},
    **{"HIERARCH ESO DET OUT1 CONAD": GAIN, "HIERARCH ESO DET OUT1 RON": NOISE * GAIN},
    **{"HIERARCH ESO DET WIN1 BINX": 2, "HIERARCH ESO DET WIN1 BINY": 2},
    **{"HIERARCH ESO DET OUT1 PRSCX": 6, "HIERARCH ESO DET OUT1 OVSCX": 8},
    **{"HIERARCH ESO DET OUT1 PRSCY": 0, "HIERARCH ESO DET OUT1 OVSCY": 0},
    **{"HIERARCH ESO DET OUT1 NX": 96, "HIERARCH ESO DET OUT1 NY": 72},
    **{"HIERARCH ESO DET CHIP TEMP": 153.1, "HIERARCH ESO TEL GEOLON": -70.73},
}
_ESO_KINDS = {
    kind: {"HIERARCH ESO DPR TYPE": word, "HIERARCH ESO DPR CATG": catg, "OBJECT": word}
    for kind, word, catg in (
        ("bias", "BIAS", "CALIB"),
        ("dark", "DARK", "CALIB"),
        ("flat", "SKY,FLAT", "CALIB"),
        ("light", "OBJECT", "SCIENCE"),
    )
}
_NOAO = {
    **{"EXPTIME": _seconds, "DARKTIME": _seconds, "DATE-OBS": "1998-03-02", "UT": "{time}.0"},
    **{"CCDSUM": "1 1", "GAIN": GAIN, "RDNOISE": NOISE * GAIN, "INSTRUME": "t2ka"},
    **{"BIASSEC": "[97:112,1:72]", "TRIMSEC": "[1:96,1:72]", "FILTERS": "V", "OBJECT": "{kind}"},
}
_ZERO = _kinds("IMAGETYP", bias="zero", dark="dark", flat="flat", light="object")

PROGRAMS = {
    "NINA": Program(
        _ISO
        | {
            **{"EXPOSURE": _seconds, "EXPTIME": _seconds, "SWCREATE": "N.I.N.A. 2.1.0.9001 (x64)"},
            **{"INSTRUME": "ZWO ASI2600MM Pro", "XBINNING": 1, "YBINNING": 1, "GAIN": 100},
            **{"OFFSET": 50, "EGAIN": GAIN, "SET-TEMP": -10.0, "CCD-TEMP": -10.1},
            **{"ROWORDER": "TOP-DOWN", "SITELONG": 5.7, "DATE-LOC": "2024-03-02T{time}"},
            **{"USBLIMIT": 40, "READOUTM": "High Gain Mode", "OBJECT": "M 31"},
        },
        _lit(_WORDS, FILTER="L"),
        facts={"exptime": 60.0, "filter": "L", "temperature": -10.1, "gain_setting": "100"},
    ),
    "SharpCap": Program(
        _ISO
        | {
            **{"DATE-OBS": "2024-03-02T{time}.1234567", "EXPTIME": _seconds},
            **{"INSTRUME": "ZWO ASI183MM", "SWCREATE": "SharpCap v4.0.9478.0, 64 bit", "GAIN": 111},
            **{"BLKLEVEL": 30, "CCD-TEMP": -10.0, "XBINNING": 1, "YBINNING": 1, "OBJECT": "M 31"},
        },
        names="Capture_{number:05d}.fits",
        facts={"exptime": 60.0, "offset": "30"},
    ),
    "ASIAIR": Program(
        _ISO
        | {
            **{"EXPTIME": _seconds, "EXPOSURE": _seconds, "CREATOR": "ZWO ASIAIR Plus"},
            **{"INSTRUME": "ZWO ASI533MM Pro", "XBINNING": 1, "YBINNING": 1, "GAIN": 101},
            **{"OFFSET": 30, "CCD-TEMP": -10.0, "PROGRAM": "ZWO ASIAIR Plus"},
        },
        _lit(
            _kinds("IMAGETYP", bias="Bias", dark="Dark", flat="Flat", light="Light"), FILTER="None"
        ),
        facts={"exptime": 60.0, "temperature": -10.0},
    ),
    "MaxIm DL": Program(
        _SBIG
        | {
            **{"SWCREATE": "MaxIm DL Version 6.20 180218", "SITELONG": "-110 30 00"},
            **{"PEDESTAL": 0, "CALSTAT": "", "READOUTM": "Raw", "ROWORDER": None, "OBJECT": ""},
        },
        _lit(_FRAMES, FILTER="V"),
        facts={"temperature": -19.8, "binning": "2x2", "filter": "V"},
    ),
    "CCDSoft": Program(
        _SBIG
        | {
            **{"SWCREATE": "CCDSoft Version 5.00.218", "TIME-OBS": "{time}", "DATAMAX": 65535},
            **{"CCDSUBFL": 0, "CCDSUBFT": 0, "E-GAIN": GAIN, "TEMPERAT": -19.8, "TELTKRA": -1000.0},
        },
        _lit(_FRAMES, FILTER="V"),
        facts={"binning": "2x2", "filter": "V"},
    ),
    "CCDOPS": Program(
        {name: value for name, value in _SBIG.items() if name not in ("SET-TEMP", "EXPOSURE")}
        | {
            **{"SWCREATE": "SBIG Win CCDOPS Version 5.47 Build 6-NT", "RESMODE": 1},
            **{"PEDESTAL": -100, "DATAMAX": 65535, "TRAKTIME": 0.0, "SBSTDVER": "SBFITSEXT v1.0"},
        },
        _lit(_FRAMES, FILTER="V"),
        facts={"temperature": -19.8},
    ),
    "TheSkyX": Program(
        _SBIG
        | {
            **{"SWCREATE": "TheSkyX 10.5.0 Build 12978", "SITELONG": "+122 30 31.00"},
            **{"LOCALTIM": "3/1/2024 07:00:10.000 PM STD"},
        },
        {
            kind: own | {"PICTTYPE": number}
            for number, (kind, own) in zip(
                (2, 3, 4, 1), _lit(_FRAMES, FILTER="V").items(), strict=True
            )
        },
        facts={"night": "2024-03-01", "filter": "V"},
    ),
    "AstroArt": Program(
        {
            **{"DATE-OBS": "2004-03-02", "TIME-OBS": "{time}", "EXPTIME": "{seconds:.2f}"},
            **{"INSTRUME": "Starlight SXV-H9", "CCD-TEMP": "-15,0", "XBINNING": 1, "YBINNING": 1},
        },
        _lit(_kinds("IMAGETYP", bias="Bias", dark="Dark", flat="Flat", light=None), FILTER="R"),
        facts={"exptime": 60.0, "temperature": -15.0, "night": "2004-03-01"},
    ),
    "Ekos": Program(
        _ISO
        | {
            **{"EXPTIME": _seconds, "INSTRUME": "ZWO CCD ASI1600MM Pro", "CCD-TEMP": -15.0},
            **{"XBINNING": 1, "YBINNING": 1, "GAIN": 139, "OFFSET": 21, "ROWORDER": "TOP-DOWN"},
            **{"PIXSIZE1": 3.8, "SITELONG": 11.5},
        },
        _lit(_kinds("FRAME", bias="Bias", dark="Dark", flat="Flat", light="Light"), FILTER="Red"),
        facts={"exptime": 60.0, "filter": "Red"},
    ),
    "old INDI": Program(
        _ISO
        | {
            "EXPOSURE": lambda v: (v["seconds"] * 1000, "milliseconds"),
            **{"INSTRUME": "Apogee CCD", "BINNING": "(1 x 1)", "CCD-TEMP": -15.0},
        },
        _kinds("FRAME", bias="Bias", dark="Dark", flat="Flat Field", light="Light"),
        facts={"exptime": 60.0, "binning": "1x1"},
    ),
    "Voyager": Program(
        _SBIG | {"SWCREATE": "Voyager 2.3.10 Adv", "OFFSET": 10},
        _lit(_FRAMES, FILTER="Ha"),
        facts={"filter": "Ha"},
    ),
    "SGP": Program(
        _ISO
        | {
            **{"EXPOSURE": _seconds, "CREATOR": "Sequence Generator Pro v3.1.0.479", "GAIN": 120},
            **{"INSTRUME": "ZWO ASI294MM Pro", "CCD-TEMP": -17.5, "SET-TEMP": -18, "XBINNING": 1},
            **{"YBINNING": 1, "CCDXBIN": 1, "CCDYBIN": 1, "EGAIN": GAIN, "OFFSET": 30},
            "DATE-LOC": "2024-03-02T{time}",
        },
        _lit(_WORDS, FILTER="HaOIII"),
        facts={"exptime": 60.0, "temperature": -17.5},
    ),
    "APT": Program(
        _ISO
        | {
            **{"EXPTIME": _seconds, "SWCREATE": "Astro Photography Tool - APT v.3.88", "GAIN": 120},
            **{"INSTRUME": "ZWO ASI183MM Pro", "SET-TEMP": -10.0, "EGAIN": GAIN, "SNAPSHOT": 1},
            **{"XORGSUBF": 0, "YORGSUBF": 0, "XBINNING": 1, "YBINNING": 1},
            **{"SITELONG": "+03 41 00.000"},
        },
        _lit(_FRAMES, FILTER="OIII"),
        facts={"temperature": -10.0},
    ),
    "PRISM": Program(
        _ISO
        | {
            **{"EXPOSURE": _seconds, "CVF": GAIN, "INSTRUME": "ZWO ASI6200MM Pro"},
            **{"SWCREATE": "PRISM, Version 10.4.20.930, 10/9/2021", "UT": "{time}.23"},
            # unbinned pixels, some of which fill no binned one
            **{"X1": 1, "Y1": 1, "X2": 196, "Y2": 144, "SITELONG": "-68:10:48:00", "FILTERS": "R"},
            **{"BINX": 2, "BINY": 2, "XPIXELSZ": 7.52, "TEMPERAT": -20.0, "COMPRESS": 0},
        },
        names="img-{number:03d}.fit",
        facts={"exptime": 60.0, "filter": "R", "gain": "1.5"},
    ),
    "DWARF": Program(
        _ISO
        | {
            **{"EXP": _seconds, "GAIN": 110, "BINNING": "2*2", "TELESCOP": "DWARFII"},
            **{"INSTRUME": "DWARFII", "ORIGIN": "DWARFLAB", "OBJECT": "", "RA": 0.0, "DEC": 0.0},
        },
        names="{kind}/{number:04d}.fits",
        facts={"exptime": 60.0, "binning": "2x2"},
    ),
    "Seestar": Program(
        _ISO
        | {
            **{"EXPOSURE": _seconds, "EXPTIME": _seconds, "CREATOR": "ZWO Seestar S50", "GAIN": 80},
            **{"PRODUCER": "ZWO", "PROGRAM": "4.43", "INSTRUME": "Seestar S50", "FILTER": "IRCUT"},
            **{"XORGSUBF": 0, "YORGSUBF": 0, "XBINNING": 1, "YBINNING": 1, "CCD-TEMP": 21.875},
            **{"SITELONG": 3.69361, "TELESCOP": "S50_1623087d", "OBJECT": "NGC 6027A"},
        },
        _kinds("IMAGETYP", bias="Bias", dark="Dark", flat="Flat", light="Light"),
        facts={"exptime": 60.0, "filter": "IRCUT", "temperature": 21.875},
    ),
    "NFO": Program(
        {
            "EXPTIME": lambda v: (round(v["seconds"] * 1000), "exposure time in ms"),
            **{"UT": "{time}", "DATE-OBS": ("02/03/93", "days/month/year"), "DARKTIME": 0},
            **{"CAMTEMP": ("-51", "degrees C"), "TELESCOP": "NF/ 44.5 REFLECTOR"},
            **{"INSTRUME": ("n", "'Harris Set' Johnson bvri or (n)one"), "OBJECT": "{kind}"},
        },
        names="P49074{number:02d}.fit",
        facts={"exptime": 60.0, "temperature": -51.0, "night": "1993-03-01"},
    ),
    "FireCapture": Program(
        _ISO | {"EXPTIME": _seconds, "INSTRUME": "ZWO ASI290MM", "CREATOR": "FireCapture v2.7"},
        names="2024-03-02-{number:04d}.fit",
        facts={"exptime": 60.0},
    ),
    "Siril": Program(
        _ISO
        | {
            **{"EXPTIME": _seconds, "PROGRAM": "Siril 1.2.0", "INSTRUME": "QHY268M", "GAIN": 56},
            **{"CCD-TEMP": -10.0, "XBINNING": 1, "YBINNING": 1, "ROWORDER": "BOTTOM-UP"},
            **{"MIPS-HI": 65535, "MIPS-LO": 0, "STACKCNT": 1, "CVF": GAIN, "LIVETIME": _seconds},
        },
        _lit(_FRAMES, FILTER="L"),
        facts={"row_order": "BOTTOM-UP", "gain": "1.5"},
    ),
    "IRAF": Program(
        _NOAO, _ZERO, margins=(0, 16), facts={"night": "1998-03-01", "filter": "V", "gain": "1.5"}
    ),
    "LRIS": Program(
        {
            **{
                "ELAPTIME": _seconds,
                "DATE-OBS": "2008-03-02",
                "UTC": "{time}.10",
                "INSTRUME": "LRIS",
            },
            **{"BINNING": "1,1", "TARGNAME": "M 31", "REDFILT": "R", "BLUFILT": "clear"},
            **{"MERCURY": "off", "NEON": "off", "FLAMP1": "off", "FLAMP2": "off"},
        },
        {"flat": {"FLAMP1": "on"}},
        names="lred{number:04d}.fits",
        facts={"exptime": 60.0, "filter": "R", "object": "M 31"},
        counts=(("bias", 3), ("flat", 3), ("light", 2)),
    ),
    "ALFOSC": Program(
        _ISO
        | {
            **{"EXPTIME": _seconds, "INSTRUME": "ALFOSC_FASU", "DETXBIN": 1, "DETYBIN": 1},
            **{"OBS_MODE": "IMAGING", "ALFLTNM": "V_Bes 530_80", "FAFLTNM": "Open"},
            **{"FBFLTNM": "Open", "ALGRNM": "Open (Lyot)", "ALAPRTNM": "Open", "OBJECT": "{kind}"},
        },
        _kinds("IMAGETYP", bias="BIAS", dark="DARK", flat="FLAT,SKY", light="OBJECT"),
        names="ALHc{number:06d}.fits",
        images=({"GAIN": GAIN, "RDNOISE": NOISE * GAIN},),
        facts={"filter": "V_Bes 530_80", "gain": "1.5", "binning": "1x1"},
    ),
    "EFOSC2": Program(
        _ESO | {"HIERARCH ESO INS FILT1 NAME": "R#642"},
        _ESO_KINDS,
        names="EFOSC.2009-01-27T21_00_{number:02d}.fits",
        margins=(6, 8),
        facts={"filter": "R#642", "gain": "1.5", "binning": "2x2", "temperature": -120.05},
    ),
    "FORS": Program(
        _ESO | {"INSTRUME": "FORS1", "HIERARCH ESO INS FILT1 NAME": "V_BESS"},
        _ESO_KINDS,
        names="FORS1.2009-01-27T21_00_{number:02d}.fits",
        margins=(6, 8),
        facts={"filter": "V_BESS", "gain": "1.5"},
    ),
    "CAFOS": Program(
        _ISO
        | {
            **{
                "EXPTIME": _seconds,
                "INSTRUME": "CAFOS 2.2",
                "CCDSENS": GAIN,
                "CCDRON": NOISE * GAIN,
            },
            **{"CCDBINX": 1, "CCDBINY": 1, "INSGRID": "FILTER- 0", "INSFLNAM": "V JOHNSON"},
            **{"BIASSEC": "[0,0:0,72]", "CCDSEC": "[1,1:96,72]", "OBJECT": "{kind}"},
        },
        _kinds("IMAGETYP", bias="bias", dark="dark", flat="flat", light="science"),
        facts={"filter": "V JOHNSON", "gain": "1.5"},
    ),
    "GMOS": Program(
        {
            **{"INSTRUME": "GMOS-S", "EXPTIME": _seconds, "DATE-OBS": "2024-03-02"},
            **{"TIME-OBS": "{time}.1", "FILTER1": "open1-6", "FILTER2": "r_G0303"},
            **{"GRATING": "MIRROR", "OBSCLASS": "dayCal", "OBJECT": "{kind}"},
        },
        {
            kind: {"OBSTYPE": word}
            for kind, word in (("bias", "BIAS"), ("dark", "DARK"), ("light", "OBJECT"))
        }
        | {"flat": {"OBSTYPE": "OBJECT", "OBJECT": "Twilight"}},
        names="S20240302S{number:04d}.fits",
        images=_two_chips(),
        margins=(0, 16),
        facts={"filter": "r_G0303", "gain": "1.5"},
    ),
    "INT WFC": Program(
        {
            **{"INSTRUME": "WFC", "EXPTIME": _seconds, "DATE-OBS": "2003-03-02"},
            **{"UTSTART": "{time}.1", "WFFBAND": "Harris R", "CCDXBIN": 1, "CCDYBIN": 1},
            **{"TELESCOP": "INT", "LONGITUD": 17.877639, "OBJECT": "{kind}"},
        },
        _kinds("OBSTYPE", bias="BIAS", dark="DARK", flat="SKY", light="TARGET"),
        names="r{number:06d}.fit",
        images=tuple(
            {
                **{"GAIN": GAIN, "READNOIS": NOISE * GAIN, "SATURATE": 64000},
                **{"BIASSEC": "[97:112,1:72]", "TRIMSEC": "[1:96,1:72]"},
            }
            for _ in range(2)
        ),
        margins=(0, 16),
        facts={"filter": "Harris R", "gain": "1.5", "night": "2003-03-01"},
    ),
    "LCO": Program(
        _ISO
        | {
            **{
                "EXPTIME": _seconds,
                "INSTRUME": "kb98",
                "CCDSUM": "2 2",
                "GAIN": GAIN,
                "ORIGIN": "LCOGT",
            },
            **{"RDNOISE": NOISE * GAIN, "SATURATE": 65535.0, "MAXLIN": 60000.0, "CCDSTEMP": -20.0},
            **{"CCDATEMP": -20.1, "BIASSEC": "UNKNOWN", "TRIMSEC": "[1:96,1:72]"},
            **{"CONFMODE": "default", "LONGITUD": -70.8, "OBJECT": "{kind}", "RLEVEL": 0},
        },
        _lit(
            _kinds("OBSTYPE", bias="BIAS", dark="DARK", flat="SKYFLAT", light="EXPOSE"), FILTER="rp"
        ),
        names="lsc0m409-kb98-20240302-{number:04d}.fits",
        facts={"filter": "rp", "gain": "1.5", "binning": "2x2"},
    ),
    "DFOSC": Program(
        _ISO
        | {
            **{"EXPTIME": _seconds, "INSTRUME": "DFOSC_FASU", "TELESCOP": "DK-1.54"},
            **{"FILTA": "empty", "FILTB": "R", "CCDTEMP": -110.0, "BINX": 1, "BINY": 1},
            **{"DFGRNM": "empty", "DFAPRTNM": "empty", "OBJRA": 14.32572, "OBJECT": "{kind}"},
        },
        _kinds("IMAGETYP", bias="BIAS", dark="DARK", flat="FLAT,SKY", light="OBJECT"),
        names="DFOSC_FASU.2010-05-10T04:41:{number:02d}.000.fits",
        facts={"filter": "R", "binning": "1x1"},
    ),
    "MOSAIC": Program(
        {
            **{"INSTRUME": "Mosaic1.1", "EXPTIME": _seconds, "FILTER": "R Harris k1004"},
            **{"DATE-OBS": "2009-03-02T{time}.1", "OBJECT": "{kind}", "DETECTOR": "Mosaic1"},
        },
        _kinds("OBSTYPE", bias="zero", dark="dark", flat="dome flat", light="object"),
        names="obj{number:03d}.fits",
        images=_two_chips(TRIMSEC="[1:96,1:72]"),
        margins=(0, 16),
        facts={"filter": "R Harris k1004", "gain": "1.5"},
    ),
    "Andor": Program(
        {
            **{"FRAME": "2010-03-02T{time}.123", "EXPOSURE": _seconds, "INSTRUME": "DU888_BV"},
            **{"HBIN": 1, "VBIN": 1, "TEMP": -60.0, "IMGRECT": "1, 72, 96, 1", "HEAD": "DU888_BV"},
            **{"SUBRECT": "1, 72, 96, 1", "DATE": "2010-03-02T{time}"},
        },
        names="spool_{number:04d}.fits",
        facts={"exptime": 60.0, "night": "2010-03-01", "binning": "1x1"},
    ),
}
