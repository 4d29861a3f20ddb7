"""Brings all entries to one mirror: C2SP tlog-mirror, add-checkpoint and add-entries.

    (1) the head, as the checkpoint that is pending there
    (2) entries from the mirror's next entry on, in packages of up to 256, some at a time
    (3) its cosignature, once it holds all of them

Where to begin the mirror says itself: asked first is the empty upload [size, size), which
it answers with its cosignature if it has everything, else with its next entry.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

from dock_daemon.sync import answers
from dock_daemon.sync.answers import Lines
from dock_daemon.sync.carrier import Brought, Carrier
from dock_daemon.sync.party import Party
from dock_daemon.sync.published import Head, PublishedLog
from dock_daemon.sync.told import Code, Told
from hashing.submission import PACKAGES_A_REQUEST, MirrorInfo, UploadHead, packages
from hashing.tiles import WIDTH

_STANDSTILLS: Final = 2
_OTHER_HEADS: Final = 3
_GZIP: Final = 31  # zlib's window bits for a gzip frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """What one visit may bring: others, and newer heads, want their turn too."""

    request_bytes: int = 4 << 20
    """One package goes whatever its size."""
    requests: int = 32


class Mirroring:
    """The way of all entries to one mirror. One visit at a time."""

    def __init__(
        self,
        party: Party,
        log: PublishedLog,
        utc_s: Callable[[], float],
        portion: Portion | None = None,
    ) -> None:
        self._portion = portion or Portion()
        self._party = party
        self._log = log
        self._utc_s = utc_s
        self._carrier = Carrier(party, log, utc_s)
        self._pending = ""
        self._next: int | None = None

    @property
    def grown_from(self) -> int | None:
        """The old size with which this visit's head was taken, as a Carrier's."""
        return self._carrier.grown_from

    async def bring(self, head: Head) -> Brought | Told:
        """Bring `head` and the entries below it, as much as one round may.

        Raises LinkError, or EvidenceError where our own files are not as they must be.
        """
        self._carrier.grown_from = None
        for _ in range(_OTHER_HEADS):
            remembered = head.text == self._pending
            if not remembered:
                brought = await self._carrier.bring(head)
                if isinstance(brought, Told):
                    return brought
                head, self._pending = brought.head, brought.head.text
            outcome = await self._upload(head)
            if isinstance(outcome, Brought):
                return outcome
            if isinstance(outcome, Told):
                if outcome.code is not Code.INCONSISTENT:
                    return outcome
                self._pending = ""
                if not remembered:
                    return outcome
                continue  # a mirror that has no pending head says 422: it gets ours anew
            # It takes entries up to another size only: somebody brought a newer head.
            self._pending = ""
            newest = self._log.head()
            if newest is None or newest.size < outcome.pending:
                return Told(Code.AHEAD, {"size": outcome.pending, "ours": head.size})
            head = newest
        return Told(Code.CONFLICT, {"detail": f"pending changed {_OTHER_HEADS} times"})

    async def _upload(self, head: Head) -> Brought | MirrorInfo | Told:
        """Upload up to `head`; return a MirrorInfo if the mirror takes no entries up to it."""
        start = head.size if self._next is None else min(self._next, head.size)
        ticket = b""
        standstills = 0
        for _ in range(self._portion.requests):
            answer = await self._party.upload(self._body(head, start, ticket))
            match answers.of_upload(
                answer, text=head.text, keys=self._party.keys, utc_s=self._utc_s()
            ):
                case Lines(lines):
                    self._next = head.size
                    return Brought(head, lines)
                case Told() as told:
                    self._next = None
                    return told
                case MirrorInfo() as info if info.pending != head.size:
                    return info
                case MirrorInfo(_, next_entry, ticket):
                    if start < head.size and next_entry <= start:
                        standstills += 1
                    start = self._next = min(next_entry, head.size)
            if standstills > _STANDSTILLS:
                self._next = None
                return Told(Code.BAD_ANSWER, {"detail": f"it does not get past entry {start}"})
        return Told(Code.BEHIND, {"held": start, "size": head.size})

    async def _body(self, head: Head, start: int, ticket: bytes) -> AsyncIterator[bytes]:
        """Yield one request for [start, size): the canonical packages, or their beginning."""
        packer = zlib.compressobj(wbits=_GZIP)
        yield packer.compress(UploadHead(head.origin, start, head.size, ticket).encode())
        tiles, room = self._log.tiles(head), self._portion.request_bytes
        # They are cut at multiples of a package, so those of a request are the same for any end.
        most = (start // WIDTH + PACKAGES_A_REQUEST) * WIDTH
        for package in packages(start, min(head.size, most)):
            packed = self._log.packed(package, head, tiles)
            room -= len(packed)
            if room < 0 and package.start > start:
                break
            yield packer.compress(packed)
            await asyncio.sleep(0)  # packing is work: let others have the loop in between
        yield packer.flush()
