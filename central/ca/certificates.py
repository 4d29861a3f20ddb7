"""Certificates and lists of revoked ones: made from values alone.

No clock and no file here: the moment comes in, and PEM goes out. Keys are on the curve
P-256, which every TLS library, browser and card takes; Ed25519 is not taken by browsers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from central.ca.subjects import Subject

PublicKey = ec.EllipticCurvePublicKey

# A dock whose clock runs behind must still believe a certificate that was made just now.
_BACKDATED: Final = timedelta(hours=1)
_SEAL: Final = hashes.SHA256()


@dataclass(frozen=True, slots=True)
class Authority:
    """The authority's own certificate and key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def holds_together(self) -> bool:
        """Tell whether the key is the one that the certificate names, and signed it."""
        if self.key.public_key() != self.certificate.public_key():
            return False
        try:
            self.certificate.verify_directly_issued_by(self.certificate)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Revoked:
    """A certificate that no longer counts, and since when."""

    serial: int
    since: datetime


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a fresh key on P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def new_authority(name: str, now: datetime, *, days: int) -> Authority:
    """Return a fresh authority that lives for `days`; it vouches for leaves only."""
    key = new_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(subject, subject, key.public_key(), now, now + timedelta(days=days))
    usage = _usage(sign=False, certify=True)
    certificate = (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, _SEAL)
    )
    return Authority(certificate, key)


def issue(
    authority: Authority, subject: Subject, key: PublicKey, now: datetime, *, until: datetime
) -> x509.Certificate:
    """Return a certificate for `subject`; its serial number is 20 random bytes."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject.name)])
    purposes = [ExtendedKeyUsageOID.CLIENT_AUTH]
    if subject.serves:
        purposes.append(ExtendedKeyUsageOID.SERVER_AUTH)
    above = authority.certificate
    return (
        _builder(name, above.subject, key, now, until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign=True, certify=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(subject.names(), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(_above(authority), critical=False)
        .sign(authority.key, _SEAL)
    )


def revocation_list(
    authority: Authority, revoked: Iterable[Revoked], now: datetime, *, number: int, days: int
) -> x509.CertificateRevocationList:
    """Return the signed list of what no longer counts, good for `days`."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(now - _BACKDATED)
        .next_update(now + timedelta(days=days))
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(_above(authority), critical=False)
    )
    for one in revoked:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(one.serial)
            .revocation_date(one.since)
            .build()
        )
    return builder.sign(authority.key, _SEAL)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the key as PEM (PKCS 8, not encrypted): a secret."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def pem(made: x509.Certificate | x509.CertificateRevocationList) -> bytes:
    """Return a certificate or a list as PEM."""
    return made.public_bytes(serialization.Encoding.PEM)


def fingerprint(certificate: x509.Certificate) -> str:
    """Return SHA-256 of the certificate's DER, in hex."""
    return certificate.fingerprint(_SEAL).hex()


def serial_text(serial: int) -> str:
    """Return a serial number as openssl writes it: whole bytes in upper-case hex."""
    text = f"{serial:X}"
    return text.zfill(len(text) + len(text) % 2)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PublicKey, now: datetime, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(until)
    )


def _usage(*, sign: bool, certify: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certify,
        crl_sign=certify,
        encipher_only=False,
        decipher_only=False,
    )


def _above(authority: Authority) -> x509.AuthorityKeyIdentifier:
    known = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known.value)
