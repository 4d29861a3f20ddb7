"""A certificate authority in a test's own folder, for clients and servers of every kind."""

import ipaddress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER = ExtendedKeyUsageOID.SERVER_AUTH


def named(name: str, *units: str) -> x509.Name:
    """Return a subject: a common name, and organisational units."""
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    parts += [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit) for unit in units]
    return x509.Name(parts)


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its key, as files."""

    cert: str
    key: str
    certificate: x509.Certificate


@dataclass(slots=True)
class Authority:
    """Issues what it is asked for, sensible or not; files lie in `folder`."""

    folder: Path
    name: str = "authority"
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    root: x509.Certificate = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.root = (
            self._builder(named(self.name), self.key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        self._put("ca.pem", self.root.public_bytes(serialization.Encoding.PEM))

    @property
    def ca(self) -> str:
        """The file with its own certificate."""
        return str(self.folder / "ca.pem")

    def issue(
        self,
        name: str,
        *,
        uris: tuple[str, ...] = (),
        units: tuple[str, ...] = (),
        use: x509.ObjectIdentifier = CLIENT,
        until: timedelta = DAY,
    ) -> Identity:
        """Return a certificate for `name`; `until` counts from now, and may be past."""
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri) for uri in uris]
        if use == SERVER:
            names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        builder = self._builder(named(name, *units), key.public_key(), until=until).add_extension(
            x509.ExtendedKeyUsage([use]), critical=False
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        return Identity(
            self._put(f"{name}.pem", certificate.public_bytes(serialization.Encoding.PEM)),
            self._put(f"{name}.key", pem_of(key)),
            certificate,
        )

    def server(self) -> Identity:
        """Return a certificate for a server at 127.0.0.1."""
        return self.issue("server", use=SERVER)

    def client(self, *roles: str, name: str = "reader") -> Identity:
        """Return a certificate for a client with these roles."""
        return self.issue(name, uris=tuple(f"urn:sealdock:role:{role}" for role in roles))

    def revoke(self, *gone: Identity, until: timedelta = DAY) -> str:
        """Write a list of what is revoked; return its file."""
        now = datetime.now(UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.root.subject)
            .last_update(now - 2 * DAY + timedelta(seconds=len(gone)))
            .next_update(now + until)
        )
        for one in gone:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(one.certificate.serial_number)
                .revocation_date(now - DAY)
                .build()
            )
        listed = builder.sign(self.key, hashes.SHA256())
        return self._put("crl.pem", listed.public_bytes(serialization.Encoding.PEM))

    def _builder(
        self, subject: x509.Name, public: ec.EllipticCurvePublicKey, *, until: timedelta = DAY
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(named(self.name))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 10 * DAY)
            .not_valid_after(now + until)
        )

    def _put(self, name: str, data: bytes) -> str:
        path = self.folder / name
        path.write_bytes(data)
        return str(path)


def pem_of(key: ec.EllipticCurvePrivateKey, password: bytes = b"") -> bytes:
    """Return a private key as a file holds it."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption(),
    )
