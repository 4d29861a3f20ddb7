"""SMP over a serial console: lines of base64 between other people's text.

docs/formats/smp.md, section 1. A message travels as its length, itself and a CRC16, in
base64, cut into lines of at most 127 bytes; the first begins with 06 09, the others with
04 14, and each ends with LF. None of these four bytes occurs in base64, so whatever stands
around them is noise and costs nothing but itself.
"""

import binascii
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from firmware_bridge.errors import WireError
from firmware_bridge.wire.smp import MAX_MESSAGE

MAX_LINE: Final = 127
"""The longest line, its delimiter and LF included, in bytes (1.2)."""

_FIRST: Final = b"\x06\x09"
_NEXT: Final = b"\x04\x14"
_LF: Final = b"\n"
_U16: Final = struct.Struct("!H")
_CRC_SIZE: Final = _U16.size
# Whole groups of four characters, which a receiver may decode line by line.
_LINE_CHARACTERS: Final = (MAX_LINE - len(_FIRST) - len(_LF)) // 4 * 4
# A terminal may have put a CR before the LF.
_MAX_CONTENT: Final = _LINE_CHARACTERS + 1


@dataclass(frozen=True, slots=True)
class Noise:
    """Received bytes that are no message, and why: for a log, and for counting."""

    reason: str


def encode(body: bytes) -> bytes:
    """Return the lines that carry `body`; raise WireError if it is too long (1.3)."""
    if len(body) > MAX_MESSAGE:
        raise WireError(command="SMP lines", reason=f"a message of {len(body)} bytes")
    framed = _U16.pack(len(body) + _CRC_SIZE) + body + _U16.pack(binascii.crc_hqx(body, 0))
    text = binascii.b2a_base64(framed, newline=False)
    pieces = [text[at : at + _LINE_CHARACTERS] for at in range(0, len(text), _LINE_CHARACTERS)]
    return _FIRST + (_LF + _NEXT).join(pieces) + _LF


class Deframer:
    """Cut a byte stream, however it is sliced, into messages' bytes and noise (1.4).

    It never raises, keeps at most one line and one message, and after any noise finds the
    next first line by itself.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._gathered = bytearray()
        self._wanted: int | None = None  # None: no message has begun

    def feed(self, data: bytes) -> list[bytes | Noise]:
        """Take newly received bytes; return what they complete, in order."""
        *lines, rest = (self._rest + data).split(_LF)
        found = [item for line in lines for item in self._line(line)]
        # Text before a delimiter is nobody's; without one the last byte may be half of it.
        self._rest = rest[max(rest.rfind(_FIRST), rest.rfind(_NEXT), 0) :]
        if len(self._rest) > len(_FIRST) + _MAX_CONTENT:
            found.append(Noise("a line without an end"))
            self._rest = self._rest[-1:]
        return found

    def _line(self, line: bytes) -> Iterator[bytes | Noise]:
        at = max(line.rfind(_FIRST), line.rfind(_NEXT))
        if at < 0:
            if line.strip():
                yield Noise("a line that is none of ours")
            return
        content = line[at + len(_FIRST) :].removesuffix(b"\r")
        if line.startswith(_FIRST, at):
            if self._wanted is not None:
                yield Noise("a message that was not finished")
            self._forget()
            yield from self._first(content)
        elif self._wanted is None:
            yield Noise("a line that continues nothing")
        else:
            yield from self._gather(_decoded(content), self._wanted)

    def _first(self, content: bytes) -> Iterator[bytes | Noise]:
        data = _decoded(content)
        if data is None or len(data) < _U16.size:
            yield Noise("a first line without a length")
            return
        (wanted,) = _U16.unpack_from(data)
        if not _CRC_SIZE <= wanted <= MAX_MESSAGE + _CRC_SIZE:
            yield Noise(f"a message of {wanted} bytes")
            return
        self._wanted = wanted
        yield from self._gather(data[_U16.size :], wanted)

    def _gather(self, data: bytes | None, wanted: int) -> Iterator[bytes | Noise]:
        if data is None:
            yield Noise("a line that is no base64")
            self._forget()
            return
        self._gathered += data
        if len(self._gathered) < wanted:
            return
        whole = bytes(self._gathered)
        self._forget()
        body, crc = whole[:-_CRC_SIZE], whole[-_CRC_SIZE:]
        if len(whole) > wanted:
            yield Noise("a message longer than announced")
        elif _U16.pack(binascii.crc_hqx(body, 0)) != crc:
            yield Noise("a message whose check sum is wrong")
        else:
            yield body

    def _forget(self) -> None:
        self._gathered.clear()
        self._wanted = None


def _decoded(content: bytes) -> bytes | None:
    """Return what a line's base64 spells, None if it is too long, or none."""
    if len(content) > _LINE_CHARACTERS:
        return None
    try:
        return binascii.a2b_base64(content, strict_mode=True)
    except binascii.Error:
        return None
