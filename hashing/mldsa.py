r"""Cosignatures of type 06, ML-DSA-44: by cosigners, or by a log itself as its second line.

C2SP tlog-cosignature, "ML-DSA-44 signed message". What is signed is not the text but
what it states, the signer's own name, and the time:

    "subtree/v1\n\0" || u8 length || name || u64 time || u8 length || origin
    || u64 start = 0 || u64 end = size || root

`cryptography` knows the algorithm from 48 on, and not on every system: see `available`.
It is imported only where a key is used, so that without it all else works.
"""

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from hashing import checkpoint
from hashing.checkpoint import Checkpoint
from hashing.cosignature import split, stamped
from hashing.errors import CheckpointError, KeyFormatError, NoteError
from hashing.keys import (
    check_key_id,
    check_name,
    check_seed,
    key_id,
    read_signer,
    read_vkey,
    signer_text,
    vkey,
)
from hashing.note import SignatureLine

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

ML_DSA_44: Final = b"\x06"
PUBLIC_SIZE: Final = 1312
SIGNATURE_SIZE: Final = 2420

_LABEL: Final = b"subtree/v1\n\0"
_MAX_NAME: Final = 255  # bytes: its length is written in one


@functools.cache
def available() -> bool:
    """Tell whether this system can make and check such signatures."""
    try:
        from cryptography.hazmat.primitives.asymmetric import mldsa  # noqa: PLC0415  see the top

        mldsa.MLDSA44PrivateKey.from_seed_bytes(bytes(32))
    except (ImportError, UnsupportedAlgorithm):
        return False
    return True


@dataclass(frozen=True, slots=True)
class MldsaKey:
    """A key of type 06. Making one raises KeyFormatError where the algorithm is not to be had."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        _check_name(self.name)
        _check_available()
        if len(self.public) != PUBLIC_SIZE:
            raise KeyFormatError(f"an ML-DSA-44 key is {PUBLIC_SIZE} bytes")

    @property
    def key_id(self) -> int:
        """The short number that stands in a signature line for this key and algorithm."""
        return key_id(self.name, ML_DSA_44 + self.public)

    @classmethod
    def parse(cls, text: str) -> "MldsaKey":
        """Return the key that `text` spells; raise KeyFormatError on any other text."""
        return cls(*read_vkey(text, ML_DSA_44))

    def __str__(self) -> str:
        """Return the vkey."""
        return vkey(self.name, ML_DSA_44 + self.public)

    def verifies(self, text: bytes, signature: bytes) -> bool:
        """Tell whether `signature`, its time included, is this key's over a checkpoint's text."""
        from cryptography.hazmat.primitives.asymmetric import mldsa  # noqa: PLC0415  see the top

        try:
            time_s, bare = split(signature)
            message = _message(self.name, checkpoint.parse(text.decode("utf-8")), time_s)
            mldsa.MLDSA44PublicKey.from_public_bytes(self.public).verify(bare, message)
        except (NoteError, CheckpointError, KeyFormatError, ValueError, InvalidSignature):
            # ValueError: not UTF-8, or bytes that are no key
            return False
        return True


@dataclass(frozen=True, slots=True)
class MldsaSigner:
    """A key of type 06 that signs. Its seed appears in no repr and no error."""

    name: str
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _check_name(self.name)
        _check_available()
        check_seed(self.seed)

    @classmethod
    def generate(cls, name: str, seed: bytes) -> "MldsaSigner":
        """Return the key made from 32 fresh random bytes; raise KeyFormatError."""
        return cls(name, seed)

    @classmethod
    def parse(cls, text: str) -> "MldsaSigner":
        """Return the key that `text` spells; raise KeyFormatError on any other text."""
        name, stated, seed = read_signer(text, ML_DSA_44)
        key = cls(name, seed)
        check_key_id(stated, key.verifier().key_id)
        return key

    def encode(self) -> str:
        """Return the key as text: a secret."""
        return signer_text(self.name, self.verifier().key_id, ML_DSA_44 + self.seed)

    def verifier(self) -> MldsaKey:
        """Return the public half."""
        return MldsaKey(self.name, self._private().public_key().public_bytes_raw())

    def cosign(self, text: str, time_s: int) -> SignatureLine:
        """Return the line that signs a checkpoint's text: another one each time.

        Raises CheckpointError if the text is no checkpoint, KeyFormatError on a bad time.
        """
        stamp = stamped(time_s)
        bare = self._private().sign(_message(self.name, checkpoint.parse(text), time_s))
        return SignatureLine(self.name, self.verifier().key_id, stamp + bare)

    def _private(self) -> "MLDSA44PrivateKey":
        from cryptography.hazmat.primitives.asymmetric import mldsa  # noqa: PLC0415  see the top

        return mldsa.MLDSA44PrivateKey.from_seed_bytes(self.seed)


def _check_available() -> None:
    if not available():
        raise KeyFormatError(
            "it is an ML-DSA-44 key, and this system's cryptography library cannot use it: "
            "version 48 or newer can"
        )


def _check_name(name: str) -> None:
    check_name(name)
    if len(name.encode("utf-8")) > _MAX_NAME:
        raise KeyFormatError(f"a name of an ML-DSA-44 key is at most {_MAX_NAME} bytes")


def _message(name: str, head: Checkpoint, time_s: int) -> bytes:
    named = name.encode("utf-8")
    origin = head.origin.encode("utf-8")
    if len(origin) > _MAX_NAME:
        raise KeyFormatError(f"ML-DSA-44 signs for an origin of at most {_MAX_NAME} bytes")
    return b"".join(
        (
            _LABEL,
            bytes([len(named)]),
            named,
            time_s.to_bytes(8, "big"),
            bytes([len(origin)]),
            origin,
            bytes(8),
            head.size.to_bytes(8, "big"),
            head.root,
        )
    )
