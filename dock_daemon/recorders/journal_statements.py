"""The bodies of what is entered of a recorder's journal, the documents, and the rows. Pure.

The records stand in documents, verbatim: they hold paths (docs/formats/entry.md section 4,
document.md section 4).
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from dock_daemon.evidence.pieces import Outcome, Piece
from dock_daemon.evidence.records import FactRow
from dock_daemon.recorders import journal_account
from dock_daemon.recorders.journal_account import Account
from hashing import base64s, journal
from hashing.canonical import JSON
from hashing.journal import Broken, Position, Record, Walk

MAX_LINES: Final = 4 << 20
"""Bytes of records in one document: their JSON spelling is at most twice as long."""

CONTINUED: Final = "continued"  # the next entry of the same docking goes on
PARTIAL: Final = "partial"  # there is more than was read
WHOLE: Final = "whole"  # read to its end, and it holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One entry of a docking to be: its kind, body, row, and the facts of its document."""

    kind: str
    body: dict[str, JSON]
    row: FactRow
    facts: dict[str, JSON]


def registered(docking: int, recorder: str, vkey: str, how: str) -> Statement:
    """Say with which key a recorder signs its journal from now on.

    `how` is `first-docking`, or `ordered` where an operator had ordered it.
    """
    return Statement(
        kind="recorder-registered",
        body={"docking": docking, "vkey_sha256": _sha256(vkey), "how": how},
        row=FactRow(table="recorder_key", values={"recorder": recorder, "vkey": vkey}),
        facts={"kind": "recorder-registered", "recorder": recorder, "vkey": vkey, "how": how},
    )


def ordered(recorder: str, *, by_whom: str, reason: str) -> Piece:
    """Return the entry to be that lets a recorder's next key be taken for its own."""
    body: dict[str, JSON] = {"changed": "recorder-key"}
    row = FactRow(table="recorder_key", values={"recorder": recorder, "vkey": ""})
    facts: dict[str, JSON] = {
        "kind": "recorder-key-order",
        "recorder": recorder,
        "by_whom": by_whom,
        "reason": reason,
    }

    def finish(_outcome: Outcome) -> tuple[dict[str, JSON], FactRow]:
        return body, row

    return Piece(kind="config-change", docking=None, finish=finish, facts=facts)


def records(
    docking: int,
    recorder: str,
    vkey: str,
    walked: Walk,
    *,
    start: Position,
    size: int,
    verdict: str,
    account: Account,
) -> Iterator[Statement]:
    """Say what was read of a journal, in as many entries as its documents need.

    `start` is where the walk began, `size` how many records the recorder has, `account` what
    they are folded into.
    """
    cut = list(_parts(walked))
    for place, (lines, parts) in enumerate(cut):
        last = place == len(cut) - 1
        end = (
            walked.position
            if last
            else Position(start.next + len(lines), journal.digest(lines[-1]))
        )
        account = journal_account.fold(account, parts).account
        word = verdict if last else CONTINUED
        yield Statement(
            kind="journal",
            body={
                "docking": docking,
                "first": start.next,
                "next": end.next,
                "head": end.head.hex(),
                "verdict": word,
            },
            row=FactRow(
                table="journal",
                values={
                    "recorder": recorder,
                    "vkey": vkey,
                    "first": start.next,
                    "next": end.next,
                    "head": end.head.hex(),
                    "verdict": word,
                    "carried": journal_account.encode(account),
                },
            ),
            facts={
                "kind": "journal",
                "recorder": recorder,
                "vkey": vkey,
                "size": size,
                "verdict": word,
                "broken": told(walked.broken) if last and walked.broken else None,
                "records": [line[:-1].decode("utf-8") for line in lines],
            },
        )
        start = end


def told(broken: Broken) -> dict[str, JSON]:
    """Return what does not hold, as a document tells it; `line` is base 64."""
    return {
        "code": broken.code,
        "record": broken.seq,
        "detail": broken.detail,
        "line": base64s.spell(broken.line[: journal.MAX_LINE]),
    }


def _parts(walked: Walk) -> Iterator[tuple[Sequence[bytes], Sequence[Record]]]:
    """Cut a walk into runs of lines that fit a document."""
    begin = room = 0
    for place, line in enumerate(walked.lines):
        if room + len(line) > MAX_LINES:
            yield walked.lines[begin:place], walked.records[begin:place]
            begin, room = place, 0
        room += len(line)
    if begin < len(walked.lines):
        yield walked.lines[begin:], walked.records[begin:]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
