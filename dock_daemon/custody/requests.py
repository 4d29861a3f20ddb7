"""What the dock may be told of issue, return and trips, checked to its last member.

On the dock's socket (docs/control.md) and from a command that opens the state itself, it is the
same request and the same answer.
"""

from typing import Annotated, TypeAlias

import msgspec

Number: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
"""A recorder's or a person's number."""
Reason: TypeAlias = Annotated[str, msgspec.Meta(max_length=500)]
Account: TypeAlias = Annotated[str, msgspec.Meta(max_length=120)]
Time: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]
"""ms UTC since 1970."""


class _Tell(msgspec.Struct, tag_field="tell", forbid_unknown_fields=True, kw_only=True):
    """What is told; `by` is the account that tells it, as the command found it."""

    recorder: Number
    by: Account = ""


class TellIssue(_Tell, tag="issue"):
    """A recorder is handed out (领用). `reason` and `second` overrule what stands against it."""

    to: Number
    shift_end_ms: Time | None = None
    reason: Reason = ""
    second: Annotated[str, msgspec.Meta(max_length=120)] = ""


class TellReturn(_Tell, tag="return"):
    """It came back (归还), at `at_ms`; null: when it was docked, else now."""

    at_ms: Time | None = None


class TellTripBegin(_Tell, tag="trip-begin"):
    """Its holder goes away with it (出差, 异地)."""

    until_ms: Time
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class TellTripEnd(_Tell, tag="trip-end"):
    """The holder is back from the trip, at `at_ms`; null: now."""

    at_ms: Time | None = None


TellCustody: TypeAlias = TellIssue | TellReturn | TellTripBegin | TellTripEnd
