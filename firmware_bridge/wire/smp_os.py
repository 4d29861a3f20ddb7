"""The messages of SMP's OS group that docks and companions exchange: values in, maps out, and back.

docs/formats/smp.md, section 4. Every class has `build`, which gives a message's members, and
`parse`, which takes them; both raise WireError for what the section does not allow.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Final, Self

from firmware_bridge.errors import WireError
from firmware_bridge.wire.cbor import Map
from firmware_bridge.wire.members import Members
from firmware_bridge.wire.smp import MAX_MESSAGE

GROUP: Final = 0
MAX_TEXT: Final = 1024

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# What a clock of a recorder may show (4.2): beyond it there is no clock, but a broken answer.
_YEARS: Final = range(1900, 2200)
_MICROSECOND: Final = timedelta(microseconds=1)
_DIGITS: Final = 6
# Section 4.2. `[0-9]`, since `\d` takes the digits of every script.
_ISO: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,6}))?"
    r"(Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])?"
)


class Command(IntEnum):
    """The commands of the group that we use."""

    ECHO = 0
    DATETIME = 4
    RESET = 5
    PARAMETERS = 6
    APP_INFO = 7


class Rc(IntEnum):
    """The group's own refusals."""

    UNKNOWN = 1
    INVALID_FORMAT = 2
    NO_ANSWER = 3
    CLOCK_NOT_SET = 4
    CLOCK_FAILED = 5


@dataclass(frozen=True, slots=True)
class Nothing:
    """A question or answer without members of meaning."""

    def build(self) -> Map:
        """Return no members."""
        return {}

    @classmethod
    def parse(cls, _members: Map) -> Self:
        """Take any members: none of them means anything."""
        return cls()


@dataclass(frozen=True, slots=True)
class EchoQuestion:
    """Say this back."""

    text: str

    def build(self) -> Map:
        """Return the members."""
        return {"d": _text("echo", "d", self.text)}

    @classmethod
    def parse(cls, members: Map) -> Self:
        """Take the members."""
        return cls(Members(members, "echo").text("d", longest=MAX_TEXT))


@dataclass(frozen=True, slots=True)
class EchoAnswer:
    """What was said."""

    text: str

    def build(self) -> Map:
        """Return the members."""
        return {"r": _text("echo", "r", self.text)}

    @classmethod
    def parse(cls, members: Map) -> Self:
        """Take the members."""
        return cls(Members(members, "echo").text("r", longest=MAX_TEXT))


@dataclass(frozen=True, slots=True)
class DateTime:
    """A time of day: the answer to a read, the question of a write.

    `utc_us` is UTC in microseconds since 1970; `resolution_us` the step in which it was told,
    by its digits. What we write always has all six.
    """

    utc_us: int
    resolution_us: int = 1

    def build(self) -> Map:
        """Return the members."""
        try:
            moment = _EPOCH + timedelta(microseconds=self.utc_us)
        except OverflowError:
            raise _no_time("beyond the calendar") from None
        if moment.year not in _YEARS:
            raise _no_time(f"the year {moment.year}")
        return {"datetime": moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}

    @classmethod
    def parse(cls, members: Map) -> Self:
        """Take the members: a time without a zone is UTC (4.2)."""
        text = Members(members, "date and time").text("datetime", longest=40)
        match = _ISO.fullmatch(text)
        if match is None:
            raise _no_time("it is not as ISO 8601 writes it")
        seconds, digits, zone = match[1], match[2] or "", match[3] or "Z"
        try:
            moment = datetime.fromisoformat(seconds + zone)
        except ValueError as error:  # a 13th month, a 61st second
            raise _no_time(str(error)) from None
        if moment.year not in _YEARS:
            raise _no_time(f"the year {moment.year}")
        # Arithmetic on integers: a float of seconds would lose the last microsecond.
        whole_us = (moment - _EPOCH) // _MICROSECOND
        return cls(whole_us + int(digits.ljust(_DIGITS, "0")), 10 ** (_DIGITS - len(digits)))


@dataclass(frozen=True, slots=True)
class Parameters:
    """How long a whole message may be for this server, and how many it keeps."""

    size: int = MAX_MESSAGE
    count: int = 1

    def build(self) -> Map:
        """Return the members."""
        return {"buf_size": self.size, "buf_count": self.count}

    @classmethod
    def parse(cls, members: Map) -> Self:
        """Take the members."""
        fields = Members(members, "parameters")
        return cls(
            fields.integer("buf_size", low=1, high=2**32 - 1),
            fields.integer("buf_count", low=1, high=2**32 - 1),
        )


@dataclass(frozen=True, slots=True)
class AppInfoQuestion:
    """Which facts of the program to tell: letters as of `uname`, or none for the usual ones."""

    format: str = ""

    def build(self) -> Map:
        """Return the members."""
        return {"format": _text("app info", "format", self.format)} if self.format else {}

    @classmethod
    def parse(cls, members: Map) -> Self:
        """Take the members."""
        fields = Members(members, "app info")
        return cls(fields.text("format", longest=64) if fields.has("format") else "")


@dataclass(frozen=True, slots=True)
class AppInfoAnswer:
    """The program that answers, as it describes itself."""

    output: str

    def build(self) -> Map:
        """Return the members."""
        return {"output": _text("app info", "output", self.output)}

    @classmethod
    def parse(cls, members: Map) -> Self:
        """Take the members."""
        return cls(Members(members, "app info").text("output", longest=MAX_TEXT))


def _no_time(reason: str) -> WireError:
    return WireError(command="date and time", reason=reason)


def _text(what: str, name: str, value: str) -> str:
    return Members({}, what).checked(name, value, longest=MAX_TEXT)
