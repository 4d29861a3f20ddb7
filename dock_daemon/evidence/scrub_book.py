"""What the index remembers of reading the store again, and of what was found damaged.

Every function is a question to the ledger, or a note in it: asked on its own thread
(`Sealer.ask`). How far the reading came is no evidence, and may be lost; what was found is an
entry, and the line of the index that comes with it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.scrub_plan import Unit
from dock_daemon.evidence.store import CLIPS, DOCUMENTS, FANS
from hashing.entry import At, parse

LEDGER: Final = "ledger"
"""The room that is no folder: the entries themselves."""
MOST_NAMED: Final = 64
"""So many entries are named with a damaged content at the most."""

ENTRY_BYTES: Final = 1024
"""What an entry holds, about, and its document."""

_NEW: Final = "scrub_new"
_PAUSED: Final = "scrub_paused_until"
_ASKED: Final = "scrub_asked"
_DAY_MS: Final = 86_400_000
_SPAN: Final = 20_000  # entries that are searched for a document at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A unit, and the last name that the reading under way has come to."""

    unit: Unit
    done_to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewClip:
    """A clip that was sealed and not read again since: its entry, and when that was made."""

    seq: int
    sha256: str
    document: str
    at: At


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """A content that the store does not hold as it was sealed, since `at_ms`. `seq`: its entry."""

    seq: int
    at_ms: int
    room: str
    sha256: str
    event: str
    how: str


