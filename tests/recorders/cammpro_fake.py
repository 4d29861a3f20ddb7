"""A Cammpro recorder at the USB port: docs/formats/vendor-recorders.md, section 3.

Written from that document with its own constants, so that a slip in the driver's shows.
"""

import struct
from datetime import datetime
from typing import Final

from firmware_bridge.errors import RefusedError
from tests.recorders.mischief import Mischief, Recorder, Trouble, Way

_WIDTHS: Final = (9, 8, 35, 16, 32)
_ENCODING: Final = "gb18030"
_STALL: Final = 32
_CARRIES: Final = {
    0x10: 6,
    0x11: 6,
    0x20: 5,
    0x30: 100,
    0x31: 100,
    0x41: 7,
    0x51: 0,
    0x70: 1,
}
_WELL: Final = 0x80
_NO: Final = 0x81


class CammproFake:
    """Answers control transfers; whatever is no command of its own it stalls."""

    def __init__(self, recorder: Recorder, trouble: Trouble | None = None) -> None:
        self.recorder = recorder
        self.way = Way(recorder.clock, trouble)
        self.is_logged_in = False
        self.leaves_at_once = False
        self.answers_pings = True
        self.sent: list[bytes] = []
        self._answer = b""

    def control_out(  # noqa: PLR0913  the port's own
        self,
        request_type: int,
        request: int,
        value: int,
        index: int,
        data: bytes,
        *,
        within_ms: int,
    ) -> None:
        """Take a question."""
        setup = (request_type, request, value, index)
        self.sent.append(data)
        self.way.carry(lambda: self._take(setup, data), within_ms=within_ms)

    def control_in(  # noqa: PLR0913  the port's own
        self,
        request_type: int,
        request: int,
        value: int,
        index: int,
        length: int,
        *,
        within_ms: int,
    ) -> bytes:
        """Give the answer to it."""
        setup = (request_type, request, value, index)
        trouble = self.way.trouble
        if trouble is None or trouble.kind is not Mischief.WRONG_STATUS:
            return self.way.carry(lambda: self._give(setup, length), within_ms=within_ms)
        refuses = self.way.next() is Mischief.WRONG_STATUS
        answer = bytearray(self._give(setup, length))
        answer[6] = _NO if refuses else answer[6]
        return bytes(answer)

    def close(self) -> None:
        """Let go of it."""
        self.way.close()

    def _take(self, setup: tuple[int, int, int, int], data: bytes) -> bytes:
        magic = data[:6] == b"\xa1\xb2\xc3\xd4\0\xe1" and data[6] == 0 and data[8] == 0
        command = data[7]
        if (
            setup != (0x40, 0x55, 0xAA, 0)
            or not magic
            or len(data) != 9 + _CARRIES.get(command, -1)
            or not self.answers_pings
        ):
            raise RefusedError(command="fake", status=_STALL)
        carried = self._do(command, data[9:])
        status = _NO if carried is None else _WELL
        head = data[:6] + bytes((status,)) + data[7:9]
        self._answer = head + (carried or b"").ljust(_CARRIES[command], b"\0")
        if command == 0x51 and self.leaves_at_once:
            self.way.is_gone = True
        return b""

    def _give(self, setup: tuple[int, int, int, int], length: int) -> bytes:
        if setup != (0xC0, 0x55, 0, 0):
            raise RefusedError(command="fake", status=_STALL)
        return self._answer[:length]

    def _do(self, command: int, carried: bytes) -> bytes | None:  # noqa: PLR0911  one a command
        """Return what the answer carries; None if it is a no."""
        recorder = self.recorder
        if command == 0x20:
            return recorder.maker.encode("ascii")
        if command == 0x10:
            self.is_logged_in = recorder.lets_in(carried.rstrip(b"\0").decode("ascii"))
            return b"" if self.is_logged_in else None
        if not self.is_logged_in:
            return None
        match command:
            case 0x30:
                return self.record()
            case 0x31:
                self._keep(carried)
                return b""
            case 0x41:
                recorder.set_local(datetime(*struct.unpack(">HBBBBB", carried)))  # noqa: DTZ001  local
                return struct.pack(">HBBBBB", *recorder.local.timetuple()[:6])
            case 0x51:
                recorder.shows_storage = True
                return b""
            case 0x70:
                return bytes((recorder.battery,))
            case _:
                return None

    def record(self) -> bytes:
        """Return its 100 bytes."""
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
