"""The companion as a process of its own, on a pseudo-terminal, in a folder: no root, no gadget."""

import json
import os
import select
import signal
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from firmware_bridge.errors import RecorderSilentError
from firmware_bridge.transports.ports import ByteLink
from firmware_bridge.wire import smp, smp_lines
from hashing import journal
from hashing.keys import VerifierKey

ROOT: Final = Path(__file__).parents[1]
NUMBER: Final = "OPEN-0007"

SETTINGS: Final = """
[recorder]
number = "{number}"
model = "Pi Zero 2"
firmware = "camera 4.2"
language = "en"
state = "{folder}/state"

[serial]
{line}

[clips]
folder = "{folder}/clips"

[clock]
kind = "kept"

[battery]
supplies = "{folder}/power"

[faults]
kernel_log = "{folder}/kmsg"

[export]
mode = "{mode}"
backing = "{folder}/card.img"
lun = "{folder}/lun"
helper = ""
controllers = "{folder}/udc"
"""

BATTERY: Final = {
    "type": "Battery",
    "capacity": "52",
    "status": "Discharging",
    "charge_full": "900000",
    "charge_full_design": "1000000",
    "cycle_count": "33",
}


def supply(folder: Path, **told: str) -> None:
    """Write a power supply as the kernel shows it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in told.items():
        (folder / name).write_text(f"{value}\n", encoding="ascii")


@dataclass(slots=True)
class AgentIn:
    """A recorder's system in one folder, and the companion that runs on it."""

    folder: Path
    mode: str = "image"
    node: Path | None = None
    """A serial node to open; None for a pseudo-terminal of the companion's own."""
    process: subprocess.Popen[str] | None = None
    ready: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clips.mkdir(parents=True, exist_ok=True)
        supply(self.folder / "power" / "battery", **BATTERY)
        (self.folder / "kmsg").write_bytes(b"")
        self.settle()

    @property
    def clips(self) -> Path:
        """Where clips are written."""
        return self.folder / "clips"

    @property
    def line(self) -> Path:
        """Where the dock opens the wire."""
        return self.node or self.folder / "tty"

    @property
    def lun(self) -> str:
        """What the gadget shows."""
        path = self.folder / "lun"
        return path.read_text("utf-8").strip() if path.exists() else ""

    @property
    def config(self) -> Path:
        """The settings."""
        return self.folder / "agent.toml"

    def settle(self) -> None:
        """Write the settings anew."""
        line = f'node = "{self.node}"' if self.node else f'pty = "{self.folder}/tty"'
        text = SETTINGS.format(number=NUMBER, folder=self.folder, line=line, mode=self.mode)
        assert tomllib.loads(text)
        self.config.write_text(text, encoding="utf-8")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one of its commands to the end."""
        command = [sys.executable, "-m", "agent", *words, "--config", str(self.config)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    def start(self) -> None:
        """Start it, and wait until it serves."""
        command = [sys.executable, "-m", "agent", "run", "--json", "--config", str(self.config)]
        log = (self.folder / "log").open("ab")
        with log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        assert said, (self.folder / "log").read_text("utf-8")
        self.ready = json.loads(said)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it by a signal; return how it ended."""
        assert self.process is not None
        self.process.send_signal(number)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.wait()

    def close(self) -> None:
        """End it if it runs still."""
        if self.process is not None and self.process.poll() is None:
            self.stop(signal.SIGKILL)

    def resident_kib(self) -> int:
        """Return the memory that it has resident."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        return next(int(row.split()[1]) for row in status.splitlines() if row.startswith("VmRSS"))

    def lines(self) -> list[bytes]:
        """Return its journal as it lies on the disk."""
        files = sorted((self.folder / "state" / "journal").glob("*.journal"))
        return [line for path in files for line in journal.split(path.read_bytes())]

    def records(self) -> tuple[journal.Record, ...]:
        """Return its journal, every signature and link of it checked."""
        vkey = VerifierKey.parse(json.loads(self.run("key", "show", "--json").stdout)["vkey"])
        walk = journal.walk(self.lines(), vkey=vkey)
        assert walk.broken is None, walk.broken
        return walk.records

    def kinds(self) -> list[str]:
        """Return the kinds of its records, in order."""
        return [record.kind for record in self.records()]


def asked(link: ByteLink, question: smp.Message) -> smp.Message:
    """Send one question, and return its answer, whatever stands before it on the line."""
    link.send(smp_lines.encode(question.encode()), within_ms=5_000)
    deframer = smp_lines.Deframer()
    while True:
        for item in deframer.feed(link.receive(within_ms=20_000)):
            if isinstance(item, bytes):
                answer = smp.decode(item)
                if answer.answers(question):
                    return answer


class Plug:
    """A pseudo-terminal whose far end is ours, at a path that stays: a node that comes and goes."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._ours = -1

    def put_in(self) -> None:
        """Let there be a node."""
        self._ours, theirs = os.openpty()
        self.place.unlink(missing_ok=True)
        self.place.symlink_to(os.ttyname(theirs))
        self._theirs = theirs

    def pull(self) -> None:
        """Take it away, whatever is under way."""
        os.close(self._theirs)
        os.close(self._ours)
        self.place.unlink()

    def send(self, data: bytes, *, within_ms: int) -> None:
        """Send all of `data`."""
        assert within_ms
        while data:
            data = data[os.write(self._ours, data) :]

    def receive(self, *, within_ms: int) -> bytes:
        """Return what comes, in its time."""
        ready, _, _ = select.select([self._ours], [], [], within_ms / 1000)
        if not ready:
            raise RecorderSilentError(command="anything", waited_ms=within_ms)
        return os.read(self._ours, 4096)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._theirs)
        os.close(self._ours)