def places(ledger: Ledger, now_ms: int) -> list[Place]:
    """Return every unit; at the very first time all count as read, and are noted so."""
    rows = ledger.rows("SELECT room, fan, read_ms, since_ms, done_to, size FROM scrub_unit")
    if not rows:
        clips = _total(ledger) // len(FANS)
        papers = ledger.size * ENTRY_BYTES
        sizes = {CLIPS: clips, DOCUMENTS: papers // len(FANS), LEDGER: papers}
        names = [(room, fan) for room in (CLIPS, DOCUMENTS) for fan in FANS] + [(LEDGER, "")]
        ledger.note(
            "INSERT INTO scrub_unit(room, fan, read_ms, done_to, files, size)"
            " VALUES (?, ?, ?, '', 0, ?)",
            [(room, fan, now_ms, sizes[room]) for room, fan in names],
        )
        return places(ledger, now_ms)
    return [
        Place(
            unit=Unit(
                room=cast("str", row["room"]),
                fan=cast("str", row["fan"]),
                read_ms=cast("int", row["read_ms"]),
                since_ms=cast("int | None", row["since_ms"]),
                size=cast("int", row["size"]),
            ),
            done_to=cast("str", row["done_to"]),
        )
        for row in rows
    ]


def came_to(ledger: Ledger, unit: Unit, name: str) -> None:
    """Note since when a unit is being read, and the last name that was."""
    ledger.note(
        "UPDATE scrub_unit SET since_ms = ?, done_to = ? WHERE room = ? AND fan = ?",
        [(unit.since_ms, name, unit.room, unit.fan)],
    )


def ended(ledger: Ledger, unit: Unit, *, files: int) -> None:
    """Note that a unit was read whole, in a reading that began at its `read_ms`."""
    ledger.note(
        "UPDATE scrub_unit SET read_ms = ?, since_ms = NULL, done_to = '', files = ?, size = ?"
        " WHERE room = ? AND fan = ?",
        [(unit.read_ms, files, unit.size, unit.room, unit.fan)],
    )


def begin_new(ledger: Ledger, now_ms: int, within_ms: int) -> None:
    """Note from where on clips count as new, unless that stands already."""
    if ledger.meta(_NEW) is not None:
        return
    (row,) = ledger.rows(
        "SELECT min(seq) AS seq FROM clip WHERE done_ms >= ?", (now_ms - within_ms,)
    )
    ledger.remember(_NEW, str(ledger.size if row["seq"] is None else row["seq"]))


def next_new(ledger: Ledger) -> NewClip | None:
    """Return the oldest clip that was not read again yet, or None."""
    rows = ledger.rows(
        "SELECT clip.seq, sha256, document, bytes FROM clip JOIN entry ON entry.seq = clip.seq"
        " WHERE clip.seq >= ? ORDER BY clip.seq LIMIT 1",
        (int(ledger.meta(_NEW) or 0),),
    )
    if not rows:
        return None
    row = rows[0]
    return NewClip(
        seq=cast("int", row["seq"]),
        sha256=cast("str", row["sha256"]),
        document=cast("str", row["document"]),
        at=parse(cast("bytes", row["bytes"])).at,
    )


def new_done(ledger: Ledger, seq: int) -> None:
    """Note that the clip of entry `seq` was read again."""
    ledger.remember(_NEW, str(seq + 1))


def new_waiting(ledger: Ledger) -> int:
    """Return how many clips wait for their second reading."""
    (row,) = ledger.rows(
        "SELECT count(*) AS n FROM clip WHERE seq >= ?", (int(ledger.meta(_NEW) or 0),)
    )
    return cast("int", row["n"])


def pause(ledger: Ledger, until_ms: int) -> None:
    """Note that nothing is read until then; 0: at once again."""
    ledger.remember(_PAUSED, str(until_ms))


def paused_until(ledger: Ledger) -> int:
    """Return until when nothing is read, in ms UTC; 0 if nobody asked for that."""
    return int(ledger.meta(_PAUSED) or 0)


def ask_all(ledger: Ledger, now_ms: int) -> None:
    """Note that a person wants all of it read now."""
    ledger.remember(_ASKED, str(now_ms))


def asked_ms(ledger: Ledger) -> int:
    """Return when a person last wanted all of it read; 0: never."""
    return int(ledger.meta(_ASKED) or 0)


def damages(ledger: Ledger) -> list[Damage]:
    """Return what the store does not hold as it was sealed, the oldest first."""
    if not ledger.up_to_date:  # written by an older sealdock, and only looked at
        return []
    rows = ledger.rows(
        "SELECT seq, at_ms, room, sha256, event, how FROM content AS one WHERE event != 'replaced'"
        " AND NOT EXISTS (SELECT 1 FROM content AS later WHERE later.sha256 = one.sha256"
        "  AND later.seq > one.seq) ORDER BY seq"
    )
    return [Damage(**cast("dict[str, str]", row)) for row in rows]  # type: ignore[arg-type]  # the columns are typed STRICT


def replaced(ledger: Ledger) -> int:
    """Return how many damaged contents a good copy has replaced since the log began."""
    if not ledger.up_to_date:
        return 0
    (row,) = ledger.rows("SELECT count(*) AS n FROM content WHERE event = 'replaced'")
    return cast("int", row["n"])


def clips_with(ledger: Ledger, sha256: str) -> list[int]:
    """Return the clip entries that seal a content."""
    rows = ledger.rows("SELECT seq FROM clip WHERE sha256 = ? ORDER BY seq", (sha256,))
    return [cast("int", row["seq"]) for row in rows]


def naming(ledger: Ledger, digest: str, start: int) -> list[int]:
    """Return the entries from `start` on, _SPAN of them at the most, that name a document."""
    rows = ledger.rows(
        "SELECT seq FROM entry WHERE seq >= ? AND seq < ? AND instr(bytes, ?) ORDER BY seq",
        (start, start + _SPAN, digest.encode("ascii")),
    )
    return [cast("int", row["seq"]) for row in rows]


def spans(size: int) -> range:
    """Return from where `naming` is to be asked, for a ledger of `size`."""
    return range(0, size, _SPAN)


def size_of(ledger: Ledger, sha256: str) -> int | None:
    """Return the size in bytes that a clip entry states of a content; None if there is none."""
    rows = ledger.rows("SELECT size FROM clip WHERE sha256 = ? LIMIT 1", (sha256,))
    return cast("int", rows[0]["size"]) if rows else None


def intake(ledger: Ledger, since_ms: int) -> list[tuple[int, int]]:
    """Return day (days since 1970, UTC) and bytes of what was sealed since then, by day.

    The same content twice is stored once; those are few, and counted all the same.
    """
    rows = ledger.rows(
        "SELECT done_ms / ?1 AS day, sum(size) AS bytes FROM clip WHERE docking IN"
        " (SELECT number FROM docking WHERE opened_ms >= ?2) GROUP BY day ORDER BY day",
        (_DAY_MS, since_ms),
    )
    return [(cast("int", row["day"]), cast("int", row["bytes"])) for row in rows]


def first_docking_ms(ledger: Ledger) -> int | None:
    """Return when this dock first took anything over; None before that."""
    (row,) = ledger.rows("SELECT min(opened_ms) AS at FROM docking")
    return cast("int | None", row["at"])


def standing(ledger: Ledger) -> dict[str, object]:
    """Return how the store stands by the ledger alone, whoever holds it: for `status`."""
    if not ledger.up_to_date:
        return {"damaged": [], "damaged_count": 0, "replaced": 0, "read_ms": None, "files": 0}
    found = damages(ledger)
    (row,) = ledger.rows("SELECT min(read_ms) AS read_ms, sum(files) AS files FROM scrub_unit")
    return {
        "damaged": [
            {
                "room": one.room,
                "sha256": one.sha256,
                "since_ms": one.at_ms,
                "seq": one.seq,
                "event": one.event,
                "how": one.how,
                "size": size_of(ledger, one.sha256),
                "entries": named_in(ledger, one.seq),
            }
            for one in found[:MOST_NAMED]
        ],
        "damaged_count": len(found),
        "replaced": replaced(ledger),
        "read_ms": row["read_ms"],
        "files": row["files"] or 0,
    }


def named_in(ledger: Ledger, seq: int) -> Sequence[int]:
    """Return the entries that the entry of a damage says it concerns."""
    rows = ledger.rows("SELECT bytes FROM entry WHERE seq = ?", (seq,))
    body = json.loads(cast("bytes", rows[0]["bytes"]))["body"] if rows else {}
    return cast("list[int]", body.get("entries", []))


def _total(ledger: Ledger) -> int:
    (row,) = ledger.rows("SELECT coalesce(sum(size), 0) AS bytes FROM clip")
    return cast("int", row["bytes"])
