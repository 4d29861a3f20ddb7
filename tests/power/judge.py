"""Decides, after a power cut, whether anything was lost. It shares no code with what it judges.

It knows what was on the card (by the card's maker), what was said to be sealed (by the tape), which
heads the world had seen; it reads store, ledger and published log with its own eyes, by what their
formats' documents say (docs/formats/log.md, docs/formats/entry.md), and imports nothing of ours.

    I1  each clip that was acknowledged is there whole, and its entry says so
    I2  no entry without its bytes; nothing under a final name that is not what the name says
    I4  the chain holds, the tree gives the signed root, and no head that was seen is taken back
    I5  the card is as it was
    I6  started again, it is as it was; docked again, each clip is there once
"""

import base64
import hashlib
import json
import os
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_NAME: Final = re.compile(r"[0-9a-f]{64}")
_WIDTH: Final = 256


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known from outside."""

    clips: Mapping[str, bytes]
    """Path → content, of every clip that was on a card."""
    acknowledged: Sequence[Mapping[str, Any]] = ()
    """What was said of each sealed clip: `seq`, `path`, `sha256`."""
    heads: Sequence[tuple[int, str]] = ()
    """Size and root, in base 64, of each head that was seen."""


@dataclass(frozen=True, slots=True)
class Head:
    """A published checkpoint."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Standing:
    """What a dock has, so far as it must not change by itself."""

    tip: str
    size: int
    files: frozenset[str]


def judge_files(state: Path) -> list[str]:
    """Judge what lies there the moment that power is back, before any recovery.

    Whoever reads the store or the published log from outside may read them then. The ledger
    is not looked at: to open it is to recover it.
    """
    found = list(_store(state / "store"))
    try:
        if (head := _head(state / "log")) is not None:
            entries = _published(state / "log", head.size)
            _signature(state / "log", json.loads(entries[0])["body"]["vkey"])
            if root_of([_leaf(entry) for entry in entries]) != head.root:
                found.append("I4: the published tiles do not give the published root")
    except (OSError, ValueError, KeyError, IndexError) as error:
        found.append(f"I4: the published log cannot be read: {error}")
    return found


def judge_state(state: Path, truth: Truth) -> list[str]:
    """Judge a dock that was started after the cut and is at rest again."""
    found = judge_files(state)
    try:
        rows = _rows(state / "ledger.db")
        leaves = list(_chain(rows, found))
    except (sqlite3.Error, ValueError) as error:
        return [*found, f"I4: the ledger cannot be read: {error}"]
    entries = [json.loads(data) for _, _, data, _ in rows]
    found += _bytes_of(state / "store", entries)
    found += _clips(state / "store", entries, truth)
    found += _index(state / "ledger.db", entries)
    found += _heads(state / "log", leaves, truth)
    found += [
        f"I6: {path.name} was left in {path.parent.name}"
        for room in ("store/incoming", "publishing")
        for path in (state / room).iterdir()
    ]
    return found


def judge_complete(state: Path, truth: Truth, expected: Sequence[str]) -> list[str]:
    """Judge a dock at which the card was docked once more: each clip is there, and once."""
    found = judge_state(state, truth)
    rows = _rows(state / "ledger.db")
    sealed = Counter(
        entry["body"]["sha256"]
        for entry in (json.loads(data) for _, _, data, _ in rows)
        if entry["kind"] == "clip"
    )
    wanted = Counter(hashlib.sha256(truth.clips[path]).hexdigest() for path in expected)
    for digest, count in wanted.items():
        if sealed[digest] != count:
            found.append(f"I6: {digest[:12]} is on the card {count} times, sealed {sealed[digest]}")
    return found


def is_loss(found: str) -> bool:
    """Tell whether it is about bytes that are gone, and not about what the dock says of itself."""
    return found.startswith(("I1", "I2"))


def is_loss_of_a_clip(found: str) -> bool:
    """Tell whether it is about a clip: what the card holds can be brought back."""
    return is_loss(found) and "document" not in found


