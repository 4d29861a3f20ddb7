"""What script/bench ingest runs: this dock and others that copy clips, on one corpus, in turns.

Every party has all it wrote on its disk for good when its command returns. This dock has then
also read every clip back past the page cache and hashed it again, and entered and signed it.
"""

import argparse
import json
import os
import platform
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]  # python -I puts neither there by itself

import bench_sources as sources  # noqa: E402  the paths above are needed for it
from bench_measure import Cost, Goal, Result, contest, cost_of, file_system, load  # noqa: E402
from bench_sources import Corpus, Pace  # noqa: E402
from bench_stage import KEY, machine  # noqa: E402
from bench_stage import make as make_log  # noqa: E402

from dock_daemon.clock import SystemClock  # noqa: E402
from dock_daemon.evidence.ledger import Ledger  # noqa: E402
from dock_daemon.evidence.records import Record  # noqa: E402
from hashing.canonical import JSON  # noqa: E402, TC001  as above; a type alone
from hashing.entry import GENESIS_PREV, leaf_hash  # noqa: E402

US: Final = "this dock"
CP: Final = "cp -a, sync"
OPENSSL: Final = "cp -a, sync, openssl dgst of both"
MB: Final = 1_000_000
# An SD card of the better kind: 40 MB/s and 300 requests a second to write, 90 MB/s to read.
SD: Final = Pace(read=90 * MB, write=40 * MB, writes=300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is copied: clips of so many bytes in each bay."""

    clips: int
    clip_bytes: int
    files: int
    slow_files: int
    paced_clips: int
    entries: int
    appends: int


FULL: Final = Sizes(
    clips=10, clip_bytes=50 * MB, files=5_000, slow_files=1_000, paced_clips=9,
    entries=1_000_000, appends=500,
)  # fmt: skip
QUICK: Final = Sizes(
    clips=2, clip_bytes=8 * MB, files=200, slow_files=100, paced_clips=2,
    entries=20_000, appends=50,
)  # fmt: skip
TINY: Final = Sizes(
    clips=1, clip_bytes=2 * MB, files=3, slow_files=2, paced_clips=1, entries=600, appends=3
)


class Bench:
    """Where all happens: sources in one folder, copies in another, on the disk that is measured."""

    def __init__(self, work: Path, sizes: Sizes, rounds: int, *, quiet: bool) -> None:
        self.work = work
        self.sizes = sizes
        self.rounds = rounds
        self.results: list[Result] = []
        self.skipped: dict[str, str] = {}
        self._quiet = quiet

    def say(self, text: str) -> None:
        """Print a line, unless only the figures are wanted."""
        if not self._quiet:
            print(text, flush=True)

    def tell(self, result: Result) -> None:
        """Keep a result and print it. What is small is mostly the start of a process."""
        if self.sizes != FULL:
            result.goals.clear()
        self.results.append(result)
        self.say("\n".join(result.lines()))

    def skip(self, name: str, why: str) -> None:
        """Say that a contest is not held."""
        self.skipped[name] = why
        self.say(f"{name}: not measured, {why}")

    @contextmanager
    def folder(self, place: Path | None = None) -> Iterator[Path]:
        """Give an empty folder that is gone afterwards."""
        with tempfile.TemporaryDirectory(dir=place or self.work) as folder:
            yield Path(folder)

    def party(self, command: Callable[[Path], Sequence[str]], place: Path) -> Callable[[], Cost]:
        """Return what runs a command into an empty folder at `place`, everything else synced.

        A dock that has been started before lies in the folder: it costs the others nothing.
        """

        def run() -> Cost:
            with self.folder(place) as target:
                cost_of(ours(())(target))
                os.sync()
                return cost_of(command(target))

        return run


def ours(cards: Sequence[Path]) -> Callable[[Path], list[str]]:
    """Return the command with which this dock takes cards over."""
    program = [sys.executable, "-I", str(HERE / "bench_dock.py")]
    return lambda target: [*program, str(target / "state"), *map(str, cards)]


def for_each(trees: Sequence[Path], script: str) -> Callable[[Path], list[str]]:
    """Return a shell command that does `script` for each tree ($1) into a folder ($2), at once.

    It ends when all have ended, with the file system synced; any failure is one of the whole.
    """
    each = f'({script}) & jobs="$jobs $!"'

    def command(target: Path) -> list[str]:
        lines = ["set -e; jobs="]
        for number, tree in enumerate(trees):
            to = shlex.quote(str(target / str(number)))
            lines.append(f"set -- {shlex.quote(str(tree))} {to}; {each}")
        lines += ["for job in $jobs; do wait $job; done", f"sync -f {shlex.quote(str(target))}"]
        return ["sh", "-c", "\n".join(lines)]

    return command


_HASHED: Final = "(cd {0}; find . -type f -print0 | sort -z | xargs -0 openssl dgst -sha256 -r)"
_BOTH: Final = f"{_HASHED.format('$1')} >$2.a; {_HASHED.format('$2')} >$2.b; cmp $2.a $2.b"


def peers(trees: Sequence[Path]) -> tuple[dict[str, Callable[[Path], list[str]]], list[str]]:
    """Return how others copy these trees, and who of them is not installed."""
    known: dict[str, tuple[str, str]] = {
        CP: ("cp", "cp -a $1 $2"),
        OPENSSL: ("openssl", f"set -e; cp -a $1 $2; sync -f $2; {_BOTH}"),
        "rsync -a --checksum": ("rsync", "rsync -a --checksum $1/ $2"),
        "rclone copy --checksum": ("rclone", "rclone copy --config /dev/null --checksum $1 $2"),
        "bagit, SHA-256": ("bagit.py", "cp -a $1 $2; {program} --quiet --sha256 $2"),
        "ascmhl create, C4": ("ascmhl", "cp -a $1 $2; {program} create -h c4 $2"),
    }
    here, missing = {}, []
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent)])
    for name, (program, script) in known.items():
        found = shutil.which(program, path=places)
        if found is None:
            missing.append(program)
        else:
            here[name] = for_each(trees, script.replace("{program}", shlex.quote(found)))
    return here, missing


def copied(
    bench: Bench, name: str, corpus: Corpus, place: Path, *, only: Sequence[str] = ()
) -> Result:
    """Hold a contest of copying a corpus to `place`, among all peers or `only` some."""
    others, missing = peers(corpus.trees)
    commands = {US: ours(corpus.cards), **others}
    parties = {
        party: bench.party(command, place)
        for party, command in commands.items()
        if not only or party in {US, *only}
    }
    result = contest(name, parties, rounds=bench.rounds)
    mine = result.costs[US]
    result.notes.append(f"this dock: {mine.cpu_s / (corpus.bytes / 1e9):.2f} CPU s/GB")
    if missing and not only:
        result.notes.append(f"not installed: {', '.join(missing)}")
    return result


def clips(bench: Bench) -> None:
    """Large clips from four bays at once."""
    with bench.folder(_memory()) as folder:
        sizes = bench.sizes
        corpus = sources.make(folder, bays=4, clips=sizes.clips, size=sizes.clip_bytes)
        result = copied(
            bench, f"{corpus.bytes / 1e9:.1f} GB in clips, four bays", corpus, bench.work
        )
        mine = result.costs[US]
        result.goals += [
            Goal(what="wall, against cp", found=result.ratio(CP), most=1.25),
            Goal(what="wall, against openssl", found=result.ratio(OPENSSL), most=0.6),
            Goal(what="CPU s/GB", found=mine.cpu_s / (corpus.bytes / 1e9), most=2.2),
            Goal(what="peak memory, MiB", found=mine.rss_mib, most=100),
        ]
        bench.tell(result)


def files(bench: Bench) -> None:
    """Many small files from one bay."""
    with bench.folder(_memory()) as folder:
        corpus = sources.make(folder, bays=1, clips=bench.sizes.files, size=64 << 10)
        result = copied(bench, f"{corpus.clips:,} files of 64 KiB, one bay", corpus, bench.work)
        result.goals.append(Goal(what="wall, against cp", found=result.ratio(CP), most=1.75))
        bench.tell(result)


def slow(bench: Bench) -> None:
    """Small files to a disk like an SD card."""
    name = "small files to 40 MB/s and 300 writes/s"
    if why := sources.why_not_paced() or sources.why_not_mounted():
        bench.skip(name, why)
        return
    with bench.folder(_memory()) as folder:
        corpus = sources.make(folder, bays=1, clips=bench.sizes.slow_files, size=64 << 10)
        with sources.disk(folder, 1 << 30, SD) as disk:
            result = copied(bench, name, corpus, disk, only=(CP,))
        result.goals.append(Goal(what="wall, against cp", found=result.ratio(CP), most=1.7))
        bench.tell(result)


def paced(bench: Bench) -> None:
    """Eight cards that give 30 MB/s each; others copy the cards as files."""
    name = "eight bays at 30 MB/s"
    if why := sources.why_not_paced():
        bench.skip(name, why)
        return
    with bench.folder(_memory()) as folder:
        sizes = bench.sizes
        corpus = sources.make(
            folder, bays=8, clips=sizes.paced_clips, size=sizes.clip_bytes, trees=False
        )
        faces = folder / "paced"
        faces.mkdir()
        with sources.paced(list(corpus.cards), faces, Pace(read=30 * MB)) as cards:
            # A card is its clips and a little more: as many bytes as the clips are copied of it.
            head = f"head -c {sizes.paced_clips * sizes.clip_bytes} $1 >$2"
            parties = {
                US: bench.party(ours(cards), bench.work),
                "head -c, sync: as cp": bench.party(for_each(cards, head), bench.work),
            }
            result = contest(name, parties, rounds=bench.rounds)
        peer = next(party for party in parties if party != US)
        result.goals.append(Goal(what="wall, against cp", found=result.ratio(peer), most=1.05))
        bench.tell(result)


def once(bench: Bench) -> None:
    """How much is read of a card, counted by the kernel below its page cache."""
    name = "bytes read of a card, by its clips' bytes"
    if why := sources.why_not_mounted():
        bench.skip(name, why)
        return
    with bench.folder() as folder:
        corpus = sources.make(folder, bays=1, clips=bench.sizes.clips, size=bench.sizes.clip_bytes)
        with sources.attached(corpus.cards[0]) as (node, counted):
            before = counted()
            cost = bench.party(ours([node]), bench.work)()
            read = counted() - before
    result = Result(name=name, costs={US: cost})
    result.goals.append(Goal(what="read", found=read / corpus.bytes, most=1.02))
    bench.tell(result)


def store(bench: Bench) -> None:
    """Verification of a store against hashing its files."""
    with bench.folder(_memory()) as memory, bench.folder() as folder:
        sizes = bench.sizes
        corpus = sources.make(memory, bays=4, clips=sizes.clips, size=sizes.clip_bytes)
        cost_of(ours(corpus.cards)(folder))
        state = folder / "state"
        key = (state / "log" / "vkey").read_text("ascii").strip()
        verify = [sys.executable, "-m", "hashing", "verify", str(state / "log")]
        verify += ["--key", key, "--store", str(state / "store")]
        everything = f"find {shlex.quote(str(state / 'store'))} -type f -print0"
        openssl = ["sh", "-c", f"{everything} | xargs -0 openssl dgst -sha256"]
        cost_of(openssl)  # from here on the files are in memory
        result = contest(
            "verification of that store, its files in memory",
            {"hashing verify": lambda: cost_of(verify), "openssl dgst": lambda: cost_of(openssl)},
            rounds=bench.rounds,
        )
        ratio = result.ratio("openssl dgst")
        result.goals.append(Goal(what="wall, against openssl", found=ratio, most=0.75))
        bench.tell(result)


def chain(bench: Bench) -> None:
    """Hash and `prev` of every entry of a log."""
    with bench.folder() as folder:
        log = make_log(bench.sizes.entries, folder)

    def walk() -> Cost:
        before, began, cpu = GENESIS_PREV, time.perf_counter(), time.process_time()
        prevs = (GENESIS_PREV, *log.leaves[:-1])
        for entry, prev in zip(log.entries, prevs, strict=True):
            if prev != before:
                raise SystemExit("the chain is broken")
            before = leaf_hash(entry)
        return Cost(wall_s=time.perf_counter() - began, cpu_s=time.process_time() - cpu)

    result = contest(f"chain of {log.size:,} entries", {US: walk}, rounds=bench.rounds)
    rate = log.size / result.costs[US].wall_s
    result.goals.append(Goal(what="us an entry", found=1e6 / rate, most=5))  # 200,000 a second
    result.notes.append(f"{rate:,.0f} entries/s")
    bench.tell(result)


def append(bench: Bench) -> None:
    """One entry after the other into the ledger, against a bare write and fdatasync."""
    record = Record(kind="heartbeat", docking=None, body={"note": "x" * 300})
    clock, count = SystemClock(), bench.sizes.appends

    def timed(step: Callable[[], object]) -> Cost:
        began, cpu = time.perf_counter(), time.process_time()
        for _ in range(count):
            step()
        wall_s = (time.perf_counter() - began) / count
        return Cost(wall_s=wall_s, cpu_s=(time.process_time() - cpu) / count)

    with bench.folder() as folder:
        ledger = Ledger.open(folder / "ledger.db")
        body: dict[str, JSON] = {
            "origin": KEY.name,
            "vkey": str(KEY.verifier()),
            "profile": 1,
            "software": "bench",
        }
        ledger.append([Record(kind="genesis", docking=None, body=body)], clock.at())
        bare = os.open(folder / "bare", os.O_WRONLY | os.O_CREAT, 0o600)

        def write() -> None:
            os.write(bare, bytes(600))
            os.fdatasync(bare)

        result = contest(
            "append of one entry",
            {
                US: lambda: timed(lambda: ledger.append([record], clock.at())),
                "write, fdatasync": lambda: timed(write),
            },
            rounds=bench.rounds,
        )
        os.close(bare)
        ledger.close()
    ratio = result.ratio("write, fdatasync")
    result.notes.append(f"{result.costs[US].wall_s * 1e3:.3f} ms an entry")
    result.goals.append(Goal(what="wall, against write and fdatasync", found=ratio, most=3))
    bench.tell(result)


PARTS: Final[Mapping[str, Callable[[Bench], None]]] = {
    "clips": clips, "files": files, "slow": slow, "paced": paced, "once": once, "store": store,
    "chain": chain, "append": append,
}  # fmt: skip


def _memory() -> Path | None:
    """Return where sources lie in memory: recorders are other disks than the dock's."""
    place = Path("/dev/shm")  # noqa: S108  files in memory, in a folder of our own
    return place if place.is_dir() and os.access(place, os.W_OK) else None


def main() -> None:
    """Hold the contests that were asked for."""
    parser = argparse.ArgumentParser(prog="script/bench ingest", description="See script/bench.")
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="small sizes: does it run at all?")
    parser.add_argument("--tiny", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    sizes = TINY if wanted.tiny else QUICK if wanted.quick else FULL
    busy, too_busy = load()
    with tempfile.TemporaryDirectory(prefix="sealdock-bench-", dir=wanted.folder) as work:
        bench = Bench(Path(work), sizes, wanted.rounds, quiet=wanted.json)
        kind = file_system(Path(work))
        bench.say(f"{machine()}, {platform.release()}; {kind} at {wanted.folder}, load {busy:.1f}")
        if too_busy:
            bench.say("OTHER WORK RUNS BESIDE THIS: only ratios mean anything, and those are worse")
        for part in wanted.only or PARTS:
            PARTS[part](bench)
    if wanted.json:
        told = {"machine": machine(), "file_system": kind, "load": busy, "too_busy": too_busy}
        results = [_as_json(result) for result in bench.results]
        print(json.dumps({**told, "results": results, "not_measured": bench.skipped}, indent=1))


def _as_json(result: Result) -> dict[str, object]:
    goals = [{**asdict(goal), "met": goal.met} for goal in result.goals]
    costs = {party: asdict(cost) for party, cost in result.costs.items()}
    return {"name": result.name, "costs": costs, "goals": goals, "notes": result.notes}


if __name__ == "__main__":
    main()
