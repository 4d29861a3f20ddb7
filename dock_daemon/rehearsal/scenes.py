"""The demo, scene by scene: a recorder's whole way, and what happens to a forger.

Everything runs through the dock's own code: the events come from udev (played by
umockdev) or, where that is missing, from a script; the bytes from a card image.
Each scene says what was expected and what came; the first that fails ends the demo.
"""

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from config.loader import Loaded, load
from dock_daemon.bays.bay_view import BayView
from dock_daemon.clock import SystemClock
from dock_daemon.dock import Dock
from dock_daemon.docking.events import (
    Checked,
    ClipKnown,
    ClipSealed,
    ClipUnread,
    Event,
    FindingMade,
    Identified,
    Planned,
    Progress,
    Released,
)
from dock_daemon.docking.rules import Rules
from dock_daemon.evidence.state import open_state
from dock_daemon.rehearsal import vouched
from dock_daemon.rehearsal.card import Card, make_card, make_clip
from dock_daemon.rehearsal.usb import Port

PORT: Final = "pci-0000:00:14.0-usb-0:3"
BAY: Final = "3"
ZONE: Final = "Asia/Shanghai"
_CARD_BYTES: Final = 64 << 20
_SERIAL: Final = 0x20261121
_FOLDER: Final = "DCIM/100ANDRO"
_DEVICE: Final = "8800317"
_OFFICER: Final = "000317"
_CHUNK_BYTES: Final = 65536
_CHUNK_S: Final = 0.006  # what a recorder on USB 2 takes for it
_SEALED_BEFORE_PULL: Final = 2
_LEFT_BYTES: Final = 2 << 20  # of the card, once it was pulled: no clip's data lies below
_SETTLED: Final = frozenset({"done", "interrupted", "attention", "fault"})
_STATE_WITHIN_S: Final = 60.0


class SceneError(Exception):
    """A scene did not end as it must."""

    def __init__(self, scene: str, expected: str, found: str) -> None:
        super().__init__(f"{scene}: expected {expected}, found {found}")
        self.scene = scene
        self.expected = expected
        self.found = found


@dataclass(slots=True)
class Stage:
    """Where the demo plays, and what it has learnt so far."""

    folder: Path
    tell: Callable[[str, dict[str, object]], None]
    sealed: list[ClipSealed] = field(default_factory=list)
    findings: list[FindingMade] = field(default_factory=list)
    ends: list[Released] = field(default_factory=list)
    pull_soon: bool = False

    @property
    def state(self) -> Path:
        """Where the demo's dock keeps everything."""
        return self.folder / "state"

    @property
    def image(self) -> Path:
        """The card that is in the recorder."""
        return self.folder / "card.img"

    @property
    def whole(self) -> Path:
        """The same card, while it is out of the bay."""
        return self.folder / "card.whole.img"

    def settings(self) -> Loaded:
        """Return the demo dock's configuration, from files as on a real one."""
        return load(self.folder / "etc", env={}, overrides={"storage.state": str(self.state)})

    def heard(self, _bay: str, event: Event) -> None:
        """Hear a docking in its own thread, and pull the card out when it is time.

        After an unplug Linux answers reads with no bytes and no error: a file that
        ends early answers the same.
        """
        match event:
            case Progress():
                time.sleep(_CHUNK_S)
                if self.pull_soon and len(self.sealed) >= _SEALED_BEFORE_PULL:
                    self.pull_soon = False
                    os.truncate(self.image, _LEFT_BYTES)
            case ClipSealed():
                self.sealed.append(event)
            case FindingMade():
                self.findings.append(event)
            case Released():
                self.ends.append(event)
            case Identified() | Checked() | Planned() | ClipKnown() | ClipUnread():
                return


def play(stage: Stage, *, port: Callable[[], Port]) -> None:
    """Play every scene; raise SceneError or ToolError at the first that goes wrong."""
    _make(stage)
    asyncio.run(_dock(stage, port()))
    _verify(stage)
    _forge(stage)
    vouched.play(stage.folder, stage.state, stage.sealed, tell=stage.tell, expect=_expect)


