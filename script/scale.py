"""What script/scale runs: one real central process, and docks that all want something of it.

Order, for each kind of database and each number of docks: make all that will be sent - start
the centre with docks enrolled - run - judge - print. The load and the centre share the machine.
"""

import argparse
import asyncio
import contextlib
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]  # python -I puts it there by no means of its own

import psycopg  # noqa: E402  the path above is needed for what follows

from central.centre import Centre  # noqa: E402
from central.cosigning.cosigner import load as load_keys  # noqa: E402
from config.central_loader import load_central  # noqa: E402
from tests import fleet_load  # noqa: E402
from tests.fleet_load import ENTRIES, PENDING, WITNESS, Dock, Run  # noqa: E402
from tests.postgres import Postgres  # noqa: E402

PROGRAM: Final = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from central.commands.root import main
main()
"""
WITHIN_S: Final = 900.0  # that one measurement may last
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one measurement showed. Times in seconds or, where the name says so, milliseconds."""

    database: str
    docks: int
    hostile: int
    rounds: int
    entries: int
    at_once: int
    pace: float
    wall_s: float
    rounds_per_s: float
    requests_per_s: float
    latency_ms: dict[str, list[float]]
    """By kind of request: median, 99th of a hundred, longest."""
    longest_gap_s: float
    """The longest that an honest dock waited from one answer to the next."""
    memory_mib: float
    """The most that the central process held."""
    processor: float
    """Processor seconds of the central process by each second of the run; 1.0 is one core."""
    database_mib: float
    cosigned: int
    wrong: int
    unserved: int


