"""Digests as text: 64 lower-case hexadecimal digits, one spelling for each value."""

import re
from typing import Final

from hashing.errors import EvidenceError

_DIGEST: Final = re.compile("[0-9a-f]{64}", re.ASCII)


def is_digest(value: object) -> bool:
    """Tell whether `value` is a digest as text."""
    return type(value) is str and _DIGEST.fullmatch(value) is not None


def digest_of(value: object, name: str, error: type[EvidenceError]) -> bytes:
    """Return the 32 bytes that `value` spells; raise `error`, naming the member, if none."""
    if type(value) is not str or _DIGEST.fullmatch(value) is None:
        raise error(f"{name} is not 64 lower-case hexadecimal digits")
    return bytes.fromhex(value)
