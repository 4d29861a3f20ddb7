"""Frames between the core and its workers: four bytes of length, then that much JSON. Pure.

docs/formats/reader-wire.md and docs/formats/control-wire.md, section 2 of each. Which
members a frame has is for the wire of each worker to say.
"""

import json
from collections.abc import Mapping
from typing import Final

from firmware_bridge.strict import Fail, Json

_LENGTH_BYTES: Final = 4


def put(members: Mapping[str, Json], *, most: int, fail: Fail) -> bytes:
    """Return a frame's bytes, length first; raise `fail` if its JSON has more than `most`."""
    text = json.dumps(members, ensure_ascii=True, separators=(",", ":"))
    data = text.encode("ascii")
    if len(data) > most:
        raise fail(f"a frame of {len(data)} bytes")
    return len(data).to_bytes(_LENGTH_BYTES, "big") + data


def take(buffer: bytearray, *, most: int, fail: Fail) -> bytes | None:
    """Take one whole frame's JSON off the front of `buffer`; None while it is not complete."""
    if len(buffer) < _LENGTH_BYTES:
        return None
    length = int.from_bytes(buffer[:_LENGTH_BYTES], "big")
    if length > most:
        raise fail(f"a frame of {length} bytes announced")
    if len(buffer) < _LENGTH_BYTES + length:
        return None
    payload = bytes(buffer[_LENGTH_BYTES : _LENGTH_BYTES + length])
    del buffer[: _LENGTH_BYTES + length]
    return payload
