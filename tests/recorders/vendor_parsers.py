"""The parsers of the vendors' formats, each with sound answers to spoil."""

import struct
from collections.abc import Callable
from typing import Final

from firmware_bridge.errors import RecorderError
from firmware_bridge.wire import cammpro, holder_text, jieli, zzx
from tests.recorders.cammpro_fake import CammproFake
from tests.recorders.jieli_fake import JieliFake
from tests.recorders.mischief import FakeClock, Recorder

Parser = Callable[[bytes], object]

_RECORDER: Final = Recorder(FakeClock())
_INQUIRY: Final = JieliFake(_RECORDER).inquiry
_ZFY_INFO: Final = JieliFake(_RECORDER).record()
_ID_RECORD: Final = CammproFake(_RECORDER).record()
_JIELI_TIME: Final = struct.pack("<HBBBBB", 2026, 11, 22, 11, 0, 0)
_CAMMPRO_TIME: Final = struct.pack(">HBBBBB", 2026, 11, 22, 11, 0, 0)


def _cammpro(command: cammpro.Command, carried: bytes) -> bytes:
    head = bytes((0xA1, 0xB2, 0xC3, 0xD4, 0, 0xE1, 0x80, command.number, 0))
    return head + carried


def _cammpro_parser(command: cammpro.Command, parse: Parser) -> Parser:
    return lambda data: parse(cammpro.parse_reply(command, data))


def _zzx_line(data: bytes) -> None:
    """Read a stream as the driver does, and every member that any answer may have."""
    for line in zzx.Lines().feed(data):
        for command in zzx.Command:
            answer = zzx.parse(line, asked=command)
            if answer is not None:
                answer.text("serial")
                answer.flag("password")
                answer.number("Time", high=2**33)


def _zzx_member(data: bytes) -> object:
    line = b'{"header":{"id":3},"body":{"serial":' + data + b"}}"
    answer = zzx.parse(line, asked=zzx.Command.GET_ZFY_INFO)
    return answer and answer.text("serial")


VENDOR_PARSERS: Final[dict[str, tuple[Parser, tuple[bytes, ...], type[Exception]]]] = {
    "zfy-info": (
        lambda data: holder_text.parse(data, holder_text.ZFY_INFO, command="GetZFYInfo"),
        (_ZFY_INFO, b"\xff" * 89, b"\0" * 89),
        RecorderError,
    ),
    "jieli-inquiry": (jieli.parse_inquiry, (_INQUIRY,), RecorderError),
    "jieli-id-code": (jieli.parse_id_code, (b"HACH8\0",), RecorderError),
    "jieli-info": (jieli.parse_info, (_ZFY_INFO,), RecorderError),
    "jieli-battery": (jieli.parse_battery, (b"\x2f\0\0\0",), RecorderError),
    "jieli-status": (jieli.parse_status, (bytes(4),), RecorderError),
    "jieli-card": (jieli.parse_card, (b"\1\0\0\0",), RecorderError),
    "jieli-password": (jieli.parse_password, (b"123456".ljust(16, b"\0"),), RecorderError),
    "jieli-time": (jieli.unpack_time, (_JIELI_TIME,), RecorderError),
    "cammpro-ping": (
        _cammpro_parser(cammpro.PING, cammpro.parse_ping),
        (_cammpro(cammpro.PING, b"HACH8"),),
        RecorderError,
    ),
    "cammpro-id": (
        _cammpro_parser(cammpro.READ_ID, cammpro.parse_id),
        (_cammpro(cammpro.READ_ID, _ID_RECORD),),
        RecorderError,
    ),
    "cammpro-battery": (
        _cammpro_parser(cammpro.BATTERY, cammpro.parse_battery),
        (_cammpro(cammpro.BATTERY, b"\x2f"),),
        RecorderError,
    ),
    "cammpro-time": (
        _cammpro_parser(cammpro.SYNC_TIME, cammpro.unpack_time),
        (_cammpro(cammpro.SYNC_TIME, _CAMMPRO_TIME),),
        RecorderError,
    ),
    "zzx-lines": (
        _zzx_line,
        (
            b'{"header":{"id":3},"body":{"password":true,"serial":"8888888","Time":1}}\r\n',
            b'{"header":{"id":"16"},"body":{"password":true,"Time":1795316400}}\r\n',
            b'{"header":{"id":6},"body":{"password":true,"Result":false}}\r\n',
        ),
        RecorderError,
    ),
    "zzx-member": (_zzx_member, (b'"8888888"', b"12", b"null", b"[[]]"), RecorderError),
}
