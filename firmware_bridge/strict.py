"""JSON from a process that spoke with something hostile: every field by type and range.

Nothing here trusts a shape. `load` turns bytes into an object or raises, and
`Fields` hands out one member at a time, typed and bounded; `done` then refuses
members that nobody asked for. What is wrong is raised as the error that the caller's
`fail` makes of a reason, and nothing else is.
"""

import json
from collections.abc import Callable
from typing import Final, TypeAlias, TypeVar

from firmware_bridge.errors import BridgeError

Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json] | None"
Fail: TypeAlias = Callable[[str], BridgeError]
T = TypeVar("T")

U16: Final = 2**16 - 1
U32: Final = 2**32 - 1
# Sizes as exFAT stores them: eight bytes, and a broken record may hold any value.
U64: Final = 2**64 - 1


def load(data: bytes, fail: Fail) -> dict[str, Json]:
    """Return the one JSON object in `data`: no floats, no NaN, no member named twice."""

    def members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise fail("a member twice")
        return found

    def refuse_number(_text: str) -> Json:
        raise fail("a number that is no integer")

    try:
        value: Json = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=members,
            parse_float=refuse_number,
            parse_constant=refuse_number,
        )
    except (ValueError, RecursionError):
        raise fail("not JSON") from None
    if not isinstance(value, dict):
        raise fail("not an object")
    return value


class Fields:
    """The members of one JSON object, each taken exactly once."""

    def __init__(self, value: Json, what: str, fail: Fail) -> None:
        if not isinstance(value, dict):
            raise fail(f"{what} is no object")
        self._rest = dict(value)
        self._what = what
        self._fail = fail

    def take(self, name: str) -> Json:
        """Return a member of any type; the caller checks it."""
        if name not in self._rest:
            raise self._fail(f"{self._what} has no {name}")
        return self._rest.pop(name)

    def integer(self, name: str, *, low: int = 0, high: int) -> int:
        """Return an integer from `low` to `high`, both allowed."""
        value = self.take(name)
        if type(value) is int and low <= value <= high:  # a listing has a million of them
            return value
        return integer(value, low=low, high=high, what=f"{self._what}.{name}", fail=self._fail)

    def integer_or_none(self, name: str, *, low: int = 0, high: int) -> int | None:
        """Return an integer from `low` to `high`, or None for null."""
        value = self.take(name)
        if value is None:
            return None
        return integer(value, low=low, high=high, what=f"{self._what}.{name}", fail=self._fail)

    def boolean(self, name: str) -> bool:
        """Return true or false."""
        value = self.take(name)
        if not isinstance(value, bool):
            raise self._fail(f"{self._what}.{name} is no boolean")
        return value

    def boolean_or_none(self, name: str) -> bool | None:
        """Return true, false, or None for null."""
        value = self.take(name)
        if value is not None and not isinstance(value, bool):
            raise self._fail(f"{self._what}.{name} is no boolean")
        return value

    def text(self, name: str, *, longest: int) -> str:
        """Return text of at most `longest` code points, none of them a surrogate."""
        what = f"{self._what}.{name}"
        return text(self.take(name), longest=longest, what=what, fail=self._fail)

    def word(self, name: str, allowed: frozenset[str]) -> str:
        """Return one of the words in `allowed`."""
        value = self.take(name)
        if not isinstance(value, str) or value not in allowed:
            raise self._fail(f"{self._what}.{name} is no known word")
        return value

    def octets(self, name: str, *, longest: int) -> bytes:
        """Return bytes written as lower-case hexadecimal, at most `longest` of them."""
        if (value := self.take(name)) == "":
            return b""
        what = f"{self._what}.{name}"
        return octets(value, longest=longest, what=what, fail=self._fail)

    def many(self, name: str, parse: Callable[[Json], T], *, most: int) -> tuple[T, ...]:
        """Return an array of at most `most` elements, each put through `parse`."""
        if not (value := self.take(name)) and type(value) is list:
            return ()
        what = f"{self._what}.{name}"
        return tuple(map(parse, array(value, most=most, what=what, fail=self._fail)))

    def members(self, name: str) -> "Fields":
        """Return the members of an object within this one."""
        return Fields(self.take(name), f"{self._what}.{name}", self._fail)

    def done(self) -> None:
        """Refuse members that were not taken."""
        if self._rest:
            raise self._fail(f"{self._what} has members of no meaning")


def integer(value: Json, *, low: int, high: int, what: str, fail: Fail) -> int:
    """Return `value` if it is an integer (true is none) from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise fail(f"{what} is no integer")
    if not low <= value <= high:
        raise fail(f"{what} is out of range")
    return value


def text(value: Json, *, longest: int, what: str, fail: Fail) -> str:
    """Return `value` if it is text of at most `longest` code points without surrogates."""
    if not isinstance(value, str) or len(value) > longest:
        raise fail(f"{what} is no text of at most {longest} characters")
    if not value.isascii() and any("\ud800" <= point <= "\udfff" for point in value):
        raise fail(f"{what} holds a surrogate")
    return value


def octets(value: Json, *, longest: int, what: str, fail: Fail) -> bytes:
    """Return the bytes that `value` spells in lower-case hexadecimal."""
    if not isinstance(value, str) or len(value) > 2 * longest:
        raise fail(f"{what} is no hexadecimal of at most {longest} bytes")
    try:
        data = bytes.fromhex(value)
    except ValueError:
        raise fail(f"{what} is no hexadecimal") from None
    if data.hex() != value:  # fromhex also takes spaces and capitals
        raise fail(f"{what} is not in the one spelling of its bytes")
    return data


def array(value: Json, *, most: int, what: str, fail: Fail) -> list[Json]:
    """Return `value` if it is an array of at most `most` elements."""
    if not isinstance(value, list) or len(value) > most:
        raise fail(f"{what} is no array of at most {most}")
    return value
