"""The demo's recorder: the companion itself, as a process, on a pseudo-terminal.

Its clock is wrong and its battery half full; both stand in files, as the kernel would show
them. Clips that are written into its folder it journals with its own key.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from dock_daemon.rehearsal import children
from dock_daemon.rehearsal.card import ToolError

BATTERY_PERCENT: Final = 52
CLOCK_BEHIND_S: Final = 431
_WITHIN_S: Final = 30.0
_LOOK_S: Final = 0.05
_BATTERY: Final = {
    "type": "Battery",
    "capacity": str(BATTERY_PERCENT),
    "status": "Discharging",
    "charge_full": "910000",
    "charge_full_design": "1000000",
    "cycle_count": "218",
}


class Companion:
    """A recorder of the number `number` in `folder`; use it as a context manager."""

    def __init__(self, folder: Path, *, number: str, card: Path) -> None:
        self.clips = folder / "clips"
        self.line = folder / "line"
        self._folder = folder
        self._number = number
        self._card = card
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._make()
        with (self._folder / "agent.log").open("ab") as log:
            self._process = children.start(
                self._command("run", "--json"), errors=log, env=children.environment()
            )
        if not _line_of(self._process.stdout):
            raise ToolError("sealdock-agent", (self._folder / "agent.log").read_text("utf-8"))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            children.end(self._process, within_s=_WITHIN_S)

    def journalled(self, clips: int) -> list[dict[str, object]]:
        """Wait until so many clips stand in the journal; return their records."""
        until = time.monotonic() + _WITHIN_S
        while True:
            records = [one for one in self._records() if one["kind"] == "clip"]
            if len(records) >= clips:
                return records
            if time.monotonic() > until:
                raise ToolError("sealdock-agent", f"{len(records)} of {clips} clips journalled")
            time.sleep(_LOOK_S)

    def _records(self) -> list[dict[str, object]]:
        done = subprocess.run(
            self._command("journal", "show", "--json", "--last", "1000"),
            capture_output=True,
            check=False,
            env=children.environment(),
        )
        if done.returncode:
            raise ToolError("sealdock-agent", done.stderr.decode("utf-8", "replace"))
        return [json.loads(line) for line in done.stdout.splitlines()]

    def _make(self) -> None:
        self.clips.mkdir(parents=True)
        supply = self._folder / "power_supply" / "battery"
        supply.mkdir(parents=True)
        for name, value in _BATTERY.items():
            (supply / name).write_text(f"{value}\n", encoding="ascii")
        (self._folder / "kmsg").touch()
        state = self._folder / "state"
        state.mkdir(mode=0o700)
        behind_us = -CLOCK_BEHIND_S * 1_000_000
        (state / "clock.json").write_text(json.dumps({"offset_us": behind_us}) + "\n", "ascii")
        (self._folder / "agent.toml").write_text(
            f"""\
[recorder]
number = "{self._number}"
model = "DEMO"
firmware = "1.0"
state = "{state}"

[serial]
pty = "{self.line}"

[clips]
folder = "{self.clips}"

[clock]
kind = "kept"

[battery]
supplies = "{self._folder}/power_supply"

[faults]
kernel_log = "{self._folder}/kmsg"

[export]
mode = "image"
backing = "{self._card}"
lun = "{self._folder}/lun"
helper = ""
controllers = "{self._folder}/udc"
""",
            encoding="utf-8",
        )

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "agent", *words, "--config", f"{self._folder}/agent.toml"]


def _line_of(pipe: IO[bytes] | None) -> bytes:
    return b"" if pipe is None else pipe.readline()
