"""What a submission deserves: one class for each answer of C2SP tlog-witness, add-checkpoint."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Accepted:
    """It grows from what we hold, and that is persisted. `lines` are our cosignatures."""

    lines: bytes


@dataclass(frozen=True, slots=True)
class Malformed:
    """It is not written as the protocol says, or asks for what makes no sense."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unsigned:
    """No key in force signed it, or a line of such a key does not verify."""

    reason: str


@dataclass(frozen=True, slots=True)
class Forbidden:
    """Who sent it may not speak for this log."""

    origin: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """No dock of this origin is enrolled."""

    origin: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """It does not begin at the size we hold, which is this one."""

    size: int


@dataclass(frozen=True, slots=True)
class Inconsistent:
    """Signed by the log, and not shown to grow from what we hold."""

    reason: str


Refusal = Malformed | Unsigned | Forbidden | Unknown | Conflict | Inconsistent
Outcome = Accepted | Refusal


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent something, for the record; `only` is the one log it may speak for, if one."""

    name: str
    only: str | None = None
