"""The closing statements of dockings that nobody else will close."""

from collections.abc import Collection

from dock_daemon.evidence import questions
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.records import Record, ReleaseRow


def of(ledger: Ledger, dockings: Collection[int]) -> list[Record]:
    """Return the entries to be that end those of `dockings` which are open, as cut off."""
    return [_end_of(ledger, one) for one in questions.open_dockings(ledger) if one in dockings]


def _end_of(ledger: Ledger, number: int) -> Record:
    clips, findings = questions.counts_of(ledger, number)
    return Record(
        kind="released",
        docking=number,
        body={
            "docking": number,
            "result": "interrupted",
            "clips": clips,
            "findings": findings,
            "unread": 0,
        },
        row=ReleaseRow(
            number=number, result="interrupted", clips=clips, findings=findings, unread=0
        ),
        closes=True,
    )
