"""What script/bench runs: ours and others' work on one log, in turns, medians printed.

Order: make the log - entries - tiles - proofs - whole verification. Each contest
is run once for each round, its parties in turns and in changing order; a rate is
the median of its rounds. Memory is the peak of a process of its own.
"""

import argparse
import base64
import hashlib
import importlib
import json
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]  # python -I puts neither there by itself

from bench_stage import (  # noqa: E402  the paths above are needed for it
    KEY,
    Bench,
    Log,
    Peers,
    Work,
    machine,
    make,
    old_sizes,
    peak_of,
    places,
)

from hashing import growth, proofs  # noqa: E402
from hashing.checked_tiles import CheckedTiles  # noqa: E402
from hashing.entry import GENESIS_PREV, leaf_hash, parse  # noqa: E402

GROUP: Final = 255  # entries published at once, so that nearly every group ends within a tile


def entries(bench: Bench, log: Log, peers: Peers) -> None:
    """Hash and chain; parse strictly."""
    prevs = [GENESIS_PREV, *log.leaves[:-1]]

    def chain() -> None:
        before = GENESIS_PREV
        for entry, prev in zip(log.entries, prevs, strict=True):
            if prev != before:
                raise SystemExit("the chain is broken")
            before = leaf_hash(entry)

    def plain() -> None:
        for entry in log.entries:
            hashlib.sha256(entry).digest()

    parties: dict[str, Work] = {"leaf hash and prev": chain, "SHA-256 of each entry alone": plain}
    if peers.bundle:
        leaf = peers.bundle.leaf_hash
        parties["proofbundle leaf_hash"] = lambda: drain(map(leaf, log.entries))
    bench.contest("hash and chain, entries", log.size, parties, goal=200_000)

    some = log.entries[: min(log.size, 100_000)]
    jcs = importlib.import_module("rfc8785").dumps
    bench.contest(
        "parse strictly, entries",
        len(some),
        {
            "parse": lambda: drain(map(parse, some)),
            "json.loads alone, nothing checked": lambda: drain(map(json.loads, some)),
            "rfc8785, spelled again and compared": lambda: demand(
                jcs(json.loads(entry)) == entry for entry in some
            ),
        },
        goal=30_000,
    )


def tiles(bench: Bench, log: Log, peers: Peers) -> None:
    """Append and grow, group after group, in memory."""

    def grown() -> None:
        files: dict[str, bytes] = {}
        for at in range(0, log.size, GROUP):
            files.update(growth.grow(at, log.entries[at : at + GROUP], files.__getitem__))
        if growth.frontier(log.size, files.__getitem__).root() != log.roots[log.size]:
            raise SystemExit("the tiles give another root")

    parties: dict[str, Work] = {f"tiles and root, {GROUP} entries at a time": grown}
    if peers.bundle:
        whole = peers.bundle.merkle_tree_hash
        parties["proofbundle merkle_tree_hash, root alone"] = lambda: whole(log.entries)
    bench.contest("append and grow, entries", log.size, parties)


def inclusion(bench: Bench, log: Log, peers: Peers) -> None:
    """Make inclusion proofs from the published files, and check them."""
    size, root, at = log.size, log.roots[log.size], places(log.size)
    made = [proofs.inclusion(index, size, log.read) for index in at]
    parties: dict[str, Work] = {
        "from tiles": lambda: [proofs.inclusion(index, size, log.read) for index in at],
        "from checked tiles": lambda: checked(log, CheckedTiles.inclusion, at),
    }
    if peers.go:
        questions = "".join(f"prove-record {size} {index}\n" for index in at)
        parties["Go x/mod ProveRecord, checked tiles"] = lambda: peers.ask(log, questions)
    result = bench.contest("make inclusion proofs", len(at), parties)
    reads = [counted(log, partial(proofs.inclusion, index, size)) for index in at]
    bench.note(result, f"at most {max(map(len, made))} hashes and {max(reads)} tile reads a proof")
    sound = list(zip(at, made, strict=True))

    def check() -> None:
        for index, proof in sound:
            proofs.check_inclusion(index, size, log.leaves[index], proof, root)

    parties = {"check_inclusion": check}
    if peers.metamorphic:
        verify = peers.metamorphic.verify_inclusion  # raises where it does not hold
        parties["metamorphic-log (Rust)"] = lambda: [
            verify(index, size, log.leaves[index], proof, root) for index, proof in sound
        ]
    if peers.bundle:
        holds = peers.bundle.verify_inclusion
        parties["proofbundle, hashes the entry too"] = lambda: demand(
            holds(log.entries[index], index, size, proof, root) for index, proof in sound
        )
    if peers.go:
        asked = "".join(
            f"check-record {size} {spelled(root)} {index} {spelled(log.leaves[index], *proof)}\n"
            for index, proof in sound
        )
        parties["Go x/mod CheckRecord, through a pipe"] = lambda: peers.ask(log, asked)
    bench.contest("check inclusion proofs", len(at), parties)


