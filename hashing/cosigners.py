"""Which class reads a key of which type. A new algorithm is a module and a row here."""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from hashing.cosignature import ED25519_COSIGNATURE, CosignerKey, CosignerSigner
from hashing.errors import KeyFormatError
from hashing.keys import ED25519, VerifierKey, split, split_signer
from hashing.mldsa import ML_DSA_44, MldsaKey, MldsaSigner

AnyVerifier: TypeAlias = VerifierKey | CosignerKey | MldsaKey
AnyLogKey: TypeAlias = VerifierKey | MldsaKey
AnyCosigner: TypeAlias = CosignerKey | MldsaKey
AnyCosignerSigner: TypeAlias = CosignerSigner | MldsaSigner

_COSIGNERS: Final[Mapping[bytes, Callable[[str], AnyCosigner]]] = {
    ED25519_COSIGNATURE: CosignerKey.parse,
    ML_DSA_44: MldsaKey.parse,
}
_SIGNERS: Final[Mapping[bytes, Callable[[str], AnyCosignerSigner]]] = {
    ED25519_COSIGNATURE: CosignerSigner.parse,
    ML_DSA_44: MldsaSigner.parse,
}


def parse_verifier(text: str) -> AnyVerifier:
    """Return the key, of whatever type, that a vkey spells; raise KeyFormatError."""
    if _kind(split(text)[2]) == ED25519:
        return VerifierKey.parse(text)
    return parse_cosigner(text)


def parse_log_key(text: str) -> AnyLogKey:
    """Return the key of a log that a vkey spells; raise KeyFormatError.

    A log signs with a key of type 01, or of type 06 (docs/formats/log.md section 1).
    """
    key = parse_verifier(text)
    if isinstance(key, CosignerKey):
        raise KeyFormatError("a key of type 04 is a cosigner's, and signs no log's checkpoint")
    return key


def parse_cosigner(text: str) -> AnyCosigner:
    """Return the key of a cosigner that a vkey spells; raise KeyFormatError."""
    kind = _kind(split(text)[2])
    if kind not in _COSIGNERS:
        raise KeyFormatError(f"a key of type {kind.hex()} makes no cosignatures that we know")
    return _COSIGNERS[kind](text)


def parse_cosigner_signer(text: str) -> AnyCosignerSigner:
    """Return the signer key of a cosigner that `text` spells; raise KeyFormatError."""
    kind = _kind(split_signer(text)[2])
    if kind not in _SIGNERS:
        raise KeyFormatError(f"a signer key of type {kind.hex()} makes no cosignatures")
    return _SIGNERS[kind](text)


def _kind(material: bytes) -> bytes:
    if not material:
        raise KeyFormatError("a key without a type")
    return material[:1]
