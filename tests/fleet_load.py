"""Simulated docks, honest and hostile, that submit to one centre over HTTP, all at once.

Each dock has a real log, a real key and real proofs. All it will send is made beforehand, so
that a run measures the centre and not the docks. What a run brought back is judged afterwards
by an oracle that knows every log's true roots.
"""

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from hashing import checkpoint, growth, note, proofs
from hashing.checkpoint import Checkpoint
from hashing.cosigners import AnyCosigner
from hashing.entry import GENESIS_PREV, At, Entry, leaf_hash
from hashing.keys import SignerKey
from hashing.merkle import Frontier
from hashing.submission import (
    TEXT_TYPE,
    UPLOAD_TYPE,
    Submission,
    UploadHead,
    pack_package,
    packages,
)

WITNESS: Final = "/witness/add-checkpoint"
PENDING: Final = "/mirror/add-checkpoint"
ENTRIES: Final = "/mirror/add-entries"

KINDS: Final = ("honest", "fork", "rollback", "garbage", "stranger", "slow", "silent")
"""What a dock may be: all but the first are hostile, or not there."""

_PATIENCE_S: Final = 600.0
_AT_MS: Final = 1_767_225_600_000


@dataclass(frozen=True, slots=True)
class Step:
    """One request, and the head that it is about."""

    path: str
    body: bytes
    note: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a step, and when (seconds of a steady clock)."""

    dock: str
    step: Step
    status: int
    body: bytes
    began_s: float
    ended_s: float


@dataclass(slots=True)
class Dock:
    """A dock: what it is, and all that it will send, round by round."""

    origin: str
    kind: str
    key: SignerKey
    rounds: list[list[Step]] = field(default_factory=list)
    roots: dict[str, dict[int, bytes]] = field(default_factory=dict)
    """Branch → size → root, for the oracle."""


@dataclass(slots=True)
class _Branch:
    """A log in memory, with every file that it ever had."""

    origin: str
    key: SignerKey
    entries: list[bytes] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    roots: dict[int, bytes] = field(default_factory=dict)
    frontier: Frontier = field(default_factory=Frontier)

    def copy(self) -> "_Branch":
        """Return the same log, to go on otherwise."""
        frontier = Frontier(self.frontier.size, self.frontier.hashes)
        return _Branch(
            self.origin, self.key, [*self.entries], dict(self.files), dict(self.roots), frontier
        )

    def grow(self, count: int, mark: int) -> None:
        """Append `count` entries, publish them, and know the root."""
        before = len(self.entries)
        for seq in range(before, before + count):
            prev = leaf_hash(self.entries[-1]) if seq else GENESIS_PREV
            kind = "heartbeat" if seq else "genesis"
            at = At(utc_ms=_AT_MS + seq, sync="unknown", source="load", boot="b", boot_ms=seq)
            body = self._genesis() if not seq else {"interval_s": 900, "mark": mark}
            made = Entry(seq=seq, prev=prev, kind=kind, at=at, body=body).encode()  # type: ignore[arg-type]  # plain JSON
            self.entries.append(made)
            self.frontier.append(leaf_hash(made))
        self.files.update(growth.grow(before, self.entries[before:], self.files.__getitem__))
        self.roots[len(self.entries)] = self.frontier.root()

    def _genesis(self) -> dict[str, object]:
        return {
            "origin": self.origin,
            "vkey": str(self.key.verifier()),
            "profile": 1,
            "software": "load",
        }

    def note(self, size: int) -> bytes:
        """Return the signed head at a size that was published."""
        return note.sign(Checkpoint(self.origin, size, self.roots[size]).encode(), [self.key])

    def round(self, old: int, size: int) -> list[Step]:
        """Return what brings a head and its entries to witness and mirror."""
        signed = self.note(size)
        proof: Sequence[bytes] = ()
        if 0 < old < size:
            proof = proofs.consistency(old, size, self.files.__getitem__)
        head = Submission(old, tuple(proof), signed).encode()
        return [
            Step(WITNESS, head, signed),
            Step(PENDING, head, signed),
            Step(ENTRIES, self._upload(old, size), signed),
        ]

    def _upload(self, old: int, size: int) -> bytes:
        parts = [UploadHead(self.origin, old, size).encode()]
        for package in packages(old, size):
            proof = proofs.subtree_consistency(
                package.subtree_start, package.end, size, self.files.__getitem__
            )
            parts.append(pack_package(self.entries[package.start : package.end], proof))
        return b"".join(parts)


def make(count: int, rounds: int, *, entries: int, hostile: int) -> list[Dock]:
    """Return `count` docks with so many rounds of so many entries; every `hostile`-th is hostile.

    0 makes all of them honest. Hostile kinds come in turns.
    """
    docks: list[Dock] = []
    bad = 0
    for number in range(count):
        kind = "honest"
        if hostile and number % hostile == hostile - 1:
            kind = KINDS[1 + bad % (len(KINDS) - 1)]
            bad += 1
        docks.append(_dock(number, kind, rounds, entries))
    return docks


def _dock(number: int, kind: str, rounds: int, entries: int) -> Dock:
    origin = f"load.example/{number:05d}"
    key = SignerKey.generate(origin, hashlib.sha256(origin.encode()).digest())
    dock, log = Dock(origin, kind, key), _Branch(origin, key)
    second: _Branch | None = None
    for at in range(rounds):
        before = len(log.entries)
        if kind == "fork" and at == rounds // 2:
            second = log.copy()
        log.grow(entries, mark=0)
        steps = log.round(before, before + entries)
        if second is not None:
            # After the true head another one of the same size, and then one that goes on from it.
            second.grow(entries, mark=1)
            size = len(second.entries)
            steps += second.round(size, size)[:2] + second.round(before, size)
        dock.rounds.append(_spoilt(steps, kind, log, at))
    dock.roots["true"] = log.roots
    if second is not None:
        dock.roots["other"] = second.roots
    return dock


def _spoilt(steps: list[Step], kind: str, log: _Branch, at: int) -> list[Step]:
    sizes = sorted(log.roots)
    match kind:
        case "rollback" if at:
            old = sizes[at - 1]
            # Yesterday's head, as if today's had never been; then as if it came after it.
            again = [*log.round(old, old)[:2], *log.round(0, old)[:2]]
            late = Submission(sizes[at], (), log.note(old)).encode()
            return [*steps, *again, Step(WITNESS, late, log.note(old))]
        case "garbage":
            junk = hashlib.sha512(f"{log.origin} {at}".encode()).digest() * 20
            cut = [Step(step.path, step.body[: len(step.body) // 2]) for step in steps]
            return [*cut, *(Step(path, junk) for path in (WITNESS, PENDING, ENTRIES))]
        case "stranger":
            # A sound head of the right name, signed by a key that was never enrolled.
            other = _Branch(log.origin, SignerKey.generate(log.origin, bytes(32)))
            other.grow(3, mark=2)
            return other.round(0, 3)
        case "silent" | "slow":
            return []
        case _:
            return steps


class Wire:
    """A client that keeps its connection, and makes another when that was lost."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._host, self._port = host, int(port)
        self._ends: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Return status and body of the answer; raise OSError where there is none twice."""
        try:
            return await self._post(path, body)
        except (OSError, asyncio.IncompleteReadError):
            # The server let an idle connection go: what was sent is sent once more, no harm done.
            await self.close()
            try:
                return await self._post(path, body)
            except asyncio.IncompleteReadError as error:
                raise ConnectionResetError(path) from error

    async def close(self) -> None:
        """Let go of the connection."""
        if self._ends is not None:
            self._ends[1].close()
            with contextlib.suppress(OSError):
                await self._ends[1].wait_closed()
            self._ends = None

    async def _post(self, path: str, body: bytes) -> tuple[int, bytes]:
        if self._ends is None:
            self._ends = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._ends
        kind = UPLOAD_TYPE if path == ENTRIES else TEXT_TYPE
        head = f"POST {path} HTTP/1.1\r\nhost: load\r\ncontent-type: {kind}\r\n"
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
        fields = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
        lengths = [line for line in fields if line.startswith("content-length:")]
        if lengths:
            answer = await reader.readexactly(int(lengths[0].partition(":")[2]))
        else:  # it lasts as long as the connection
            answer = await reader.read()
        if "connection: close" in fields or not lengths:
            await self.close()
        return int(fields[0].split(" ")[1]), answer


@dataclass(slots=True)
class Run:
    """What a run brought back."""

    answers: list[Answer] = field(default_factory=list)
    wall_s: float = 0.0


async def run(docks: Sequence[Dock], address: str, *, at_once: int, pace: float = 0.0) -> Run:
    """Let all docks go through their rounds; at most `at_once` requests are under way.

    With a `pace`, so many rounds begin in each second, dock after dock; else all that can.
    Slow docks hold their connections, unfinished, until all others are done.
    """
    done = Run()
    room = asyncio.Semaphore(at_once)
    began_s = time.monotonic()
    async with _dawdling([dock for dock in docks if dock.kind == "slow"], address):
        async with asyncio.TaskGroup() as group:
            for number, dock in enumerate(docks):
                starts = _starts(number, len(docks), len(dock.rounds), began_s, pace)
                group.create_task(_go(dock, address, room, done.answers, starts))
        done.wall_s = time.monotonic() - began_s
    return done


def _starts(number: int, count: int, rounds: int, began_s: float, pace: float) -> list[float]:
    """Return when each round of a dock may begin."""
    if not pace:
        return [began_s] * rounds
    return [began_s + (at * count + number) / pace for at in range(rounds)]


async def _go(
    dock: Dock,
    address: str,
    room: asyncio.Semaphore,
    answers: list[Answer],
    starts: Sequence[float],
) -> None:
    wire = Wire(address)
    async with asyncio.timeout(_PATIENCE_S):
        for start_s, steps in zip(starts, dock.rounds, strict=True):
            await asyncio.sleep(max(start_s - time.monotonic(), 0))
            for step in steps:
                # Waiting for room is no waiting for the centre: its time begins with the request.
                async with room:
                    began_s = time.monotonic()
                    status, body = await wire.post(step.path, step.body)
                    ended_s = time.monotonic()
                answers.append(Answer(dock.origin, step, status, body, began_s, ended_s))
    await wire.close()


@contextlib.asynccontextmanager
async def _dawdling(docks: Iterable[Dock], address: str) -> AsyncIterator[None]:
    """Hold a request open for each dock: a head that is promised and does not come."""
    host, _, port = address.rpartition(":")
    held: list[asyncio.StreamWriter] = []
    for dock in docks:
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"POST {WITNESS} HTTP/1.1\r\nhost: {dock.origin}\r\n".encode())
        writer.write(b"content-length: 5000\r\n\r\nold 0\n")
        held.append(writer)
    try:
        yield
    finally:
        for writer in held:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@dataclass(slots=True)
class Verdict:
    """What the oracle found."""

    cosigned: int = 0
    wrong: list[str] = field(default_factory=list)
    """Cosignatures that should never have been given; each with its reason."""
    unserved: list[str] = field(default_factory=list)
    """Honest docks of which a round was not cosigned."""


def judge(docks: Sequence[Dock], done: Run, keys: dict[str, tuple[AnyCosigner, ...]]) -> Verdict:
    """Hold every cosignature that was given against what the logs truly are.

    `keys` are those of "witness" and "mirror". For each log and role the heads that were
    cosigned must only grow, and all lie on one branch; and each line must verify.
    """
    verdict = Verdict()
    known = {dock.origin: dock for dock in docks}
    heads: dict[tuple[str, str], list[Checkpoint]] = {}
    for answer in done.answers:
        if answer.status != 200 or answer.step.path == PENDING:
            continue
        role = "witness" if answer.step.path == WITNESS else "mirror"
        verdict.cosigned += 1
        if not answer.step.note:
            verdict.wrong.append(f"{answer.dock}: {role} cosigned garbage")
            continue
        text = note.parse(answer.step.note)[0]
        given = text.encode() + b"\n" + answer.body
        if len(note.open_note(given, keys[role]).signatures) != len(keys[role]):
            verdict.wrong.append(f"{answer.dock}: {role} did not sign with each of its keys")
        heads.setdefault((answer.dock, role), []).append(checkpoint.parse(text))
    for (origin, role), cosigned in heads.items():
        verdict.wrong += [f"{origin}: {role} {why}" for why in _wrong(known[origin], cosigned)]
    for dock in docks:
        if dock.kind == "honest":
            for role in keys:
                if len(heads.get((dock.origin, role), ())) != len(dock.rounds):
                    verdict.unserved.append(f"{dock.origin}: {role}")
    return verdict


def _wrong(dock: Dock, cosigned: Sequence[Checkpoint]) -> list[str]:
    """Return what is wrong with the heads that a role cosigned of one log, in their order."""
    if dock.kind == "stranger":
        return ["cosigned what an unknown key signed"]
    sizes = [head.size for head in cosigned]
    found: list[str] = []
    if sizes != sorted(sizes):
        found.append("went back")
    if not any(
        all(roots.get(head.size) == head.root for head in cosigned) for roots in dock.roots.values()
    ):
        found.append("cosigned two histories")
    return found
