"""Keys of signed notes, as text: C2SP signed-note, type 01 (Ed25519) only.

verifier key   <name>+<key id, 8 hex digits>+<base64(01 || public key)>
signer key     PRIVATE+KEY+<name>+<key id>+<base64(01 || seed)>
"""

import hashlib
import re
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from hashing import base64s
from hashing.errors import KeyFormatError

ED25519: Final = b"\x01"
SIGNATURE_SIZE: Final = 64

_KEY_SIZE: Final = 32
_PRIVATE: Final = "PRIVATE+KEY+"
_KEY_ID: Final = re.compile("[0-9a-f]{8}", re.ASCII)
_MAX_KEY_TEXT: Final = 4096

# The prime of the field, and the y of the points of small order: under such a
# key one signature fits many texts. A y at or above the prime is a second
# spelling of a point that has a first one (RFC 8032 section 5.1.3).
_PRIME: Final = 2**255 - 19
_SMALL_ORDER_Y: Final = frozenset(
    {
        0,
        1,
        _PRIME - 1,
        0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
        0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
    }
)


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """Whose signature is asked for."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        check_name(self.name)
        _check_point(self.public)

    @property
    def key_id(self) -> int:
        """The short number that stands in a signature line for this key and algorithm."""
        text = self.name.encode("utf-8") + b"\n" + ED25519 + self.public
        return int.from_bytes(hashlib.sha256(text).digest()[:4], "big")

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Return the key that `text` spells; raise KeyFormatError on any other text."""
        name, key_id, material = _split(text)
        key = cls(name, material)
        if f"{key.key_id:08x}" != key_id:
            raise KeyFormatError(f"the key id {key_id} is not the one of this name and key")
        return key

    def __str__(self) -> str:
        """Return the vkey."""
        return f"{self.name}+{self.key_id:08x}+{base64s.spell(ED25519 + self.public)}"

    def verifies(self, text: bytes, signature: bytes) -> bool:
        """Tell whether `signature` is this key's over `text`."""
        if len(signature) != SIGNATURE_SIZE:
            return False
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text)
        except (InvalidSignature, ValueError):  # ValueError: no point of the curve
            return False
        return True


@dataclass(frozen=True, slots=True)
class SignerKey:
    """A key that signs. Its seed appears in no repr and no error."""

    name: str
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_name(self.name)
        if len(self.seed) != _KEY_SIZE:
            raise KeyFormatError(f"a seed is {_KEY_SIZE} bytes")

    @classmethod
    def generate(cls, name: str, seed: bytes) -> "SignerKey":
        """Return the key made from 32 fresh random bytes; raise KeyFormatError."""
        return cls(name, seed)

    @classmethod
    def parse(cls, text: str) -> "SignerKey":
        """Return the key that `text` spells; raise KeyFormatError on any other text."""
        if not text.startswith(_PRIVATE):
            raise KeyFormatError("not a signer key")
        name, key_id, material = _split(text.removeprefix(_PRIVATE))
        key = cls(name, material)
        if f"{key.verifier().key_id:08x}" != key_id:
            raise KeyFormatError("the key id is not the one of this name and seed")
        return key

    def encode(self) -> str:
        """Return the key as text: a secret."""
        material = base64s.spell(ED25519 + self.seed)
        return f"{_PRIVATE}{self.name}+{self.verifier().key_id:08x}+{material}"

    def verifier(self) -> VerifierKey:
        """Return the public half."""
        return VerifierKey(self.name, self._private().public_key().public_bytes_raw())

    def sign(self, text: bytes) -> bytes:
        """Return the signature over `text`."""
        return self._private().sign(text)

    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


def check_name(name: str) -> None:
    """Raise KeyFormatError unless `name` may name a key, or be a log's origin."""
    if not name:
        raise KeyFormatError("a key name is empty")
    if "+" in name or any(mark.isspace() or mark < " " or mark == "\x7f" for mark in name):
        raise KeyFormatError("a key name holds a space, a control character or a plus sign")
    if any("\ud800" <= mark <= "\udfff" for mark in name):
        raise KeyFormatError("a key name holds a lone surrogate")


def _split(text: str) -> tuple[str, str, bytes]:
    if len(text) > _MAX_KEY_TEXT or text.count("+") < 2:  # noqa: PLR2004  three parts, two signs
        raise KeyFormatError("not name+id+key")
    name, key_id, spelled = text.split("+", 2)  # the base 64 may hold plus signs of its own
    if not _KEY_ID.fullmatch(key_id):
        raise KeyFormatError("the key id is not 8 lower-case hexadecimal digits")
    material = base64s.read(spelled, "the key", KeyFormatError)
    if material[:1] != ED25519 or len(material) != 1 + _KEY_SIZE:
        raise KeyFormatError("not an Ed25519 key")
    return name, key_id, material[1:]


def _check_point(public: bytes) -> None:
    if len(public) != _KEY_SIZE:
        raise KeyFormatError(f"an Ed25519 key is {_KEY_SIZE} bytes")
    y = int.from_bytes(public, "little") & (2**255 - 1)
    if y >= _PRIME:
        raise KeyFormatError("the key is a second spelling of a point")
    if y in _SMALL_ORDER_Y:
        raise KeyFormatError("the key is a point of small order")
