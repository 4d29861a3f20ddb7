"""The ledger: the log's entries, committed before anything is acknowledged.

One process, one thread and one connection own the database: SQLite before
3.51.3 can corrupt a WAL database that two connections checkpoint at once.
WAL with synchronous=FULL: a commit that returned survives a power cut.
"""

import contextlib
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dock_daemon.errors import LedgerDoubtError
from dock_daemon.evidence import holes, schema
from dock_daemon.evidence.connection import check, connected, disk_is_full
from dock_daemon.evidence.records import (
    RIDERS,
    ClipRow,
    CosignatureRow,
    DockingRow,
    FactRow,
    FindingRow,
    Record,
    ReleaseRow,
    jumped,
)
from hashing import clock_steps, succession
from hashing.clock_steps import Watch
from hashing.entry import GENESIS_PREV, At, Entry, leaf_hash, parse
from hashing.errors import EvidenceError
from hashing.keys import VerifierKey
from hashing.succession import Succession

# Since when the clock has run untouched, as far as the entries tell.
_ANCHOR: Final = "clock_anchor"


@dataclass(frozen=True, slots=True)
class Committed:
    """An entry that the ledger holds for good."""

    seq: int
    leaf: bytes


class Ledger:
    """All entries, and the index over them. Only the sealer's thread calls it."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._db = connection
        self._path = path
        self._size, self._prev, last = self._tip()
        self._watch = None if last is None else self._watching(last)
        self._succession = self._told_keys()
        self.up_to_date = not schema.missing_steps(connection)
        """Whether it has all tables of this version; one that is only looked at may not."""
        (last,) = connection.execute("SELECT coalesce(max(number), 0) FROM docking").fetchone()
        self._dockings = int(last)
        # Where riders stand that the checkpoint of this size does not cover.
        self._kept = 0 if (kept := self.last_checkpoint()) is None else kept[0]
        self._riders = self._riders_from(self._kept)

    @classmethod
    def open(cls, path: Path) -> "Ledger":
        """Open or make the ledger.

        Raises LedgerDoubtError when it is damaged, StateUnusableError when its disk or
        its permissions are in the way, StateFullError when there is no room.
        """
        # It holds names and paths: made by hand, it must not take its mode from the umask.
        # The files that SQLite puts beside it take theirs from it.
        with contextlib.suppress(OSError):  # it is there, or SQLite will say what is in the way
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with connected(path, "mode=rwc") as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            check(connection, path)
            schema.migrate(connection)
            return cls(connection, path)

    @classmethod
    def open_to_look(cls, path: Path) -> "Ledger":
        """Open a ledger that nobody works with, to read it; raise as `open` does.

        Nothing is written, wherever it can be helped: its disk may be full, or read-only.
        """
        wal = path.with_name(f"{path.name}-wal")
        with contextlib.suppress(FileNotFoundError):
            if wal.stat().st_size:  # an unclean end: these entries count, and SQLite must see to it
                with connected(path, "mode=ro") as connection:
                    check(connection, path)
                    return cls(connection, path)
        with connected(path, "immutable=1") as connection:
            check(connection, path)
            return cls(connection, path)

    def is_full(self, error: sqlite3.Error) -> bool:
        """Tell whether an error only means that the ledger's disk has no room."""
        return disk_is_full(error, self._path)

    @property
    def size(self) -> int:
        """How many entries there are."""
        return self._size

    @property
    def succession(self) -> Succession | None:
        """The keys that sign this log, by its own entries; None while there is no genesis."""
        return self._succession

    @property
    def tip(self) -> bytes:
        """The leaf hash of the last entry: what the next one follows."""
        return self._prev

    def waiting(self, covered: int) -> int:
        """Return how many entries from `covered` on wait for a checkpoint in their own right."""
        return self._size - covered - sum(seq >= covered for seq in self._riders)

    def close(self) -> None:
        """Let go of the database."""
        self._db.close()

    def new_docking(self) -> int:
        """Return a number that no docking has; the first is 1.

        Two bays may begin before either has its first entry, so each call gives another.
        """
        self._dockings += 1
        return self._dockings

    def append(self, records: Sequence[Record], at: At) -> list[Committed]:
        """Commit `records` in order, all or none; from the return on they are kept.

        Where the clock jumped since the last entry, an entry of its own says so before them.
        Raises sqlite3.Error when nothing was written, LedgerDoubtError when a
        record can't be made an entry.
        """
        first = self._jumped(records, at)
        records = [*first, *records]
        if not records:
            return []
        done: list[Committed] = []
        turns: list[Entry] = []
        size, prev = self._size, self._prev
        with self._transaction():
            for record in records:
                body = dict(record.body)
                if record.closes:
                    leaves = self._leaves_of(record.docking)
                    body["entries"] = len(leaves)
                    body["digest"] = hashlib.sha256(b"".join(leaves)).hexdigest()
                entry = Entry(seq=size, prev=prev, kind=record.kind, at=at, body=body)
                try:
                    data = entry.encode()
                except EvidenceError as error:
                    raise LedgerDoubtError(
                        f"a {record.kind} entry cannot be made: {error}"
                    ) from error
                leaf = leaf_hash(data)
                self._db.execute(
                    "INSERT INTO entry(seq, kind, docking, bytes, leaf) VALUES (?, ?, ?, ?, ?)",
                    (size, record.kind, record.docking, data, leaf),
                )
                self._index(size, record, at)
                done.append(Committed(size, leaf))
                turns += [entry] if record.kind in succession.KINDS else []
                size, prev = size + 1, leaf
            watch = self._watched(at, told=bool(first))
            if turns:
                self._told_keys()  # with these; what does not hold is not committed
        # From here on a crash is recovered with these entries in place.
        self._size, self._prev, self._watch = size, prev, watch
        if self._succession is None:
            self._succession = self._told_keys()
        else:
            for entry in turns:
                self._succession.take(entry)
        pairs = zip(records, done, strict=True)
        self._riders += [entry.seq for record, entry in pairs if record.kind in RIDERS]
        return done[len(first) :]

    def _jumped(self, records: Sequence[Record], at: At) -> list[Record]:
        """Return the entry to be that tells of the clock's jump, if it jumped."""
        step = None if self._watch is None else self._watch.step_to(at)
        # What two keys have signed names its own place: nothing may come before it. Who
        # enters it lets the jump be told first.
        if step is None or any(record.kind in succession.KINDS for record in records):
            return []
        return [jumped(by_ms=step.by_ms, rebooted=step.rebooted)]

    def _watched(self, at: At, *, told: bool) -> Watch:
        """Return what the entries say of the clock once those of `at` stand; keep its anchor."""
        before = self._watch
        watch = clock_steps.begin(at) if before is None else before.after(at, told=told)
        if before is None or watch.anchor != before.anchor:
            anchor = json.dumps(watch.anchor.as_json())
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_ANCHOR, anchor))
        return watch

    def _watching(self, last: At) -> Watch:
        anchor = self.meta(_ANCHOR)
        return Watch(last if anchor is None else At(**json.loads(anchor)), last)

    def entries(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes of entries `start` to `end` (exclusive).

        Raises LedgerDoubtError at one that is not what was committed: SQLite sees torn
        pages, but not a byte that rotted inside of one.
        """
        for row in self._db.execute(
            "SELECT seq, bytes, leaf FROM entry WHERE seq >= ? AND seq < ? ORDER BY seq",
            (start, end),
        ):
            if leaf_hash(row["bytes"]) != row["leaf"]:
                raise LedgerDoubtError(f"entry {row['seq']} is not what was committed")
            yield row["bytes"]

    def leaves(self, start: int, end: int) -> list[bytes]:
        """Return the leaf hashes of entries `start` to `end` (exclusive)."""
        rows = self._db.execute(
            "SELECT leaf FROM entry WHERE seq >= ? AND seq < ? ORDER BY seq", (start, end)
        )
        return [row["leaf"] for row in rows]

    def meta(self, name: str) -> str | None:
        """Return a remembered value."""
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row["value"])

    def remember(self, name: str, value: str) -> None:
        """Keep a value across starts."""
        with self._transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO meta(name, value) VALUES (?, ?)", (name, value)
            )

    def last_checkpoint(self) -> tuple[int, bytes] | None:
        """Return size and note of the newest checkpoint ever signed here."""
        row = self._db.execute(
            "SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1"
        ).fetchone()
        return None if row is None else (row["size"], row["note"])

    def keep_checkpoint(self, size: int, note: bytes, signed_ms: int) -> None:
        """Make a signed checkpoint durable; the same size is never signed anew."""
        with self._transaction():
            self._db.execute(
                "INSERT INTO checkpoint(size, note, signed_ms) VALUES (?, ?, ?)",
                (size, note, signed_ms),
            )
        # Those of the last checkpoint are kept in mind: it may not be published yet.
        self._riders = [seq for seq in self._riders if seq >= self._kept]
        self._kept = size

    def renew_cosignature(self, row: CosignatureRow) -> None:
        """Put a newer cosignature of a key in the place of the one it gave for this size."""
        with self._transaction():
            self._db.execute(
                "UPDATE cosignature SET role = ?, time_s = ?, line = ?"
                " WHERE size = ? AND name = ? AND key_id = ? AND time_s < ?",
                (row.role, row.time_s, row.line, row.size, row.name, row.key_id, row.time_s),
            )

    def rows(self, sql: str, values: Iterable[object] = ()) -> list[dict[str, object]]:
        """Answer a question of dock_daemon/evidence/questions.py."""
        return [dict(row) for row in self._db.execute(sql, tuple(values))]

    def note(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Keep what is no evidence, such as how far the store was read again (scrub_book.py)."""
        with self._transaction():
            self._db.executemany(sql, rows)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _tip(self) -> tuple[int, bytes, At | None]:
        row = self._db.execute(
            "SELECT seq, bytes, leaf FROM entry ORDER BY seq DESC LIMIT 1"
        ).fetchone()
        if row is None:
            return 0, GENESIS_PREV, None
        (count,) = self._db.execute("SELECT count(*) FROM entry").fetchone()
        if count != row["seq"] + 1:
            raise LedgerDoubtError(f"{row['seq'] + 1} entries should be there, {count} are")
        if leaf_hash(row["bytes"]) != row["leaf"]:
            raise LedgerDoubtError(f"entry {row['seq']} is not what was committed")
        return row["seq"] + 1, row["leaf"], parse(row["bytes"]).at

    def _told_keys(self) -> Succession | None:
        """Return the keys that the entries name; raise LedgerDoubtError where they don't hold."""
        first = self._db.execute(
            "SELECT bytes FROM entry WHERE seq = 0 AND kind = 'genesis'"
        ).fetchone()
        if first is None:
            return None
        rows = self._db.execute(
            "SELECT bytes FROM entry WHERE kind IN ('key-change', 'key-retired') ORDER BY seq"
        )
        try:
            key = VerifierKey.parse(str(parse(first["bytes"]).body.get("vkey")))
            return Succession.of(key, [parse(row["bytes"]) for row in rows])
        except EvidenceError as error:
            raise LedgerDoubtError(f"the log's keys cannot be told: {error}") from error

    def _riders_from(self, covered: int) -> list[int]:
        rows = self._db.execute("SELECT seq, kind FROM entry WHERE seq >= ?", (covered,))
        return [row["seq"] for row in rows if row["kind"] in RIDERS]

    def _leaves_of(self, docking: int | None) -> list[bytes]:
        rows = self._db.execute("SELECT leaf FROM entry WHERE docking = ? ORDER BY seq", (docking,))
        return [row["leaf"] for row in rows]

    def _index(self, seq: int, record: Record, at: At) -> None:
        match record.row:
            case DockingRow() as row:
                self._db.execute(
                    "INSERT INTO docking(number, seq, bay, source, place, recorder, holder,"
                    " volumes, quarantine, opened_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (row.number, seq, row.bay, row.source, row.place, row.recorder, row.holder,
                     json.dumps(row.volumes), row.quarantine, at.utc_ms),
                )  # fmt: skip
            case ClipRow() as row:
                self._db.execute(
                    "INSERT INTO clip VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                    " ?, ?, ?, ?, ?)",
                    (seq, record.docking, row.volume, row.path_key, row.path, row.listed_size,
                     row.stamps, row.extents, row.first_offset, row.sha256, row.size,
                     row.media_class, json.dumps(row.marks), row.verified, row.quarantine, row.rule,
                     row.base, row.base_ms, row.due_ms, row.done_ms, row.late, record.document,
                     holes.spell(row.holes)),
                )  # fmt: skip
            case FindingRow() as row:
                self._db.execute(
                    "INSERT INTO finding VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (seq, record.docking, row.finding, row.key, row.volume, row.path, row.clip,
                     json.dumps(row.facts, ensure_ascii=False), record.document, row.found_ms),
                )  # fmt: skip
            case ReleaseRow() as row:
                self._db.execute(
                    "UPDATE docking SET closed_ms = ?, result = ?, clips = ?, findings = ?,"
                    " unread = ?, closed_seq = ? WHERE number = ?",
                    (at.utc_ms, row.result, row.clips, row.findings, row.unread, seq, row.number),
                )
            case CosignatureRow() as row:
                self._db.execute(
                    "INSERT INTO cosignature(size, name, key_id, role, time_s, line)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    (row.size, row.name, row.key_id, row.role, row.time_s, row.line),
                )
            case FactRow() as row:
                self._index_fact(seq, record, row, at)
            case None:
                return

    def _index_fact(self, seq: int, record: Record, row: FactRow, at: At) -> None:
        # What follows is spelled into SQL.
        if row.table not in {*schema.FACT_TABLES, *schema.CONTENT_TABLES}:
            raise LedgerDoubtError(f"there is no table {row.table}")
        values = {
            **row.values,
            "seq": seq,
            "docking": record.docking,
            "at_ms": at.utc_ms,
            "document": record.document,
        }
        names = ", ".join(values)
        marks = ", ".join("?" * len(values))
        self._db.execute(
            f"INSERT INTO {row.table}({names}) VALUES ({marks})",  # noqa: S608  our own words
            tuple(values.values()),
        )
