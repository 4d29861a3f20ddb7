"""Cosignatures: a witness or a mirror says that a checkpoint extends all it saw before.

C2SP tlog-cosignature; this module has type 04, Ed25519. What stands in the line after
the key id is the same for every type:

    time (u64, big endian, seconds) || signature

and what an Ed25519 cosigner signs is

    cosignature/v1
    time <seconds>
    <the whole text of the note>

which does not hold the cosigner's own name: two cosigners never share such a key.
"""

from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hashing.errors import KeyFormatError, NoteError
from hashing.keys import (
    SIGNATURE_SIZE,
    check_key_id,
    check_name,
    check_point,
    check_seed,
    ed25519_verifies,
    key_id,
    read_signer,
    read_vkey,
    signer_text,
    vkey,
)
from hashing.note import SignatureLine

ED25519_COSIGNATURE: Final = b"\x04"
MAX_TIME: Final = 2**63 - 1  # seconds; tlog-cosignature, "Format"

_TIME_SIZE: Final = 8


@dataclass(frozen=True, slots=True)
class CosignerKey:
    """A cosigner's key of type 04."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        check_name(self.name)
        check_point(self.public)

    @property
    def key_id(self) -> int:
        """The short number that stands in a signature line for this key and algorithm."""
        return key_id(self.name, ED25519_COSIGNATURE + self.public)

    @classmethod
    def parse(cls, text: str) -> "CosignerKey":
        """Return the key that `text` spells; raise KeyFormatError on any other text."""
        return cls(*read_vkey(text, ED25519_COSIGNATURE))

    def __str__(self) -> str:
        """Return the vkey."""
        return vkey(self.name, ED25519_COSIGNATURE + self.public)

    def verifies(self, text: bytes, signature: bytes) -> bool:
        """Tell whether `signature`, its time included, is this cosigner's over `text`."""
        if len(signature) != _TIME_SIZE + SIGNATURE_SIZE:
            return False
        try:
            time_s, bare = split(signature)
        except NoteError:
            return False
        return ed25519_verifies(self.public, bare, _message(text, time_s))


@dataclass(frozen=True, slots=True)
class CosignerSigner:
    """A key of type 04 that cosigns. Its seed appears in no repr and no error."""

    name: str
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_name(self.name)
        check_seed(self.seed)

    @classmethod
    def generate(cls, name: str, seed: bytes) -> "CosignerSigner":
        """Return the key made from 32 fresh random bytes; raise KeyFormatError."""
        return cls(name, seed)

    @classmethod
    def parse(cls, text: str) -> "CosignerSigner":
        """Return the key that `text` spells; raise KeyFormatError on any other text."""
        name, stated, seed = read_signer(text, ED25519_COSIGNATURE)
        key = cls(name, seed)
        check_key_id(stated, key.verifier().key_id)
        return key

    def encode(self) -> str:
        """Return the key as text: a secret."""
        return signer_text(self.name, self.verifier().key_id, ED25519_COSIGNATURE + self.seed)

    def verifier(self) -> CosignerKey:
        """Return the public half."""
        return CosignerKey(self.name, self._private().public_key().public_bytes_raw())

    def cosign(self, text: str, time_s: int) -> SignatureLine:
        """Return the line that cosigns a checkpoint's text; raise KeyFormatError on a bad time."""
        stamp = stamped(time_s)
        bare = self._private().sign(_message(text.encode("utf-8"), time_s))
        return SignatureLine(self.name, self.verifier().key_id, stamp + bare)

    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


def time_of(line: SignatureLine) -> int:
    """Return when a cosigner signed, in seconds; raise NoteError if the line states no time.

    It means nothing before the line has verified.
    """
    return split(line.signature)[0]


def split(signature: bytes) -> tuple[int, bytes]:
    """Return the time and the bare signature; raise NoteError unless there is such a time."""
    time_s = int.from_bytes(signature[:_TIME_SIZE], "big")
    # tlog-witness asks for a time that is not zero: zero says nothing of the newest tree.
    if len(signature) <= _TIME_SIZE or not 0 < time_s <= MAX_TIME:
        raise NoteError("a cosignature states no time")
    return time_s, signature[_TIME_SIZE:]


def stamped(time_s: int) -> bytes:
    """Return the time as it stands before a signature; raise KeyFormatError if none can."""
    if not 0 < time_s <= MAX_TIME:
        raise KeyFormatError(f"{time_s} is no time of a cosignature")
    return time_s.to_bytes(_TIME_SIZE, "big")


def _message(text: bytes, time_s: int) -> bytes:
    return b"cosignature/v1\ntime %d\n" % time_s + text
