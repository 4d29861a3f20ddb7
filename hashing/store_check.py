"""The store against the log: every sealed clip and document is there, and is itself.

    store/clips/<aa>/<sha256>      store/documents/<aa>/<sha256>

docs/formats/log.md section 6. One pass over the directories, in memory for the
digests that the log names.
"""

import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from hashing import document
from hashing.claims import Claim, Claims
from hashing.errors import EvidenceError, FileTroubleError, Trouble
from hashing.evidence_files import Digest, digest_files, listing, read_file
from hashing.inventory import is_unfinished, look
from hashing.journal_documents import JournalDocuments
from hashing.log_walk import Progress
from hashing.report import Tally

_IGNORED: Final = frozenset({"id", "incoming"})
_FAN: Final = re.compile("[0-9a-f]{2}", re.ASCII)
_NAME: Final = re.compile("[0-9a-f]{64}", re.ASCII)


@dataclass(slots=True)
class Stored:
    """How much was looked at."""

    clips: int = 0
    clip_bytes: int = 0
    documents: int = 0


class StoreCheck:
    """One pass over one store."""

    def __init__(self, root: str, claims: Claims, tally: Tally, progress: Progress) -> None:
        self._root = root
        self._claims = claims
        self._tally = tally
        self._progress = progress
        self._total = claims.clips.total
        self._read = 0
        self._out = Stored()
        self._journals = JournalDocuments()
        self._closed: set[str] = set()  # directories and files that cannot be looked into

    def run(self) -> Stored:
        """Check the store."""
        self._top()
        clips, documents = self._claims.clips.pending(), self._claims.documents.pending()
        for name, where, found in digest_files(self._files("clips"), self._tell):
            clips.pop(bytes.fromhex(name), None)
            self._clip(where, bytes.fromhex(name), found)
        for name, where in self._files("documents"):
            documents.pop(bytes.fromhex(name), None)
            self._document(where, bytes.fromhex(name))
        for where, seq, detail in self._journals.apart():
            self._tally.problem("journal-records", where, detail, seq)
        self._missing("clip", clips)
        self._missing("document", documents)
        return self._out

    def _top(self) -> None:
        try:
            entries = listing(self._root)
        except FileTroubleError as error:
            code = "store-missing" if error.trouble is Trouble.MISSING else "file-unreadable"
            self._tally.problem(code, self._root, error.detail)
            return
        for entry in entries:
            if entry.name in {"clips", "documents"} | _IGNORED or is_unfinished(entry.name):
                continue
            if entry.name == "damaged":
                self._set_aside(f"{self._root}/damaged")
            else:
                self._tally.problem("store-stray", f"{self._root}/{entry.name}")

    def _set_aside(self, where: str) -> None:
        try:
            held = len(listing(where))
        except FileTroubleError as error:
            self._tally.problem(error.code, where, error.detail)
            return
        if held:
            self._tally.notice("store-set-aside", where, f"{held} files")

    def _files(self, room: str) -> Iterator[tuple[str, str]]:
        """Yield name and path of each file that lies where its name says."""
        for fan, where in self._entries(f"{self._root}/{room}", stat.S_ISDIR, _FAN):
            for name, path in self._entries(where, stat.S_ISREG, _NAME):
                if name.startswith(fan):
                    yield name, path
                else:
                    self._tally.problem("store-stray", path, "it lies in the wrong directory")

    def _entries(
        self, folder: str, is_kind: Callable[[int], bool], pattern: re.Pattern[str]
    ) -> Iterator[tuple[str, str]]:
        try:
            entries = listing(folder)
        except FileTroubleError as error:
            if error.trouble is not Trouble.MISSING:
                self._tally.problem("file-unreadable", folder, error.detail)
                self._closed.add(folder)
            return
        for name in [entry.name for entry in entries]:
            path = f"{folder}/{name}"
            found = look(path, self._tally)
            if found is None:
                self._closed.add(path)
                continue
            if not pattern.fullmatch(name):
                self._tally.problem("store-stray", path)
            elif not is_kind(found.st_mode):
                self._tally.problem("file-irregular", path)
            else:
                yield name, path

    def _clip(self, where: str, name: bytes, found: Digest | FileTroubleError) -> None:
        claim = self._claims.clips.get(name)
        if isinstance(found, FileTroubleError):
            self._tally.problem(found.code, where, found.detail, claim and claim[0])
            return
        size, digest = found
        self._out.clips += 1
        self._out.clip_bytes += size
        if digest != name:
            self._damaged(where, digest, claim, size)
        elif claim is None:
            self._tally.notice("store-unclaimed", where)
        elif size != claim[1]:
            detail = f"{size} bytes; entry {claim[0]} states {claim[1]}"
            self._tally.problem("clip-size", where, detail, claim[0])

    def _damaged(self, where: str, digest: bytes, claim: Claim | None, size: int) -> None:
        other = self._claims.clips.get(digest)
        detail = f"its SHA-256 is {digest.hex()}"
        if other is not None:
            detail = f"it holds the clip of entry {other[0]}"
        if claim is None:
            self._tally.problem("store-misnamed", where, detail)
            return
        if size != claim[1]:
            detail = f"{size} bytes, not {claim[1]}; {detail}"
        self._tally.problem("clip-damaged", where, detail, claim[0])

    def _document(self, where: str, name: bytes) -> None:
        claim = self._claims.documents.get(name)
        seq = None if claim is None else claim[0]
        try:
            data = read_file(where, document.MAX_DOCUMENT)
        except FileTroubleError as error:
            oversize = error.trouble is Trouble.OVERSIZE
            code = "document-malformed" if oversize else error.code
            self._tally.problem(code, where, error.detail, seq)
            return
        self._out.documents += 1
        digest = document.digest(data)
        if digest != name.hex():
            code = "store-misnamed" if seq is None else "document-damaged"
            self._tally.problem(code, where, f"its SHA-256 is {digest}", seq)
            return
        try:
            value = document.parse(data)
        except EvidenceError as error:
            self._tally.problem("document-malformed", where, str(error), seq)
            return
        if seq is None:
            self._tally.notice("store-unclaimed", where)
        elif value.get("kind") == "journal":
            detail = self._journals.take(value, where, seq)
            if detail:
                self._tally.problem("journal-records", where, detail, seq)

    def _missing(self, what: str, pending: dict[bytes, int]) -> None:
        for digest, seq in pending.items():
            name = digest.hex()
            room = f"{self._root}/{what}s"
            fan = f"{room}/{name[:2]}"
            where = f"{fan}/{name}"
            if not self._closed.isdisjoint({room, fan, where}):
                continue  # it may be there
            self._tally.problem(f"{what}-missing", where, seq=seq)

    def _tell(self, count: int) -> None:
        self._read += count
        self._progress("store", self._read, max(self._total, self._read))
