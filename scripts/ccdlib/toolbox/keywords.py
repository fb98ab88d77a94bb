"""A header keyword whose value has a unit."""

from astropy.units import Quantity

from ..errors import CcdlibError

__all__ = ["Keyword", "MissingCard", "card_value"]


class MissingCard(CcdlibError, KeyError):
    """A header has no such card; also a KeyError."""

    __str__ = CcdlibError.__str__


def card_value(header, name):
    """The value of a card.

    Raises
    ------
    MissingCard
        If there is none, or it has no value.
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
        Of numbers; texts have none.
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

    def __init__(self, name, unit=None, value=None):
        self._name, self._unit = name, unit
        self.value = value

    @property
    def name(self):
        """Of the card."""
        return self._name

    @property
    def unit(self):
        """Unit of the value, or None."""
        return self._unit

    @property
    def value(self):
        """A Quantity, a text, or None."""
        return self._value

    @value.setter
    def value(self, value):
        if isinstance(value, str) and self._unit is not None:
            raise CcdlibError(f"{self._name}: the text {value!r} cannot have the unit {self._unit}")
        if value is None or isinstance(value, str):
            self._value = value
        elif isinstance(value, Quantity):
            self._unit, self._value = value.unit, value
        elif self._unit is None:
            raise CcdlibError(f"{self._name}: the number {value} has no unit")
        else:
            self._value = value * self._unit

    def value_from(self, header):
        """Set the value to that of `header`, and return it.

        Raises
        ------
        MissingCard
            If the header has no such card; it is a KeyError too.
        """
        self.value = card_value(header, self._name)
        return self.value
