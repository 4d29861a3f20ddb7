"""CBOR as recorders may use it: maps with text keys, of integers, truth, text, bytes, lists.

docs/formats/smp.md, section 3. cbor2 does the decoding; what it would build too willingly
(tags that become dates, fractions or patterns, floats, deep nests) never gets to it: a walk
over the bytes, linear in their number, lets through the profile alone.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias, cast

import cbor2

from firmware_bridge.errors import WireError

Value: TypeAlias = "bool | int | str | bytes | Sequence[Value] | Mapping[str, Value] | None"
Map: TypeAlias = Mapping[str, Value]

MAX_DEPTH: Final = 4
"""How many maps and lists may stand in one another; the companion's own need three."""

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _LIST, _MAP, _TAG, _SIMPLE = range(8)
_FALSE, _TRUE, _NULL = 20, 21, 22
_ONE_BYTE, _EIGHT_BYTES, _INDEFINITE = 24, 27, 31
_BREAK: Final = 0xFF


def encode(members: Map) -> bytes:
    """Return a map's bytes: shortest forms, definite lengths, keys sorted (RFC 8949, 4.2.3)."""
    return cbor2.dumps(members, canonical=True)


def decode(data: bytes) -> dict[str, Value]:
    """Return the one map that `data` is; raise WireError for anything else."""
    if not data or data[0] >> 5 != _MAP:
        raise _broken("it is no map")
    if _after_item(data, 0, depth=MAX_DEPTH) != len(data):
        raise _broken("bytes follow the map")
    try:
        value = cbor2.loads(data, allow_duplicate_keys=False, max_depth=MAX_DEPTH)
    except cbor2.CBORError as error:  # text that is no UTF-8; a key that stands twice
        raise _broken(str(error)) from None
    # The walk above saw a map with text keys, and nothing else than Value inside.
    return cast("dict[str, Value]", value)


def _after_item(data: bytes, at: int, *, depth: int) -> int:
    """Return where the item at `at` ends, if it is one of the profile."""
    kind, info, argument, at = _head(data, at)
    match kind:
        case 0 | 1:
            return at
        case 2 | 3:
            return _within(data, at + argument)
        case 4 | 5 if depth == 0:
            raise _broken("it is nested too deeply")
        case 4 | 5:
            count = None if info == _INDEFINITE else argument
            return _after_members(data, at, count, keyed=kind == _MAP, depth=depth - 1)
        case 7 if info in {_FALSE, _TRUE, _NULL}:
            return at
        case _:
            raise _broken("it holds a tag, a float or a value of no meaning")


def _after_members(data: bytes, at: int, count: int | None, *, keyed: bool, depth: int) -> int:
    """Return where a list or map ends, its members being `count`, or up to a break if None."""
    # Every member takes a byte at least: however many are announced, the data ends the walk.
    while count is None or count > 0:
        if count is None:
            if _octet(data, at) == _BREAK:
                return at + 1
        else:
            count -= 1
        if keyed:
            if _octet(data, at) >> 5 != _TEXT:
                raise _broken("a key is no text")
            at = _after_item(data, at, depth=depth)
        at = _after_item(data, at, depth=depth)
    return at


def _head(data: bytes, at: int) -> tuple[int, int, int, int]:
    """Return kind, info and argument of the item at `at`, and where its head ends."""
    initial = _octet(data, at)
    kind, info = initial >> 5, initial & 0x1F
    at += 1
    if info < _ONE_BYTE:
        return kind, info, info, at
    if info <= _EIGHT_BYTES and kind != _SIMPLE:
        end = _within(data, at + (1 << (info - _ONE_BYTE)))
        return kind, info, int.from_bytes(data[at:end], "big"), end
    # Zephyr's encoder writes maps and lists without a length; strings always have one.
    if info == _INDEFINITE and kind in {_LIST, _MAP}:
        return kind, info, 0, at
    raise _broken("an item has a head of no meaning")


def _octet(data: bytes, at: int) -> int:
    if at >= len(data):
        raise _broken("it is cut short")
    return data[at]


def _within(data: bytes, end: int) -> int:
    if end > len(data):
        raise _broken("it is cut short")
    return end


def _broken(reason: str) -> WireError:
    return WireError(command="CBOR", reason=reason)
