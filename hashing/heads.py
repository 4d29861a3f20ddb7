"""A checkpoint and those who vouch for it: the log, its cosigners, and how lately.

docs/formats/proof.md sections 3 and 4. Pure: what time it is comes in.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from hashing import checkpoint as checkpoints
from hashing import note
from hashing.canonical import JSON
from hashing.checkpoint import Checkpoint
from hashing.cosignature import time_of
from hashing.cosigners import AnyCosigner, AnyLogKey
from hashing.errors import (
    BadSignatureError,
    CheckpointError,
    DoubleSignatureError,
    HeadError,
    NoteError,
    UnknownSignersError,
)
from hashing.keys import VerifierKey
from hashing.policy import Policy
from hashing.succession import Succession

# How far a witness's clock may be ahead of the verifier's.
SKEW_S: Final = 300

_LINES: Final = 3
_MOST_NAMED: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Who is believed: logs by their keys, and cosigners by a policy."""

    logs: tuple[AnyLogKey, ...]
    policy: Policy | None = None
    succession: Succession | None = None  # of one of these logs, where its entries are at hand

    def keys_of(self, origin: str, size: int) -> list[AnyLogKey]:
        """Return the keys of which one must have signed a head of this log and size."""
        named = [key for key in self.logs if key.name == origin]
        if self.succession is None or self.succession.origin != origin:
            return named
        others = [key for key in named if not isinstance(key, VerifierKey)]
        return [*self.succession.keys_at(size), *others]

    @property
    def witnesses(self) -> tuple[AnyCosigner, ...]:
        """The cosigners whose lines are looked at: none that is a log itself (proof.md 1.6)."""
        if self.policy is None:
            return ()
        logs: list[AnyLogKey] = [*self.logs]
        if self.succession is not None:
            logs += self.succession.all
        publics, names = {key.public for key in logs}, {key.name for key in logs}
        return tuple(
            each.key
            for each in self.policy.witnesses
            if each.key.public not in publics and each.key.name not in names
        )


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A cosignature that verified: whose, and of when."""

    key: AnyCosigner
    time_s: int

    def as_json(self) -> dict[str, JSON]:
        """Return it as one JSON object."""
        return {"name": self.key.name, "key_id": f"{self.key.key_id:08x}", "time_s": self.time_s}


@dataclass(frozen=True, slots=True)
class Head:
    """A checkpoint that its log has signed, and the known cosigners that signed it too."""

    checkpoint: Checkpoint
    cosigned: tuple[Cosigned, ...]


def read_head(data: bytes, trust: Trust) -> Head:
    """Return the head that a signed note is; raise HeadError, with its code, if it is none.

    One line by a trusted log key is enough; but none of a known key may fail.
    """
    head = read_log_head(data, trust)
    return Head(head, _cosigned(data, trust.witnesses))


def read_log_head(data: bytes, trust: Trust) -> Checkpoint:
    """Return the checkpoint once its own log has signed it; raise HeadError, with its code."""
    head = _checkpoint(data)
    keys = trust.keys_of(head.origin, head.size)
    if not keys:
        raise HeadError("other-origin", f"it is of {head.origin}")
    try:
        note.open_note(data, keys)
    except BadSignatureError as error:
        raise HeadError("log-signature", str(error)) from None
    except DoubleSignatureError as error:
        raise HeadError("same-key-twice", str(error)) from None
    except UnknownSignersError as error:
        named = any(name == head.origin for name, _ in error.present)
        raise HeadError(
            "other-log-key" if named else "log-unsigned", _signers(error.present)
        ) from None
    return head


def quorum_faults(head: Head, trust: Trust) -> Iterator[tuple[str, str]]:
    """Yield code and detail if the policy asks for more cosigners than there are."""
    if trust.policy is not None and not _enough(trust, head.cosigned):
        names = ", ".join(each.key.name for each in head.cosigned) or "no known witness"
        yield "quorum", f"the policy asks for {trust.policy.quorum}; cosigned by {names}"


def age_faults(
    head: Head, trust: Trust, *, now_s: int, max_age_s: int
) -> Iterator[tuple[str, str]]:
    """Yield code and detail of what is wrong with the age of a head.

    Cosigners that signed within `max_age_s` must make the quorum by themselves: the newest
    time of one cosigner would let that one alone keep an old head fresh.
    """
    for each in head.cosigned:
        if each.time_s > now_s + SKEW_S:
            ahead = each.time_s - now_s
            yield "from-the-future", f"{each.key.name} signed {ahead} s from now"
    if not head.cosigned:
        yield "age-unknown", ""
        return
    fresh = [it for it in head.cosigned if now_s - max_age_s <= it.time_s <= now_s + SKEW_S]
    if not fresh or (_enough(trust, head.cosigned) and not _enough(trust, fresh)):
        newest = max(each.time_s for each in head.cosigned)
        yield "stale", f"the newest is {now_s - newest} s old, {max_age_s} s are allowed"


def _checkpoint(data: bytes) -> Checkpoint:
    try:
        text, _ = note.parse(data)
    except NoteError as error:
        raise HeadError("checkpoint-malformed", str(error)) from None
    try:
        return checkpoints.parse(text)
    except CheckpointError as error:
        if _extended(text):
            raise HeadError("extension-line", "") from None
        raise HeadError("checkpoint-malformed", str(error)) from None


def _extended(text: str) -> bool:
    """Tell whether only what follows the third line keeps this from being a checkpoint."""
    first = text.split("\n")[:_LINES]
    try:
        checkpoints.parse("\n".join([*first, ""]))
    except CheckpointError:
        return False
    return True


def _cosigned(data: bytes, witnesses: Sequence[AnyCosigner]) -> tuple[Cosigned, ...]:
    known = {(key.name, key.key_id): key for key in witnesses}
    try:
        opened = note.open_note(data, witnesses)
    except BadSignatureError as error:
        raise HeadError("cosignature-invalid", str(error)) from None
    except DoubleSignatureError as error:
        raise HeadError("same-key-twice", str(error)) from None
    except UnknownSignersError:
        return ()
    return tuple(
        Cosigned(known[line.name, line.key_id], time_of(line)) for line in opened.signatures
    )


def _enough(trust: Trust, cosigned: Sequence[Cosigned]) -> bool:
    return trust.policy is None or trust.policy.satisfied_by(each.key for each in cosigned)


def _signers(present: Sequence[tuple[str, int]]) -> str:
    named = ", ".join(f"{name}+{key_id:08x}" for name, key_id in present[:_MOST_NAMED])
    return f"signed by {named}"
