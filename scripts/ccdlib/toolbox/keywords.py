"""A header keyword whose value has a unit."""

from collections.abc import Mapping
from typing import Any

from astropy.units import Quantity, UnitBase

from ..errors import CcdlibError

__all__ = ["AddKeyword", "Keyword", "MissingCard", "card_value"]


class MissingCard(CcdlibError, KeyError):
    """A header has no such card; also a KeyError."""

    __str__ = CcdlibError.__str__


def card_value(header: Mapping[str, Any], name: str) -> Any:
    """The value of a card.

    Raises
    ------
    MissingCard
        If the header has no such card, or it has no value.
    """
    value = header.get(name)
    if value is None or type(value).__name__ == "Undefined":
        raise MissingCard(f"{name}: the header has no such card, or one without a value")
    return value


class Keyword:
    """A keyword, its unit and its value.

    Parameters
    ----------
    name : str
    unit : Unit or None
        Unit of a number; a text has none.
    value : Quantity, number, str or None
        A plain number needs `unit`.

    Raises
    ------
    CcdlibError
        If a number has no unit, or a text has one.

    Examples
    --------
    >>> import astropy.units as u
    >>> Keyword("EXPTIME", unit=u.s).value_from({"EXPTIME": 30.0})
    <Quantity 30. s>
    """

    def __init__(
        self, name: str, unit: UnitBase | None = None, value: Quantity | float | str | None = None
    ) -> None:
        self._name, self._unit = name, unit
        self.value = value

    @property
    def name(self) -> str:
        """Name of the card."""
        return self._name

    @property
    def unit(self) -> UnitBase | None:
        """Unit of the value, or None."""
        return self._unit

    @property
    def value(self) -> Quantity | str | None:
        """A Quantity, a text, or None."""
        return self._value

    @value.setter
    def value(self, value: Quantity | float | str | None) -> None:
        if isinstance(value, str) and self._unit is not None:
            raise CcdlibError(
                f"keyword with a unit cannot have a string value: {self._name} in {self._unit}, "
                f"{value!r}"
            )
        if value is None or isinstance(value, str):
            self._value = value
        elif isinstance(value, Quantity):
            self._unit, self._value = value.unit, value
        elif self._unit is None:
            raise CcdlibError(f"no unit provided for {self._name}, whose value is {value}")
        else:
            self._value = value * self._unit

    def value_from(self, header: Mapping[str, Any]) -> Quantity | str | None:
        """Set the value to that of `header`, and return it.

        Parameters
        ----------
        header : Header or dict

        Returns
        -------
        Quantity or str
            A number with the keyword's unit, or a text.

        Raises
        ------
        MissingCard
            If the header has no such card; it is a KeyError too.

        Examples
        --------
        >>> import astropy.units as u
        >>> from ccdlib import Keyword
        >>> Keyword("GAIN", unit=u.electron / u.adu).value_from({"GAIN": 1.5})
        <Quantity 1.5 electron / adu>
        """
        self.value = card_value(header, self._name)
        return self.value


# how a step is written into the metadata, see ``log_step``
AddKeyword = str | Keyword | dict[str, Any] | bool | None
