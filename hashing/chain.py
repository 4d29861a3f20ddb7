"""What entries must say of one another: order, links, genesis, closed dockings.

Pure. Whether an entry is the one that was sealed is for the tree to say; here
every sentence an entry makes is held against the entries before it.
docs/formats/entry.md sections 3, 5 and 6.
"""

import hashlib
from collections.abc import Callable

from hashing import clock_steps
from hashing.bodies import DOCKING_KINDS
from hashing.canonical import JSON
from hashing.claims import Claims
from hashing.clock_steps import SLACK_MS, Watch
from hashing.entry import GENESIS_PREV, Entry, parse
from hashing.errors import EvidenceError, KeyFormatError, SuccessionError
from hashing.keys import VerifierKey
from hashing.succession import Succession

Tell = Callable[[str, int, str], None]  # code, seq, detail


class Chain:
    """Walks the entries in order."""

    def __init__(self, *, key: VerifierKey | None, claims: Claims, tell: Tell) -> None:
        """Expect genesis to state, or lead to, `key`, or anything if None; fill `claims`."""
        self._given = key
        self._claims: Claims | None = claims
        self._tell = tell
        # Two candidates for the leaf before: what its entry hashes to, and what
        # the tile says. Where they differ, the next entry may follow either.
        self._before: tuple[bytes | None, bytes | None] = (GENESIS_PREV, None)
        self._holed = False
        self._dockings: dict[int, tuple[int, hashlib._Hash]] = {}
        self._succession: Succession | None = None
        self._keys_doubted = False
        self._watch: Watch | None = None
        self._up_to: dict[str, int] = {}  # the time since boot, by boot, ms
        self._closed: set[int] = set()

    def take(self, place: int, raw: bytes, leaf: bytes, sealed: bytes | None) -> None:
        """Judge the entry at `place`; `sealed` is its leaf hash by the tile, if there is one."""
        before, self._before = self._before, (leaf, sealed)
        try:
            entry = parse(raw)
        except EvidenceError as error:
            self._tell("entry-malformed", place, str(error))
            self._holed = True
            self._watch = None
            return
        if entry.seq != place:
            self._tell("entry-seq", place, f"it states seq {entry.seq}, its place is {place}")
        if entry.prev not in before and before != (None, None):
            self._tell("chain-broken", place, f"its prev is not the leaf hash of entry {place - 1}")
        if (place == 0) != (entry.kind == "genesis"):
            self._tell("genesis", place, f"entry {place} is of the kind {entry.kind}")
        elif place == 0:
            self._genesis(entry)
        self._clock(entry, place)
        self._key(entry, place)
        self._docking(entry, leaf, place)
        if self._claims is not None:
            self._claim(self._claims, entry, place)

    def gap(self, sealed: bytes | None) -> None:
        """Pass over an entry that could not be read."""
        self._before = (None, sealed)
        self._holed = True
        self._watch = None

    def claim_nothing(self) -> None:
        """From here on entries are not signed: what they claim counts for nothing."""
        self._claims = None

    @property
    def succession(self) -> Succession | None:
        """Return the keys of the log so far; None where an entry that may tell is in doubt."""
        return None if self._holed or self._keys_doubted else self._succession

    def finish(self) -> None:
        """Hold the given key against the log's own, now that every change of key was seen."""
        keys = self.succession
        if self._given is None or keys is None or self._given in keys.all:
            return
        self._tell("genesis", 0, "it states another key than the one given, nor leads to that")

    def _genesis(self, entry: Entry) -> None:
        origin = entry.body["origin"]
        if self._given is not None and origin != self._given.name:
            self._tell("genesis", 0, "it states another origin than the name of the given key")
            return
        try:
            key = VerifierKey.parse(_str(entry.body["vkey"]))
        except KeyFormatError as error:
            self._tell("genesis", 0, f"it states no key: {error}")
            return
        if key.name != origin:
            self._tell("genesis", 0, f"it states the key of {key.name}")
            return
        self._succession = Succession(key)

    def _clock(self, entry: Entry, place: int) -> None:
        now, told = entry.at, entry.kind == "clock-step"
        if now.boot_ms < self._up_to.get(now.boot, 0):
            self._tell("clock-step-unsaid", place, "the time since boot went back within one boot")
        self._up_to[now.boot] = now.boot_ms
        if self._watch is None:  # the first, or the first after a hole: nothing to hold it against
            self._watch = clock_steps.begin(now)
            return
        step = self._watch.step_to(now)
        self._watch = self._watch.after(now, told=told or step is not None)
        if step is None:
            if told:
                self._tell("clock-step-unsaid", place, "it tells of a step, and there was none")
            return
        least = " at least" if step.rebooted else ""
        detail = f"the dock's clock was set by{least} {step.by_ms} ms before this entry"
        if not told:
            self._tell("clock-step-unsaid", place, detail)
        elif abs(_int(entry.body["by_ms"]) - step.by_ms) > SLACK_MS:
            said = f"{detail}, and it says {entry.body['by_ms']} ms"
            self._tell("clock-step-unsaid", place, said)
        else:
            self._tell("clock-stepped", place, detail)

    def _key(self, entry: Entry, place: int) -> None:
        if self._succession is None or self._keys_doubted:
            return
        try:
            self._succession.take(entry)
        except SuccessionError as error:
            self._tell(error.code, place, error.detail)
            self._keys_doubted = True

    def _docking(self, entry: Entry, leaf: bytes, place: int) -> None:
        docking = entry.body.get("docking")
        if entry.kind not in DOCKING_KINDS and type(docking) is not int:
            return
        number = _int(docking)
        if number in self._closed:
            self._tell("docking-closed", place, f"docking {number} was closed before it")
            return
        count, digest = self._dockings.pop(number, (0, hashlib.sha256()))
        if entry.kind == "released" and not self._holed:
            stated = (entry.body["entries"], entry.body["digest"])
            if stated != (count, digest.hexdigest()):
                self._tell(
                    "released-mismatch",
                    place,
                    f"it closes docking {number} with {stated[0]} entries, digest "
                    f"{str(stated[1])[:12]}…; the log has {count}, {digest.hexdigest()[:12]}…",
                )
        if entry.kind == "released":
            self._closed.add(number)
            return
        digest.update(leaf)
        self._dockings[number] = (count + 1, digest)

    def _claim(self, claims: Claims, entry: Entry, place: int) -> None:
        if entry.seq != place:
            claims.elsewhere[entry.seq] = place
        document = entry.body.get("document")
        if type(document) is str:
            claims.documents.add(bytes.fromhex(document), entry.seq)
        if entry.kind != "clip":
            return
        digest, size = bytes.fromhex(_str(entry.body["sha256"])), _int(entry.body["size"])
        first, stated = claims.clips.add(digest, entry.seq, size)
        if stated != size:
            detail = f"{size} bytes; entry {first} seals the same content with {stated}"
            self._tell("clip-size-conflict", place, detail)


def _int(value: JSON) -> int:
    """Return a member that the entry's own check has already found to be an int."""
    if type(value) is not int:
        raise TypeError(type(value))
    return value


def _str(value: JSON) -> str:
    """Return a member that the entry's own check has already found to be a str."""
    if type(value) is not str:
        raise TypeError(type(value))
    return value