def consistency(bench: Bench, log: Log, peers: Peers) -> None:
    """Make consistency proofs from the published files, and check them."""
    size, root, olds = log.size, log.roots[log.size], old_sizes(log.size)
    made = [proofs.consistency(old, size, log.read) for old in olds]
    parties: dict[str, Work] = {
        "from tiles": lambda: [proofs.consistency(old, size, log.read) for old in olds],
        "from checked tiles": lambda: checked(log, CheckedTiles.consistency, olds),
    }
    if peers.go:
        questions = "".join(f"prove-tree {size} {old}\n" for old in olds)
        parties["Go x/mod ProveTree, checked tiles"] = lambda: peers.ask(log, questions)
    result = bench.contest("make consistency proofs", len(olds), parties)
    reads = [counted(log, partial(proofs.consistency, old, size)) for old in olds]
    bench.note(result, f"at most {max(map(len, made))} hashes and {max(reads)} tile reads a proof")
    sound = list(zip(olds, made, strict=True))

    def check() -> None:
        for old, proof in sound:
            proofs.check_consistency(old, size, log.roots[old], root, proof)

    parties = {"check_consistency": check}
    if peers.metamorphic:
        verify = peers.metamorphic.verify_consistency  # raises where it does not hold
        parties["metamorphic-log (Rust)"] = lambda: [
            verify(old, size, proof, log.roots[old], root) for old, proof in sound
        ]
    if peers.bundle:
        holds = peers.bundle.verify_consistency
        parties["proofbundle"] = lambda: demand(
            holds(old, size, proof, log.roots[old], root) for old, proof in sound
        )
    if peers.go:
        asked = "".join(
            f"check-tree {size} {spelled(root)} {old} {spelled(log.roots[old], *proof)}\n"
            for old, proof in sound
        )
        parties["Go x/mod CheckTree, through a pipe"] = lambda: peers.ask(log, asked)
    bench.contest("check consistency proofs", len(olds), parties)


def verification(bench: Bench, log: Log, peers: Peers) -> None:
    """Verify the whole log, each party in a process of its own."""
    key = str(KEY.verifier())
    ours = [sys.executable, "-m", "hashing", "verify", str(log.directory), "--key", key]
    commands = {"python -m hashing verify": ours}
    if peers.go:
        commands["Go x/mod, tiles and records, no chain"] = [str(peers.go), key, str(log.directory)]
    peaks: dict[str, int] = {}

    def run(party: str) -> None:
        peaks[party] = max(peaks.get(party, 0), peak_of(commands[party]))

    parties: dict[str, Work] = {party: partial(run, party) for party in commands}
    files = sorted(path for path in log.directory.rglob("*") if path.is_file())
    parties["SHA-256 of every file alone"] = lambda: [
        hashlib.sha256(path.read_bytes()).digest() for path in files
    ]
    result = bench.contest("verify a whole log, entries", log.size, parties)
    for party, peak in peaks.items():
        bench.note(result, f"peak memory of {party}: {peak / 1024:,.0f} MiB")


PARTS: Final = {
    "entries": (entries,),
    "tiles": (tiles,),
    "proofs": (inclusion, consistency),
    "verify": (verification,),
}


def checked(
    log: Log, method: Callable[[CheckedTiles, int], list[bytes]], at: Sequence[int]
) -> None:
    """Make proofs out of tiles that are checked first, from none on."""
    checked_tiles = CheckedTiles(log.size, log.roots[log.size], log.read)
    for each in at:
        method(checked_tiles, each)


def counted(log: Log, prove: Callable[[growth.Read], object]) -> int:
    """Return how many files a proof read."""
    paths: list[str] = []

    def read(path: str) -> bytes:
        paths.append(path)
        return log.read(path)

    prove(read)
    return len(paths)


def drain(work: Iterable[object]) -> None:
    """Do it all and keep nothing: what is kept costs the garbage collector, not the work."""
    deque(work, maxlen=0)


def demand(answers: Iterable[object]) -> None:
    """End it all unless every answer is true."""
    if not all(answers):
        raise SystemExit("a peer refuses what is sound")


def spelled(*hashes: bytes) -> str:
    """Return hashes in base 64, a space between two."""
    return " ".join(base64.b64encode(each).decode() for each in hashes)


def main() -> None:
    """Run the contests that were asked for."""
    parser = argparse.ArgumentParser(
        prog="script/bench", description="See the head of script/bench."
    )
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    if wanted.entries < GROUP or wanted.rounds < 1:
        parser.error(f"at least {GROUP} entries and one round")
    bench = Bench(wanted.rounds, quiet=wanted.json)
    with tempfile.TemporaryDirectory(prefix="sealdock-bench-") as folder:
        peers = Peers.found(Path(folder))
        bench.say(f"{machine()}; {wanted.entries:,} entries, medians of {wanted.rounds} rounds")
        if peers.missing:
            bench.say(f"not installed here: {', '.join(peers.missing)}")
        began = time.perf_counter()
        log = make(wanted.entries, Path(folder) / "log")
        mean = sum(map(len, log.entries)) / log.size
        bench.say(
            f"made in {time.perf_counter() - began:.0f} s; {mean:.0f} bytes an entry on average\n"
        )
        for part in wanted.only or PARTS:
            for contests in PARTS[part]:
                contests(bench, log, peers)
    if wanted.json:
        facts = [
            {"name": it.name, "goal": it.goal, "rates": it.rates, "notes": it.notes}
            for it in bench.results
        ]
        print(
            json.dumps(
                {"machine": machine(), "entries": wanted.entries, "results": facts}, indent=1
            )
        )


if __name__ == "__main__":
    main()