def _make(stage: Stage) -> None:
    """Record clips and put them on a card."""
    source = stage.folder / "recorder"
    source.mkdir()
    _configure(stage)
    card = make_card(stage.image, size=_CARD_BYTES, serial=_SERIAL, zone=ZONE)
    for folder in ("DCIM", _FOLDER):
        card.make_folder(folder)
    now = datetime.now(ZoneInfo(ZONE)).replace(microsecond=0)
    clips = _record(source, now)
    # One recording that was cut off, and one that the officer deletes before docking.
    truncated = clips[2]
    whole = truncated.read_bytes()
    truncated.write_bytes(whole[: len(whole) * 6 // 10])
    param = source / "Param.ini"
    param.write_bytes(
        f"[ZFY]\r\nDevNo={_DEVICE}\r\nPolNo={_OFFICER}\r\nUserName=张䶮\r\n"
        "Department=执法一科\r\n".encode("gb18030")
    )
    card.put(param, "Param.ini")
    for at, clip in enumerate(clips):
        start = now - timedelta(minutes=60 - 10 * at)
        os.utime(clip, (start.timestamp(), start.timestamp()))
        card.put(clip, f"{_FOLDER}/{clip.name}")
    card.delete(f"{_FOLDER}/{clips[-1].name}")
    shutil.copyfile(stage.image, stage.whole)
    stage.tell(
        "recorder",
        {"clips": len(clips) - 1, "device": _DEVICE, "card": str(stage.image), "deleted": 1},
    )


def _record(source: Path, now: datetime) -> list[Path]:
    clips = []
    for number, pattern in enumerate(("testsrc2", "testsrc", "smptebars", "rgbtestsrc"), 1):
        start = now - timedelta(minutes=70 - 10 * number)
        name = f"{_DEVICE}_{_OFFICER}_{start:%Y%m%d%H%M%S}_{number:04d}.mp4"
        make_clip(source / name, seconds=3, pattern=pattern, tone_hz=220 * number)
        clips.append(source / name)
    return clips


def _configure(stage: Stage) -> None:
    etc = stage.folder / "etc"
    etc.mkdir()
    etc.joinpath("sealdock.toml").write_text(
        f'[dock]\norigin = "demo.invalid/dock"\nname = "DEMO"\ntimezone = "{ZONE}"\n\n'
        f'[ingest]\nchunk_bytes = {_CHUNK_BYTES}\n\n[[bays]]\nname = "{BAY}"\nports = ["{PORT}"]\n',
        encoding="utf-8",
    )
    etc.joinpath("register.csv").write_text(
        f"recorder,user_no,name,unit\n{_DEVICE},{_OFFICER},张䶮,执法一科\n", encoding="utf-8"
    )


async def _dock(stage: Stage, port: Port) -> None:
    """Run the dock; put the recorder in, pull it out midway, put it back, come back later."""
    loaded = stage.settings()
    states: asyncio.Queue[BayView] = asyncio.Queue()
    before = _sha256(stage.whole)
    with open_state(loaded, SystemClock()) as state:
        dock = Dock(
            state,
            loaded,
            Rules.of(loaded),
            SystemClock(),
            port.hotplug,
            stand_ins={port.node: str(stage.image)},
            heard=stage.heard,
            shown=states.put_nowait,
        )
        ready = asyncio.Event()
        serving = asyncio.create_task(dock.serve(ready=ready.set, alive=lambda: None))
        try:
            await ready.wait()
            await _pulled_midway(stage, port, states)
            await _put_back(stage, port, states, before)
            await _later(stage, port, states)
        finally:
            dock.stop()
            await serving


async def _pulled_midway(stage: Stage, port: Port, states: "asyncio.Queue[BayView]") -> None:
    stage.tell("dock", {"source": port.hotplug.name, "bay": BAY, "port": PORT})
    stage.pull_soon = True
    port.plug(_CARD_BYTES)
    view = await _settled(states)
    port.pull()
    _expect("interrupted", "interrupted", view.state)
    end = stage.ends[-1]
    stage.tell("interrupted", {"sealed": end.sealed, "remaining": end.remaining})


async def _put_back(
    stage: Stage, port: Port, states: "asyncio.Queue[BayView]", before: str
) -> None:
    sealed_before = len(stage.sealed)
    shutil.copyfile(stage.whole, stage.image)
    port.plug(_CARD_BYTES)
    view = await _settled(states)
    _expect("resumed", "done", view.state)
    end = stage.ends[-1]
    _expect("resumed", f"known {sealed_before}", f"known {end.known}")
    _expect("image", before, _sha256(stage.image))
    unseen = [found for found in stage.findings if found.finding == "deleted-unseen"]
    _expect("findings", "1 deleted-unseen", f"{len(unseen)} deleted-unseen")
    stage.tell("resumed", {"sealed": end.sealed, "known": end.known, "card_sha256": before})
    stage.tell("finding", _facts(unseen[0]))
    port.pull()


async def _later(stage: Stage, port: Port, states: "asyncio.Queue[BayView]") -> None:
    """Delete a sealed clip from the card, and dock again."""
    victim = next(clip for clip in stage.sealed if clip.path.endswith("_0001.mp4"))
    Card(stage.image, ZONE).delete(victim.path)
    port.plug(_CARD_BYTES)
    view = await _settled(states)
    _expect("later", "done", view.state)
    deleted = [found for found in stage.findings if found.finding == "deleted"]
    _expect("later", f"clip {victim.seq}", f"clip {deleted[0].clip if deleted else None}")
    stage.tell("finding", _facts(deleted[0]))
    port.pull()


async def _settled(states: "asyncio.Queue[BayView]") -> BayView:
    """Wait for the bay to begin a turn and to come to rest in it."""
    begun = False
    async with asyncio.timeout(_STATE_WITHIN_S):
        while True:
            view = await states.get()
            begun = begun or view.state == "detecting"
            if begun and view.state in _SETTLED:
                return view


def _verify(stage: Stage) -> None:
    code, report = run_verify(stage)
    _expect("verify", "exit 0", f"exit {code}")
    stage.tell("verified", {"entries": report["entries"], "clips": report["clips"]})


def _forge(stage: Stage) -> None:
    """Change one byte of a stored clip, then one of the log; both must be named."""
    clip = stage.sealed[0]
    stored = stage.state / "store" / "clips" / clip.sha256[:2] / clip.sha256
    bundles = [path for path in (stage.state / "log/tile/entries").rglob("*") if path.is_file()]
    bundle = max(bundles, key=lambda path: path.stat().st_size)
    for scene, path in (("forged-clip", stored), ("forged-log", bundle)):
        name = str(path.relative_to(stage.state / path.relative_to(stage.state).parts[0]))
        with _one_byte_changed(path):
            code, report = run_verify(stage)
        _expect(scene, "exit 6", f"exit {code}")
        named = [str(problem["where"]) for problem in report["problems"]]
        _expect(scene, "named", "named" if any(name in at for at in named) else f"only {named}")
        problem = report["problems"][0]
        stage.tell(scene, {"file": name, "exit_code": code, "problem": problem})
    _verify(stage)


def run_verify(stage: Stage) -> tuple[int, dict[str, Any]]:
    """Run `sealdock verify` as anyone would; return its exit code and what it printed."""
    log = stage.state / "log"
    done = subprocess.run(
        [sys.executable, "-m", "dock_daemon.commands.root", "verify", str(log), "--key",
         str(log / "vkey"), "--store", str(stage.state / "store"), "--json"],
        capture_output=True,
        check=False,
        env={name: value for name, value in os.environ.items() if name != "LD_PRELOAD"},
    )  # fmt: skip
    try:
        return done.returncode, json.loads(done.stdout)
    except ValueError:
        raise SceneError("verify", "a report", done.stderr.decode("utf-8", "replace")) from None


@contextmanager
def _one_byte_changed(path: Path) -> Iterator[None]:
    before = path.read_bytes()
    middle = len(before) // 2
    mode = path.stat().st_mode
    try:
        path.chmod(0o640)
        path.write_bytes(before[:middle] + bytes([before[middle] ^ 1]) + before[middle + 1 :])
        yield
    finally:
        path.write_bytes(before)
        path.chmod(mode)


def _facts(found: FindingMade) -> dict[str, object]:
    return {
        "finding": found.finding,
        "volume": found.volume,
        "path": found.path,
        "seq": found.seq,
        "facts": dict(found.facts),
    }


def _expect(scene: str, expected: str, found: str) -> None:
    if expected != found:
        raise SceneError(scene, expected, found)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
