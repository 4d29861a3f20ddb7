"""What a ZZX recorder is asked through adb, and how it answers: one JSON object a line.

docs/formats/vendor-recorders.md, section 4, fixes the lines. Written from public code of the
recorder's own side; tried against our fake only, never on hardware. Parsers raise
BadAnswerError and nothing else.
"""

import json
from collections.abc import Mapping
from enum import IntEnum
from typing import Final, TypeAlias

from firmware_bridge.errors import BadAnswerError
from firmware_bridge.wire import holder_text

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

MAX_LINE: Final = 16 * 1024
MAX_TEXT: Final = 128
MIB: Final = 1 << 20
_HEADER: Final[Mapping[str, Json]] = {"version": "1.0", "device": "ZZX2080"}
_END: Final = b"\n"
# Numbers come as numbers or as text; none that means anything has more digits.
_MAX_DIGITS: Final = 19


class Command(IntEnum):
    """What can be asked (section 4.3)."""

    GET_ID_CODE = 2
    GET_ZFY_INFO = 3
    WRITE_ZFY_INFO = 4
    SYNC_DEV_TIME = 5
    SET_MSDC = 6
    READ_BATTERY = 8
    GET_DEV_TIME = 16
    GET_DISK_STORAGE = 18


def build(command: Command, body: Mapping[str, Json]) -> bytes:
    """Return the line of a question, ASCII only."""
    question = {"header": {**_HEADER, "id": int(command)}, "body": dict(body)}
    return json.dumps(question, separators=(",", ":")).encode("ascii") + b"\r\n"


class Lines:
    """Cut what comes, however it is sliced, into lines; never more than MAX_LINE in hand."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that `data` completes; BadAnswerError if one is too long."""
        *whole, self._rest = (self._rest + data).split(_END)
        if len(self._rest) > MAX_LINE or any(len(line) > MAX_LINE for line in whole):
            raise BadAnswerError(command="any", reason=f"a line of more than {MAX_LINE} bytes")
        return [line for line in whole if line.strip()]


class Answer:
    """The body of an answer, its members asked for by type and range."""

    def __init__(self, command: Command, line: bytes, body: Mapping[str, Json]) -> None:
        self._command = command
        self._body = body
        self.line = line

    def text(self, name: str) -> str:
        """Return text fit to be shown; empty where it says that nothing is set, or is not there."""
        value = self._body.get(name)
        if value is None:
            return ""
        if (
            isinstance(value, bool)
            or not isinstance(value, str | int)
            or len(str(value)) > MAX_TEXT
        ):
            raise self._bad(f"{name} is no text of at most {MAX_TEXT} characters")
        return holder_text.shown(str(value))

    def number(self, name: str, *, high: int) -> int:
        """Return a whole number from 0 to `high`, written as number or as text."""
        value = self._body.get(name)
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value) if len(value) <= _MAX_DIGITS else None
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= high:
            raise self._bad(f"{name} is no number from 0 to {high}")
        return value

    def flag(self, name: str) -> bool:
        """Return true or false."""
        value = self._body.get(name)
        if not isinstance(value, bool):
            raise self._bad(f"{name} is neither true nor false")
        return value

    def _bad(self, reason: str) -> BadAnswerError:
        return BadAnswerError(command=self._command.name, reason=reason)


def parse(line: bytes, *, asked: Command) -> Answer | None:
    """Return the answer in a line, or None if it is one to another question."""
    answer = _load(line, asked)
    header = Answer(asked, line, _member(answer, "header", asked))
    if header.number("id", high=2**31 - 1) != asked:
        return None
    return Answer(asked, line, _member(answer, "body", asked))


def _load(line: bytes, asked: Command) -> dict[str, Json]:
    try:
        value: Json = json.loads(line.decode("utf-8"), object_pairs_hook=_members)
    except (ValueError, RecursionError):
        raise BadAnswerError(command=asked.name, reason="no JSON") from None
    if not isinstance(value, dict):
        raise BadAnswerError(command=asked.name, reason="no JSON object")
    return value


def _members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member twice")
    return members


def _member(answer: dict[str, Json], name: str, asked: Command) -> dict[str, Json]:
    value = answer.get(name)
    if not isinstance(value, dict):
        raise BadAnswerError(command=asked.name, reason=f"{name} is no object")
    return value
