"""A tlog-proof: one file that shows, offline, that a log holds an entry.

C2SP tlog-proof; docs/formats/proof.md has our rules.

    c2sp.org/tlog-proof@v1
    extra <base64>                    optional, signed by nobody: never trusted
    index <decimal>
    <hash, base64>                    none to 63: from the leaf's sibling to the root's child
    (an empty line)
    <the checkpoint with its signatures, verbatim>

Only its form is judged here. Whether it shows anything is for proof_check.py.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hashing import base64s
from hashing.checkpoint import MAX_SIZE
from hashing.errors import TlogProofError
from hashing.merkle import HASH_SIZE
from hashing.note import MAX_NOTE

HEADER: Final = "c2sp.org/tlog-proof@v1"
MAX_HASHES: Final = 63
MAX_EXTRA: Final = 65_536  # bytes, before base 64
MAX_PROOF: Final = MAX_NOTE + 2 * MAX_EXTRA

_EXTRA: Final = "extra "
_INDEX: Final = "index "
_NUMBER: Final = re.compile("0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class TlogProof:
    """The parts of a proof. Making one raises TlogProofError if none can have these."""

    index: int
    hashes: tuple[bytes, ...]
    note: bytes
    extra: bytes | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.index < MAX_SIZE:
            raise TlogProofError("the index is out of range")
        if len(self.hashes) > MAX_HASHES:
            raise TlogProofError(f"more than {MAX_HASHES} hashes")
        if any(len(each) != HASH_SIZE for each in self.hashes):
            raise TlogProofError(f"a hash is {HASH_SIZE} bytes")
        if self.extra is not None and len(self.extra) > MAX_EXTRA:
            raise TlogProofError(f"more than {MAX_EXTRA} bytes of extra data")
        if not self.note or len(self.note) > MAX_NOTE:
            raise TlogProofError("it holds no checkpoint, or far too long a one")

    def encode(self) -> bytes:
        """Return the file."""
        extra = [] if self.extra is None else [f"{_EXTRA}{base64s.spell(self.extra)}"]
        hashes = map(base64s.spell, self.hashes)
        head = "\n".join([HEADER, *extra, f"{_INDEX}{self.index}", *hashes, "", ""])
        return head.encode("ascii") + self.note


def parse(data: bytes) -> TlogProof:
    """Return the proof that `data` is; raise TlogProofError if it is none."""
    if len(data) > MAX_PROOF:
        raise TlogProofError(f"{len(data)} bytes are more than a proof holds")
    # The first empty line: none can stand before it, and the checkpoint has one of its own.
    head, gap, note = data.partition(b"\n\n")
    if not gap:
        raise TlogProofError("no empty line before the checkpoint")
    try:
        header, *lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise TlogProofError("not ASCII before the checkpoint") from None
    if header != HEADER:
        raise TlogProofError(f"the first line is not {HEADER}")
    extra = _extra(lines)
    return TlogProof(_index(lines), _hashes(lines), note, extra)


def _extra(lines: list[str]) -> bytes | None:
    if not lines or not lines[0].startswith(_EXTRA):
        return None
    return base64s.read(lines.pop(0).removeprefix(_EXTRA), "the extra data", TlogProofError)


def _index(lines: list[str]) -> int:
    line = lines.pop(0) if lines else ""
    number = line.removeprefix(_INDEX)
    if number == line or not _NUMBER.fullmatch(number):
        raise TlogProofError("no index in its one spelling")
    return int(number)


def _hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    if len(lines) > MAX_HASHES:
        raise TlogProofError(f"more than {MAX_HASHES} hashes")
    return tuple(base64s.read(line, "a hash", TlogProofError) for line in lines)
