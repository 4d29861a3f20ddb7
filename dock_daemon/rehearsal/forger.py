"""Who holds the dock's own key, and rewrites its log so that it verifies by itself.

For the demo: this is what a signature alone cannot show.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from hashing import checkpoint, growth, note, tiles
from hashing.entry import Entry, leaf_hash, parse
from hashing.keys import SignerKey
from hashing.merkle import Frontier

_ANOTHER: Final = hashlib.sha256(b"another clip, of the same length").hexdigest()


def rewrite(state: Path, into: Path, victim: int) -> None:
    """Write the log of `state` anew into `into`, as if entry `victim` had sealed another clip."""
    key = SignerKey.parse((state / "key" / "log.key").read_text("ascii").rstrip("\n"))
    head = checkpoint.parse(note.parse((state / "log" / "checkpoint").read_bytes())[0])
    forged = list(_forged(list(_entries(state / "log", head.size)), victim))
    edge = Frontier()
    for raw in forged:
        edge.append(leaf_hash(raw))
    for path, data in growth.grow(0, forged, lambda path: (into / path).read_bytes()):
        (into / path).parent.mkdir(parents=True, exist_ok=True)
        (into / path).write_bytes(data)
    text = checkpoint.Checkpoint(key.name, edge.size, edge.root()).encode()
    (into / "checkpoint").write_bytes(note.sign(text, [key]))
    (into / "vkey").write_text(f"{key.verifier()}\n", encoding="ascii")


def _entries(log: Path, size: int) -> Iterator[bytes]:
    for at in range(0, size, tiles.WIDTH):
        bundle = tiles.Bundle(at // tiles.WIDTH, min(tiles.WIDTH, size - at))
        yield from tiles.unpack_bundle((log / bundle.path).read_bytes(), bundle.width)


def _forged(entries: list[bytes], victim: int) -> Iterator[bytes]:
    """Yield the entries with one clip exchanged and everything that follows from it put right."""
    prev = bytes(32)
    leaves: dict[object, list[bytes]] = {}
    for seq, raw in enumerate(entries):
        old = parse(raw)
        body = dict(old.body)
        if seq == victim:
            body["sha256"] = _ANOTHER
        earlier = leaves.setdefault(body.get("docking"), [])
        if old.kind == "released":
            body["digest"] = hashlib.sha256(b"".join(earlier)).hexdigest()
        data = Entry(seq=seq, prev=prev, kind=old.kind, at=old.at, body=body).encode()
        prev = leaf_hash(data)
        earlier.append(prev)
        yield data
