"""The members of a CBOR map from the other side, each asked for by type and range.

Members that nobody asks for are left alone: a later version may say more (docs/formats/smp.md,
section 3.3). Whatever is wrong, WireError is raised and nothing else.
"""

from collections.abc import Callable
from typing import Final, TypeVar

from firmware_bridge.errors import WireError
from firmware_bridge.wire.cbor import Map, Value

T = TypeVar("T")

SAFE: Final = 2**53 - 1
"""The largest integer that every reader of our JSON keeps whole."""


class Members:
    """One map, named `what` in errors."""

    def __init__(self, value: Value, what: str) -> None:
        if not isinstance(value, dict):
            raise WireError(command=what, reason="it is no map")
        self._members: Map = value
        self._what = what

    def has(self, name: str) -> bool:
        """Tell whether there is such a member; null is none."""
        return self._members.get(name) is not None

    def integer(self, name: str, *, low: int = 0, high: int) -> int:
        """Return an integer (true is none) from `low` to `high`."""
        match self._take(name):
            case bool():
                raise self.broken(f"{name} is no integer")
            case int(value) if low <= value <= high:
                return value
            case _:
                raise self.broken(f"{name} is no integer from {low} to {high}")

    def maybe_integer(self, name: str, *, low: int = 0, high: int) -> int | None:
        """Return an integer as `integer`, None where there is none."""
        return self.integer(name, low=low, high=high) if self.has(name) else None

    def boolean(self, name: str) -> bool:
        """Return true or false."""
        match self._take(name):
            case bool(value):
                return value
            case _:
                raise self.broken(f"{name} is neither true nor false")

    def maybe_boolean(self, name: str) -> bool | None:
        """Return true or false, None where there is none."""
        return self.boolean(name) if self.has(name) else None

    def text(self, name: str, *, longest: int, least: int = 0) -> str:
        """Return text of `least` to `longest` bytes of UTF-8, free of control characters."""
        match self._take(name):
            case str(value):
                return self.checked(name, value, longest=longest, least=least)
            case _:
                raise self.broken(f"{name} is no text")

    def octets(self, name: str, *, longest: int, least: int = 0) -> bytes:
        """Return bytes."""
        match self._take(name):
            case bytes(value) if least <= len(value) <= longest:
                return value
            case _:
                raise self.broken(f"{name} is not {least} to {longest} bytes")

    def many(self, name: str, parse: Callable[[Value], T], *, most: int) -> tuple[T, ...]:
        """Return a list of at most `most` members, each put through `parse`."""
        match self._take(name):
            case list(values) if len(values) <= most:
                return tuple(map(parse, values))
            case _:
                raise self.broken(f"{name} is no list of at most {most}")

    def checked(self, name: str, value: str, *, longest: int, least: int = 0) -> str:
        """Return `value` if it is text as `text` takes it."""
        if not least <= len(value.encode("utf-8", "surrogatepass")) <= longest:
            raise self.broken(f"{name} is not {least} to {longest} bytes of text")
        if not is_plain(value):
            raise self.broken(f"{name} holds a control character or a surrogate")
        return value

    def broken(self, reason: str) -> WireError:
        """Return the error that says what is wrong with this map."""
        return WireError(command=self._what, reason=reason)

    def _take(self, name: str) -> Value:
        if name not in self._members:
            raise self.broken(f"there is no {name}")
        return self._members[name]


def is_plain(text: str) -> bool:
    """Tell whether text holds neither control characters nor surrogates."""
    return not any(
        point < " " or "\x7f" <= point <= "\x9f" or "\ud800" <= point <= "\udfff" for point in text
    )
