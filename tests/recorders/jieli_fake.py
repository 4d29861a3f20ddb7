"""A Jieli DV16 recorder at the SCSI port: docs/formats/vendor-recorders.md, section 2.

Written from that document with its own constants, so that a slip in the driver's shows.
"""

import struct
from datetime import datetime
from typing import Final

from firmware_bridge.errors import RefusedError
from tests.recorders.mischief import Mischief, Recorder, Trouble, Way

_WIDTHS: Final = (7, 6, 32, 12, 32)
_ENCODING: Final = "gb18030"
_INQUIRY: Final = bytes((0, 0x80, 0, 1, 31, 0, 0, 0)) + b"DV16    " + b"DEVICE V1.00    " + b"1.00"


class JieliFake:
    """Answers vendor commands; `sent` is all that was written to it."""

    def __init__(self, recorder: Recorder, trouble: Trouble | None = None) -> None:
        self.recorder = recorder
        self.way = Way(recorder.clock, trouble)
        self.inquiry = _INQUIRY
        self.status = 0
        self.password_shown = 0
        self.sent: list[bytes] = []

    def read(self, cdb: bytes, length: int, *, within_ms: int) -> bytes:
        """Answer a question."""
        if self._refuses(cdb):
            return self._status(length)
        return self.way.carry(lambda: self._answer(cdb, length), within_ms=within_ms)

    def write(self, cdb: bytes, data: bytes, *, within_ms: int) -> None:
        """Take an order."""
        self.sent.append(data)
        self.way.carry(lambda: self._take(cdb, data), within_ms=within_ms)

    def close(self) -> None:
        """Let go of it."""
        self.way.close()

    def _refuses(self, cdb: bytes) -> bool:
        """Whether this is the question how it went, and the answer is to be: badly."""
        trouble = self.way.trouble
        asks = cdb[5] == 14 and cdb[0] == 0xFD
        return (
            asks
            and trouble is not None
            and trouble.kind is Mischief.WRONG_STATUS
            and self.way.next() is Mischief.WRONG_STATUS
        )

    def _status(self, length: int) -> bytes:
        return struct.pack("<I", 1)[:length]

    def _answer(self, cdb: bytes, length: int) -> bytes:  # noqa: PLR0911  one a command
        if cdb[0] == 0x12:
            return self.inquiry[:length]
        if cdb[:2] != b"\xfd\x81" or int.from_bytes(cdb[6:8], "big") != length:
            raise RefusedError(command="fake", status=2)
        recorder = self.recorder
        match int.from_bytes(cdb[2:6], "big"):
            case 2:
                return recorder.maker.encode("ascii").ljust(6, b"\0")
            case 3:
                return self.record()
            case 8:
                return struct.pack("<I", recorder.battery)
            case 12:
                return struct.pack("<I", recorder.has_card)
            case 13:
                self.password_shown += 1
                return recorder.password.encode("ascii").ljust(16, b"\0")
            case 14:
                return struct.pack("<I", self.status)
            case _:
                raise RefusedError(command="fake", status=2)

    def _take(self, cdb: bytes, data: bytes) -> bytes:
        if cdb[:2] != b"\xfb\x82" or int.from_bytes(cdb[6:8], "big") != len(data):
            raise RefusedError(command="fake", status=2)
        recorder = self.recorder
        match int.from_bytes(cdb[2:6], "big"), len(data):
            case 1, 0:
                self.status = 0
            case 4, 89:
                self._keep(data)
            case 5, 7:
                recorder.set_local(datetime(*struct.unpack("<HBBBBB", data)))  # noqa: DTZ001  local
            case 6, 0:
                recorder.shows_storage = True
            case _:
                raise RefusedError(command="fake", status=2)
        return b""

    def record(self) -> bytes:
        """Return its 89 bytes."""
        recorder = self.recorder
        texts = (
            recorder.serial,
            recorder.user_no,
            recorder.user_name,
            recorder.unit_no,
            recorder.unit_name,
        )
        pairs = zip(texts, _WIDTHS, strict=True)
        return b"".join(text.encode(_ENCODING).ljust(width, b"\0") for text, width in pairs)

    def _keep(self, data: bytes) -> None:
        if self.recorder.is_forgetful:
            return
        fields, offset = [], 0
        for width in _WIDTHS:
            fields.append(data[offset : offset + width].rstrip(b"\0").decode(_ENCODING))
            offset += width
        recorder = self.recorder
        recorder.serial, recorder.user_no, recorder.user_name = fields[:3]
        recorder.unit_no, recorder.unit_name = fields[3:]
