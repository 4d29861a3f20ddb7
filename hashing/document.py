"""Documents: what must not stand in the log for ever, sealed by digest.

Names, paths and holders go here, with a random salt, so that the digest in the
entry tells nothing to one who guesses. docs/formats/document.md fixes the bytes.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

from hashing import canonical
from hashing.canonical import JSON
from hashing.errors import DocumentError
from hashing.hexes import digest_of

SALT_SIZE: Final = 32
MAX_DOCUMENT: Final = 16 << 20  # section 1: a bound for whoever reads one


def seal(facts: Mapping[str, JSON], salt: bytes) -> bytes:
    """Return the document's bytes; raise DocumentError or CanonicalError.

    `salt` must be 32 fresh random bytes for each document.
    """
    if len(salt) != SALT_SIZE:
        raise DocumentError(f"a salt is {SALT_SIZE} bytes, not {len(salt)}")
    if "salt" in facts:
        raise DocumentError("the facts already hold a salt")
    data = canonical.encode({**facts, "salt": salt.hex()})
    if len(data) > MAX_DOCUMENT:
        raise DocumentError(f"{len(data)} bytes are more than a document holds")
    return data


def parse(data: bytes) -> dict[str, JSON]:
    """Return all members, the salt too; raise DocumentError or CanonicalError."""
    if len(data) > MAX_DOCUMENT:
        raise DocumentError(f"{len(data)} bytes are more than a document holds")
    value = canonical.decode(data)
    digest_of(value.get("salt"), "salt", DocumentError)
    return value


def digest(data: bytes) -> str:
    """Return what an entry carries for these bytes: SHA-256, 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
