"""SMP, the Simple Management Protocol: a header of eight bytes and a CBOR map.

docs/formats/smp.md, section 2 (the numbers below are its). Pure: a message in, bytes out,
and back. Whoever reads bytes gets a Message or WireError, nothing else.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from firmware_bridge.errors import WireError
from firmware_bridge.wire import cbor

MAX_MESSAGE: Final = 4096
"""The longest message, header included, in bytes (2.4)."""

_HEADER: Final = struct.Struct("!BBHHBB")
HEADER_SIZE: Final = _HEADER.size
MAX_PAYLOAD: Final = MAX_MESSAGE - HEADER_SIZE


class Op(IntEnum):
    """What a message is."""

    READ = 0
    READ_ANSWER = 1
    WRITE = 2
    WRITE_ANSWER = 3


class GeneralRc(IntEnum):
    """Refusals that any group may give; those of version 1 are always of these (2.6)."""

    OK = 0
    UNKNOWN = 1
    NO_MEMORY = 2
    INVALID = 3
    TIMEOUT = 4
    NO_ENTRY = 5
    BAD_STATE = 6
    TOO_LARGE = 7
    UNSUPPORTED = 8
    CORRUPT = 9
    BUSY = 10
    DENIED = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One question or answer. `payload` is its CBOR, verbatim; `version` is 1 or 2."""

    op: Op
    group: int
    command: int
    seq: int
    payload: bytes = b"\xa0"
    version: int = 2

    def members(self) -> dict[str, cbor.Value]:
        """Return the payload's map; raise WireError if it is none (section 3)."""
        return cbor.decode(self.payload)

    def encode(self) -> bytes:
        """Return its bytes; raise WireError if it is too long or a field out of its range."""
        if len(self.payload) > MAX_PAYLOAD:
            raise _broken(f"a payload of {len(self.payload)} bytes")
        try:
            first = (self.version - 1) << 3 | self.op
            fields = (first, 0, len(self.payload), self.group, self.seq, self.command)
            return _HEADER.pack(*fields) + self.payload
        except struct.error as error:
            raise _broken(str(error)) from None

    def answers(self, question: "Message") -> bool:
        """Tell whether it is the answer to exactly this question."""
        return (self.op, self.group, self.command, self.seq) == (
            question.op + 1,
            question.group,
            question.command,
            question.seq,
        )


@dataclass(frozen=True, slots=True)
class Refusal:
    """The other side says no: a code of `group`, or, where that is None, a GeneralRc."""

    group: int | None
    rc: int


def decode(data: bytes) -> Message:
    """Return the message that `data` is, its CBOR not looked into yet; raise WireError."""
    if not HEADER_SIZE <= len(data) <= MAX_MESSAGE:
        raise _broken(f"a message of {len(data)} bytes")
    first, _flags, length, group, seq, command = _HEADER.unpack_from(data)
    if length != len(data) - HEADER_SIZE:
        raise _broken(f"{length} bytes of payload announced, {len(data) - HEADER_SIZE} there")
    # The three highest bits are reserved: what they may come to mean is not for us.
    version, op = (first >> 3 & 0b11) + 1, first & 0b111
    if version not in {1, 2}:
        raise _broken(f"version {version}")
    if op > Op.WRITE_ANSWER:
        raise _broken(f"operation {op}")
    return Message(
        op=Op(op),
        group=group,
        command=command,
        seq=seq,
        payload=data[HEADER_SIZE:],
        version=version,
    )


def question(
    op: Op, group: int, command: int, seq: int, members: cbor.Map | None = None
) -> Message:
    """Return a question of version 2."""
    return Message(op=op, group=group, command=command, seq=seq, payload=cbor.encode(members or {}))


def answer(to: Message, members: cbor.Map) -> Message:
    """Return the answer to a question: same group, command, seq and version."""
    return Message(
        op=Op(to.op | 1),
        group=to.group,
        command=to.command,
        seq=to.seq,
        payload=cbor.encode(members),
        version=to.version,
    )


def refuse(to: Message, refusal: Refusal) -> Message:
    """Return a refusal; in version 1 it must be a general one (2.6)."""
    if refusal.group is None:
        return answer(to, {"rc": refusal.rc})
    if to.version == 1:
        raise _broken("version 1 knows no refusal of a group's own")
    return answer(to, {"err": {"group": refusal.group, "rc": refusal.rc}})


def refusal_in(members: cbor.Map) -> Refusal | None:
    """Return the refusal that an answer's members are, None if they are none (2.6)."""
    if "err" in members:
        match members["err"]:
            # An `isinstance` of its own: to a pattern `true` is the integer 1.
            case {"group": int(group), "rc": int(rc)} if not _truth(group, rc):
                return None if rc == 0 else Refusal(group, rc)
            case _:
                raise _broken("a refusal without group and code")
    match members.get("rc", 0):
        case int(rc) if not _truth(rc):
            return None if rc == 0 else Refusal(None, rc)
        case _:
            raise _broken("a code that is no integer")


def _truth(*values: int) -> bool:
    return any(isinstance(value, bool) for value in values)


def _broken(reason: str) -> WireError:
    return WireError(command="SMP", reason=reason)
