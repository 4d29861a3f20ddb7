"""The demo, scene by scene: a recorder's whole way, and what happens to a forger.

Everything runs through the dock's own code: the events come from udev (played by
umockdev) or, where that is missing, from a script; the answers from the companion on a
pseudo-terminal; the bytes from a card image. Each scene says what was expected and what
came; the first that fails ends the demo.
"""

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from dock_daemon.bays.bay_view import BayView
from dock_daemon.clock import SystemClock
from dock_daemon.dock import Dock
from dock_daemon.docking.events import FindingMade
from dock_daemon.docking.rules import Rules
from dock_daemon.evidence.state import open_state
from dock_daemon.rehearsal import recording, vouched
from dock_daemon.rehearsal.card import Card
from dock_daemon.rehearsal.companion import BATTERY_PERCENT, CLOCK_BEHIND_S, Companion
from dock_daemon.rehearsal.recording import BAY, CARD_BYTES, DEVICE, PORT, ZONE
from dock_daemon.rehearsal.stage import SceneError, Stage, expect
from dock_daemon.rehearsal.usb import Port

_SETTLED: Final = frozenset({"done", "interrupted", "attention", "fault"})
_STATE_WITHIN_S: Final = 60.0
_OFF_BY_MS: Final = 5000  # of a clock that is known to be behind: a slow machine's share


def play(stage: Stage, *, port: Callable[[], Port]) -> None:
    """Play every scene; raise SceneError or ToolError at the first that goes wrong."""
    recording.configure(stage)
    with Companion(stage.folder / "recorder", number=DEVICE, card=stage.image) as companion:
        recording.record(stage, companion)
        asyncio.run(_dock(stage, port(), companion))
    _verify(stage)
    _forge(stage)
    vouched.play(stage.folder, stage.state, stage.sealed, tell=stage.tell, expect=expect)


async def _dock(stage: Stage, port: Port, companion: Companion) -> None:
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
            stand_ins={port.node: str(stage.image), port.line: str(companion.line)},
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
            await _without_journal(stage, port, states)
        finally:
            dock.stop()
            await serving


async def _pulled_midway(stage: Stage, port: Port, states: "asyncio.Queue[BayView]") -> None:
    stage.tell("dock", {"source": port.hotplug.name, "bay": BAY, "port": PORT})
    stage.pull_soon = True
    view = await _docked(port, states)
    port.pull()
    expect("interrupted", "interrupted", view.state)
    end = stage.ends[-1]
    stage.tell("interrupted", {"sealed": end.sealed, "remaining": end.remaining})


async def _put_back(
    stage: Stage, port: Port, states: "asyncio.Queue[BayView]", before: str
) -> None:
    sealed_before = len(stage.sealed)
    shutil.copyfile(stage.whole, stage.image)
    view = await _docked(port, states)
    expect("resumed", "done", view.state)
    end = stage.ends[-1]
    expect("resumed", f"known {sealed_before}", f"known {end.known}")
    expect("image", before, _sha256(stage.image))
    stage.tell("resumed", {"sealed": end.sealed, "known": end.known, "card_sha256": before})
    _checked(stage)
    hints = [found for found in stage.findings if found.finding == "deleted-unseen"]
    proved = [found for found in stage.findings if found.finding == "journal-missing"]
    expect("findings", "1 hint, 1 proof", f"{len(hints)} hint, {len(proved)} proof")
    expect("findings", hints[0].path, proved[0].path)
    stage.tell("finding", _facts(proved[0]))
    port.pull()


def _checked(stage: Stage) -> None:
    """Tell what the checklist found: a wrong clock, a half-full battery.

    A dock whose own clock is kept by nobody only says how far off the recorder's is; any other
    has set it, at the first docking already.
    """
    checked = stage.checks[-1]
    items = {item.item: item for item in checked.items}
    battery, clock = items["battery"], items["clock"]
    expect("checked", f"battery {BATTERY_PERCENT}", f"battery {battery.value}")
    was_set = clock.reason != "dock-unsynchronized"
    expected_ms = 0 if was_set else -1000 * CLOCK_BEHIND_S
    offset_ms = clock.value
    if offset_ms is None or abs(offset_ms - expected_ms) > _OFF_BY_MS:
        raise SceneError("checked", f"{expected_ms} ms", f"{offset_ms} ms")
    stage.tell(
        "checked-set" if was_set else "checked",
        {
            "verdict": checked.verdict,
            "battery": battery.value,
            "behind_s": CLOCK_BEHIND_S,
            "offset_ms": offset_ms,
            "uncertainty_ms": clock.facts.get("uncertainty_ms"),
        },
    )


async def _later(stage: Stage, port: Port, states: "asyncio.Queue[BayView]") -> None:
    """Delete a sealed clip from the card, and dock again."""
    victim = next(clip for clip in stage.sealed if clip.path.endswith("_0001.mp4"))
    Card(stage.image, ZONE).delete(victim.path)
    view = await _docked(port, states)
    expect("later", "done", view.state)
    deleted = [found for found in stage.findings if found.finding == "deleted"]
    expect("later", f"clip {victim.seq}", f"clip {deleted[0].clip if deleted else None}")
    stage.tell("finding", _facts(deleted[0]))
    port.pull()


async def _without_journal(stage: Stage, port: Port, states: "asyncio.Queue[BayView]") -> None:
    """Dock a recorder that is nothing but a disk: what was deleted on it is only hinted at."""
    stage.findings.clear()
    recording.other_card(stage)
    port.plug(CARD_BYTES)
    view = await _settled(states)
    expect("other", "done", view.state)
    codes = sorted(found.finding for found in stage.findings)
    expect("other", "['deleted-unseen']", str(codes))
    stage.tell("other", {"device": recording.OTHER_DEVICE})
    stage.tell("finding", _facts(stage.findings[0]))
    port.pull()


async def _docked(port: Port, states: "asyncio.Queue[BayView]") -> BayView:
    """Put the recorder in; once it was asked, let it show its card, and wait for the end."""
    port.plug_line()
    await _shown(states, frozenset({"checking"}))
    port.plug(CARD_BYTES)
    return await _shown(states, _SETTLED)


async def _settled(states: "asyncio.Queue[BayView]") -> BayView:
    """Wait for the bay to begin a turn and to come to rest in it."""
    await _shown(states, frozenset({"detecting"}))
    return await _shown(states, _SETTLED)


async def _shown(states: "asyncio.Queue[BayView]", wanted: frozenset[str]) -> BayView:
    async with asyncio.timeout(_STATE_WITHIN_S):
        while True:
            view = await states.get()
            if view.state in wanted:
                return view


def _verify(stage: Stage) -> None:
    code, report = run_verify(stage)
    expect("verify", "exit 0", f"exit {code}")
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
        expect(scene, "exit 6", f"exit {code}")
        named = [str(problem["where"]) for problem in report["problems"]]
        expect(scene, "named", "named" if any(name in at for at in named) else f"only {named}")
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


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
