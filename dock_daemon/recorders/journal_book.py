"""A recorder's journal at a docking: held against what the dock remembers of it.

`remembered` asks the ledger; `examine` decides, on values alone, what is to be entered and what
was found; `Examined.judge`, after the copying, what the journal proves against the card. The key
that a recorder told at its first docking stays its key until an operator orders otherwise
(`order`): then the next one that it tells is taken, and that is an entry.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, cast

from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.pieces import Piece
from dock_daemon.recorders import journal_account, journal_judge, journal_statements
from dock_daemon.recorders.journal_account import Account
from dock_daemon.recorders.journal_judge import Card, JournalFinding
from dock_daemon.recorders.journal_statements import Statement
from firmware_bridge.capabilities import JournalPiece
from hashing import base64s, journal
from hashing.canonical import JSON
from hashing.errors import JournalError, KeyFormatError
from hashing.journal import START, Broken, Position, Walk
from hashing.keys import VerifierKey

ASKED_BEFORE: Final = "asked-before"
"""Why a recorder told nothing of its journal: an earlier docking of the same stay has it."""
_ASKED_AT_ONCE: Final = 500  # values in one question: SQLite takes 32,766


class KeyState(StrEnum):
    """What the dock makes of a recorder's key at a docking."""

    NONE = "none"  # it has no journal, and never had one here
    REGISTERED = "registered"  # taken at this docking
    KNOWN = "known"  # the one that it had before
    CHANGED = "changed"  # another one: the known one stays
    ABSENT = "absent"  # it has one, and showed no journal
    UNPROVED = "unproved"  # it told one, and its journal does not bear that out


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What the dock knows of a recorder's journal.

    `vkey` is empty while an operator's order waits for the next key. `position` is where the
    journal stood, `account` what it says must be on the card, `unread` whether there was more
    of it than was read, `whole` whether it was read to its end and held.
    """

    vkey: str
    position: Position
    account: Account
    unread: bool = False
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a recorder told of its journal: a number, a key, records; or why it told none.

    `why_not` is empty, or a stable word: an error's code, or `no-journal` for a model without.
    """

    recorder: str
    vkey: str = ""
    pieces: Sequence[JournalPiece] = ()
    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the journal proves against the card; of `unknown` clips nothing could be said."""

    findings: tuple[JournalFinding, ...]
    unknown: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What a docking makes of a journal: what is to be entered first, and what was found.

    `accounts` say what must be on the card: the journal's, and where a new one was taken in its
    place, the old one's for a last time. `whole` says that it was read to its end and holds,
    `unread` that it holds, and that there is more of it.
    """

    recorder: str
    key_state: KeyState
    statements: tuple[Statement, ...] = ()
    findings: tuple[JournalFinding, ...] = ()
    accounts: tuple[Account, ...] = ()
    whole: bool = False
    unread: bool = False

    @property
    def doubt(self) -> str:
        """Why what it says can not be relied on: `shared`, `cut`, `broken`; empty if it can."""
        codes = {one.code for one in self.findings}
        if "recorder-key-shared" in codes:
            return "shared"
        if "journal-cut" in codes:
            return "cut"
        return "broken" if "journal-broken" in codes else ""

    def asks(self, card: Card) -> frozenset[str]:
        """Return the contents of which `judge` must know whether they were ever sealed."""
        return frozenset().union(*(journal_judge.digests(one, card) for one in self.accounts))

    def judge(self, card: Card, *, sealed: Collection[str], seen: Collection[str]) -> Judged:
        """Return what does not fit between journal and card, once all is copied.

        `sealed` are those of `asks` that were sealed before this docking, `seen` the keys of
        all findings that stand in the ledger already.
        """
        found: list[JournalFinding] = []
        unknown = 0
        for account in self.accounts:
            more, open_clips = journal_judge.judge(
                account,
                card,
                sealed=frozenset(sealed),
                seen=frozenset(seen),
                recorder=self.recorder,
                whole=self.whole,
                unread=self.unread,
            )
            found += more
            unknown += open_clips
        return Judged(findings=tuple(found), unknown=unknown)


