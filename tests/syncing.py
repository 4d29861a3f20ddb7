"""A dock's published log and its core, for couriers to run between them and cosigners."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.settings import Cosigner
from dock_daemon.control import Request
from dock_daemon.sync.core import Core
from dock_daemon.sync.courier import Aside, Courier, Look, Surroundings
from dock_daemon.sync.mirroring import Portion
from dock_daemon.sync.party import Party
from dock_daemon.sync.published import PublishedLog
from dock_daemon.sync.told import Told
from hashing import checkpoint, note
from hashing.cosignature import time_of
from hashing.cosigners import parse_cosigner
from hashing.errors import EvidenceError
from tests import sealed
from tests.cosigners import NOW_S
from transport.backoff import Bounds

PATIENCE_S = 20.0
REFRESH_S = 900
BOUNDS = Bounds(1, 600)


@dataclass(slots=True)
class FakeCore:
    """Answers as docs/control.md says; judges what it is told as the core does."""

    log: sealed.Sealed
    published: int = 0
    signed: int = 0
    state: str = "granted"
    why: str = ""
    running: bool = True
    keys: dict[str, str] = field(default_factory=dict)
    told: list[dict[str, Any]] = field(default_factory=list)
    kept: list[tuple[str, int, int]] = field(default_factory=list)

    def __call__(self, _state: Path, request: Request) -> object | None:
        """Answer one request; None where nobody listens."""
        if not self.running:
            return None
        if request.get("ask") == "signing":
            sizes = {"signed": self.signed, "published": self.published}
            return {"state": self.state, "why": self.why, "origin": self.log.origin, **sizes}
        self.told.append(dict(request))
        if request["tell"] == "witness":
            return {"state": self._heard(request)}
        return self._cosigned(str(request["note"]).encode())

    def heard(self) -> list[tuple[str, str]]:
        """Return who said what, of all that was told of witnesses."""
        return [(one["name"], one["answer"]) for one in self.told if one["tell"] == "witness"]

    def _heard(self, request: Request) -> str:
        size = int(str(request["size"] or 0))
        if request["answer"] == "head":
            size, root = self._stated(str(request["note"]).encode())
            if size <= self.published and root != self._root(size):
                self.state = "stopped"
        if size > self.published:
            self.state = "stopped"
        return self.state

    def _stated(self, data: bytes) -> tuple[int, bytes]:
        try:
            note.open_note(data, [self.log.key.verifier()])
            head = checkpoint.parse(note.parse(data)[0])
        except EvidenceError:
            return 0, self._root(0)
        return head.size, head.root

    def _root(self, size: int) -> bytes:
        return checkpoint.parse(note.parse(self.log.checkpoint(size))[0]).root

    def _cosigned(self, data: bytes) -> dict[str, object]:
        keys = [parse_cosigner(key) for key in self.keys.values()]
        opened = note.open_note(data, keys)
        size = checkpoint.parse(opened.text).size
        kept = [(line.name, size, time_of(line)) for line in opened.signatures]
        self.kept += kept
        if self.state in {"asking", "held"}:
            self.state = "granted"
        rows = [{"name": name, "size": at, "time_s": time_s} for name, at, time_s in kept]
        return {"kept": rows, "refused": []}


@dataclass(slots=True)
class Stage:
    """One dock with a log on disk, a core that is faked, and a clock that stands."""

    root: Path
    log: sealed.Sealed
    core: FakeCore
    now_s: float = 1000.0
    jitter: float = 0.5
    aside: Aside = field(default_factory=Aside)

    def publish(self, *, more: int = 0, sizes: list[int] | None = None) -> None:
        """Let the log grow by `more` entries, and publish it; `sizes` were published before."""
        for _ in range(more):
            self.log.add("heartbeat")
        self.log.write(self.root, sizes=[*(sizes or []), *([self.core.published] if more else [])])
        self.core.published = len(self.log.entries)

    def courier(
        self,
        cosigner: Cosigner,
        *,
        timeout_s: float = PATIENCE_S,
        portion: Portion | None = None,
    ) -> Courier:
        """Return the courier to one cosigner."""
        self.core.keys[cosigner.name] = cosigner.keys[0]
        around = Surroundings(
            log=PublishedLog(self.root / "log"),
            core=Core(self.root, self.core),
            aside=self.aside,
            bounds=BOUNDS,
            refresh_s=REFRESH_S,
            now_s=lambda: self.now_s,
            utc_s=lambda: NOW_S,
            random=lambda: self.jitter,
            portion=portion or Portion(),
        )
        return Courier(Party(cosigner, None, timeout_s), around)

    def look(self) -> Look:
        """Return how things stand."""
        signing = Core(self.root, self.core).signing()
        return Look(signing=signing, head=PublishedLog(self.root / "log").head())

    async def visit(self, courier: Courier) -> Told:
        """Send a courier out, as things stand, and let go of its connections."""
        try:
            return await courier.visit(self.look())
        finally:
            await courier.party.close()


@functools.cache
def _entries(count: int) -> tuple[bytes, ...]:
    log = sealed.Sealed()
    log.genesis()
    while len(log.entries) < count:
        log.add("heartbeat")
    return tuple(log.entries)


def quiet(entries: int) -> sealed.Sealed:
    """Return a log of so many entries in which nothing ever happened."""
    return sealed.Sealed(entries=list(_entries(entries)))


def stage(root: Path, entries: int = 300, *, sizes: list[int] | None = None) -> Iterator[Stage]:
    """Yield a dock whose log of `entries` is published."""
    log = quiet(entries)
    made = Stage(root, log, FakeCore(log))
    made.publish(sizes=sizes)
    yield made
    made.aside.close()