def main() -> int:
    """Measure what was asked for; return 1 where something was cosigned wrongly, or starved."""
    asked = _asked()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 16_384)), hard))
    bad = False
    if not asked.json:
        print(_machine())
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(_postgresql()) if "postgresql" in asked.database else None
        for count in asked.docks:
            docks = fleet_load.make(
                count, asked.rounds, entries=asked.entries, hostile=asked.hostile
            )
            for kind in asked.database:
                url = server.fresh() if server is not None and kind == "postgresql" else ""
                figures = _measure(docks, kind, url, asked)
                bad |= figures.wrong > 0 or figures.unserved > 0
                print(json.dumps(asdict(figures)) if asked.json else _said(figures), flush=True)
    return 1 if bad else 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/scale", description=__doc__.split("\n")[0])
    parser.add_argument("--docks", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--entries", type=int, default=8, help="a dock's new entries in a round")
    parser.add_argument("--hostile", type=int, default=10, help="every so manieth; 0: none")
    parser.add_argument(
        "--pace", type=float, default=0.0, help="rounds that begin in a second; 0: all at once"
    )
    parser.add_argument("--at-once", type=int, default=0, help="0: as many as there are docks")
    parser.add_argument(
        "--database", nargs="+", choices=["sqlite", "postgresql"],
        default=["sqlite", "postgresql"],
    )  # fmt: skip
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _measure(docks: Sequence[Dock], kind: str, url: str, asked: argparse.Namespace) -> Figures:
    with tempfile.TemporaryDirectory(prefix="sealdock-scale-") as folder:
        overrides = {"storage.state": folder, "database.url": url, "web.listen": "127.0.0.1:0"}
        overrides["inventory.at"] = ""
        loaded = load_central(overrides=overrides)
        centre = Centre.open(loaded, signs=True)  # makes the cosigners' keys
        for dock in docks:
            vkey = str(dock.key.verifier())
            centre.register.enrol(dock.origin, [vkey], now_ms=centre.clock())
        centre.close()
        keys = {
            role: tuple(key.verifier() for key in load_keys(Path(folder) / "keys" / f"{role}.key"))
            for role in ("witness", "mirror")
        }
        with _served(overrides) as (process, address):
            before_s = _processor_s(process.pid)
            done = asyncio.run(_run(docks, address, asked.at_once or len(docks), asked.pace))
            used_s = _processor_s(process.pid) - before_s
            memory = _memory_mib(process.pid)
        verdict = fleet_load.judge(docks, done, keys)
        size = sum(path.stat().st_size for path in Path(folder).glob("central.db*"))
    honest = {dock.origin for dock in docks if dock.kind == "honest"}
    refused = [
        f"{each.dock} {each.step.path}: {each.status} {each.body[:200]!r}"
        for each in done.answers
        if each.dock in honest and each.status != 200  # noqa: PLR2004  HTTP's own number
    ]
    for why in (*verdict.wrong[:5], *verdict.unserved[:5], *refused[:5]):
        print(f"WRONG: {why}", file=sys.stderr)
    return Figures(
        database=kind,
        docks=len(docks),
        hostile=len(docks) - len(honest),
        rounds=asked.rounds,
        entries=asked.entries,
        at_once=asked.at_once or len(docks),
        pace=asked.pace,
        wall_s=round(done.wall_s, 2),
        rounds_per_s=round(len(honest) * asked.rounds / done.wall_s, 1),
        requests_per_s=round(len(done.answers) / done.wall_s, 1),
        latency_ms=_latencies(done),
        longest_gap_s=round(_longest_gap(done, honest), 2),
        memory_mib=round(memory, 1),
        processor=round(used_s / done.wall_s, 2),
        database_mib=round(size / 2**20, 1),
        cosigned=verdict.cosigned,
        wrong=len(verdict.wrong),
        unserved=len(verdict.unserved),
    )


async def _run(docks: Sequence[Dock], address: str, at_once: int, pace: float) -> Run:
    async with asyncio.timeout(WITHIN_S):
        return await fleet_load.run(docks, address, at_once=at_once, pace=pace)


@contextlib.contextmanager
def _served(overrides: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run `sealdock-central run` as its own process; yield it and where it listens."""
    variables = {
        f"SEALDOCK_CENTRAL_{name.replace('.', '_').upper()}": value
        for name, value in overrides.items()
        if value
    }
    command = [sys.executable, "-I", "-c", PROGRAM, str(HERE.parent), "run", "--json"]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            command, env={**os.environ, **variables}, stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                log.seek(0)
                raise SystemExit(f"the centre did not start: {log.read()[-2000:]}")
            yield process, str(json.loads(line)["address"])
        finally:
            process.terminate()
            process.wait(timeout=60)


@contextlib.contextmanager
def _postgresql() -> Iterator[Postgres]:
    """Run a PostgreSQL server of our own that syncs what it commits, as in earnest."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        raise SystemExit("a PostgreSQL server is missing (Debian: postgresql)")
    with tempfile.TemporaryDirectory(prefix="sealdock-scale-pg-") as folder:
        account = "nobody" if os.geteuid() == 0 else None
        if account is not None:
            import pwd  # noqa: PLC0415  only root needs another user

            os.chown(folder, pwd.getpwnam(account).pw_uid, -1)
        server = Postgres(found[-1].parent, Path(folder), account)
        server.start()
        try:
            _sync(server)
            yield server
        finally:
            server.stop()


def _sync(server: Postgres) -> None:
    """Let it sync: the tests' server does not, since they kill processes and no machines."""
    with psycopg.connect(host=str(server.folder), user="sealdock", dbname="postgres") as link:
        link.autocommit = True
        link.execute("ALTER SYSTEM SET fsync = on")
        link.execute("SELECT pg_reload_conf()")


def _latencies(done: Run) -> dict[str, list[float]]:
    names = {WITNESS: "witness", PENDING: "pending", ENTRIES: "entries"}
    found: dict[str, list[float]] = {}
    for path, name in names.items():
        times = sorted(
            1000 * (answer.ended_s - answer.began_s)
            for answer in done.answers
            if answer.step.path == path and answer.status == 200  # noqa: PLR2004  HTTP's own number
        )
        if times:
            late = times[min(len(times) * 99 // 100, len(times) - 1)]
            found[name] = [round(it, 1) for it in (statistics.median(times), late, times[-1])]
    return found


def _longest_gap(done: Run, honest: set[str]) -> float:
    """Return the longest that an honest dock waited for an answer, or between two of one round."""
    last: dict[str, float] = {}
    longest = 0.0
    for answer in sorted(done.answers, key=lambda each: each.ended_s):
        if answer.dock in honest:
            # A new round may have been waited for on purpose: it begins with its first request.
            before = answer.began_s if answer.step.path == WITNESS else last[answer.dock]
            longest = max(longest, answer.ended_s - before)
            last[answer.dock] = answer.ended_s
    return longest


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _memory_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    (kilobytes,) = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(kilobytes) / 1024


def _machine() -> str:
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text("utf-8"))
    name = found[1] if found else "unknown processor"
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores of {name}, load {load:.1f}, {time.strftime('%Y-%m-%d')}"


def _said(figures: Figures) -> str:
    paced = f", {figures.pace:g} rounds begun a second" if figures.pace else ", all at once"
    lines = [
        f"{figures.docks} docks ({figures.hostile} hostile), {figures.database}{paced}",
        f"    {figures.rounds} rounds of {figures.entries} entries in {figures.wall_s} s",
        f"    {figures.rounds_per_s} rounds/s, {figures.requests_per_s} requests/s",
    ]
    for name, (median, late, longest) in figures.latency_ms.items():
        lines.append(f"    {name:8} {median:8.1f} ms median {late:9.1f} p99 {longest:9.1f} max")
    lines += [
        f"    longest gap of an honest dock {figures.longest_gap_s} s",
        f"    the centre took {figures.memory_mib} MiB and {figures.processor} cores",
        f"    {figures.cosigned} cosigned, {figures.wrong} wrongly, {figures.unserved} unserved",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
