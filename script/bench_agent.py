"""What script/bench-agent runs: the companion on a pseudo-terminal, looked at from outside.

Order: started - asked everything a thousand times over, a clip hashed, the volume out and back -
left alone for a while. Memory is read before and after, CPU time around the idling.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]  # python -I does not put it there by itself

from firmware_bridge.control.host_clock import RealClock  # noqa: E402  the path above is needed
from firmware_bridge.drivers.open import OpenDriver  # noqa: E402
from firmware_bridge.transports.serial_port import open_serial  # noqa: E402
from firmware_bridge.wire import companion, smp, smp_lines  # noqa: E402

SETTINGS: Final = """
[recorder]
number = "BENCH-1"
state = "{folder}/state"
[serial]
pty = "{folder}/tty"
[clips]
folder = "{folder}/clips"
[clock]
kind = "kept"
[battery]
supplies = "{folder}/power"
[faults]
kernel_log = ""
[journal]
alive_s = 300
[export]
mode = "image"
backing = "{folder}/card.img"
lun = "{folder}/lun"
helper = ""
"""

GOAL_MIB: Final = 35
ROUNDS: Final = 1000
CLIP_MIB: Final = 256
SLOWER: Final = 15.0
"""How much longer one core of a Pi Zero 2 (Cortex-A53, 1 GHz) is taken to need for Python.

An assumption, on the safe side of the 8 to 12 that this kind of core is usually said to be
slower than a server's; measure there before you rely on it.
"""


@dataclass(frozen=True, slots=True)
class Memory:
    """What the kernel says that a process has, in MiB: now, at most so far, its fair share."""

    resident: float
    peak: float
    share: float

    @classmethod
    def of(cls, pid: int) -> "Memory":
        """Return what one process has."""
        rows = _rows(Path(f"/proc/{pid}/status")) | _rows(Path(f"/proc/{pid}/smaps_rollup"))
        return cls(*(round(rows[name] / 1024, 1) for name in ("VmRSS", "VmHWM", "Pss")))


def main() -> None:
    """Measure, and print what came of it."""
    parser = argparse.ArgumentParser(prog="script/bench-agent")
    parser.add_argument("--idle", type=int, default=120, help="seconds of idling")
    parser.add_argument(
        "--slower", type=float, default=SLOWER, help="a Pi Zero 2 is so much slower"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-agent-") as folder:
        figures = measured(Path(folder), told.idle, told.slower)
    if told.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:28} {value}")


def measured(folder: Path, idle_s: int, slower: float) -> dict[str, object]:
    """Return the figures by name."""
    process = start(folder)
    try:
        begun = Memory.of(process.pid)
        asked_s, hashed_s = work(folder)
        worked = Memory.of(process.pid)
        before_ns, woken = cpu_ns(process.pid), wakes(process.pid)
        time.sleep(idle_s)
        idle_ms_hour = (cpu_ns(process.pid) - before_ns) / 1e6 * 3600 / idle_s
        wakes_minute = (wakes(process.pid) - woken) * 60 / idle_s
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
    percent = idle_ms_hour / 3_600_000 * 100
    return {
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "resident_mib_begun": begun.resident,
        "resident_mib_worked": worked.resident,
        "resident_mib_peak": worked.peak,
        "share_mib_worked": worked.share,
        "goal_mib": GOAL_MIB,
        "goal_met": worked.peak <= GOAL_MIB,
        "question_ms": round(asked_s * 1000, 2),
        "hash_mib_s": round(CLIP_MIB / hashed_s),
        "idle_cpu_ms_an_hour": round(idle_ms_hour, 1),
        "idle_cpu_percent": round(percent, 5),
        "idle_wakes_a_minute": round(wakes_minute, 1),
        "pi_zero_2_scaled_by": slower,
        "pi_zero_2_idle_cpu_percent_scaled_not_measured": round(percent * slower, 4),
    }


def start(folder: Path) -> subprocess.Popen[str]:
    """Start the companion in `folder`, and wait until it serves."""
    (folder / "clips").mkdir()
    supply = folder / "power" / "battery"
    supply.mkdir(parents=True)
    for name, value in (("type", "Battery"), ("capacity", "50"), ("status", "Discharging")):
        (supply / name).write_text(value, encoding="ascii")
    (folder / "agent.toml").write_text(SETTINGS.format(folder=folder), encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "agent", "run", "--json", "--config", str(folder / "agent.toml")],
        cwd=HERE.parent,
        stdout=subprocess.PIPE,
        text=True,
    )
    if process.stdout is None or not process.stdout.readline():
        raise SystemExit("the companion did not start")
    return process


def work(folder: Path) -> tuple[float, float]:
    """Ask everything many times, have a clip hashed; return the seconds of a question, of it."""
    link = open_serial(str(folder / "tty"))
    driver = OpenDriver(link, RealClock())
    driver.identity()
    questions = (driver.battery, driver.read_clock, driver.storage, driver.faults)
    begun = time.perf_counter()
    for _ in range(ROUNDS):
        for question in questions:
            question()
    asked_s = (time.perf_counter() - begun) / (ROUNDS * len(questions))
    block = os.urandom(1 << 20)
    with (folder / "clips" / "a.mp4").open("wb") as clip:
        for _ in range(CLIP_MIB):
            clip.write(block)
    begun = time.perf_counter()
    driver.switch_to_storage()  # hashes what was closed, first
    hashed_s = time.perf_counter() - begun
    # Back again, as after the cable was pulled: idling is that of a recorder on its own.
    back = companion.StorageMode(export=False).build()
    question = smp.question(smp.Op.WRITE, companion.GROUP, companion.Command.STORAGE_MODE, 0, back)
    link.send(smp_lines.encode(question.encode()), within_ms=1000)
    link.receive(within_ms=10_000)
    link.close()
    return asked_s, hashed_s


def cpu_ns(pid: int) -> int:
    """Return the time that a process has been on a CPU."""
    return int(Path(f"/proc/{pid}/schedstat").read_text("ascii").split()[0])


def wakes(pid: int) -> int:
    """Return how often a process has let go of the CPU by itself."""
    return _rows(Path(f"/proc/{pid}/status"))["voluntary_ctxt_switches"]


def _rows(path: Path) -> dict[str, int]:
    rows = (row.split() for row in path.read_text("utf-8").splitlines())
    return {row[0].rstrip(":"): int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit()}


if __name__ == "__main__":
    main()
