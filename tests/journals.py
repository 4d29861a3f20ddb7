"""Recorders' journals for tests: keys, a clock that is told, and lines made to measure."""

import time
from pathlib import Path

from agent.journal import Journal
from hashing import journal
from hashing.canonical import JSON
from hashing.journal import START, Moment, Position, Record
from hashing.keys import SignerKey

KEY = SignerKey("recorder/ZFY-00317", bytes(range(32)))
OTHER_KEY = SignerKey("recorder/ZFY-00317", bytes(range(1, 33)))
NUMBER = "ZFY-00317"
BOOT = "3f1c0c5e-7a55-4c7e-9d3a-2f0d7a1f4b11"
BEGAN_MS = 1_795_300_000_000


class ToldClock:
    """A clock that was told the time once, and goes as fast as the system's."""

    def __init__(self, now_us: int = BEGAN_MS * 1000) -> None:
        self.ahead_us = now_us - _boot_us()

    def now_us(self) -> int:
        """Return the time."""
        return self.ahead_us + _boot_us()

    def set(self, now_us: int) -> None:
        """Take another time."""
        self.ahead_us = now_us - _boot_us()


def _boot_us() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


class Script:
    """Lines of a journal, one after the other, each a second after the one before."""

    def __init__(self, key: SignerKey = KEY, number: str = NUMBER) -> None:
        self.key = key
        self.position: Position = START
        self.lines: list[bytes] = []
        self.boot = BOOT
        self.at_ms = 0
        self.ahead_ms = BEGAN_MS
        self.add("begun", {"number": number, "vkey": str(key.verifier())})

    def add(self, kind: str, body: dict[str, JSON] | None = None, *, after_ms: int = 1000) -> bytes:
        """Write a record so long after the last one; return its line."""
        self.at_ms += after_ms
        record = Record(
            seq=self.position.next,
            prev=self.position.head,
            kind=kind,
            at=Moment(utc_ms=self.ahead_ms + self.at_ms, boot=self.boot, boot_ms=self.at_ms),
            body=body or {},
        )
        line = journal.sign(record, self.key)
        self.position = journal.after(self.position, line)
        self.lines.append(line)
        return line

    def start(self, alive_s: int = 60) -> None:
        """Say that the companion starts, and has gone through its volume."""
        self.add("start", {"alive_s": alive_s, "watched": [".mp4"], "software": "test"})
        self.add("rescanned", {"reason": "start", "clips": 0})

    def clip(self, path: str, content: str, *, size: int = 1000) -> None:
        """Say that a clip was closed; `content` is its digest's first digits."""
        self.add("opened", {"path": path})
        opened_ms = self.ahead_ms + self.at_ms
        self.add(
            "clip",
            {
                "path": path,
                "sha256": sha(content),
                "size": size,
                "start_ms": opened_ms,
                "end_ms": opened_ms + 60_000,
                "late": False,
            },
            after_ms=60_000,
        )

    def reboot(self) -> None:
        """Let the recorder start again, an hour later by its clock."""
        self.boot = f"{self.boot[:-1]}{(int(self.boot[-1], 16) + 1) % 16:x}"
        self.ahead_ms += self.at_ms + 3_600_000
        self.at_ms = 0

    def branch(self) -> "Script":
        """Return a copy that goes on by itself."""
        other = Script(self.key)
        for name, value in vars(self).items():
            setattr(other, name, list(value) if isinstance(value, list) else value)
        return other


def sha(content: str) -> str:
    """Return a digest that begins with `content`, hexadecimal."""
    return content.ljust(64, "0")


def opened(folder: Path, *, key: SignerKey = KEY, clock: ToldClock | None = None) -> Journal:
    """Return a recorder's journal in a folder."""
    return Journal.open(folder, key, number=NUMBER, clock=clock or ToldClock())


def records(kept: Journal, key: SignerKey = KEY) -> list[Record]:
    """Return what a journal says; it must hold throughout."""
    walked = journal.walk(kept.lines(), vkey=key.verifier())
    assert walked.broken is None, walked.broken
    return list(walked.records)
