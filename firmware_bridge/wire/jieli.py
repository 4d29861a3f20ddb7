"""What a Jieli DV16 recorder is asked by SCSI pass-through, and how it answers: bytes only.

docs/formats/vendor-recorders.md, section 2, fixes the bytes. Written from public code that
drives the recorder; tried against our fake only, never on hardware. Parsers raise
BadAnswerError and nothing else.
"""

import struct
from datetime import datetime
from enum import IntEnum
from typing import Final

from firmware_bridge.errors import BadAnswerError
from firmware_bridge.wire import holder_text

# Section 2.1: an ordinary INQUIRY of 36 bytes tells who it is.
INQUIRY: Final = bytes((0x12, 0, 0, 0, 36, 0))
INQUIRY_SIZE: Final = 36
_NAME: Final = "dv16devicev1.00"
# Section 2.2.
_READ: Final = (0xFD, 0x81)
_WRITE: Final = (0xFB, 0x82)
_CDB: Final = struct.Struct(">BBIH8x")
_TIME: Final = struct.Struct("<HBBBBB")
_PERCENT: Final = 100


class Command(IntEnum):
    """What can be asked (section 2.3)."""

    INIT = 1
    GET_ID_CODE = 2
    GET_DEV_INFO = 3
    WRITE_DEV_INFO = 4
    SYNC_DEV_TIME = 5
    SET_MSDC = 6
    READ_BATTERY = 8
    GET_SD_STATUS = 12
    GET_JL_PASSWORD = 13
    GET_RETURN_STATUS = 14


# Section 2.3: how many bytes each answer has, or each order brings.
SIZES: Final = {
    Command.INIT: 0,
    Command.GET_ID_CODE: 6,
    Command.GET_DEV_INFO: holder_text.ZFY_INFO.size,
    Command.WRITE_DEV_INFO: holder_text.ZFY_INFO.size,
    Command.SYNC_DEV_TIME: _TIME.size,
    Command.SET_MSDC: 0,
    Command.READ_BATTERY: 4,
    Command.GET_SD_STATUS: 4,
    Command.GET_JL_PASSWORD: 16,
    Command.GET_RETURN_STATUS: 4,
}


def read_cdb(command: Command) -> bytes:
    """Return the command block that asks for an answer."""
    return _CDB.pack(*_READ, command, SIZES[command])


def write_cdb(command: Command) -> bytes:
    """Return the command block that announces an order."""
    return _CDB.pack(*_WRITE, command, SIZES[command])


def sized(command: Command, data: bytes) -> bytes:
    """Return `data` if it has the size of the answer to `command`."""
    if len(data) != SIZES[command]:
        raise _bad(command, f"{len(data)} bytes, not {SIZES[command]}")
    return data


def parse_inquiry(data: bytes) -> str | None:
    """Return the device's own name if it is such a recorder, else None.

    Capital letters and spaces do not count: makers fill the two fields differently.
    """
    if len(data) != INQUIRY_SIZE:
        raise BadAnswerError(command="INQUIRY", reason=f"{len(data)} bytes, not {INQUIRY_SIZE}")
    name = data[8:32].partition(b"\0")[0].decode("ascii", "replace")
    return " ".join(name.split()) if name.replace(" ", "").lower() == _NAME else None


def parse_id_code(data: bytes) -> str:
    """Return the maker's code; empty where the factory's is left."""
    return holder_text.decode(sized(Command.GET_ID_CODE, data))


def parse_info(data: bytes) -> holder_text.Record:
    """Return the recorder's number and holder."""
    return holder_text.parse(data, holder_text.ZFY_INFO, command=Command.GET_DEV_INFO.name)


def parse_battery(data: bytes) -> int:
    """Return how full the battery is, in percent."""
    percent = int.from_bytes(sized(Command.READ_BATTERY, data), "little")
    if percent > _PERCENT:
        raise _bad(Command.READ_BATTERY, f"a battery filled to {percent} %")
    return percent


def parse_status(data: bytes) -> int:
    """Return how the last command went, 0 if well: the first byte, as the maker's tool has it."""
    return sized(Command.GET_RETURN_STATUS, data)[0]


def parse_card(data: bytes) -> bool:
    """Return whether a card is in."""
    return sized(Command.GET_SD_STATUS, data)[0] != 0


def parse_password(data: bytes) -> bytes:
    """Return the password that the recorder keeps, which it shows in clear."""
    return sized(Command.GET_JL_PASSWORD, data).partition(b"\0")[0]


def pack_time(local: datetime) -> bytes:
    """Return the time that the recorder is to show; what is below a second is cut off."""
    return _TIME.pack(local.year, local.month, local.day, local.hour, local.minute, local.second)


def unpack_time(data: bytes) -> datetime:
    """Return the time in an order to set it, naive: it is the recorder's local one."""
    try:
        return datetime(*_TIME.unpack(data))  # noqa: DTZ001  the zone is not on the wire
    except (struct.error, ValueError):
        raise _bad(Command.SYNC_DEV_TIME, "no time") from None


def _bad(command: Command, reason: str) -> BadAnswerError:
    return BadAnswerError(command=command.name, reason=reason)
