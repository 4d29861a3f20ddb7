"""Which keys sign a log, by what its own entries say: docs/formats/entry.md section 6.

    genesis          the first key
    key-change       a second one joins: checkpoints over it are signed by both
    key-retired      the first one leaves: checkpoints over it are signed by the other alone

Each of the two is signed by both keys, over a statement that holds the log's origin and
the entry's own place and predecessor: so it counts in this log, here, and nowhere else.
Who trusts a key of the log can follow it to every later one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hashing import base64s
from hashing.canonical import JSON
from hashing.entry import Entry
from hashing.errors import KeyFormatError, SuccessionError
from hashing.keys import SignerKey, VerifierKey

CHANGE: Final = "key-change"
RETIRED: Final = "key-retired"
KINDS: Final = frozenset({CHANGE, RETIRED})

_PAIR: Final = 2


@dataclass(frozen=True, slots=True)
class _Reign:
    """From a checkpoint that covers this many entries on, these keys sign."""

    size: int
    keys: tuple[VerifierKey, ...]


class Succession:
    """The keys of one log, fed with its key entries in order; other kinds are passed over."""

    def __init__(self, first: VerifierKey) -> None:
        """Begin with the key that genesis states."""
        self._reigns = [_Reign(0, (first,))]
        self._seen: set[str] = set()

    @classmethod
    def of(cls, first: VerifierKey, entries: Iterable[Entry]) -> "Succession":
        """Return the succession that `entries`, in order, make; raise SuccessionError."""
        succession = cls(first)
        for entry in entries:
            succession.take(entry)
        return succession

    @property
    def origin(self) -> str:
        """The log whose keys these are."""
        return self._reigns[0].keys[0].name

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        """The keys that sign from now on, the newest last: one, or two during a change."""
        return self._reigns[-1].keys

    @property
    def all(self) -> tuple[VerifierKey, ...]:
        """Every key that the log ever had, in the order in which they joined."""
        return tuple(dict.fromkeys(key for reign in self._reigns for key in reign.keys))

    @property
    def history(self) -> tuple[tuple[int, tuple[VerifierKey, ...]], ...]:
        """Return from which size on which keys sign, in order."""
        return tuple((reign.size, reign.keys) for reign in self._reigns)

    def keys_at(self, size: int) -> tuple[VerifierKey, ...]:
        """Return the keys that must sign a checkpoint of `size`, the newest last."""
        return next(reign.keys for reign in reversed(self._reigns) if reign.size <= size)

    def take(self, entry: Entry) -> None:
        """Take the next entry; raise SuccessionError, and stay as it was, if it does not hold.

        `code` of the error is a row of docs/formats/log.md section 7.
        """
        if entry.kind not in KINDS:
            return
        old, new = self._named(entry)
        signatures = {_text(entry, "old_signature"), _text(entry, "new_signature")}
        if not signatures.isdisjoint(self._seen):
            raise SuccessionError("key-change-replayed", "a signature is that of an earlier entry")
        if entry.seq < self._reigns[-1].size:
            detail = f"it states the place {entry.seq}, before the last change"
            raise SuccessionError("key-change-replayed", detail)
        keys = self._joined(old, new) if entry.kind == CHANGE else self._left(old, new)
        self._check_signatures(entry, old, new)
        self._seen |= signatures
        self._reigns.append(_Reign(entry.seq + 1, keys))

    def _named(self, entry: Entry) -> tuple[VerifierKey, VerifierKey]:
        found: list[VerifierKey] = []
        for name in ("old_vkey", "new_vkey"):
            try:
                key = VerifierKey.parse(_text(entry, name))
            except KeyFormatError as error:
                raise SuccessionError("key-change-malformed", f"{name}: {error}") from None
            if key.name != self.origin:
                detail = f"{name} is a key of {key.name}, the log is {self.origin}"
                raise SuccessionError("key-change-replayed", detail)
            found.append(key)
        return found[0], found[1]

    def _joined(self, old: VerifierKey, new: VerifierKey) -> tuple[VerifierKey, ...]:
        if old not in self.all:
            raise SuccessionError("key-change-unknown", f"{old} never signed this log")
        if len(self.keys) == _PAIR:
            detail = f"{self.keys[0]} is not retired yet, and the next change begins"
            raise SuccessionError("key-change-open", detail)
        if old not in self.keys:
            raise SuccessionError("key-change-unknown", f"{old} was retired before")
        if new in self.all:
            raise SuccessionError("key-change-replayed", f"{new} was a key of this log before")
        return (old, new)

    def _left(self, old: VerifierKey, new: VerifierKey) -> tuple[VerifierKey, ...]:
        if old not in self.all or new not in self.all:
            stranger = new if old in self.all else old
            raise SuccessionError("key-change-unknown", f"{stranger} never signed this log")
        if self.keys != (old, new):
            raise SuccessionError("key-change-open", f"no change from {old} to {new} is open")
        return (new,)

    def _check_signatures(self, entry: Entry, old: VerifierKey, new: VerifierKey) -> None:
        said = statement(entry.kind, seq=entry.seq, prev=entry.prev, old=old, new=new)
        for name, key in (("old", old), ("new", new)):
            spelled = _text(entry, f"{name}_signature")
            signature = base64s.read(spelled, f"{name}_signature", KeyFormatError)
            if key.verifies(said, signature):
                continue
            detail = f"{key} has not signed that it {_ROLES[entry.kind, name]} here"
            raise SuccessionError(f"key-change-{name}", detail)


_ROLES: Final = {
    (CHANGE, "old"): "is followed",
    (CHANGE, "new"): "follows",
    (RETIRED, "old"): "leaves",
    (RETIRED, "new"): "stays",
}


def statement(kind: str, *, seq: int, prev: bytes, old: VerifierKey, new: VerifierKey) -> bytes:
    """Return what both keys sign (section 6.2).

    Its first line holds spaces, which no origin does: it can never pass for a checkpoint.
    """
    lines = [
        f"sealdock {kind} v1",
        f"origin {old.name}",
        f"seq {seq}",
        f"prev {prev.hex()}",
        f"old {old}",
        f"new {new}",
    ]
    return "\n".join([*lines, ""]).encode("utf-8")


def body(kind: str, *, seq: int, prev: bytes, old: SignerKey, new: SignerKey) -> dict[str, JSON]:
    """Return the body of the entry of `kind` (CHANGE or RETIRED) that stands at `seq`."""
    said = statement(kind, seq=seq, prev=prev, old=old.verifier(), new=new.verifier())
    return {
        "old_vkey": str(old.verifier()),
        "new_vkey": str(new.verifier()),
        "old_signature": base64s.spell(old.sign(said)),
        "new_signature": base64s.spell(new.sign(said)),
    }


def _text(entry: Entry, name: str) -> str:
    """Return a member that the entry's own check has already found to be text."""
    value = entry.body[name]
    if type(value) is not str:
        raise TypeError(type(value))
    return value
