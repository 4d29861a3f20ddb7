"""What can be wrong with a proof, a head, and what others kept of a log.

Every code is a row of docs/formats/proof.md section 6 and never changes its meaning.
"""

from typing import Final

PROOF_CODES: Final[dict[str, str]] = {
    "proof-malformed": "the file is no tlog-proof",
    "extension-line": "the checkpoint has lines beyond origin, size and root",
    "other-origin": "the checkpoint is of a log that is not trusted here",
    "other-log-key": "the checkpoint is signed under the log's name by a key that is not trusted",
    "log-unsigned": "the checkpoint bears no signature of its log",
    "log-signature": "the log's signature does not match the checkpoint",
    "same-key-twice": "one key has two lines under the checkpoint",
    "cosignature-invalid": "a cosignature does not match the checkpoint, or states no time",
    "quorum": "fewer witnesses cosigned than the policy asks for",
    "stale": "the cosignatures are older than was asked for",
    "from-the-future": "a cosignature is of a time that is still to come",
    "age-unknown": "no known witness says how old the checkpoint is",
    "index-beyond-size": "the proof is of an entry that the log does not have yet",
    "inclusion": "the hashes do not lead from the entry to the root",
    "leaf-other": "the entry is another one than the proof is of",
    "clip-other": "the entry does not seal this clip",
    "document-other": "the entry does not seal this document",
    "also-malformed": "what was kept is neither a tlog-proof nor a checkpoint of this profile",
    "also-other-origin": "what was kept is of another log",
    "also-unsigned": "what was kept bears no valid signature of the log",
    "fork": "the log's key signed two histories",
    "rollback": "the log is shorter than a head that somebody kept",
    "consistency-unknown": "nothing shows that one head continues the other",
    "consistency-malformed": "the file is no consistency proof",
    "log-damaged": "a tile that is needed is not there, or is not the one that was sealed",
}
