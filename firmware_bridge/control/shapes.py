"""The values and errors of the control wire: which members each has, and their bounds. Pure.

One table for both ways, so that what is written can be read, and what is read is held to
docs/formats/control-wire.md, sections 4 to 6. Whatever is wrong is ControlFailedError.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from firmware_bridge import errors, strict
from firmware_bridge.capabilities import (
    Battery,
    ClockExchange,
    ClockSetting,
    Fault,
    Holder,
    Identity,
    JournalPiece,
    Storage,
)
from firmware_bridge.errors import ControlFailedError, RecorderError
from firmware_bridge.strict import Fields, Json

T = TypeVar("T")

# Integers that the evidence log can state (docs/formats/entry.md, section 2.3).
MOST: Final = 2**53 - 1
# How far before 1970 a recorder may be: its offset from a dock stays within MOST.
EARLIEST_US: Final = 2**52
LONGEST_REASON: Final = 512
LONGEST_JOURNAL: Final = 64 * 1024


def broken(reason: str) -> ControlFailedError:
    """Return the error of a worker, or a core, that broke their protocol."""
    return ControlFailedError(f"protocol: {reason}")


class Member(Protocol):
    """How one member of a value is written and read."""

    def put(self, value: Any) -> Json:
        """Return the member as JSON."""

    def take(self, fields: Fields, name: str) -> object:
        """Return the member from JSON, or raise ControlFailedError."""


@dataclass(frozen=True, slots=True)
class Text:
    """Text of at most so many code points."""

    longest: int

    def put(self, value: str) -> Json:
        """Return it without surrogates, which the wire refuses."""
        return value.encode("utf-8", "replace").decode("utf-8")

    def take(self, fields: Fields, name: str) -> str:
        """Return it as it is."""
        return fields.text(name, longest=self.longest)


@dataclass(frozen=True, slots=True)
class Reason(Text):
    """Text for people, which is cut where it is too long: nobody judges by it."""

    longest: int = LONGEST_REASON

    def put(self, value: str) -> Json:
        """Return its beginning."""
        return value.encode("utf-8", "replace").decode("utf-8")[: self.longest]


@dataclass(frozen=True, slots=True)
class Number:
    """An integer in a range, or null where it may be missing."""

    low: int = 0
    high: int = MOST
    optional: bool = False

    def put(self, value: int | None) -> Json:
        """Return it as it is."""
        return value

    def take(self, fields: Fields, name: str) -> int | None:
        """Return it, within its range."""
        if self.optional:
            return fields.integer_or_none(name, low=self.low, high=self.high)
        return fields.integer(name, low=self.low, high=self.high)


@dataclass(frozen=True, slots=True)
class Flag:
    """True, false, or null where nobody knows."""

    def put(self, value: bool | None) -> Json:  # noqa: FBT001  a member's value, not a switch
        """Return it as it is."""
        return value

    def take(self, fields: Fields, name: str) -> bool | None:
        """Return it as it is."""
        return fields.boolean_or_none(name)


@dataclass(frozen=True, slots=True)
class Octets:
    """Bytes, in lower-case hexadecimal."""

    longest: int

    def put(self, value: bytes) -> Json:
        """Return their spelling."""
        return value.hex()

    def take(self, fields: Fields, name: str) -> bytes:
        """Return them."""
        return fields.octets(name, longest=self.longest)


@dataclass(frozen=True, slots=True)
class Inner:
    """Another value of the table, or null."""

    kind: type

    def put(self, value: object) -> Json:
        """Return its members."""
        return None if value is None else members_of(value)

    def take(self, fields: Fields, name: str) -> object:
        """Return it, or None."""
        found = fields.take(name)
        return None if found is None else value_from(self.kind, Fields(found, name, broken))


_EXCHANGE: Final[Mapping[str, Member]] = {
    "sent_us": Number(),
    "round_trip_us": Number(),
    "recorder_us": Number(low=-EARLIEST_US),
    "resolution_us": Number(),
}

VALUES: Final[Mapping[type, Mapping[str, Member]]] = {
    Identity: {
        "number": Text(128),
        "maker": Text(128),
        "model": Text(128),
        "firmware": Text(128),
        "vkey": Text(1024),
        "raw": Octets(4096),
    },
    Holder: {
        "user_no": Text(128),
        "user_name": Text(256),
        "unit_no": Text(128),
        "unit_name": Text(256),
        "raw": Octets(4096),
    },
    Battery: {
        "percent": Number(high=100),
        "charging": Flag(),
        "health_percent": Number(high=1000, optional=True),
        "cycles": Number(high=2**31 - 1, optional=True),
    },
    ClockExchange: _EXCHANGE,
    ClockSetting: {
        "sent_us": Number(),
        "round_trip_us": Number(),
        "resolution_us": Number(),
        "echo": Inner(ClockExchange),
    },
    Storage: {"total_bytes": Number(), "free_bytes": Number()},
    Fault: {
        "code": Text(128),
        "detail": Text(1024),
        "at_ms": Number(low=-MOST, optional=True),
    },
    JournalPiece: {
        "first": Number(),
        "next": Number(),
        "size": Number(),
        "data": Octets(LONGEST_JOURNAL),
    },
}

_COMMAND: Final = Reason(64)
ERRORS: Final[Mapping[type[RecorderError], Mapping[str, Member]]] = {
    errors.ChannelLostError: {"reason": Reason()},
    errors.ChannelNotOpenedError: {"place": Reason(), "reason": Reason()},
    errors.RecorderSilentError: {"command": _COMMAND, "waited_ms": Number()},
    errors.BadAnswerError: {"command": _COMMAND, "reason": Reason()},
    errors.RefusedError: {"command": _COMMAND, "status": Number(low=-(2**31), high=2**32 - 1)},
    errors.RecorderBusyError: {"command": _COMMAND},
    errors.WrongPasswordError: {},
    errors.NoPasswordError: {"reason": Reason()},
    errors.MissingCapabilityError: {"capability": _COMMAND},
    errors.NotThisRecorderError: {"reason": Reason()},
    errors.TextTooLongError: {"field": _COMMAND, "limit": Number(), "got": Number()},
    errors.UnwritableTextError: {"field": _COMMAND},
    errors.ControlFailedError: {"reason": Reason()},
}
_BY_CODE: Final = {kind.code: kind for kind in ERRORS}


def members_of(value: object) -> dict[str, Json]:
    """Return the members of one of VALUES."""
    return {name: how.put(getattr(value, name)) for name, how in VALUES[type(value)].items()}


def value_from(kind: type[T], fields: Fields) -> T:
    """Return a value of `kind`, one of VALUES, from all of `fields`."""
    found = {name: how.take(fields, name) for name, how in VALUES[kind].items()}
    fields.done()
    return kind(**found)


def error_members(error: RecorderError) -> dict[str, Json]:
    """Return the members of an error, its code first: those of its nearest base in ERRORS.

    One without a base there is a failure of the worker, which has one.
    """
    kind = next((base for base in type(error).__mro__ if base in ERRORS), None)
    if kind is None:
        return error_members(ControlFailedError(str(error)))
    members = {name: how.put(getattr(error, name)) for name, how in ERRORS[kind].items()}
    return {"code": error.code, **members}


def error_from(fields: Fields) -> RecorderError:
    """Return the error that `fields` tell of."""
    kind = _BY_CODE[fields.word("code", frozenset(_BY_CODE))]
    # Each class takes its facts under their own names; mypy knows only of the base's.
    facts: dict[str, Any] = {name: how.take(fields, name) for name, how in ERRORS[kind].items()}
    fields.done()
    return kind(**facts)


def faults_from(fields: Fields, *, most: int) -> tuple[Fault, ...]:
    """Return the faults in the member `faults`."""
    return fields.many(
        "faults", lambda one: value_from(Fault, Fields(one, "fault", broken)), most=most
    )


def load(payload: bytes) -> Fields:
    """Return the members of the one object in a frame."""
    return Fields(strict.load(payload, broken), "frame", broken)
