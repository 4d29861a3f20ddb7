"""Whose key a recorder told: the ledger's answer, over all recorders (journal.md section 8)."""

from typing import cast

from dock_daemon.evidence.ledger import Ledger
from hashing.errors import KeyFormatError
from hashing.keys import VerifierKey


def enrolled_elsewhere(ledger: Ledger, recorder: str, vkey: str) -> str:
    """Return the number of another recorder whose key this one told; empty if none has it.

    It is the same key under whatever name: a vkey begins with a name that anybody may choose.
    A key that an operator's order withdrew is nobody's.
    """
    try:
        VerifierKey.parse(vkey)
    except KeyFormatError:
        return ""
    rows = ledger.rows(
        "SELECT k.recorder FROM recorder_key k WHERE lower(k.recorder) != lower(?1)"
        " AND substr(k.vkey, -length(?2)) = ?2 AND k.seq ="
        " (SELECT max(seq) FROM recorder_key WHERE lower(recorder) = lower(k.recorder))"
        " ORDER BY k.seq LIMIT 1",
        (recorder, "+" + vkey.split("+", 2)[2]),
    )
    return cast("str", rows[0]["recorder"]) if rows else ""
