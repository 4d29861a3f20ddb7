"""A checkpoint: how long a log is, and one hash that stands for all of it.

C2SP tlog-checkpoint, without extension lines (docs/formats/log.md section 3).
"""

import re
from dataclasses import dataclass
from typing import Final

from hashing import base64s
from hashing.errors import CheckpointError, KeyFormatError
from hashing.keys import check_name
from hashing.merkle import EMPTY_ROOT, HASH_SIZE

MAX_SIZE: Final = 2**63 - 1

_LINES: Final = 3
_SIZE: Final = re.compile("0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log. Making one raises CheckpointError if no log can have it."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        try:
            check_name(self.origin)
        except KeyFormatError as error:
            raise CheckpointError(f"origin: {error}") from None
        if not 0 <= self.size <= MAX_SIZE:
            raise CheckpointError("the size is out of range")
        if len(self.root) != HASH_SIZE:
            raise CheckpointError(f"a root is {HASH_SIZE} bytes")
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise CheckpointError("an empty log has one root only, and this is another")

    def encode(self) -> str:
        """Return the text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64s.spell(self.root)}\n"


def parse(text: str) -> Checkpoint:
    """Return the checkpoint that `text` spells; raise CheckpointError on any other text."""
    *lines, rest = text.split("\n")
    if rest or len(lines) != _LINES:
        raise CheckpointError("a checkpoint is three lines: origin, size, root")
    origin, size, root = lines
    if not _SIZE.fullmatch(size):
        raise CheckpointError("the size is not a number in its one spelling")
    return Checkpoint(origin, int(size), base64s.read(root, "the root", CheckpointError))
