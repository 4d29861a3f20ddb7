"""A store that rots, and what reads it again: driven turn by turn, without waiting."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dock_daemon.evidence.scrub import Scrub, scrub_of
from dock_daemon.evidence.scrub_throttle import Throttle
from dock_daemon.evidence.state import State
from tests.cards import make_exfat_card
from tests.docks import DockIn, some_bytes

DAY_MS = 86_400_000
FILES = {f"DCIM/{name}.MP4": some_bytes(name, 9000 + at) for at, name in enumerate("ABCDE")}


def filled(dock: DockIn, folder: Path) -> None:
    """Take FILES over from a card."""
    card = make_exfat_card(folder / "card", FILES, 4 << 20)
    assert dock.take_over(card).end.sealed == len(FILES)


def name_of(path: str) -> str:
    """Return the name that a clip of FILES has in the store."""
    return hashlib.sha256(FILES[path]).hexdigest()


def rot(path: Path) -> None:
    """Flip one bit of a file that nobody may write."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.chmod(0o640)
    path.write_bytes(data)
    path.chmod(0o440)


class Unhurried(Throttle):
    """A throttle that lets time pass without anybody waiting for it."""

    def __init__(
        self, bytes_per_s: int, *, hindered: Callable[[], bool], stop: threading.Event
    ) -> None:
        self.waited_s = 0.0
        self.waits: list[float] = []
        super().__init__(
            bytes_per_s, hindered=hindered, stop=stop, now_s=lambda: self.waited_s, pause=self._let
        )

    def _let(self, seconds: float) -> None:
        self.waited_s += seconds
        self.waits.append(seconds)


@contextmanager
def scrubbed(
    dock: DockIn, settings: str = "", *, busy: Callable[[], bool] = lambda: False
) -> Iterator[tuple[State, Scrub]]:
    """Open a dock, and give it with what reads its store again; no thread runs."""
    with dock.open(settings) as state:
        yield (
            state,
            scrub_of(
                state, dock.settings(settings), dock.clock, busy=busy, make_throttle=Unhurried
            ),
        )


def one_pass(dock: DockIn, scrub: Scrub) -> None:
    """Let time pass until everything was due once, and have it read."""
    scrub.turn()  # a store that was never read counts as read when that is first seen
    dock.clock.utc_ms += 29 * DAY_MS
    for _ in range(5000):
        if scrub.turn() > 0:
            return
    raise AssertionError("it never rests")
