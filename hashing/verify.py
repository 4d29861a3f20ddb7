"""The judge of a log and its store: are they what was sealed under this key.

Order: the checkpoint - every entry, tile and bundle (log_walk.py) - the keys that
the log's own entries tell of - whose fault a difference is (blame.py) - what else
lies in the directory (inventory.py) - the log's copy of the key - the store
(store_check.py) - clips from elsewhere.

The given key may be any key of the log: the one in genesis, or one that later took
its place (succession.py).

Nothing that lies there raises: whatever is wrong becomes a Problem.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from hashing import checkpoint as checkpoints
from hashing import key_scan, note
from hashing.blame import Blame, Judged
from hashing.chain import Chain
from hashing.checkpoint import Checkpoint
from hashing.claims import Claims
from hashing.errors import (
    BadSignatureError,
    CheckpointError,
    FileTroubleError,
    KeyFormatError,
    NoteError,
    TileError,
    Trouble,
    UnknownSignersError,
)
from hashing.evidence_files import digest_file, is_directory, read_file
from hashing.growth import frontier
from hashing.inventory import take_stock
from hashing.keys import VerifierKey, read_vkey
from hashing.log_files import LogFiles
from hashing.log_walk import LogWalk, Progress, Walked
from hashing.mldsa import ML_DSA_44, PUBLIC_SIZE
from hashing.report import NOTICES, Report, Sealed, Tally
from hashing.store_check import StoreCheck, Stored
from hashing.succession import Succession
from hashing.tiles import WIDTH, Bundle

# What the chain says by what it heard long before: an earlier fault may be all there is to it.
_LASTING: Final = frozenset({"released-mismatch", "docking-closed", "clock-step-unsaid"})
_MAX_VKEY: Final = 4096


@dataclass(frozen=True, slots=True)
class Head:
    """What the log directory states of itself."""

    checkpoint: Checkpoint | None
    signed: bool  # by the given key
    foreign: bool = False  # others signed it: nothing in it is about the given key
    note: bytes = b""


def verify_log(
    log_dir: Path,
    key: VerifierKey,
    *,
    store: Path | None = None,
    clips: Sequence[Path] = (),
    progress: Progress | None = None,
) -> Report:
    """Return what is wrong with a log directory, a store, and clips said to be sealed.

    `progress` is called with a stage (entries, blame, store, clips), how much is
    done and of how much: entries, bundles, bytes, clips.
    """
    return _Verification(log_dir, key, progress or _silence).run(store, clips)


def _silence(_stage: str, _done: int, _of: int) -> None:
    """Show nothing."""


class _Verification:
    def __init__(self, log_dir: Path, key: VerifierKey, progress: Progress) -> None:
        self._tally = Tally()
        self._files = LogFiles(str(log_dir), self._tally)
        self._key = key
        self._progress = progress
        self._claims = Claims()
        self._judged = Judged()
        self._keys: Succession | None = None  # where the given key alone did not do

    def run(self, store: Path | None, clips: Sequence[Path]) -> Report:
        tally = self._tally
        if not is_directory(self._files.root):
            tally.problem("log-missing", self._files.root)
            return self._report(Head(None, signed=False), Walked(), None, ())
        held = [self._digest(clip, at, len(clips)) for at, clip in enumerate(clips)]
        head = self._read_head()
        walked = self._check_log(head)
        self._check_vkey()
        self._check_second_vkey(walked)
        self._claims.drop(self._judged.condemns)
        stored = None
        if store is not None:
            check = StoreCheck(str(store), self._claims, tally, self._progress)
            stored = check.run()
        sealed = [one for clip, found in held if found for one in self._seek(clip, *found)]
        return self._report(head, walked, stored, sealed)

    # -- key and checkpoint ------------------------------------------------

    def _check_vkey(self) -> None:
        where = f"{self._files.root}/vkey"
        data = self._read(where, _MAX_VKEY, missing="vkey-missing", oversize="vkey-other")
        if data is None or data == f"{self._key}\n".encode():
            return
        # During a change of keys, and after it, it is a key that the given one leads to.
        keys = self._keys or key_scan.keys_of(self._files.root, self._key)
        if any(it.code.startswith("key-change-") for it in self._tally.problems):
            return  # nor can it be: no key follows from a change that does not hold
        if keys is None or data not in {f"{key}\n".encode() for key in keys.keys}:
            self._tally.problem("vkey-other", where)

    def _check_second_vkey(self, walked: Walked) -> None:
        """Hold the copy of the key of type 06 against the one that the log's entries name."""
        where = f"{self._files.root}/vkey-mldsa"
        data = self._read(where, _MAX_VKEY, missing="", oversize="vkey-other")
        if data is None or data in {f"{key}\n".encode() for key in walked.second_keys}:
            return
        # Where no entry that can be had names one, the entry may still have to come.
        if walked.second_keys or not _is_second_key(data, self._key.name):
            self._tally.problem("vkey-other", where, "it is not the one that the entries name")

    def _read_head(self) -> Head:
        where = f"{self._files.root}/checkpoint"
        data = self._read(
            where, note.MAX_NOTE, missing="checkpoint-missing", oversize="checkpoint-malformed"
        )
        if data is None:
            return Head(None, signed=False)
        stated = _stated(data)
        try:
            note.open_note(data, self._signers(data, stated))
            if stated is None:
                checkpoints.parse(note.parse(data)[0])
        except BadSignatureError:
            self._tally.problem("checkpoint-signature", where)
        except UnknownSignersError as error:
            self._tally.problem(*self._not_ours(error, stated, where))
            return Head(stated, signed=False, foreign=True)
        except (NoteError, CheckpointError) as error:
            self._tally.problem("checkpoint-malformed", where, str(error))
        else:
            return self._ours(stated, where, data)
        return Head(stated, signed=False)

    def _signers(self, data: bytes, stated: Checkpoint | None) -> Sequence[VerifierKey]:
        """Return the keys of which one must have signed: the given one, or those it leads to."""
        who = (self._key.name, self._key.key_id)
        if stated is None or who in {(line.name, line.key_id) for line in note.parse(data)[1]}:
            return [self._key]
        self._keys = key_scan.keys_of(self._files.root, self._key)
        return [self._key] if self._keys is None else self._keys.keys_at(stated.size)

    def _not_ours(
        self, error: UnknownSignersError, stated: Checkpoint | None, where: str
    ) -> tuple[str, str, str]:
        signers = ", ".join(f"{name}+{key_id:08x}" for name, key_id in error.present[:8])
        if any(name == self._key.name for name, _ in error.present):
            return "checkpoint-other-key", where, f"signed by {signers}, not by {self._key}"
        if stated is not None and stated.origin != self._key.name:
            detail = f"it is of {stated.origin}, signed by {signers}"
            return "checkpoint-other-origin", where, detail
        return "checkpoint-unsigned", where, f"signed by {signers}"

    def _ours(self, stated: Checkpoint | None, where: str, data: bytes) -> Head:
        """Judge a checkpoint that the key has signed: it must be of the key's own log."""
        if stated is not None and stated.origin != self._key.name:
            detail = f"its origin is {stated.origin}, the key is {self._key.name}'s"
            self._tally.problem("checkpoint-other-origin", where, detail)
        return Head(stated, signed=True, note=data)

    def _check_keys(self, head: Head, keys: Succession | None, where: str) -> None:
        """Demand the signature of every key that the log had at the size of its checkpoint."""
        if head.checkpoint is None or not head.signed or keys is None or self._key not in keys.all:
            return  # what is wrong is said already
        for key in keys.keys_at(head.checkpoint.size):
            try:
                note.open_note(head.note, [key])
            except UnknownSignersError:
                self._tally.problem("checkpoint-key-missing", where, f"{key} has not signed it")
            except NoteError as error:
                self._tally.problem("checkpoint-signature", where, str(error))

    # -- the log -----------------------------------------------------------

    def _check_log(self, head: Head) -> Walked:
        stated = head.checkpoint
        known = stated is not None and (head.signed or self._bears_out(stated))
        size = stated.size if stated is not None and known else self._files.count()
        walk = LogWalk(self._files, self._tally, size=size, required=known)
        key = None if head.foreign else self._key
        chain = Chain(key=key, claims=self._claims, tell=walk.hear)
        walked = walk.run(chain, self._progress)
        where = f"{self._files.root}/checkpoint"
        self._check_keys(head, chain.succession, where)
        if size == 0 and (known or self._files.barrier(Bundle(0, 1)) is None):
            self._tally.problem("genesis", where, "the log is empty")
        if walked.ends_at is not None and walked.hidden:
            hidden = self._files.barrier(Bundle(walked.ends_at // WIDTH))
            self._tally.problem("file-unreadable", hidden or self._files.root)
        elif walked.ends_at is not None:
            detail = f"{size} entries are signed, the files end before entry {walked.ends_at}"
            self._tally.problem("log-truncated", where, detail, walked.ends_at)
        self._tell(walked, stated if known else None, size, where)
        followed = size + walked.beyond
        take_stock(self._files, self._tally, size=size if known else None, followed=followed)
        return walked

    def _bears_out(self, stated: Checkpoint) -> bool:
        """Tell whether the tiles give the root of a checkpoint whose signature is no good."""

        def read(path: str) -> bytes:
            return read_file(f"{self._files.root}/{path}", 256 * 32)

        try:
            return frontier(stated.size, read).root() == stated.root
        except (TileError, FileTroubleError):
            return False

    def _tell(self, walked: Walked, stated: Checkpoint | None, size: int, where: str) -> None:
        """Tell the tally what the walk held back, once it is known whose fault it is."""
        if stated is None:
            self._release(walked, disagree=True)
            return
        if walked.root == stated.root and not walked.suspect:
            self._release(walked, disagree=False)
            return
        judged = Blame(self._files, self._tally, size=size, root=stated.root, walked=walked).run(
            self._progress
        )
        if judged is None:
            if walked.root is not None:
                self._tally.problem("root-mismatch", where)
            self._release(walked, disagree=True)
            return
        self._judged = judged
        beyond = [it for it in walked.differences if it.code == "beyond-malformed"]
        said = [it for it in walked.said if not self._follows(it.code, it.seq or 0)]
        self._release(replace(walked, differences=beyond, said=said), disagree=False)

    def _follows(self, code: str, seq: int) -> bool:
        """Tell whether what the chain said may only follow from a fault already named."""
        if code in _LASTING:
            return self._judged.any_before(seq + 1)
        return self._judged.doubts(seq)

    def _release(self, walked: Walked, *, disagree: bool) -> None:
        for it in [*walked.differences, *walked.said]:
            code, detail = it.code, it.detail
            if disagree and code == "tile-forged":
                code = "tile-disagrees"
            tell = self._tally.notice if code in NOTICES else self._tally.problem
            tell(code, it.where, detail, it.seq)

    # -- clips from elsewhere ----------------------------------------------

    def _digest(self, clip: Path, at: int, of: int) -> tuple[str, tuple[int, bytes] | None]:
        self._progress("clips", at, of)
        try:
            return str(clip), digest_file(str(clip.resolve()), lambda _count: None)
        except (FileTroubleError, OSError, RuntimeError) as error:
            detail = error.detail if isinstance(error, FileTroubleError) else str(error)
            self._tally.problem("file-unreadable", str(clip), detail)
            return str(clip), None

    def _seek(self, clip: str, size: int, digest: bytes) -> list[Sealed]:
        named = self._claims.clips.all(digest)
        seqs = tuple(seq for seq, stated in named if stated == size)
        if seqs:
            return [Sealed(clip, digest.hex(), size, seqs)]
        self._tally.problem("clip-unsealed", clip, f"no entry seals SHA-256 {digest.hex()}")
        return []

    # -- shared ------------------------------------------------------------

    def _read(self, where: str, limit: int, *, missing: str, oversize: str) -> bytes | None:
        try:
            return read_file(where, limit)
        except FileTroubleError as error:
            named = {Trouble.MISSING: missing, Trouble.OVERSIZE: oversize}
            code = named.get(error.trouble, error.code)
            if not code:
                return None
            self._tally.problem(code, where, "" if code == missing else error.detail)
            return None

    def _report(
        self, head: Head, walked: Walked, stored: Stored | None, sealed: Sequence[Sealed]
    ) -> Report:
        signed = head.checkpoint if head.signed else None
        counts = {
            "entries": walked.entries,
            "bundles": walked.bundles,
            "tiles": walked.tiles,
        }
        if stored is not None:
            counts |= {
                "clips": stored.clips,
                "clip_bytes": stored.clip_bytes,
                "documents": stored.documents,
            }
        return Report(
            origin=signed.origin if signed else None,
            size=signed.size if signed else None,
            root=signed.root.hex() if signed else None,
            counts=counts,
            problems=tuple(self._tally.problems),
            notices=tuple(self._tally.notices),
            omitted=dict(self._tally.omitted),
            sealed=tuple(sealed),
        )


def _is_second_key(data: bytes, origin: str) -> bool:
    """Tell whether this is the line of a log's key of type 06; the algorithm is not needed."""
    try:
        name, public = read_vkey(data.decode("utf-8").removesuffix("\n"), ML_DSA_44)
    except (KeyFormatError, UnicodeDecodeError):
        return False
    return data.endswith(b"\n") and name == origin and len(public) == PUBLIC_SIZE


def _stated(data: bytes) -> Checkpoint | None:
    """Return what a checkpoint says, whoever signed it, or None if it says nothing."""
    try:
        return checkpoints.parse(note.parse(data)[0])
    except (NoteError, CheckpointError):
        return None
