"""Reading a JSON object field by field, with errors that name the field."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from leitai.base import LeitaiError


class Fields:
    """A JSON object, what its absent fields mean, and where it stands."""

    def __init__(
        self, values: Mapping[str, Any], defaults: Mapping[str, Any], where: object
    ) -> None:
        self.values = values
        self.defaults = defaults
        self.where = where

    def given(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self.values.get(name) is not None

    def error(self, name: str, what: str) -> LeitaiError:
        """Return an error about one field."""
        return LeitaiError(
            what,
            where=f"{self.where}, {name}",
            remedy="check that config.json is the checkpoint's own, or use another checkpoint",
        )

    def part(self, name: str) -> "Fields":
        """Return the object in a field.

        Raises:
            LeitaiError: it is not an object.
        """
        value = self.values[name]
        if not isinstance(value, Mapping):
            raise self.error(name, f"expected an object, found {value!r}")
        return Fields(value, {}, f"{self.where}, {name}")

    def size(self, name: str, limits: Mapping[str, int], *, default: int | None = None) -> int:
        """Return a positive integer of at most `limits[name]`.

        Raises:
            LeitaiError: it is missing without a default, not an integer, or outside the limits.
        """
        value = self._value(name, default)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.error(name, f"expected a positive integer, found {value!r}")
        if not 0 < value <= limits[name]:
            raise self.error(name, f"{value:,} is not between 1 and {limits[name]:,}")
        return value

    def number(
        self, name: str, *, above: float, below: float, default: float | None = None
    ) -> float:
        """Return a number strictly between two bounds.

        Raises:
            LeitaiError: it is missing without a default, not a number, or outside the bounds.
        """
        value = self._value(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            raise self.error(name, f"expected a number, found {value!r}")
        if not above < value < below:
            raise self.error(name, f"{value} is not between {above} and {below}")
        return float(value)

    def flag(self, name: str) -> bool:
        """Return true or false.

        Raises:
            LeitaiError: it is something else.
        """
        value = self._value(name, None)
        if not isinstance(value, bool):
            raise self.error(name, f"expected true or false, found {value!r}")
        return value

    def ids(self, name: str) -> tuple[int, ...]:
        """Return token ids: none for an absent field or null, one for a number, several for a list.

        Raises:
            LeitaiError: an entry is not a non-negative integer.
        """
        value = self.values.get(name)
        if value is None:
            return ()
        entries = value if isinstance(value, list) else [value]
        for entry in entries:
            if not isinstance(entry, int) or isinstance(entry, bool) or entry < 0:
                raise self.error(name, f"expected token ids, found {entry!r}")
        return tuple(entries)

    def _value(self, name: str, default: Any) -> Any:
        if self.given(name):
            return self.values[name]
        found = self.defaults.get(name, default)
        if found is None:
            raise self.error(name, "missing")
        return found
