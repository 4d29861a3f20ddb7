"""JSON that has one spelling only: RFC 8785, in a narrower profile.

docs/formats/entry.md section 2 is the rule; its numbers stand below. In this
profile the standard library's own encoder already writes what RFC 8785 asks
for: with ASCII keys, sorting by code point is sorting by UTF-16 unit; without
floats there is no number to format; and its escapes are the RFC's.
"""

import json
from collections.abc import Iterable
from typing import Final, TypeAlias

from hashing.errors import CanonicalError

JSON: TypeAlias = "bool | int | str | list[JSON] | dict[str, JSON] | None"

MAX_INT: Final = 2**53 - 1  # section 2.3: what every JSON reader holds exactly
MAX_DEPTH: Final = 32  # section 2.6

_MAX_DIGITS: Final = len(str(-MAX_INT))


def _refuse(spelling: str) -> float:
    raise CanonicalError(f"{spelling[:40]} is not an integer")


def _integer(spelling: str) -> int:
    if len(spelling) > _MAX_DIGITS or not -MAX_INT <= int(spelling) <= MAX_INT:
        raise CanonicalError("a number does not fit 53 bits")
    return int(spelling)


_WRITER: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
_READER: Final = json.JSONDecoder(parse_int=_integer, parse_float=_refuse, parse_constant=_refuse)


def encode(value: object) -> bytes:
    """Return the one spelling of `value`; raise CanonicalError if it has none."""
    _check(value, MAX_DEPTH)
    return _spell(value)


def decode(data: bytes) -> dict[str, JSON]:
    """Return the object that `data` spells; raise CanonicalError on any other spelling.

    What comes back is encoded again and compared, so white space, a repeated
    or misplaced key, a needless escape, "-0" and the like need no rule each.
    """
    try:
        value = _READER.decode(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # bad UTF-8 and too long a number are ValueErrors
        raise CanonicalError(f"not JSON in UTF-8 of this profile: {_short(error)}") from None
    if type(value) is not dict:
        raise CanonicalError("not a JSON object")
    # What was read holds the profile's types and numbers only. Its names are ASCII if all of it
    # is, and it nests no deeper than it has brackets: for nearly every entry, that settles it.
    if not data.isascii() or data.count(b"{") + data.count(b"[") > MAX_DEPTH:
        _check(value, MAX_DEPTH)
    if _spell(value) != data:
        raise CanonicalError("not in canonical form")
    return value


def _spell(value: object) -> bytes:
    try:
        return _WRITER.encode(value).encode("utf-8")
    except UnicodeEncodeError:  # section 2.4
        raise CanonicalError("a string holds a lone surrogate") from None


def _check(value: object, depth: int) -> None:
    """Raise CanonicalError unless `value` is made of the profile's types, all the way down.

    Level by level, since a call for each member would take longer than all the rest.
    """
    level = [value]
    for left in range(depth, -1, -1):
        below: list[object] = []
        for one in level:
            kind = type(one)
            if kind is str or kind is bool or one is None:
                continue
            if kind is int:
                if not -MAX_INT <= one <= MAX_INT:  # type: ignore[operator]  # kind says it is an int
                    raise CanonicalError("a number does not fit 53 bits")
                continue
            if left == 0:
                raise CanonicalError(f"nested deeper than {MAX_DEPTH}")
            below += _members(one)
        if not below:
            return
        level = below


def _members(value: object) -> Iterable[object]:
    """Return what a dict or list holds; raise CanonicalError for anything else."""
    if type(value) is dict:
        for key in value:
            if type(key) is not str or not key.isascii():
                raise CanonicalError("a key is not ASCII text")  # section 2.2
        return value.values()
    if type(value) is list:
        return value
    raise CanonicalError(f"a {type(value).__name__} has no place in canonical JSON")


def _short(error: Exception) -> str:
    return str(error)[:120]
