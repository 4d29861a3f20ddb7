"""Heads that others show us: are they ours? Pure.

A note under our name that bears our own signature and is not in our past was made by us,
in a life that this disk has forgotten, or by somebody who has our key.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from hashing import checkpoint, cosignature, note
from hashing.checkpoint import Checkpoint
from hashing.cosigners import AnyCosigner
from hashing.errors import UnknownSignersError
from hashing.keys import Verifier
from hashing.note import SignatureLine

FRESH_S: Final = 600
"""How far the clocks of a witness and of a dock may differ, in seconds."""

CosignerKeys: TypeAlias = Mapping[tuple[str, int], AnyCosigner]


class Verdict(StrEnum):
    """How a head under our name stands to our own."""

    SAME = "same"
    BEHIND = "behind"  # the beginning of ours
    AHEAD = "ahead"  # longer than all we remember signing
    FORK = "fork"  # not the beginning of ours


@dataclass(frozen=True, slots=True)
class Judged:
    """The lines of a note, each by itself: those of known cosigners that verify, and why not."""

    good: tuple[tuple[AnyCosigner, SignatureLine, int], ...]
    bad: tuple[tuple[str, str], ...]


def is_signed(data: bytes, keys: Iterable[Verifier]) -> bool:
    """Tell whether a note bears the signature of one of `keys`.

    Raises NoteError where it is no note, or a line claims to be theirs and is not.
    """
    try:
        note.open_note(data, keys)
    except UnknownSignersError:
        return False
    return True


def stated(data: bytes) -> Checkpoint:
    """Return the head that a note states, whoever signed it; raise EvidenceError if none."""
    return checkpoint.parse(note.parse(data)[0])


def judge(theirs: Checkpoint, ours: Checkpoint | None, root_at: Callable[[int], bytes]) -> Verdict:
    """Return how `theirs`, under our name, stands to the newest head that we remember."""
    if ours is None or theirs.size > ours.size:
        return Verdict.AHEAD
    root = ours.root if theirs.size == ours.size else root_at(theirs.size)
    if theirs.root != root:
        return Verdict.FORK
    return Verdict.SAME if theirs.size == ours.size else Verdict.BEHIND


def cosignatures(data: bytes, keys: CosignerKeys, own: frozenset[tuple[str, int]]) -> Judged:
    """Return which lines of a note are good cosignatures of known keys.

    Lines of `own` keys are the log's, and passed over. Raises NoteError if it is no note.
    """
    text, lines = note.parse(data)
    signed = text.encode("utf-8")
    good: list[tuple[AnyCosigner, SignatureLine, int]] = []
    bad: list[tuple[str, str]] = []
    for line in lines:
        who = (line.name, line.key_id)
        if who in own:
            continue
        if who not in keys:
            bad.append((line.name, "unknown-key"))
        elif not keys[who].verifies(signed, line.signature):
            bad.append((line.name, "signature"))
        else:
            good.append((keys[who], line, cosignature.time_of(line)))
    return Judged(tuple(good), tuple(bad))


def is_fresh(
    time_s: int, *, now_s: int, started_s: int, synchronized: bool, before_s: int | None
) -> bool:
    """Tell whether a cosignature was made in this life of the dock.

    It must be newer than `before_s`, the last one of its key that an earlier life kept. Where
    our own clock can be believed it must be of our time besides. A cosigner whose clock once
    ran ahead left a `before_s` that lies in our future: it would outlast every honest word,
    so then being of our time is enough, believed or not.
    """
    newer = before_s is None or time_s > before_s
    of_our_time = started_s - FRESH_S <= time_s <= now_s + FRESH_S
    ahead = before_s is not None and before_s > now_s + (0 if synchronized else FRESH_S)
    return of_our_time and (newer or ahead) if synchronized else newer or (ahead and of_our_time)
