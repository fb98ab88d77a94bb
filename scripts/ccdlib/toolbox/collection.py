"""A folder of FITS files as a table of their headers, under the name of ccdproc."""

import fnmatch
import logging
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from astropy.table import MaskedColumn, Table
from astropy.utils.exceptions import AstropyUserWarning

from ..errors import CcdlibError
from ..index.open_raw import open_checked, open_quickly
from ..raw.frame_names import strip_ending
from ..raw.plain_hdus import PlainHDU
from ..raw.plain_header import PlainHeader, all_cards

__all__ = ["ImageFileCollection"]

_LOG = logging.getLogger(__name__)


def _header(path, name, ext):
    """One header of an undamaged file; an empty primary's has the first image's cards."""
    with open_quickly(path, name) as hdus:
        first = hdus[0]
        if not isinstance(first, PlainHDU):
            return _whole_header(hdus, name, ext)
        if ext == 0 and 0 not in (first.shape or (0,)):
            return first.header
    with open_checked(path, name) as hdus:
        return _whole_header(hdus, name, ext)


def _whole_header(hdus, name, ext):
    """A header as astropy has it."""
    try:
        header = hdus[ext].header
    except (IndexError, KeyError):
        raise CcdlibError(f"{name}: has no extension {ext!r}") from None
    images = [hdu for hdu in hdus if hdu.is_image and 0 not in (hdu.shape or (0,))]
    if ext == 0 and images and images[0] is not hdus[0]:
        header.extend(images[0].header, unique=True)
    return header


def _cards(header):
    """Keywords and values of the cards of a header; None for a card without a value."""
    if isinstance(header, PlainHeader):
        return all_cards(header)
    cards = ((card.keyword, card.value) for card in header.cards)
    return ((keyword, None if _absent(value) else value) for keyword, value in cards)


def _values(header, path):
    """Values by lower-case keyword: the first of a card given twice, commentary joined.

    Of the others of a card that is given more than once a warning tells.
    """
    values: dict[str, Any] = {}
    commentary: dict[str, list[str]] = {"comment": [], "history": []}
    for keyword, value in _cards(header):
        key = keyword.lower()
        if key in commentary:
            commentary[key].append(str(value))
        elif key in values:
            warnings.warn(
                f'Header from file "{path}" contains multiple entries for "{key}", '
                f'the pair "{key}={value}" will be ignored.',
                UserWarning,
                stacklevel=4,
            )
        elif key:
            values[key] = value.strip() if isinstance(value, str) else value
    # a card FILE would replace the file's name
    values.pop("file", None)
    return values | {key: ",".join(texts) for key, texts in commentary.items() if texts}


def _absent(value):
    return value is None or type(value).__name__ == "Undefined"


def _number(value):
    """A number, or a text that holds one, as float; None for anything else."""
    if isinstance(value, bool) or _absent(value):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _column(name, values):
    """A masked column; numbers mixed with texts that hold numbers become numbers."""
    known = [value for value in values if not _absent(value)]
    kinds = {type(value) for value in known}
    if len(kinds) > 1 and all(_number(value) is not None for value in known):
        values = [None if _absent(value) else _number(value) for value in values]
        kinds = {float}
    missing = [_absent(value) for value in values]
    if len(kinds) == 1:
        filler = next(iter(kinds))()
        data = np.array([filler if _absent(value) else value for value in values])
    else:
        data = np.array([None if _absent(value) else value for value in values], dtype=object)
    return MaskedColumn(data, name=name, mask=missing)


