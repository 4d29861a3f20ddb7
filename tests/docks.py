"""A whole dock in a folder, driven through the code of `pull` and of a bay.

    dock = DockIn(tmp_path)
    told = dock.take_over(make_fat_card(tmp_path / "card.img", {...}))
    assert told.end.result == "complete"
    dock.assert_holds()

The clock stands still at NOW, eight hours after the cards' clips were recorded.
"""

import hashlib
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from config.loader import Loaded, load
from dock_daemon.bays.bay_states import Occasion
from dock_daemon.clock import Trust
from dock_daemon.docking.events import ClipSealed, ClipUnread, Event, FindingMade, Released
from dock_daemon.docking.rules import Rules
from dock_daemon.docking.sources import Source
from dock_daemon.docking.take_over import Parts
from dock_daemon.evidence.records import RIDERS
from dock_daemon.evidence.state import State, look, open_state
from dock_daemon.evidence.store import CLIPS
from dock_daemon.recorders.greeting import Greeting
from dock_daemon.turn import Desk, Opened, Place
from hashing import entry
from hashing.entry import At, Entry
from hashing.keys import VerifierKey
from hashing.report import Report
from hashing.verify import verify_log

ORIGIN = "dock.example/0001"
# 2026-03-14 17:30 in Shanghai.
NOW_MS = 1_773_480_600_000
HOUR_MS = 3_600_000
_UP_MS = 100 * 24 * HOUR_MS  # for so long the dock of the tests has run

E = TypeVar("E")


class StandingClock:
    """A clock that shows what it is told to."""

    def __init__(self, utc_ms: int = NOW_MS) -> None:
        self.utc_ms = utc_ms
        self.sync = "synchronized"
        self.uncertainty_us: int | None = 20_000

    def at(self) -> At:
        """Return the time that was set; it is synchronised unless a test says otherwise."""
        ran_ms = max(0, self.utc_ms - NOW_MS + _UP_MS)
        return At(utc_ms=self.utc_ms, sync=self.sync, source="test", boot="b", boot_ms=ran_ms)

    def trust(self) -> Trust:
        """Return the state that was set, and how far off it may be."""
        return Trust(sync=self.sync, source="test", uncertainty_us=self.uncertainty_us)


@dataclass(slots=True)
class Told:
    """What a docking told, and how it ended."""

    end: Released
    events: list[Event]

    def of(self, kind: type[E]) -> list[E]:
        """Return the events of one kind, in order."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def sealed(self) -> dict[str, ClipSealed]:
        """Return what was sealed, by path; fail if a path comes twice."""
        sealed = self.of(ClipSealed)
        assert len({clip.path for clip in sealed}) == len(sealed)
        return {clip.path: clip for clip in sealed}

    @property
    def findings(self) -> list[tuple[str, str]]:
        """Return kind and path of each finding."""
        return sorted((found.finding, found.path) for found in self.of(FindingMade))

    @property
    def unread(self) -> list[tuple[str, str]]:
        """Return path and reason of what was not taken over."""
        return sorted((clip.path, clip.reason) for clip in self.of(ClipUnread))


@dataclass(slots=True)
class DockIn:
    """A dock whose state and configuration lie in one folder."""

    folder: Path
    clock: StandingClock = field(default_factory=StandingClock)
    bay: str = "1"

    @property
    def root(self) -> Path:
        """The state directory."""
        return self.folder / "state"

    @property
    def config(self) -> Path:
        """The configuration directory."""
        path = self.folder / "etc"
        path.mkdir(exist_ok=True)
        return path

    def register(self, *lines: str) -> None:
        """Write the register of recorders and holders."""
        text = "\n".join(["recorder,user_no,name,unit", *lines, ""])
        (self.config / "register.csv").write_text(text, encoding="utf-8")

    def settings(self, text: str = "") -> Loaded:
        """Return the settings in force, with `text` as the configuration file."""
        (self.config / "sealdock.toml").write_text(text, encoding="utf-8")
        overrides = {"storage.state": str(self.root), "dock.origin": ORIGIN}
        return load(self.config, env={}, overrides=overrides, host="test")

    def open(self, settings: str = "") -> State:
        """Open the state; the caller closes it."""
        return open_state(self.settings(settings), self.clock)

    def desk(self, state: State, settings: str = "") -> Desk:
        """Return what takes media over into `state`."""
        loaded = self.settings(settings)
        rules = Rules.of(loaded)
        return Desk(Parts(state.store, state.sealer, self.clock, rules), loaded.settings.reader)

    def take_over(  # noqa: PLR0913  each is a way to disturb a docking
        self,
        place: Path,
        *,
        reread: bool = False,
        hear: Callable[[Event], None] = lambda _event: None,
        wrap: Callable[[Source], Source] = lambda source: source,
        settings: str = "",
        stop: threading.Event | None = None,
        greeting: Greeting | None = None,
        occasion: Occasion = "plugged",
    ) -> Told:
        """Run one docking from start-up to shut-down; `wrap` may spoil the source."""
        stop = stop or threading.Event()
        events: list[Event] = []

        def report(event: Event) -> None:
            events.append(event)
            hear(event)

        with self.open(settings) as state:
            desk = self.desk(state, settings)
            opened = desk.open(Place(path=str(place)), stop)
            opened = Opened(wrap(opened.source), opened.refusal)
            end = desk.take_over(
                opened,
                bay=self.bay,
                report=report,
                stop=stop,
                reread=reread,
                greeting=greeting,
                occasion=occasion,
            )
        return Told(end, events)

    def entries(self) -> list[bytes]:
        """Return the bytes of every entry in the ledger."""
        return look(self.root, lambda ledger: list(ledger.entries(0, ledger.size)))

    def parsed(self, kind: str = "") -> list[Entry]:
        """Return every entry, or those of one kind."""
        found = [entry.parse(data) for data in self.entries()]
        return [one for one in found if kind in {"", one.kind}]

    def stored(self, sha256: str) -> Path:
        """Return where a clip lies in the store."""
        return self.root / "store" / CLIPS / sha256[:2] / sha256

    def verify(self) -> Report:
        """Return what the verifier says of log and store."""
        text = (self.root / "log" / "vkey").read_text("ascii").strip()
        return verify_log(self.root / "log", VerifierKey.parse(text), store=self.root / "store")

    def assert_holds(self, *secret: str) -> None:
        """Log and store verify, all is published, and no entry tells a secret."""
        report = self.verify()
        assert report.problems == ()
        entries = self.entries()
        assert report.size is not None
        # Cosignatures wait for the next entry that asks for a head of its own.
        assert {entry.parse(data).kind for data in entries[report.size :]} <= RIDERS
        assert list((self.root / "store" / "incoming").iterdir()) == []
        assert list((self.root / "publishing").iterdir()) == []
        for data in entries:
            told = data.decode("utf-8").casefold()
            assert [word for word in secret if word.casefold() in told] == []

    def assert_stored(self, told: Told, files: Iterable[tuple[str, bytes]]) -> None:
        """Each of `files` was sealed under its own hash and lies in the store so."""
        for path, data in files:
            clip = told.sealed[path]
            assert clip.sha256 == hashlib.sha256(data).hexdigest()
            assert clip.size == len(data)
            assert self.stored(clip.sha256).read_bytes() == data


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file that may be large."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def some_bytes(seed: str, size: int) -> bytes:
    """Return `size` bytes that look random and are always the same."""
    return hashlib.shake_256(seed.encode()).digest(size)
