"""Base 64 with one spelling for each value: RFC 4648 section 4, padded, nothing else."""

import base64
import binascii

from hashing.errors import EvidenceError


def spell(data: bytes) -> str:
    """Return the spelling of `data`."""
    return base64.b64encode(data).decode("ascii")


def read(text: str, name: str, error: type[EvidenceError]) -> bytes:
    """Return what `text` spells; raise `error`, naming it, on any other spelling."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise error(f"{name} is not base 64") from None
    if spell(data) != text:
        raise error(f"{name} is not the one spelling of its base 64")
    return data
