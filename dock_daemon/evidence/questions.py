"""What the dock asks of its ledger. Each takes the ledger and answers with values."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeAlias, cast

import msgspec

from dock_daemon.evidence import history, holes, key_change, manifests, roll, scrub_book
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.records import Known
from hashing.entry import parse

PAGED: Final = frozenset({"clips", "findings", "custody", "health", "recorders"})
PAGE: Final = 2000
"""No more rows than this are told at a time; `before` asks for those that come next."""

_Natural: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]
Digest: TypeAlias = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}\\Z")]


class _Ask(msgspec.Struct, tag_field="ask", forbid_unknown_fields=True, kw_only=True):
    """A question to the ledger."""


class AskStatus(_Ask, tag="status"):
    """How the dock stands."""


class AskClips(_Ask, tag="clips"):
    """Sealed clips. A `limit` of 0 is a page; `before` is a seq, and leaves it out."""

    docking: _Natural | None = None
    late: bool = False
    limit: _Natural = 0
    before: _Natural | None = None


class AskFindings(_Ask, tag="findings"):
    """Findings, with the same members."""

    docking: _Natural | None = None
    limit: _Natural = 0
    before: _Natural | None = None


class AskManifests(_Ask, tag="manifests"):
    """Closed and published dockings; `after` is the seq of the last one that is known."""

    after: Annotated[int, msgspec.Meta(ge=-1, lt=1 << 53)] = -1
    limit: _Natural = 0


class AskManifest(_Ask, tag="manifest"):
    """One of them."""

    docking: _Natural


class AskDocking(_Ask, tag="docking"):
    """Whether there is such a docking, and how far it is."""

    docking: _Natural


class AskClip(_Ask, tag="clip"):
    """What seals a content."""

    sha256: Digest


class AskKeys(_Ask, tag="keys"):
    """Every key that the log ever had."""


class AskCustody(_Ask, tag="custody"):
    """Issues, returns and trips: all of one recorder's, else of each since its newest issue."""

    recorder: Annotated[str, msgspec.Meta(max_length=120)] = ""
    limit: _Natural = 0
    before: _Natural | None = None


class AskHealth(_Ask, tag="health"):
    """What was seen of recorders themselves since then (ms UTC); an empty `recorder`: of all."""

    recorder: Annotated[str, msgspec.Meta(max_length=120)] = ""
    since_ms: _Natural = 0
    limit: _Natural = 0
    before: _Natural | None = None


class AskRecorders(_Ask, tag="recorders"):
    """The recorders that ever said who they are, the one docked last first."""

    limit: _Natural = 0
    before: _Natural | None = None


class AskDamaged(_Ask, tag="damaged"):
    """What the store does not hold as it was sealed."""


Question: TypeAlias = (
    AskStatus
    | AskClips
    | AskFindings
    | AskManifests
    | AskManifest
    | AskDocking
    | AskClip
    | AskKeys
    | AskCustody
    | AskHealth
    | AskRecorders
    | AskDamaged
)


def open_dockings(ledger: Ledger) -> list[int]:
    """Return the dockings that an earlier life of the dock did not bring to an end."""
    rows = ledger.rows("SELECT number FROM docking WHERE closed_ms IS NULL ORDER BY number")
    return [cast("int", row["number"]) for row in rows]


def counts_of(ledger: Ledger, docking: int) -> tuple[int, int]:
    """Return how many clips and findings a docking has entered so far."""
    (row,) = ledger.rows(
        "SELECT (SELECT count(*) FROM clip WHERE docking = ?) AS clips,"
        " (SELECT count(*) FROM finding WHERE docking = ?) AS findings",
        (docking, docking),
    )
    return cast("int", row["clips"]), cast("int", row["findings"])


def known_clips(ledger: Ledger, volume: str, recorder: str) -> dict[str, list[Known]]:
    """Return what was sealed under each path of a volume, the newest first.

    A serial is no identity: cards are cloned, and many have none. So a clip that was
    sealed from a recorder of another number is another card's.
    """
    rows = ledger.rows(
        "SELECT clip.seq, volume, path_key, path, listed_size, stamps, extents, first_offset,"
        " sha256, size, class AS media_class, clip.holes, coalesce((SELECT nullif(step, 'kept')"
        "  FROM erasing WHERE erasing.clip = clip.seq ORDER BY seq DESC LIMIT 1), '') AS erasing"
        " FROM clip JOIN docking ON number = clip.docking"
        " WHERE volume = ?1 AND (?2 = '' OR recorder = '' OR lower(recorder) = lower(?2))"
        " ORDER BY clip.seq DESC",
        (volume, recorder),
    )
    versions: dict[str, list[Known]] = {}
    for row in rows:
        told = {
            **row,
            "holes": holes.parse(cast("str", row["holes"])),
        }
        clip = Known(**cast("dict[str, Any]", told))
        versions.setdefault(clip.path_key, []).append(clip)
    return versions


