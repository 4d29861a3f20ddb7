"""What a record of a recorder's journal says, by its kind; and how a path is written.

docs/formats/journal.md sections 4 and 5. As with entries, only members that are relied on
are judged: a body may hold more, and a kind that is not known here is taken as it is, so
that an older dock follows a newer recorder's journal.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from hashing import base64s, canonical
from hashing.canonical import JSON
from hashing.errors import JournalError
from hashing.hexes import is_digest

MAX_PATH: Final = 1024  # section 5.1: bytes of a path that is written whole
TAIL: Final = 512  # section 5.3: bytes at the end of a longer one that are kept
MAX_NUMBER: Final = 64  # characters of a recorder's number
BY: Final = frozenset({"dock", "other"})

_MAX_SPELLED: Final = 1370  # section 5.1: no longer than the base 64 of the longest path


@dataclass(frozen=True, slots=True)
class Place:
    """A file's place below the clip folder, its parts joined by a slash.

    `text` is for people and for comparing; `raw` are its bytes where the text is not all
    of it; `whole` is false where only the end of a very long path was kept.
    """

    text: str
    raw: bytes = b""
    whole: bool = True


def spell_path(raw: bytes) -> JSON:
    """Return a path as it stands in a body (section 5)."""
    if len(raw) > MAX_PATH:
        return {"tail": base64s.spell(raw[-TAIL:]), "sha256": hashlib.sha256(raw).hexdigest()}
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if not text or len(canonical.encode(text)) > _MAX_SPELLED:
        return {"raw": base64s.spell(raw)}
    return text


def read_path(value: JSON, name: str = "path") -> Place:
    """Return the place that a body names; raise JournalError if it names none."""
    if type(value) is str:
        if not value or len(value.encode("utf-8", "surrogatepass")) > MAX_PATH:
            raise JournalError(f"{name} is empty or longer than {MAX_PATH} bytes")
        return Place(value)
    if type(value) is dict and value.keys() == {"raw"}:
        raw = _bytes(value["raw"], name, MAX_PATH)
        return Place(_shown(raw), raw)
    if type(value) is dict and value.keys() == {"tail", "sha256"} and is_digest(value["sha256"]):
        raw = _bytes(value["tail"], name, TAIL)
        return Place(_shown(raw), raw, whole=False)
    raise JournalError(f"{name} is no path")


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """What a `clip` record says: a file was closed, and this is what it held.

    Times are milliseconds UTC by the recorder's clock; None where it could not tell.
    `late` says that the file was found closed, not seen being closed.
    """

    place: Place
    sha256: str
    size: int
    start_ms: int | None
    end_ms: int | None
    late: bool


def closed(body: Mapping[str, JSON]) -> Closed:
    """Return what the body of a `clip` record says; it has passed `check_body`."""
    sha256, size = body["sha256"], body["size"]
    start, end = body["start_ms"], body["end_ms"]
    return Closed(
        place=read_path(body["path"]),
        sha256=sha256 if type(sha256) is str else "",
        size=size if type(size) is int else 0,
        start_ms=start if type(start) is int else None,
        end_ms=end if type(end) is int else None,
        late=body["late"] is True,
    )


def check_body(kind: str, body: Mapping[str, JSON]) -> None:
    """Raise JournalError unless the body holds what its kind must (section 4)."""
    for name, check in _RULES.get(kind, {}).items():
        if name not in body:
            raise JournalError(f"body lacks {name}")
        check(body[name], f"body.{name}")


def _shown(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _bytes(value: JSON, name: str, most: int) -> bytes:
    if type(value) is not str:
        raise JournalError(f"{name} is not base 64")
    raw = base64s.read(value, name, JournalError)
    if not 0 < len(raw) <= most:
        raise JournalError(f"{name} is empty or longer than {most} bytes")
    return raw


def _path(value: JSON, name: str) -> None:
    read_path(value, name)


def _digest(value: JSON, name: str) -> None:
    if not is_digest(value):
        raise JournalError(f"{name} is not 64 lower-case hexadecimal digits")


def _count(value: JSON, name: str) -> None:
    if type(value) is not int or value < 0:
        raise JournalError(f"{name} is not a number of zero or more")


def _positive(value: JSON, name: str) -> None:
    if type(value) is not int or value < 1:
        raise JournalError(f"{name} is not a number of one or more")


def _moment(value: JSON, name: str) -> None:
    if value is not None:
        _count(value, name)


def _flag(value: JSON, name: str) -> None:
    if type(value) is not bool:
        raise JournalError(f"{name} is not true or false")


def _text(value: JSON, name: str) -> None:
    if type(value) is not str or not value:
        raise JournalError(f"{name} is not text")


def _number(value: JSON, name: str) -> None:
    if type(value) is not str or not 0 < len(value) <= MAX_NUMBER:
        raise JournalError(f"{name} is not text of 1 to {MAX_NUMBER} characters")


def _texts(value: JSON, name: str) -> None:
    if type(value) is not list or any(type(one) is not str for one in value):
        raise JournalError(f"{name} is not a list of texts")


def _by(value: JSON, name: str) -> None:
    if type(value) is not str or value not in BY:
        raise JournalError(f"{name} is none of its words")


_RULES: Final[Mapping[str, Mapping[str, Callable[[JSON, str], None]]]] = {
    "begun": {"number": _number, "vkey": _text},
    "start": {"alive_s": _positive, "watched": _texts, "software": _text},
    "stop": {"reason": _text},
    "alive": {},
    "opened": {"path": _path},
    "clip": {
        "path": _path,
        "sha256": _digest,
        "size": _count,
        "start_ms": _moment,
        "end_ms": _moment,
        "late": _flag,
    },
    "renamed": {"path": _path, "now": _path},
    "removed": {"path": _path},
    "overwritten": {"path": _path, "free_bytes": _count},
    "erased": {"path": _path, "sha256": _digest},
    "clock": {"before_ms": _count, "after_ms": _count, "by": _by},
    "exported": {},
    "returned": {},
    "rescanned": {"reason": _text, "clips": _count},
    "recovered": {"torn_bytes": _positive},
}

KINDS: Final = frozenset(_RULES)
