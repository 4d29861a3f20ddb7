"""Keys of signed notes, as text: C2SP signed-note; and those of type 01, Ed25519.

verifier key   <name>+<key id, 8 hex digits>+<base64(type || public key)>
signer key     PRIVATE+KEY+<name>+<key id>+<base64(type || seed)>

The types that cosigners have are in cosignature.py (04) and mldsa.py (06); which class
reads which type, in cosigners.py.
"""

import hashlib
import re
from dataclasses import dataclass, field
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from hashing import base64s
from hashing.errors import KeyFormatError

ED25519: Final = b"\x01"
SIGNATURE_SIZE: Final = 64
KEY_SIZE: Final = 32  # bytes of a seed, and of a public key of Ed25519

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


class Verifier(Protocol):
    """Whose signature is asked for, whatever the algorithm: name and id say both."""

    @property
    def name(self) -> str:
        """The name in its signature lines."""
        ...

    @property
    def key_id(self) -> int:
        """The number in its signature lines."""
        ...

    def verifies(self, text: bytes, signature: bytes) -> bool:
        """Tell whether `signature`, all of a line after the key id, is this key's over `text`."""
        ...


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A key of type 01: it signs the text as it stands."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        check_name(self.name)
        check_point(self.public)

    @property
    def key_id(self) -> int:
        """The short number that stands in a signature line for this key and algorithm."""
        return key_id(self.name, ED25519 + self.public)

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Return the key that `text` spells; raise KeyFormatError on any other text."""
        return cls(*read_vkey(text, ED25519))

    def __str__(self) -> str:
        """Return the vkey."""
        return vkey(self.name, ED25519 + self.public)

    def verifies(self, text: bytes, signature: bytes) -> bool:
        """Tell whether `signature` is this key's over `text`."""
        return ed25519_verifies(self.public, signature, text)


@dataclass(frozen=True, slots=True)
class SignerKey:
    """A key that signs. Its seed appears in no repr and no error."""

    name: str
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_name(self.name)
        check_seed(self.seed)

    @classmethod
    def generate(cls, name: str, seed: bytes) -> "SignerKey":
        """Return the key made from 32 fresh random bytes; raise KeyFormatError."""
        return cls(name, seed)

    @classmethod
    def parse(cls, text: str) -> "SignerKey":
        """Return the key that `text` spells; raise KeyFormatError on any other text."""
        name, stated, seed = read_signer(text, ED25519)
        key = cls(name, seed)
        check_key_id(stated, key.verifier().key_id)
        return key

    def encode(self) -> str:
        """Return the key as text: a secret."""
        return signer_text(self.name, self.verifier().key_id, ED25519 + self.seed)

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


def check_seed(seed: bytes) -> None:
    """Raise KeyFormatError unless `seed` is as long as the seed of a signer key."""
    if len(seed) != KEY_SIZE:
        raise KeyFormatError(f"a seed is {KEY_SIZE} bytes")


def check_point(public: bytes) -> None:
    """Raise KeyFormatError for bytes that are no Ed25519 key, or a weak one."""
    if len(public) != KEY_SIZE:
        raise KeyFormatError(f"an Ed25519 key is {KEY_SIZE} bytes")
    y = int.from_bytes(public, "little") & (2**255 - 1)
    if y >= _PRIME:
        raise KeyFormatError("the key is a second spelling of a point")
    if y in _SMALL_ORDER_Y:
        raise KeyFormatError("the key is a point of small order")


def ed25519_verifies(public: bytes, signature: bytes, message: bytes) -> bool:
    """Tell whether `signature` is an Ed25519 signature by `public` over `message`."""
    if len(signature) != SIGNATURE_SIZE:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):  # ValueError: no point of the curve
        return False
    return True


# -- the text of keys of any type: `material` is the type's byte and the key --------


def key_id(name: str, material: bytes) -> int:
    """Return the short number that stands for a key and its algorithm."""
    text = name.encode("utf-8") + b"\n" + material
    return int.from_bytes(hashlib.sha256(text).digest()[:4], "big")


def vkey(name: str, material: bytes) -> str:
    """Return a verifier key as text."""
    return f"{name}+{key_id(name, material):08x}+{base64s.spell(material)}"


def read_vkey(text: str, kind: bytes) -> tuple[str, bytes]:
    """Return name and public key of a vkey of one type; raise KeyFormatError."""
    name, stated, material = split(text)
    check_kind(material, kind)
    check_key_id(stated, key_id(name, material))
    return name, material[1:]


def signer_text(name: str, number: int, material: bytes) -> str:
    """Return a signer key as text; `number` is the key id of its public half."""
    return f"{_PRIVATE}{name}+{number:08x}+{base64s.spell(material)}"


def read_signer(text: str, kind: bytes) -> tuple[str, str, bytes]:
    """Return name, stated key id and seed of a signer key of one type; raise KeyFormatError."""
    name, stated, material = split_signer(text)
    check_kind(material, kind)
    check_seed(material[1:])
    return name, stated, material[1:]


def split_signer(text: str) -> tuple[str, str, bytes]:
    """Return name, stated key id, and type and seed, of a signer key; raise KeyFormatError."""
    if not text.startswith(_PRIVATE):
        raise KeyFormatError("not a signer key")
    return split(text.removeprefix(_PRIVATE))


def check_key_id(stated: str, right: int) -> None:
    """Raise KeyFormatError unless the id that a key states is the one it has."""
    if f"{right:08x}" != stated:
        raise KeyFormatError(f"the key id {stated} is not the one of this name and key")


def check_kind(material: bytes, kind: bytes) -> None:
    """Raise KeyFormatError unless a key is of the type that is wanted."""
    if material[:1] != kind:
        raise KeyFormatError(f"a key of type {material[:1].hex() or 'none'}, not {kind.hex()}")


def split(text: str) -> tuple[str, str, bytes]:
    """Return name, stated key id, and type and key, of a vkey's text; raise KeyFormatError."""
    if len(text) > _MAX_KEY_TEXT or text.count("+") < 2:  # noqa: PLR2004  three parts, two signs
        raise KeyFormatError("not name+id+key")
    name, stated, spelled = text.split("+", 2)  # the base 64 may hold plus signs of its own
    check_name(name)
    if not _KEY_ID.fullmatch(stated):
        raise KeyFormatError("the key id is not 8 lower-case hexadecimal digits")
    return name, stated, base64s.read(spelled, "the key", KeyFormatError)