def standing(state: Path) -> Standing:
    """Return what a further start must leave as it is."""
    rows = _rows(state / "ledger.db")
    files = {f"{folder}/{name}" for folder, name in _files(state)}
    head = _head(state / "log")
    return Standing(rows[-1][3].hex(), 0 if head is None else head.size, frozenset(files))


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Return RFC 6962's root over leaf hashes."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    middle = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root_of(leaves[:middle]) + root_of(leaves[middle:])).digest()


def _store(store: Path) -> Iterator[str]:
    # A dock that was cut off at its very first start may not have made them yet.
    for room in [name for name in ("clips", "documents") if (store / name).is_dir()]:
        for folder, name in _files(store / room):
            if not _NAME.fullmatch(name) or folder != str(store / room / name[:2]):
                yield f"I2: {folder}/{name} does not belong in the store"
                continue
            content = Path(folder, name).read_bytes()
            if (digest := hashlib.sha256(content).hexdigest()) != name:
                yield f"I2: {room}/{name[:12]} holds {len(content)} bytes, {digest[:12]}"


def _files(top: str | Path) -> Iterator[tuple[str, str]]:
    """Yield folder and name of whatever is no folder, at any depth."""
    deeper: list[str] = []
    with os.scandir(top) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                deeper.append(entry.path)
            else:
                yield str(top), entry.name
    for folder in deeper:
        yield from _files(folder)


