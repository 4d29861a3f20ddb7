"""What the dock hands out of its log: manifests of dockings, and proofs of entries.

Made from the published files and the documents alone; which entries, and which heads cover
them, the daemon tells, or the ledger where none runs.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from config.loader import Loaded
from dock_daemon.asking import ask
from dock_daemon.errors import (
    ClipUnknownError,
    DockingOpenError,
    DockingUnknownError,
    DockingUnpublishedError,
    EntryUnpublishedError,
    OutputError,
    OutputExistsError,
    StateUnusableError,
)
from dock_daemon.evidence.roster import Roster
from hashing import checkpoint, entry, manifest, note, proofs
from hashing.checkpoint import Checkpoint
from hashing.document import MAX_DOCUMENT
from hashing.entry_reads import read_entries
from hashing.errors import FileTroubleError, Trouble
from hashing.evidence_files import digest_file, read_file
from hashing.heads import Trust
from hashing.hexes import is_digest
from hashing.kept import Named
from hashing.keys import VerifierKey
from hashing.manifest_check import ManifestReport, check_manifest
from hashing.policy import NONE, Policy, PolicyWitness
from hashing.tiles import MAX_BUNDLE
from hashing.tlog_proof import TlogProof

_PAGE: Final = 500
_MAX_NUMBER: Final = (1 << 53) - 1
"""No entry and no docking has a higher number: the core is asked in JSON."""
_MODE: Final = 0o640


@dataclass(frozen=True, slots=True)
class ManifestMade:
    """A manifest, and what a verifier says of it."""

    data: bytes
    report: ManifestReport
    vkey: VerifierKey
    """A key that has signed its checkpoint."""
    silent: tuple[str, ...]
    """The configured cosigners that have not cosigned its checkpoint."""


@dataclass(frozen=True, slots=True)
class ProofMade:
    """The proof of one entry, with what it proves."""

    seq: int
    proof: bytes
    entry: bytes
    document: bytes | None
    gone: str | None
    """SHA-256 of the document that was asked for and is not in the store, in hex."""
    head: Checkpoint
    vkey: VerifierKey
    """A key that has signed this head."""
    cosigned: tuple[str, ...]


class Handouts:
    """Makes them, for one dock."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._state = Path(loaded.settings.storage.state)
        self._roster = Roster.of(loaded.settings.cosigners)

    @property
    def vouchable(self) -> bool:
        """Whether any cosigner is configured."""
        return bool(self._roster.cosigners)

    def closed(self) -> Iterator[dict[str, Any]]:
        """Yield the dockings that have a manifest, in the order in which they ended."""
        after = -1
        while True:
            rows = self._ask({"ask": "manifests", "after": after, "limit": _PAGE})
            yield from rows
            if len(rows) < _PAGE:
                return
            after = rows[-1]["seq"]

    def manifest(self, docking: int, *, documents: bool = True) -> ManifestMade:
        """Return a docking's manifest, of the head that most vouch for.

        Raises DockingUnknownError, DockingOpenError, DockingUnpublishedError; EvidenceError
        where the published files do not hold together.
        """
        if docking > _MAX_NUMBER:
            raise DockingUnknownError(docking)
        row = self._ask({"ask": "manifest", "docking": docking})
        if row is None:
            raise self._why_not(docking)
        head = (row["cosigned"] or row["newest"]).encode("utf-8")
        seqs = [seq for first, last in row["ranges"] for seq in range(first, last + 1)]
        paper = self._document if documents else None
        data = manifest.assemble(docking, seqs, self._read, head, paper, row["keys"])
        vkey = self._signer_of(manifest.head_of(head).size)
        # The keys are of this dock's own settings: it tells who vouches, and proves nothing.
        trust = Trust(logs=(vkey,), policy=self._policy())
        report = check_manifest(Named(f"docking {docking}", data), trust)
        names = {one.key.name for one in report.head.cosigned} if report.head else set()
        silent = tuple(
            one.name for one in self._roster.cosigners if not names & {key.name for key in one.keys}
        )
        return ManifestMade(data, report, vkey, silent)

    def seqs_of(self, what: str) -> list[int]:
        """Return the entries that `what` names: a file, the SHA-256 of one, or an entry's seq.

        Raises ClipUnknownError where the ledger has no such entry, OutputError where the file
        cannot be read.
        """
        if os.path.lexists(what):
            try:
                digest = digest_file(str(Path(what).resolve()), lambda _read: None)[1].hex()
            except (FileTroubleError, OSError) as error:
                raise OutputError(Path(what), str(error)) from error
            return self._sealing(digest, what)
        if is_digest(what.lower()):
            return self._sealing(what.lower(), what)
        if _is_number(what) and int(what) < self._entries():
            return [int(what)]
        raise ClipUnknownError(what)

    def proof(self, seq: int, *, document: bool = False) -> ProofMade:
        """Return the proof that the log holds an entry, with the entry as it is.

        Raises EntryUnpublishedError, and EvidenceError where the files do not hold together.
        """
        signed = self._read("checkpoint")
        head = checkpoint.parse(note.parse(signed)[0])
        if seq >= head.size:
            raise EntryUnpublishedError(seq, head.size)
        (raw,) = read_entries([seq], head.size, self._read)
        told = entry.parse(raw)
        signed, head = self._most_vouched(signed, head, told)
        hashes = proofs.inclusion(seq, head.size, self._read)
        proofs.check_inclusion(seq, head.size, entry.leaf_hash(raw), hashes, head.root)
        digest = told.body.get("document") if document else None
        paper = self._document(digest) if type(digest) is str else None
        return ProofMade(
            seq=seq,
            proof=TlogProof(seq, tuple(hashes), signed).encode(),
            entry=raw,
            document=paper,
            gone=digest if type(digest) is str and paper is None else None,
            head=head,
            vkey=self._signer_of(head.size),
            cosigned=tuple(sorted(self._cosigners_of(signed))),
        )

    # -- whom to ask ---------------------------------------------------------

    def _ask(self, request: dict[str, object]) -> Any:
        return ask(self._loaded, request)[0]

    def _why_not(self, docking: int) -> Exception:
        row = self._ask({"ask": "docking", "docking": docking})
        if row is None:
            return DockingUnknownError(docking)
        if row["seq"] is None:
            return DockingOpenError(docking)
        return DockingUnpublishedError(docking, row["seq"])

    def _sealing(self, digest: str, what: str) -> list[int]:
        row = self._ask({"ask": "clip", "sha256": digest})
        if row is None:
            raise ClipUnknownError(what)
        return cast("list[int]", row["seqs"])

    def _entries(self) -> int:
        return cast("int", self._ask({"ask": "signing"})["entries"])

    def _signer_of(self, size: int) -> VerifierKey:
        """Return the newest of the log's keys that sign a head of `size`.

        Who is handed an older head cannot follow from it to a key that came later.
        """
        told = self._ask({"ask": "keys"})["keys"]
        signing = [
            row["vkey"]
            for row in told
            if row["since"] < size and (row["until"] is None or size <= row["until"])
        ]
        return VerifierKey.parse(signing[-1])

    # -- who vouches ---------------------------------------------------------

    def _policy(self) -> Policy:
        """Return a policy that knows every configured cosigner, and asks for none."""
        witnesses = [
            PolicyWitness(f"{one.name}-{at}", key)
            for one in self._roster.cosigners
            for at, key in enumerate(one.keys)
        ]
        return Policy(logs=(), witnesses=tuple(witnesses), groups=(), quorum=NONE)

    def _most_vouched(
        self, signed: bytes, head: Checkpoint, told: entry.Entry
    ) -> tuple[bytes, Checkpoint]:
        """Return the newest head over the entry; an earlier one where only that is cosigned."""
        docking = told.body.get("docking")
        if type(docking) is not int or self._cosigners_of(signed) or not self._roster.cosigners:
            return signed, head
        row = self._ask({"ask": "manifest", "docking": docking})
        if row is None or row["cosigned"] is None:
            return signed, head
        cosigned = cast("str", row["cosigned"]).encode("utf-8")
        return cosigned, checkpoint.parse(note.parse(cosigned)[0])

    def _cosigners_of(self, signed: bytes) -> set[str]:
        """Return the configured cosigners whose lines under a head are good."""
        text, lines = note.parse(signed)
        keys = self._roster.keys
        return {
            self._roster.by_key[who].name
            for line in lines
            if (who := (line.name, line.key_id)) in keys
            and keys[who].verifies(text.encode("utf-8"), line.signature)
        }

    # -- what lies on disk -----------------------------------------------------

    def _read(self, path: str) -> bytes:
        return read_file(f"{self._state}/log/{path}", MAX_BUNDLE)

    def _document(self, digest: str) -> bytes | None:
        path = f"{self._state}/store/documents/{digest[:2]}/{digest}"
        try:
            return read_file(path, MAX_DOCUMENT)
        except FileTroubleError as error:
            if error.trouble is Trouble.MISSING:
                return None
            if error.trouble is Trouble.FORBIDDEN:
                raise StateUnusableError(Path(path), os.strerror(13)) from error
            raise


def _is_number(text: str) -> bool:
    digits = len(str(_MAX_NUMBER))
    return text.isascii() and text.isdigit() and len(text) <= digits


def put(path: Path, data: bytes) -> None:
    """Write a file that must not be there yet; raise OutputExistsError or OutputError."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
    except FileExistsError as error:
        raise OutputExistsError(path) from error
    except OSError as error:
        raise OutputError(path, error.strerror or str(error)) from error