def recorders_of(ledger: Ledger, volume: str) -> list[str]:
    """Return the numbers of the recorders from which clips of a volume were sealed."""
    rows = ledger.rows(
        "SELECT DISTINCT recorder FROM docking WHERE recorder != '' AND number IN"
        " (SELECT docking FROM clip WHERE volume = ?)",
        (volume,),
    )
    return [cast("str", row["recorder"]) for row in rows]


def finding_keys(ledger: Ledger) -> set[str]:
    """Return the keys of all facts that are findings already."""
    return {cast("str", row["key"]) for row in ledger.rows("SELECT key FROM finding")}


def volumes_of(ledger: Ledger, recorder: str) -> list[str]:
    """Return the volumes that a recorder had when it was last docked and told its number."""
    if not recorder:
        return []
    rows = ledger.rows(
        "SELECT volumes FROM docking WHERE lower(recorder) = lower(?) AND volumes != '[]'"
        " ORDER BY number DESC LIMIT 1",
        (recorder,),
    )
    return cast("list[str]", json.loads(cast("str", rows[0]["volumes"]))) if rows else []


def clips(
    ledger: Ledger,
    *,
    docking: int | None = None,
    late: bool = False,
    before: int | None = None,
    limit: int = PAGE,
) -> list[dict[str, object]]:
    """Return sealed clips, the newest first."""
    rows = ledger.rows(
        "SELECT seq, docking, volume, path, sha256, size, class, marks, verified, quarantine, rule,"
        " base, base_ms, due_ms, done_ms, late, document,"
        " (SELECT recorder FROM docking WHERE number = clip.docking) AS recorder,"
        " (SELECT json_extract(CAST(bytes AS TEXT), '$.body.retention') FROM entry"
        " WHERE entry.seq = clip.seq) AS retention"
        " FROM clip WHERE (?1 IS NULL OR docking = ?1) AND (NOT ?2 OR late)"
        " AND (?3 IS NULL OR seq < ?3) ORDER BY seq DESC LIMIT ?4",
        (docking, late, before, limit),
    )
    for row in rows:
        row["marks"] = json.loads(cast("str", row["marks"]))
        row["retention"] = json.loads(cast("str | None", row["retention"]) or "null")
        row["late"], row["quarantine"] = bool(row["late"]), bool(row["quarantine"])
    return rows


def findings(
    ledger: Ledger, *, docking: int | None = None, before: int | None = None, limit: int = PAGE
) -> list[dict[str, object]]:
    """Return findings, the newest first."""
    rows = ledger.rows(
        "SELECT seq, docking, finding, volume, path, clip, facts, document, found_ms,"
        " (SELECT recorder FROM docking WHERE number = finding.docking) AS recorder"
        " FROM finding WHERE (?1 IS NULL OR docking = ?1) AND (?2 IS NULL OR seq < ?2)"
        " ORDER BY seq DESC LIMIT ?3",
        (docking, before, limit),
    )
    for row in rows:
        row["facts"] = json.loads(cast("str", row["facts"]))
    return rows


def dockings(ledger: Ledger, *, limit: int) -> list[dict[str, object]]:
    """Return dockings, the newest first."""
    rows = ledger.rows(
        "SELECT number, bay, source, place, recorder, holder, volumes, quarantine, opened_ms,"
        " closed_ms, result, clips, findings, unread FROM docking ORDER BY number DESC LIMIT ?",
        (limit,),
    )
    for row in rows:
        row["volumes"] = json.loads(cast("str", row["volumes"]))
        row["quarantine"] = bool(row["quarantine"])
    return rows