def _test_of(wanted, regex):
    """A function that says whether a card's value is as wanted."""
    if isinstance(wanted, (list, tuple, set, np.ndarray)):
        tests = [_test_of(each, regex) for each in wanted]
        return lambda value: any(test(value) for test in tests)
    if wanted is None:
        return _absent
    if isinstance(wanted, str) and wanted == "*":
        return lambda value: not _absent(value)
    if isinstance(wanted, str):
        pattern = wanted if regex else f"^{re.escape(wanted.strip())}$"
        search = re.compile(pattern, re.IGNORECASE).search
        return lambda value: isinstance(value, str) and search(value) is not None

    def equal(value):
        if isinstance(value, str) and not isinstance(wanted, bool):
            return _number(value) == wanted
        return not _absent(value) and bool(value == wanted)

    return equal


class OverwriteRefused(CcdlibError, NotImplementedError):
    """A file may not be replaced in this way; also a NotImplementedError."""


class ImageFileCollection:
    """The FITS files of a folder, or given ones, with a table of their headers.

    Parameters
    ----------
    location : path or None
        The folder; its subfolders are not searched. Names may end in .fits, .fit or .fts, in
        any case, also with .gz, .bz2 or .fz.
    keywords : list of str, '*' or None
        Columns of the table; None and '*' are all keywords, in lower case.
    find_fits_by_reading : bool
        Look at a file's content and not at its name.
    filenames : str, list of str or None
        Instead of all files of the folder.
    glob_include, glob_exclude : str or None
        Patterns of the names.
    ext : int or str
        The extension whose header is read; an empty primary's also has the cards of the first
        image.

    Attributes
    ----------
    refused : dict
        Names and reasons of files that cannot be read: empty, truncated, not FITS. They are
        in `files`, but not in the table.

    Notes
    -----
    Headers are read and checked as for the pipeline's index, once for each file.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from ccdlib import CCDData, ImageFileCollection
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for number, kind in enumerate(["bias", "LIGHT"]):
    ...     ccd = CCDData([[1.0]], unit="adu", meta={"imagetyp": kind})
    ...     ccd.write(folder / f"a{number}.FIT", format="fits")
    >>> night = ImageFileCollection(folder, keywords=["imagetyp"])
    >>> night.values("imagetyp"), night.files_filtered(imagetyp="light").tolist()
    (['bias', 'LIGHT'], ['a1.FIT'])
    """

    def __init__(
        self,
        location: str | os.PathLike | None = None,
        keywords: Sequence[str] | str | None = None,
        find_fits_by_reading: bool = False,
        filenames: str | Sequence[str] | np.ndarray | None = None,
        glob_include: str | None = None,
        glob_exclude: str | None = None,
        ext: int | str = 0,
    ) -> None:
        self._location: Any = "" if location is None else location
        self._by_reading, self._filenames, self._ext = find_fits_by_reading, filenames, ext
        self._glob_include = None if glob_include is None else str(glob_include)
        self._glob_exclude = None if glob_exclude is None else str(glob_exclude)
        self._wanted: Sequence[str] | str | None = "*" if keywords is None else keywords
        self.refresh()
        if not self._files:
            warnings.warn("no FITS files in the collection.", AstropyUserWarning, stacklevel=2)

    def __repr__(self) -> str:
        given: dict[str, Any] = {"location": self._location}
        given |= {"keywords": None if self._all() else self.keywords[1:]}
        given |= {"filenames": self._filenames, "glob_include": self._glob_include}
        given |= {"glob_exclude": self._glob_exclude, "ext": self._ext or None}
        shown = ", ".join(f"{key}={value!r}" for key, value in given.items() if value is not None)
        return f"ImageFileCollection({shown})"

    def _all(self):
        """Whether the table has all keywords."""
        return self._wanted is not None and "*" in self._wanted

    @property
    def location(self) -> str | os.PathLike:
        """The folder."""
        return self._location

    @property
    def files(self) -> list:
        """Names of the files."""
        return self._files

    @property
    def summary(self) -> Any:
        """Masked Table with a row for each file; None without files, [] without keywords."""
        return self._summary

    @property
    def glob_include(self) -> str | None:
        """Pattern of the names taken."""
        return self._glob_include

    @property
    def glob_exclude(self) -> str | None:
        """Pattern of the names left out."""
        return self._glob_exclude

    @property
    def ext(self) -> int | str:
        """The extension whose header is read."""
        return self._ext

    @property
    def keywords(self) -> list[str]:
        """Columns of the table."""
        return list(self._summary.colnames) if self._summary else []

    @keywords.setter
    def keywords(self, keywords: Sequence[str] | str | None) -> None:
        self._wanted = keywords
        self._summary: Any = [] if keywords is None else self._table(keywords)

    @keywords.deleter
    def keywords(self) -> None:
        self.keywords = None

    def refresh(self) -> None:
        """Look at the folder and its headers again.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> from ccdlib import CCDData, ImageFileCollection
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> for name, kind in {"a.fits": "flat", "b.fits": "bias", "c.fits": "bias"}.items():
        ...     CCDData([[1.0]], unit="adu", meta={"imagetyp": kind}).write(folder / name)
        >>> night = ImageFileCollection(folder, keywords=["imagetyp"])
        >>> (folder / "a.fits").unlink()
        >>> night.refresh()
        >>> night.files
        ['b.fits', 'c.fits']
        """
        self._files = self._found()
        self.refused, self._rows = {}, {}
        for name in self._files:
            try:
                header = _header(self._path(name), os.path.basename(name), self._ext)
                self._rows[name] = _values(header, self._path(name)) | {"file": self._name(name)}
            except (CcdlibError, OSError) as error:
                self.refused[name] = str(error)
                _LOG.warning("%s", error)
        self.keywords = self._wanted or None

    def _path(self, name):
        return os.path.join(self._location, name)

    def _found(self):
        if self._filenames is not None:
            names = self._filenames
            return [names] if isinstance(names, (str, os.PathLike)) else np.asarray(names).tolist()
        if not self._location:
            return []
        names = sorted(entry.name for entry in os.scandir(self._location) if entry.is_file())
        names = [name for name in names if self._is_fits(name)]
        if self._glob_include is not None:
            names = fnmatch.filter(names, self._glob_include)
        if self._glob_exclude is not None:
            names = [name for name in names if not fnmatch.fnmatch(name, self._glob_exclude)]
        return names

    def _is_fits(self, name):
        if not self._by_reading:
            return strip_ending(name) is not None
        try:
            _header(self._path(name), name, 0)
        except (CcdlibError, OSError):
            return False
        return True

    def _name(self, name):
        """A file's name in the table: without its folder where the collection has one."""
        return os.path.basename(name) if self._location else str(name)

    def _table(self, keywords):
        if not self._files:
            return None
        rows = self._rows.values()
        if "*" in keywords:
            columns = list(dict.fromkeys(key for row in rows for key in row if key != "file"))
        else:
            columns = [key for key in dict.fromkeys(keywords) if key != "file"]
        table = Table(masked=True)
        table["file"] = MaskedColumn([self._name(name) for name in self._rows], dtype=str)
        for key in columns:
            table[key] = _column(key, [row.get(key.lower()) for row in rows])
        return table

    def values(self, keyword: str, unique: bool = False) -> list:
        """The values of a column as a list.

        Parameters
        ----------
        keyword : str
        unique : bool
            Each value once, in the order of the table.

        Returns
        -------
        list

        Raises
        ------
        CcdlibError
            If the table has no such column.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> from ccdlib import CCDData, ImageFileCollection
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> for name, kind in {"a.fits": "flat", "b.fits": "bias", "c.fits": "bias"}.items():
        ...     CCDData([[1.0]], unit="adu", meta={"imagetyp": kind}).write(folder / name)
        >>> night = ImageFileCollection(folder, keywords=["imagetyp"])
        >>> night.values("imagetyp", unique=True)
        ['flat', 'bias']
        """
        if keyword not in self.keywords:
            raise CcdlibError(
                f"keyword {keyword} is not in the current summary, which has "
                f"{', '.join(self.keywords) or 'none'}"
            )
        values = self._summary[keyword].tolist()
        return list(dict.fromkeys(values)) if unique else values

    def sort(self, keys: str | Sequence[str]) -> None:
        """Sort table and files by one or several columns.

        Parameters
        ----------
        keys : str or list of str
            Names of columns.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> from ccdlib import CCDData, ImageFileCollection
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> for name, kind in {"a.fits": "flat", "b.fits": "bias", "c.fits": "bias"}.items():
        ...     CCDData([[1.0]], unit="adu", meta={"imagetyp": kind}).write(folder / name)
        >>> night = ImageFileCollection(folder, keywords=["imagetyp"])
        >>> night.sort(["imagetyp", "file"])
        >>> night.files
        ['b.fits', 'c.fits', 'a.fits']
        """
        if not self._summary:
            return
        order = self._summary.argsort(keys)
        names = list(self._rows)
        self._summary = self._summary[order]
        self._rows = {names[number]: self._rows[names[number]] for number in order}
        self._files = [*self._rows, *self.refused]

    def _selected(self, regex_match=False, **wanted):
        """Names of the files whose headers have these values."""
        names = list(self._rows)
        for key, value in wanted.items():
            test, card = _test_of(value, regex_match), key.lower()
            names = [name for name in names if test(self._rows[name].get(card))]
        return names

    def files_filtered(self, **kwd: Any) -> np.ndarray | list[str]:
        """Names of the files whose headers have the given values.

        Parameters
        ----------
        include_path : bool
            Whether names come with their folder.
        regex_match : bool
            Whether texts are regular expressions to be found anywhere.
        **kwd
            ``keyword=value``. Texts match whole, without regard to case and spaces around them;
            ``'*'`` matches any value, None a missing card, a list any of its values. A card need
            not be in the table.

        Returns
        -------
        array or list of str
            An array as the column of the table is; with folders, or without any file, a list.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> from ccdlib import CCDData, ImageFileCollection
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> for name, kind in {"a.fits": "flat", "b.fits": "bias", "c.fits": "bias"}.items():
        ...     CCDData([[1.0]], unit="adu", meta={"imagetyp": kind}).write(folder / name)
        >>> night = ImageFileCollection(folder, keywords=["imagetyp"])
        >>> night.files_filtered(imagetyp="Bias").tolist()
        ['b.fits', 'c.fits']
        """
        with_path = kwd.pop("include_path", False)
        names = self._selected(**kwd)
        if with_path:
            return [self._path(name) for name in names]
        if self._summary is None:
            return []
        # a list would be looked at name by name
        column = MaskedColumn(np.array([row["file"] for row in self._rows.values()], dtype=str))
        selected = set(names)
        column.mask = [name not in selected for name in self._rows]
        return column.compressed()

    def filter(self, **kwd: Any) -> "ImageFileCollection":
        """A collection of the files whose headers have the given values.

        Parameters
        ----------
        **kwd
            See `files_filtered`.

        Returns
        -------
        ImageFileCollection

        Examples
        --------
        >>> import pathlib, tempfile
        >>> from ccdlib import CCDData, ImageFileCollection
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> for name, kind in {"a.fits": "flat", "b.fits": "bias", "c.fits": "bias"}.items():
        ...     CCDData([[1.0]], unit="adu", meta={"imagetyp": kind}).write(folder / name)
        >>> night = ImageFileCollection(folder, keywords=["imagetyp"])
        >>> len(night.filter(imagetyp="bias").files)
        2
        """
        files = self.files_filtered(include_path=True, **kwd)
        return ImageFileCollection(filenames=files, keywords=self._columns(), ext=self._ext)

    def _columns(self):
        return self.keywords if self._summary else self._wanted

    def _each(self, read, replace, options, wanted):
        """Yield the result of `read` for each file, and write it if asked to. The caller may
        change it before it is written.
        """
        save_name, save_location, overwrite, return_fname = options
        if save_location and not os.path.isdir(save_location):
            raise FileNotFoundError(f"save_location {save_location!r} is not a folder")
        for name in self._selected(**wanted):
            path = self._path(name)
            thing = read(path)
            yield (thing, os.path.basename(path)) if return_fname else thing
            stem, ending = _stem(os.path.basename(path))
            folder = save_location or os.path.dirname(path)
            target = os.path.join(folder, stem + save_name + ending)
            if target != path or overwrite:
                replace(path, thing, target, overwrite)

    def headers(
        self,
        do_not_scale_image_data: bool = True,
        *,
        save_with_name: str = "",
        save_location: str | os.PathLike = "",
        overwrite: bool = False,
        return_fname: bool = False,
        **kwd: Any,
    ) -> Iterator:
        """Yield the header of each file; changed ones can be written.

        Parameters
        ----------
        do_not_scale_image_data : bool
            Whether pixels stay as they are stored.
        save_with_name : str
            Added to the name of a copy that is written, before its ending.
        save_location : path
            Folder of the copies; empty: that of the file.
        overwrite : bool
            Whether files may be replaced, the read one too.
        return_fname : bool
            Whether to yield pairs of header and file name.
        **kwd
            Which files; see `files_filtered`.

        Returns
        -------
        iterator of Header

        Examples
        --------
        >>> import pathlib, tempfile
        >>> from ccdlib import CCDData, ImageFileCollection
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> for name, kind in {"a.fits": "flat", "b.fits": "bias", "c.fits": "bias"}.items():
        ...     CCDData([[1.0]], unit="adu", meta={"imagetyp": kind}).write(folder / name)
        >>> night = ImageFileCollection(folder, keywords=["imagetyp"])
        >>> [header["IMAGETYP"] for header in night.headers(imagetyp="bias")]
        ['bias', 'bias']
        """
        options = save_with_name, save_location, overwrite, return_fname
        return self._hdu_parts("header", do_not_scale_image_data, options, kwd)

    def hdus(
        self,
        do_not_scale_image_data: bool = False,
        *,
        save_with_name: str = "",
        save_location: str | os.PathLike = "",
        overwrite: bool = False,
        return_fname: bool = False,
        **kwd: Any,
    ) -> Iterator:
        """Yield the HDU of each file.

        Parameters
        ----------
        do_not_scale_image_data, save_with_name, save_location, overwrite, return_fname, **kwd
            See `headers`.

        Returns
        -------
        iterator of HDU

        Examples
        --------
        >>> import pathlib, tempfile
        >>> from ccdlib import CCDData, ImageFileCollection
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> for name, kind in {"a.fits": "flat", "b.fits": "bias", "c.fits": "bias"}.items():
        ...     CCDData([[1.0]], unit="adu", meta={"imagetyp": kind}).write(folder / name)
        >>> night = ImageFileCollection(folder, keywords=["imagetyp"])
        >>> [hdu.shape for hdu in night.hdus(imagetyp="flat")]
        [(1, 1)]
        """
        options = save_with_name, save_location, overwrite, return_fname
        return self._hdu_parts(None, do_not_scale_image_data, options, kwd)

    def data(
        self,
        do_not_scale_image_data: bool = False,
        *,
        save_with_name: str = "",
        save_location: str | os.PathLike = "",
        overwrite: bool = False,
        return_fname: bool = False,
        **kwd: Any,
    ) -> Iterator:
        """Yield the pixels of each file, of an empty primary the first image's.

        Parameters
        ----------
        do_not_scale_image_data, save_with_name, save_location, overwrite, return_fname, **kwd
            See `headers`.

        Returns
        -------
        iterator of ndarray

        Examples
        --------
        >>> import pathlib, tempfile
        >>> from ccdlib import CCDData, ImageFileCollection
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> for name, kind in {"a.fits": "flat", "b.fits": "bias", "c.fits": "bias"}.items():
        ...     CCDData([[1.0]], unit="adu", meta={"imagetyp": kind}).write(folder / name)
        >>> night = ImageFileCollection(folder, keywords=["imagetyp"])
        >>> [data.tolist() for data in night.data(imagetyp="flat")]
        [[[1.0]]]
        """
        options = save_with_name, save_location, overwrite, return_fname
        return self._hdu_parts("data", do_not_scale_image_data, options, kwd)

    def _number(self, hdus, part):
        """The HDU to read; for the pixels of an empty primary, the first image after it."""
        if part != "data" or self._ext != 0 or hdus[0].shape:
            return self._ext
        return next((n for n, hdu in enumerate(hdus) if hdu.is_image and hdu.shape), 0)

    def _hdu_parts(self, part, unscaled, options, wanted):
        from astropy.io import fits

        def read(path):
            # a whole HDU is copied; pixels alone must not keep their file open
            memmap = None if part is None else False
            with fits.open(path, do_not_scale_image_data=unscaled, memmap=memmap) as hdus:
                hdu = hdus[self._number(hdus, part)]
                if part == "header":
                    return hdu.header
                return hdu.data if part else hdu.copy()

        def replace(path, thing, target, overwrite):
            from .write_back import change_of, changed_file

            with fits.open(path, do_not_scale_image_data=unscaled, memmap=False) as hdus:
                number = hdus.index_of(self._number(hdus, part))
                change = change_of(hdus[number], number, part, thing, unscaled)
            changed_file(path, target, change, overwrite)

        return self._each(read, replace, options, wanted)

    def ccds(
        self,
        ccd_kwargs: dict | None = None,
        *,
        save_with_name: str = "",
        save_location: str | os.PathLike = "",
        overwrite: bool = False,
        return_fname: bool = False,
        **kwd: Any,
    ) -> Iterator:
        """Yield the CCDData of each file; changed ones can be written beside it.

        Parameters
        ----------
        ccd_kwargs : dict or None
            For `fits_ccddata_reader`, such as the unit.
        save_with_name, save_location, return_fname, **kwd
            See `headers`.
        overwrite : bool
            Refused: a CCDData does not hold all that its file does.

        Returns
        -------
        iterator of CCDData

        Raises
        ------
        OverwriteRefused
            If `overwrite` is asked for.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> from ccdlib import CCDData, ImageFileCollection
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> for name, kind in {"a.fits": "flat", "b.fits": "bias", "c.fits": "bias"}.items():
        ...     CCDData([[1.0]], unit="adu", meta={"imagetyp": kind}).write(folder / name)
        >>> night = ImageFileCollection(folder, keywords=["imagetyp"])
        >>> [str(ccd.unit) for ccd in night.ccds(imagetyp="bias")]
        ['adu', 'adu']
        """
        from .ccddata import fits_ccddata_reader, fits_ccddata_writer

        if "clobber" in kwd:
            warnings.warn(
                "The 'clobber' keyword argument is a deprecated alias for 'overwrite'",
                DeprecationWarning,
                stacklevel=2,
            )
            overwrite = overwrite or kwd.pop("clobber")
        if overwrite:
            raise OverwriteRefused(
                "overwrite=True is not supported for CCDs: a CCDData does not hold all that its "
                "file does; save_with_name or save_location writes a copy"
            )

        def read(path):
            return fits_ccddata_reader(path, **({"hdu": self._ext} | (ccd_kwargs or {})))

        def replace(path, ccd, target, overwrite):
            fits_ccddata_writer(ccd, target, overwrite=overwrite)

        options = save_with_name, save_location, overwrite, return_fname
        return self._each(read, replace, options, kwd)


def _stem(name):
    """A name without its FITS ending(s), and these."""
    stem = strip_ending(name)
    return os.path.splitext(name) if stem is None else (stem, name[len(stem) :])
