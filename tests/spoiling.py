"""Ways to spoil a sealed log, and what the verifier calls it: for the tests of the verifier."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from hashing import growth, tiles
from hashing.entry import Entry, leaf_hash, parse
from hashing.keys import SignerKey
from hashing.report import Report
from hashing.verify import verify_log
from tests.sealed import AT, KEY, ORIGIN, Disk, Sealed

OTHER = SignerKey.generate(ORIGIN, hashlib.sha256(b"another seed").digest())


def codes(report: Report) -> list[tuple[str, int | None]]:
    """Return code and entry of each problem."""
    return [(problem.code, problem.seq) for problem in report.problems]


def verify(disk: Disk) -> Report:
    """Return what the verifier says of the log alone."""
    return verify_log(disk.log, KEY.verifier())


def rewrite_bundle(disk: Disk, path: str, how: Callable[[list[bytes]], list[bytes]]) -> None:
    """Cut a bundle into its entries, change the list, and write it again."""

    def change(data: bytes) -> bytes:
        which = tiles.parse_path(path)
        return tiles.pack_bundle(how(tiles.unpack_bundle(data, which.width)))

    disk.change(f"log/{path}", change)


def rechained(entries: list[bytes], start: int = 0) -> list[bytes]:
    """Give every entry from `start` on the seq and prev of where it now stands."""
    out = list(entries)
    for seq in range(start, len(out)):
        old = parse(out[seq])
        prev = leaf_hash(out[seq - 1]) if seq else bytes(32)
        out[seq] = Entry(seq=seq, prev=prev, kind=old.kind, at=old.at, body=old.body).encode()
    return out


def heartbeat(seq: int, prev: bytes) -> bytes:
    """Return an entry that somebody made up."""
    return Entry(seq=seq, prev=prev, kind="heartbeat", at=AT, body={"forged": True}).encode()


def republish(sealed: Sealed, root: Path) -> Disk:
    """Write a whole log anew around an old checkpoint's bytes, kept by the caller."""
    shutil.rmtree(root / "log" / "tile")
    disk = Disk(root)
    for path, data in growth.grow(0, sealed.entries, disk.read):
        disk.put(f"log/{path}", data)
    return disk
