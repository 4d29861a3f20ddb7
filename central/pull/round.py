"""One round with one dock: its newest head, what the mirror lacks of it, and nothing believed.

What is fetched goes the very way that a dock's own submission goes: through the witness and
the mirror, which judge it and persist before they sign. Order:

    (1) the checkpoint, signed by the enrolled keys       (4) pending at the mirror, by proof
    (2) not shorter than what is held, and no other       (5) the entries that it lacks, each
    (3) cosigned as witness, by proof                         in the signed root - (6) cosigned
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, ParamSpec, Protocol, TypeVar

from central.cosigning.evidence import Evidence
from central.cosigning.judging import Head, Suspect
from central.cosigning.outcomes import Accepted, Conflict, Inconsistent, Outcome, Sender, Unsigned
from central.mirror.mirror import Mirror
from central.mirror.standing import Standing
from central.pull.errors import PullError, of_note
from central.pull.source import Source
from central.register.docks import Dock
from central.witness.witness import Witness
from hashing import checkpoint, note
from hashing.checked_tiles import CheckedTiles
from hashing.checkpoint import Checkpoint
from hashing.errors import EvidenceError
from hashing.merkle import leaf_hash
from hashing.submission import Submission
from hashing.tiles import WIDTH

P = ParamSpec("P")
T = TypeVar("T")

_BATCH_BYTES: Final = 8 << 20  # entries that are held in memory before they are kept


class Call(Protocol):
    """Does what blocks in a thread."""

    def __call__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        """Return what `work` returns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holders:
    """Who holds what of docks' logs at this centre."""

    witness: Witness | None
    mirror: Mirror | None
    witnessed: Callable[[str], Head | None]
    """The newest head that was cosigned as witness, by origin."""
    evidence: Evidence
    clock: Callable[[], int]


