"""What can be wrong with evidence. Each error carries facts, never advice."""

from enum import StrEnum


class EvidenceError(Exception):
    """Something that was to be relied on does not hold."""


class CanonicalError(EvidenceError):
    """A value or its bytes are not canonical JSON in this profile."""


class EntryError(EvidenceError):
    """Canonical JSON, but no entry of a log."""


class DocumentError(EvidenceError):
    """Canonical JSON, but no salted document."""


class KeyFormatError(EvidenceError):
    """A signer or verifier key is not written as it must be, or is a weak point."""


class NoteError(EvidenceError):
    """A signed note is malformed, or nobody who matters signed it."""


class UnknownSignersError(NoteError):
    """A well-formed note bears no signature of any of the keys that were asked for."""

    def __init__(self, *, present: tuple[tuple[str, int], ...]) -> None:
        names = ", ".join(f"{name}+{key_id:08x}" for name, key_id in present)
        super().__init__(f"no signature by a known key; the note is signed by {names}")
        self.present = present


class BadSignatureError(NoteError):
    """A line claims to be by a known key and is not that key's signature of this text."""

    def __init__(self, *, name: str, key_id: int) -> None:
        super().__init__(f"the signature of {name}+{key_id:08x} does not match the text")
        self.name = name
        self.key_id = key_id


class DoubleSignatureError(NoteError):
    """A known key has two lines in one note: nobody counts twice."""

    def __init__(self, *, name: str, key_id: int) -> None:
        super().__init__(f"{name}+{key_id:08x} signed twice")
        self.name = name
        self.key_id = key_id


class CheckpointError(EvidenceError):
    """The text of a note is no checkpoint of this profile."""


class HeadError(EvidenceError):
    """A signed note is no head of a trusted log; `code` is one of a verification's."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


class PolicyError(EvidenceError):
    """A trust policy is malformed, or asks for what nobody can give."""


class TlogProofError(EvidenceError):
    """A file is no tlog-proof."""


class SuccessionError(EvidenceError):
    """An entry that changes or retires a key of the log does not hold.

    `code` is a row of docs/formats/log.md section 7.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class ManifestError(EvidenceError):
    """A file is no manifest of a docking, or none can be made.

    `code` is a row of docs/formats/log.md section 7, `seq` the entry concerned.
    """

    def __init__(self, code: str, detail: str, seq: int | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.seq = seq


class TileError(EvidenceError):
    """A tile, a bundle or its path is not as the layout says."""


class BundleError(TileError):
    """A bundle does not hold what it must.

    `whole` are the entries that can be cut from its front; `torn` tells whether
    something that is no entry follows them.
    """

    def __init__(self, reason: str, *, whole: tuple[bytes, ...], torn: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.whole = whole
        self.torn = torn


class Trouble(StrEnum):
    """Why a file of evidence could not be read."""

    MISSING = "missing"
    IRREGULAR = "irregular"  # a link, a directory, a pipe: no file
    UNREADABLE = "unreadable"
    FORBIDDEN = "forbidden"  # this user may not read it; another might
    OVERSIZE = "oversize"


class FileTroubleError(EvidenceError):
    """A file of evidence could not be read whole."""

    def __init__(self, trouble: Trouble, detail: str) -> None:
        super().__init__(detail)
        self.trouble = trouble
        self.detail = detail

    @property
    def code(self) -> str:
        """The row of docs/formats/log.md section 7 for a file that is there and is not read."""
        return "file-irregular" if self.trouble is Trouble.IRREGULAR else "file-unreadable"


class TileForgedError(TileError):
    """A tile is not the one that the signed root vouches for.

    `path` is where it was read from, below the log's directory.
    """

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(f"{path}: {detail}")
        self.path = path
        self.detail = detail


class ProofError(EvidenceError):
    """A proof does not prove what it is said to, or there can be none."""


class SubmissionError(EvidenceError):
    """What a dock, a witness and a mirror say to one another is not written as it must be."""


class JournalError(EvidenceError):
    """A line is no record of a recorder's journal, or does not follow the one before it.

    `code` is a word of docs/formats/journal.md section 6.
    """

    def __init__(self, detail: str, code: str = "malformed") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