def custody(
    ledger: Ledger, *, recorder: str = "", before: int | None = None, limit: int = -1
) -> list[dict[str, object]]:
    """Return issues, returns and trips, the newest first; a `limit` below 0 is none.

    Of one recorder all of them, however the letters of its number are written; without one, of
    each recorder those since its newest issue, which is all that counts today.
    """
    if not ledger.up_to_date:  # written by an older sealdock, and only looked at
        return []
    return ledger.rows(
        "WITH newest AS (SELECT lower(recorder) AS name, max(seq) AS since FROM custody"
        "  WHERE event = 'issue' GROUP BY lower(recorder))"
        " SELECT seq, at_ms, custody.recorder, event, how, issue, when_ms, until_ms, user_no,"
        " custody.name, unit, by_whom, second, reason"
        " FROM custody LEFT JOIN newest ON newest.name = lower(recorder)"
        " WHERE (seq >= coalesce(since, 0) OR ?1 != '')"
        " AND (?1 = '' OR lower(recorder) = lower(?1)) AND (?2 IS NULL OR seq < ?2)"
        " ORDER BY seq DESC LIMIT ?3",
        (recorder.strip(), before, limit),
    )


def totals(ledger: Ledger) -> dict[str, object]:
    """Return how much there is: dockings, clips, bytes, late ones, findings, entries."""
    (row,) = ledger.rows(
        "SELECT (SELECT count(*) FROM docking) AS dockings, (SELECT count(*) FROM clip) AS clips,"
        " (SELECT coalesce(sum(size), 0) FROM clip) AS bytes,"
        " (SELECT count(*) FROM clip WHERE late) AS late,"
        " (SELECT count(*) FROM clip WHERE quarantine) AS quarantined,"
        " (SELECT count(*) FROM finding) AS findings"
    )
    return {**row, "entries": ledger.size}


def answer(
    ledger: Ledger, request: Mapping[str, object], *, published: int | None = None
) -> object:
    """Answer what is asked, whoever holds the ledger; raise ValueError if it is nonsense.

    `published` is how many entries others can see: where nobody works with the ledger, as
    many as were signed.
    """
    try:
        # The type checker cannot tell that a union of types is one.
        asked = msgspec.convert(request, cast("type[Question]", Question))
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error
    return _answer(ledger, asked, _signed(ledger) if published is None else published)


def _answer(ledger: Ledger, asked: Question, published: int) -> object:
    match asked:
        case AskStatus() | AskDamaged():
            return status(ledger) if isinstance(asked, AskStatus) else scrub_book.standing(ledger)
        case AskClips(docking=docking, late=late, before=before, limit=limit):
            limit = min(limit or PAGE, PAGE)
            return clips(ledger, docking=docking, late=late, before=before, limit=limit)
        case AskFindings(docking=docking, before=before, limit=limit):
            limit = min(limit or PAGE, PAGE)
            return findings(ledger, docking=docking, before=before, limit=limit)
        case AskManifests(after=after, limit=limit):
            return manifests.closed(ledger, published, after, limit)
        case AskManifest(docking=docking):
            return manifests.of(ledger, published, docking)
        case AskDocking(docking=docking):
            return manifests.docking(ledger, docking)
        case AskClip(sha256=sha256):
            return manifests.clip(ledger, sha256)
        case AskKeys():
            return key_change.history(ledger)
        case AskCustody() | AskHealth() | AskRecorders():
            return _of_recorders(ledger, asked)


def _of_recorders(ledger: Ledger, asked: AskCustody | AskHealth | AskRecorders) -> object:
    limit = min(asked.limit or PAGE, PAGE)
    match asked:
        case AskCustody(recorder=recorder, before=before):
            return custody(ledger, recorder=recorder, before=before, limit=limit)
        case AskHealth(recorder=recorder, since_ms=since_ms, before=before):
            return history.health(
                ledger, recorder=recorder, since_ms=since_ms, before=before, limit=limit
            )
        case AskRecorders(before=before):
            return roll.recorders(ledger, before=before, limit=limit)


def _signed(ledger: Ledger) -> int:
    kept = ledger.last_checkpoint()
    return 0 if kept is None else kept[0]


def status(ledger: Ledger) -> dict[str, object]:
    """Return what there is to say about the ledger as it stands."""
    genesis = next(ledger.entries(0, 1), None)
    return {
        "origin": "" if genesis is None else parse(genesis).body["origin"],
        "totals": totals(ledger),
        "signed": _signed(ledger),
        "dockings": dockings(ledger, limit=8),
        "store": scrub_book.standing(ledger),
    }
