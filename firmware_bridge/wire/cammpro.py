"""What a Cammpro recorder is told in USB control transfers, and how it answers: bytes only.

docs/formats/vendor-recorders.md, section 3, fixes the bytes. Written from public code that
drives the recorder; tried against our fake only, never on hardware. Parsers raise
BadAnswerError and nothing else, but for `parse_reply`, which also raises RefusedError.
"""

import struct
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from firmware_bridge.errors import BadAnswerError, NoPasswordError, RefusedError
from firmware_bridge.wire import holder_text

# Section 3.1: bmRequestType, bRequest, wValue and wIndex of the two directions.
OUT: Final = (0x40, 0x55, 0x00AA, 0)
IN: Final = (0xC0, 0x55, 0, 0)
# Section 3.2.
_MAGIC: Final = bytes.fromhex("a1b2c3d4")
_HEAD: Final = 9
_STATUS: Final = 6
_WELL: Final = 0x80
_GROUP: Final = 0xE1
_TIME: Final = struct.Struct(">HBBBBB")
_PERCENT: Final = 100
_PASSWORD: Final = 6
# Section 3.4.
ID_RECORD: Final = holder_text.Layout(serial=9, user_no=8, user_name=35, unit_no=16, unit_name=32)


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its number, and how many bytes it carries both ways (section 3.3)."""

    name: str
    number: int
    carries: int

    @property
    def size(self) -> int:
        """How many bytes a transfer of it has, question and answer alike."""
        return _HEAD + self.carries


ADMIN_LOGIN: Final = Command("ADMIN_LOGIN", 0x10, _PASSWORD)
USER_LOGIN: Final = Command("USER_LOGIN", 0x11, _PASSWORD)
PING: Final = Command("PING", 0x20, 5)
READ_ID: Final = Command("READ_ID", 0x30, ID_RECORD.size)
WRITE_ID: Final = Command("WRITE_ID", 0x31, ID_RECORD.size)
SYNC_TIME: Final = Command("SYNC_TIME", 0x41, _TIME.size)
STORAGE_MODE: Final = Command("STORAGE_MODE", 0x51, 0)
BATTERY: Final = Command("BATTERY", 0x70, 1)
COMMANDS: Final = (
    ADMIN_LOGIN,
    USER_LOGIN,
    PING,
    READ_ID,
    WRITE_ID,
    SYNC_TIME,
    STORAGE_MODE,
    BATTERY,
)


def build(command: Command, payload: bytes = b"") -> bytes:
    """Return the bytes of a question; NUL fills what the payload leaves."""
    head = _MAGIC + bytes((0, _GROUP, 0, command.number, 0))
    return (head + payload).ljust(command.size, b"\0")


def parse_reply(command: Command, data: bytes) -> bytes:
    """Return what an answer carries; RefusedError with the recorder's status if it says no."""
    if len(data) != command.size:
        raise _bad(command, f"{len(data)} bytes, not {command.size}")
    if data[_STATUS] != _WELL:
        raise RefusedError(command=command.name, status=data[_STATUS])
    return data[_HEAD:]


def parse_ping(payload: bytes) -> str:
    """Return the maker's code; BadAnswerError if it is no text that a recorder would hold."""
    code = payload.rstrip(b"\0 \xff")
    if not code or not all(0x21 <= byte <= 0x7E for byte in code):  # noqa: PLR2004  visible ASCII
        raise _bad(PING, "no maker's code")
    return holder_text.decode(code)


def parse_id(payload: bytes) -> holder_text.Record:
    """Return the recorder's number and holder."""
    return holder_text.parse(payload, ID_RECORD, command=READ_ID.name)


def parse_battery(payload: bytes) -> int:
    """Return how full the battery is, in percent."""
    (percent,) = payload
    if percent > _PERCENT:
        raise _bad(BATTERY, f"a battery filled to {percent} %")
    return percent


def pack_password(password: str) -> bytes:
    """Return a login's payload; NoPasswordError if the recorder could not take it."""
    if not password.isascii() or not 0 < len(password) <= _PASSWORD:
        raise NoPasswordError(f"the recorder takes one of 1 to {_PASSWORD} ASCII characters")
    return password.encode("ascii")


def pack_time(local: datetime) -> bytes:
    """Return the time that the recorder is to show; what is below a second is cut off."""
    return _TIME.pack(local.year, local.month, local.day, local.hour, local.minute, local.second)


def unpack_time(payload: bytes) -> datetime:
    """Return the time that a recorder answers with, naive: it is the recorder's local one."""
    try:
        return datetime(*_TIME.unpack(payload))  # noqa: DTZ001  the zone is not on the wire
    except (struct.error, ValueError):
        raise _bad(SYNC_TIME, "no time") from None


def _bad(command: Command, reason: str) -> BadAnswerError:
    return BadAnswerError(command=command.name, reason=reason)
