"""What this log remembers having signed, and how a head that somebody shows stands to it."""

from dock_daemon.evidence import heads
from dock_daemon.evidence.heads import Verdict
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.publication import Publisher
from hashing import note


def kept(ledger: Ledger, size: int) -> bytes | None:
    """Return the head that was signed at `size`, or None if none was."""
    rows = ledger.rows("SELECT note FROM checkpoint WHERE size = ?", (size,))
    found = rows[0]["note"] if rows else None
    return found if isinstance(found, bytes) else None


def text_of(ledger: Ledger, size: int) -> str | None:
    """Return what was signed at `size`, or None if nothing was."""
    found = kept(ledger, size)
    return None if found is None else note.parse(found)[0]


def verdict(ledger: Ledger, publisher: Publisher, data: bytes) -> Verdict:
    """Return how a head under our name stands to our log; raise EvidenceError if it is none."""

    def root_at(size: int) -> bytes:
        found = kept(ledger, size)
        return publisher.root_at(ledger, size) if found is None else heads.stated(found).root

    return heads.judge(heads.stated(data), publisher.signed, root_at)


def only_unshown_after(ledger: Ledger, publisher: Publisher, size: int) -> bool:
    """Tell whether one head only follows `size`, which a crash kept from being shown."""
    rows = ledger.rows("SELECT size FROM checkpoint WHERE size > ? LIMIT 2", (size,))
    return size == publisher.found and len(rows) == 1