def _rows(ledger: Path) -> list[tuple[int, str, bytes, bytes]]:
    connection = sqlite3.connect(f"{ledger.as_uri()}?mode=ro", uri=True)
    try:
        (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
        if verdict != "ok":
            raise ValueError(verdict)
        found = connection.execute("SELECT seq, kind, bytes, leaf FROM entry ORDER BY seq")
        return list(found)
    finally:
        connection.close()


def _chain(rows: Sequence[tuple[int, str, bytes, bytes]], found: list[str]) -> Iterator[bytes]:
    before = bytes(32)
    for at, (seq, kind, data, kept) in enumerate(rows):
        leaf = _leaf(data)
        entry = json.loads(data)
        if (seq, entry["seq"], entry["kind"]) != (at, at, kind) or leaf != kept:
            found.append(f"I4: entry {at} is not what the ledger says it is")
        if entry["prev"] != before.hex():
            found.append(f"I4: entry {at} does not follow from the one before it")
        if (kind == "genesis") != (at == 0):
            found.append(f"I4: entry {at} is {kind}")
        before = leaf
        yield leaf


def _bytes_of(store: Path, entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for entry in entries:
        body = entry["body"]
        if entry["kind"] == "clip":
            path = store / "clips" / body["sha256"][:2] / body["sha256"]
            if not path.is_file() or path.stat().st_size != body["size"]:
                yield f"I2: entry {entry['seq']} seals a clip that is not there"
        if digest := body.get("document"):
            path = store / "documents" / digest[:2] / digest
            if not path.is_file():
                yield f"I2: entry {entry['seq']} names a document that is not there"


def _clips(store: Path, entries: Sequence[Mapping[str, Any]], truth: Truth) -> Iterator[str]:
    for told in truth.acknowledged:
        content = truth.clips[told["path"]]
        digest, seq = told["sha256"], told["seq"]
        path = store / "clips" / digest[:2] / digest
        if not path.is_file() or path.read_bytes() != content:
            yield f"I1: {told['path']} was acknowledged and is not there"
        entry = entries[seq] if seq < len(entries) else {}
        if entry.get("kind") != "clip" or entry["body"]["sha256"] != digest:
            yield f"I1: {told['path']} was acknowledged as entry {seq}, which does not say so"


def _index(ledger: Path, entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    connection = sqlite3.connect(f"{ledger.as_uri()}?mode=ro", uri=True)
    try:
        indexed = set(connection.execute("SELECT seq, sha256, size FROM clip"))
        opened = set(connection.execute("SELECT number FROM docking WHERE closed_ms IS NULL"))
    finally:
        connection.close()
    sealed = {
        (entry["seq"], entry["body"]["sha256"], entry["body"]["size"])
        for entry in entries
        if entry["kind"] == "clip"
    }
    if indexed != sealed:
        yield "I2: the index of clips and the entries differ"
    released = {entry["body"]["docking"] for entry in entries if entry["kind"] == "released"}
    docked = {entry["body"]["docking"] for entry in entries if entry["kind"] == "docked"}
    if opened or released != docked:
        yield f"I6: dockings {sorted(docked - released)} were not brought to an end"


def _heads(log: Path, leaves: Sequence[bytes], truth: Truth) -> Iterator[str]:
    try:
        head = _head(log)
    except (OSError, ValueError):
        return  # that it can't be read was said already
    size = 0 if head is None else head.size
    if head is None or size > len(leaves) or root_of(leaves[:size]) != head.root:
        yield f"I4: the published head of {size} is not that of the ledger's {len(leaves)} entries"
    for seen, root in truth.heads:
        if seen > size:
            yield f"I4: a head of {seen} was seen, and {size} is published now"
        elif base64.b64encode(root_of(leaves[:seen])).decode() != root:
            yield f"I4: the head of {seen} that was seen had another root"


def parse_head(text: str) -> tuple[int, str]:
    """Return size and root of a checkpoint; raise ValueError where it is none."""
    lines = text.split("\n")
    if len(lines) < 5 or lines[3]:
        raise ValueError("the checkpoint is no signed note")
    return int(lines[1]), lines[2]


def _head(log: Path) -> Head | None:
    """Return the published head; raise ValueError where it is no checkpoint."""
    path = log / "checkpoint"
    if not path.exists():
        return None
    size, root = parse_head(path.read_text("utf-8"))
    return Head(size, base64.b64decode(root))


def _signature(log: Path, vkey: str) -> None:
    """Raise ValueError unless the key that genesis names has signed the head."""
    signed, _, lines = (log / "checkpoint").read_text("utf-8").partition("\n\n")
    key = base64.b64decode(vkey.split("+", 2)[2])
    signature = base64.b64decode(lines.split("\n")[0].rsplit(" ", 1)[1])
    try:
        Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature[4:], f"{signed}\n".encode())
    except InvalidSignature:
        raise ValueError("the checkpoint's signature does not hold") from None


def _leaf(entry: bytes) -> bytes:
    return hashlib.sha256(b"\0" + entry).digest()


def _published(log: Path, size: int) -> list[bytes]:
    """Return the entries of the published log; raise ValueError where a file is not right."""
    entries: list[bytes] = []
    for index in range(-(-size // _WIDTH)):
        width = min(_WIDTH, size - index * _WIDTH)
        bundle = _path(log, "entries", index, width).read_bytes()
        found = []
        while bundle:
            length = int.from_bytes(bundle[:2], "big")
            found.append(bundle[2 : 2 + length])
            bundle = bundle[2 + length :]
        tile = _path(log, "0", index, width).read_bytes()
        if len(found) != width or b"".join(map(_leaf, found)) != tile:
            raise ValueError(f"tile and bundle {index} of width {width} disagree")
        entries += found
    _upper(log, [_leaf(entry) for entry in entries])
    return entries


def _upper(log: Path, leaves: Sequence[bytes]) -> None:
    level, below = 1, leaves
    while len(below) >= _WIDTH:
        full = len(below) // _WIDTH
        below = [root_of(below[at * _WIDTH : (at + 1) * _WIDTH]) for at in range(full)]
        for index in range(-(-full // _WIDTH)):
            part = below[index * _WIDTH : (index + 1) * _WIDTH]
            if _path(log, str(level), index, len(part)).read_bytes() != b"".join(part):
                raise ValueError(f"tile {index} of level {level} is not over those below it")
        level += 1


def _path(log: Path, level: str, index: int, width: int) -> Path:
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03}")
    name = "/".join(groups) + ("" if width == _WIDTH else f".p/{width}")
    return log / "tile" / level / name