def remembered(ledger: Ledger, recorder: str) -> Remembered | None:
    """Return what is known of a recorder's journal; None if no key of it was ever taken."""
    keys = ledger.rows(
        "SELECT seq, vkey FROM recorder_key WHERE lower(recorder) = lower(?)"
        " ORDER BY seq DESC LIMIT 1",
        (recorder,),
    )
    if not keys or not recorder:
        return None
    vkey, since = cast("str", keys[0]["vkey"]), cast("int", keys[0]["seq"])
    # While an order waits, what the old key's journal says is still to be judged.
    rows = ledger.rows(
        "SELECT next, head, verdict, carried FROM journal WHERE lower(recorder) = lower(?1)"
        " AND (?2 = '' OR seq > ?3 AND vkey = ?2) ORDER BY seq DESC LIMIT 1",
        (recorder, vkey, since),
    )
    if not rows:
        return Remembered(vkey=vkey, position=START, account=journal_account.EMPTY)
    account = journal_account.decode(cast("str", rows[0]["carried"]))
    done = sealed_among(ledger, {clip.sha256 for clip in account.clips})
    account = journal_account.without(account, done)
    unread = rows[0]["verdict"] in {journal_statements.CONTINUED, journal_statements.PARTIAL}
    if not vkey:
        return Remembered(vkey="", position=START, account=account, unread=unread)
    head = bytes.fromhex(cast("str", rows[0]["head"]))
    position = Position(cast("int", rows[0]["next"]), head)
    whole = rows[0]["verdict"] == journal_statements.WHOLE
    return Remembered(vkey=vkey, position=position, account=account, unread=unread, whole=whole)


def ask_from(known: Remembered | None) -> int:
    """Return from which record on a recorder is asked: the last known one is read again."""
    return max(known.position.next - 1, 0) if known is not None else 0


def sealed_among(
    ledger: Ledger, digests: Collection[str], *, before: int = 1 << 53
) -> frozenset[str]:
    """Return those of `digests` that were sealed here by dockings earlier than `before`."""
    wanted = sorted(digests)
    found: set[str] = set()
    for start in range(0, len(wanted), _ASKED_AT_ONCE):
        some = wanted[start : start + _ASKED_AT_ONCE]
        marks = ", ".join("?" * len(some))
        rows = ledger.rows(
            f"SELECT DISTINCT sha256 FROM clip WHERE docking < ? AND sha256 IN ({marks})",  # noqa: S608  marks only
            (before, *some),
        )
        found |= {cast("str", row["sha256"]) for row in rows}
    return frozenset(found)


def order(recorder: str, *, by_whom: str, reason: str) -> Piece:
    """Return the entry to be that lets the next key of a recorder be taken for its own."""
    return journal_statements.ordered(recorder, by_whom=by_whom, reason=reason)


def examine(told: Told, known: Remembered | None, *, docking: int, other: str = "") -> Examined:
    """Hold what a recorder told of its journal against what is known of it.

    `other` is another recorder whose key it told (enrolled_keys.py).
    """
    if told.why_not == ASKED_BEFORE and known is not None and known.vkey:
        return replace(_as_known(told, known, KeyState.KNOWN), whole=known.whole)
    why_not = told.why_not or _no_key(told.vkey)
    if why_not:
        return _absent(told, known, why_not, docking)
    if known is None or not known.vkey:
        return _shared(told, known, other) if other else _register(told, known, docking)
    if known.vkey != told.vkey:
        return _changed(told, known)
    return _follow(told, known, docking)


def _absent(told: Told, known: Remembered | None, why_not: str, docking: int) -> Examined:
    if known is None or not known.vkey:
        return Examined(recorder=told.recorder, key_state=KeyState.NONE)
    finding = JournalFinding(
        code="journal-absent",
        key=_key("journal-absent", told, str(docking)),  # at each docking that lacks it
        facts={"reason": why_not, "known": known.position.next},
    )
    return _as_known(told, known, KeyState.ABSENT, finding)


def _changed(told: Told, known: Remembered) -> Examined:
    finding = JournalFinding(
        code="recorder-key-changed",
        key=_key("recorder-key-changed", told, told.vkey),
        facts={"before": known.vkey, "now": told.vkey},
    )
    return _as_known(told, known, KeyState.CHANGED, finding)


def _as_known(
    told: Told, known: Remembered, state: KeyState, *findings: JournalFinding
) -> Examined:
    """Take nothing new: what was said earlier must be on the card whether or not more is said."""
    return Examined(
        recorder=told.recorder,
        key_state=state,
        findings=findings,
        accounts=(known.account,),
        unread=known.unread,
    )


def _shared(told: Told, known: Remembered | None, other: str) -> Examined:
    """Take no key that is another recorder's: which of the two signed could not be told."""
    finding = JournalFinding(
        code="recorder-key-shared",
        key=_key("recorder-key-shared", told, other.casefold(), told.vkey),
        facts={"other": other, "now": told.vkey},
    )
    return Examined(
        recorder=told.recorder,
        key_state=KeyState.UNPROVED,
        findings=(finding,),
        accounts=() if known is None else (known.account,),
    )