class Round:
    """One round with one dock."""

    def __init__(self, dock: Dock, source: Source, holders: Holders, call: Call) -> None:
        self._dock = dock
        self._source = source
        self._holders = holders
        self._call = call
        self._sender = Sender(f"pull {dock.url}")

    async def run(self) -> bool:
        """Do it; tell whether there is more to fetch. Raises PullError, CentralError or OSError."""
        signed, head = await self._head()
        tiles = CheckedTiles(head.size, head.root, self._source.read)
        if self._holders.witness is not None:
            await self._witness(self._holders.witness, signed, head, tiles)
        if self._holders.mirror is not None:
            return await self._mirror(self._holders.mirror, signed, head, tiles)
        return False

    async def _head(self) -> tuple[bytes, Checkpoint]:
        """Do step (1); return the note with the log's own lines, and what it says."""
        data = await self._source.checkpoint()
        try:
            opened = note.open_note(data, self._dock.verifiers)
            head = checkpoint.parse(opened.text)
        except EvidenceError as error:
            raise of_note(error) from error
        if head.origin != self._dock.origin:
            raise PullError("other-log", head.origin)
        return "\n".join([opened.text, *map(str, opened.signatures), ""]).encode(), head

    async def _witness(
        self, witness: Witness, signed: bytes, head: Checkpoint, tiles: CheckedTiles
    ) -> None:
        """Do steps (2) and (3)."""
        held = await self._call(self._holders.witnessed, head.origin)
        if held is not None and head.size < held.size:
            raise await self._shorter(held, signed, head)
        if held is None or (held.size, held.root) != (head.size, head.root):
            old = 0 if held is None else held.size
            body = await self._submission(old, signed, head, tiles)
            _demand(await self._call(witness.add_checkpoint, body, self._sender))

    async def _shorter(self, held: Head, signed: bytes, head: Checkpoint) -> PullError:
        """Tell an older head of the same log from one of another history, and keep the latter."""
        mirror = self._holders.mirror
        begins = None
        if mirror is not None:
            begins = await self._call(mirror.begins_with, head.origin, head.size, head.root)
        detail = f"{head.size} entries, {held.size} were cosigned"
        if begins is not False:
            return PullError("rollback", detail)
        suspect = Suspect("rollback", head.size, head.root, signed, held.note, ())
        await self._call(
            self._holders.evidence.keep, head.origin, "witness", suspect,
            by=self._sender.name, now_ms=self._holders.clock(),
        )  # fmt: skip
        return PullError("fork", detail)

    async def _mirror(
        self, mirror: Mirror, signed: bytes, head: Checkpoint, tiles: CheckedTiles
    ) -> bool:
        """Do steps (4) to (6); tell whether entries are still missing."""
        known = await self._call(mirror.standing, head.origin)
        newest = 0 if known.newest is None else known.newest.size
        if head.size > newest or known.newest is None:
            body = await self._submission(newest, signed, head, tiles)
            _demand(await self._call(mirror.add_checkpoint, body, self._sender))
            known = await self._call(mirror.standing, head.origin)
        aim = known.of(head.size)
        if aim is None or aim.root != head.root or known.size >= head.size:
            return False
        reached = await self._entries(mirror, known, head, tiles)
        if reached < head.size:
            return True
        outcome = await self._call(mirror.commit, head.origin, head.size)
        if isinstance(outcome, Inconsistent):
            raise PullError("fork", outcome.reason)
        return False

    async def _entries(
        self, mirror: Mirror, known: Standing, head: Checkpoint, tiles: CheckedTiles
    ) -> int:
        """Fetch and keep entries up to `head`, or what this round may; return how far it came."""
        at, kept = known.next_entry, known.next_entry
        batch: list[bytes] = []
        held = 0
        # A round brings one bundle at least, or a small budget would bring nothing for ever.
        while at < head.size and (at == known.next_entry or not self._source.spent):
            fresh = await self._bundle(at, head, tiles)
            at += len(fresh)
            batch += fresh
            held += sum(map(len, fresh))
            if held >= _BATCH_BYTES:
                kept = await self._call(mirror.append, head.origin, kept, batch)
                at, batch, held = max(at, kept), [], 0
        if batch:
            kept = await self._call(mirror.append, head.origin, kept, batch)
        return kept

    async def _bundle(self, at: int, head: Checkpoint, tiles: CheckedTiles) -> list[bytes]:
        """Return the entries from `at` to the end of its bundle, once the root vouches for them."""
        index, slot = divmod(at, WIDTH)
        start, end = at - slot, min(at - slot + WIDTH, head.size)
        entries = await self._proved(lambda: self._source.bundle(index, end - start))
        leaves = await self._proved(
            lambda: self._source.with_tiles(lambda: tiles.leaves(start, end))
        )
        for number, (entry, leaf) in enumerate(zip(entries, leaves, strict=True), start=start):
            if leaf_hash(entry) != leaf:
                raise PullError("tile", f"entry {number}")
        return entries[slot:]

    async def _submission(
        self, old: int, signed: bytes, head: Checkpoint, tiles: CheckedTiles
    ) -> bytes:
        """Return the body of an add-checkpoint, proved by the dock's own tiles."""
        proof: list[bytes] = []
        if 0 < old < head.size:
            proof = await self._proved(
                lambda: self._source.with_tiles(lambda: tiles.consistency(old))
            )
        return Submission(old, tuple(proof), signed).encode()

    @staticmethod
    async def _proved(work: Callable[[], Awaitable[T]]) -> T:
        """Return what `work` returns; a file that is not what the root vouches for is told."""
        try:
            return await work()
        except EvidenceError as error:
            raise PullError("tile", str(error)) from error
        except FileNotFoundError as error:
            raise PullError("not-found", str(error)) from error


def _demand(outcome: Outcome) -> None:
    """Raise PullError where witness or mirror refused what was pulled."""
    match outcome:
        case Accepted() | Conflict():  # a conflict: the dock itself was faster
            return
        case Inconsistent(reason):
            raise PullError("fork", reason)
        case Unsigned(reason):
            raise PullError("signature", reason)
        case _:
            raise PullError("bad-answer", type(outcome).__name__)