def _register(told: Told, known: Remembered | None, docking: int) -> Examined:
    """Take a key: the journal's first record must be of this recorder, and signed with it."""
    earlier = () if known is None else (known.account,)
    walked = _walk(told, START, _lines(told, first=0))
    begun = walked.records[0].body.get("number") if walked.records else ""
    if begun != told.recorder or not begun:
        broken = walked.broken or Broken("begun", 0, "there is no record of it", b"")
        return Examined(
            recorder=told.recorder,
            key_state=KeyState.UNPROVED,
            findings=(_foreign(told, str(begun)) if begun else _broken(told, broken),),
            accounts=earlier,
        )
    how = "first-docking" if known is None else "ordered"
    entry = journal_statements.registered(docking, told.recorder, told.vkey, how)
    taken = _taken(told, START, journal_account.EMPTY, walked, docking)
    return replace(
        taken,
        key_state=KeyState.REGISTERED,
        statements=(entry, *taken.statements),
        accounts=(*taken.accounts, *earlier),
    )


def _foreign(told: Told, number: str) -> JournalFinding:
    key = _key("journal-foreign", told, number, told.vkey)
    return JournalFinding(code="journal-foreign", key=key, facts={"number": number})


def _follow(told: Told, known: Remembered, docking: int) -> Examined:
    size = max((piece.size for piece in told.pieces), default=0)
    lines = _lines(told, first=ask_from(known))
    if size < known.position.next:
        facts: dict[str, JSON] = {"known": known.position.next, "found": size, "line": ""}
        return _cut(told, known, facts)
    if known.position.next and lines:
        last, *lines = lines
        if journal.digest(last) != known.position.head:
            return _other(told, known, last)
    walked = _walk(told, known.position, lines)
    if walked.broken is not None and walked.broken.code == "link" and not walked.records:
        return _cut(told, known, _forked(known, size, walked.broken.line))
    return _taken(told, known.position, known.account, walked, docking)


def _other(told: Told, known: Remembered, line: bytes) -> Examined:
    """Another line stands where the last known one was: forked if it is signed, else broken."""
    key = VerifierKey.parse(told.vkey)
    try:
        record, signature = journal.parse(line)
    except JournalError as error:
        broken = Broken(error.code, known.position.next - 1, error.detail, line)
    else:
        if key.verifies(journal.signed_text(line), signature):
            return _cut(told, known, _forked(known, record.seq + 1, line))
        detail = f"record {record.seq} is not signed by {key.name}"
        broken = Broken("signature", known.position.next - 1, detail, line)
    return _as_known(told, known, KeyState.KNOWN, _broken(told, broken))


def _forked(known: Remembered, found: int, line: bytes) -> dict[str, JSON]:
    return {"known": known.position.next, "found": found, "line": base64s.spell(line)}


def _cut(told: Told, known: Remembered, facts: dict[str, JSON]) -> Examined:
    key = _key("journal-cut", told, str(known.position.next), known.position.head.hex())
    finding = JournalFinding(code="journal-cut", key=key, facts=facts)
    return _as_known(told, known, KeyState.KNOWN, finding)


def _taken(told: Told, start: Position, account: Account, walked: Walk, docking: int) -> Examined:
    """Take the records that hold, and say what does not."""
    size = max((piece.size for piece in told.pieces), default=0)
    whole = walked.broken is None and walked.position.next == size
    sound = journal_statements.WHOLE if whole else journal_statements.PARTIAL
    verdict = "broken" if walked.broken else sound
    folded = journal_account.fold(account, walked.records)
    silent = journal_judge.silent(folded.quiet, told.recorder)
    findings = [] if silent is None else [silent]
    if walked.broken is not None:
        findings.append(_broken(told, walked.broken))
    statements = journal_statements.records(
        docking,
        told.recorder,
        told.vkey,
        walked,
        start=start,
        size=size,
        verdict=verdict,
        account=account,
    )
    return Examined(
        recorder=told.recorder,
        key_state=KeyState.KNOWN,
        statements=tuple(statements),
        findings=tuple(findings),
        accounts=(folded.account,),
        whole=whole,
        unread=walked.broken is None and not whole,
    )


def _broken(told: Told, broken: Broken) -> JournalFinding:
    return JournalFinding(
        code="journal-broken",
        key=_key("journal-broken", told, str(broken.seq), journal.digest(broken.line).hex()),
        facts=journal_statements.told(broken),
    )


def _walk(told: Told, position: Position, lines: Sequence[bytes]) -> Walk:
    return journal.walk(lines, vkey=VerifierKey.parse(told.vkey), position=position)


def _lines(told: Told, *, first: int) -> list[bytes]:
    """Return the lines of the pieces as far as one follows the other."""
    lines: list[bytes] = []
    for piece in told.pieces:
        if piece.first != first + len(lines):
            break
        lines += journal.split(piece.data)
    return lines


def _no_key(vkey: str) -> str:
    if not vkey:
        return "no-journal"
    try:
        VerifierKey.parse(vkey)
    except KeyFormatError:
        return "key-malformed"
    return ""


def _key(code: str, told: Told, *parts: str) -> str:
    return "|".join((code, told.recorder.casefold(), *parts))
