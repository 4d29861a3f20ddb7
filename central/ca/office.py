"""What one asks of the authority: begin, issue, renew, revoke, list."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from central.ca import certificates
from central.ca.certificates import Authority, PublicKey, Revoked
from central.ca.errors import (
    CaExistsError,
    CaRequestError,
    CaRevokedError,
    CaSerialError,
    CaTooLongError,
)
from central.ca.folder import OPEN, SECRET, Folder, Issued, Past, write_new
from central.ca.subjects import Subject

_MAX_REQUEST: Final = 65_536  # bytes; a request with every name we take is a few hundred

Now = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """A certificate, and the files in which it was handed out."""

    issued: Issued
    certificate: Path
    key: Path | None
    """None where the key was made elsewhere, and only a request came here."""


class Office:
    """One authority at work. Every method may raise CaError or OSError."""

    def __init__(self, path: Path, now: Now) -> None:
        self._folder = Folder(path)
        self._now = now

    @property
    def path(self) -> Path:
        """Where the authority lies."""
        return self._folder.path

    def init(self, name: str, *, days: int, list_days: int) -> x509.Certificate:
        """Begin a new authority, with an empty list of revoked certificates."""
        made = certificates.new_authority(name, self._now(), days=days)
        self._folder.create(certificates.key_pem(made.key), certificates.pem(made.certificate))
        self.write_list(days=list_days)
        return made.certificate

    def certificate(self) -> x509.Certificate:
        """Return the authority's own certificate."""
        return self._folder.certificate()

    def past(self) -> Past:
        """Return all that was issued and revoked."""
        return self._folder.past()

    def issue(
        self, subject: Subject, *, days: int, into: Path, request: Path | None = None
    ) -> Handed:
        """Issue a certificate and write it into a directory, with a fresh key beside it.

        With a `request` (PKCS 10) the key stays where that was made: only its public half
        and its proof are used, never the names that it asks for.
        """
        with self._folder.held():
            authority = self._folder.authority()
            secret, public = _key(request)
            until = self._until(authority, days)
            paths = _files(into, subject.name, with_key=secret is not None)
            made = certificates.issue(authority, subject, public, self._now(), until=until)
            text = certificates.pem(made)
            self._folder.add(did="issued", at_s=self._seconds(), pem=text.decode("ascii"))
            if secret is not None and paths.key is not None:
                write_new(paths.key, certificates.key_pem(secret), mode=SECRET)
            write_new(paths.certificate, text, mode=OPEN)
        issued = Issued(certificate=made, subject=subject)
        return Handed(issued=issued, certificate=paths.certificate, key=paths.key)

    def renew(self, serial: str, *, days: int, into: Path) -> Handed:
        """Issue another certificate, with a fresh key, for whom an issued one is.

        The earlier one goes on counting until it ends or is revoked. Raises CaRevokedError for
        one that is revoked already: whoever holds that may not be whom it was for.
        """
        known = self._find(serial)
        if known.revoked is not None:
            raise CaRevokedError(serial=known.serial, name=known.subject.name)
        return self.issue(known.subject, days=days, into=into)

    def revoke(self, serial: str, *, list_days: int) -> tuple[Issued, Path]:
        """Take back a certificate, and say so in a new list; twice is as good as once."""
        with self._folder.held():
            known = self._find(serial)
            if known.revoked is None:
                self._folder.add(did="revoked", at_s=self._seconds(), serial=known.serial)
        return self._find(serial), self.write_list(days=list_days)

    def write_list(self, *, days: int) -> Path:
        """Sign a new list of revoked certificates and put it in place of the last one."""
        with self._folder.held():
            authority, past = self._folder.authority(), self._folder.past()
            self._folder.add(did="listed", at_s=self._seconds())
            revoked = [
                Revoked(one.certificate.serial_number, one.revoked)
                for one in past.issued
                if one.revoked is not None
            ]
            made = certificates.revocation_list(
                authority, revoked, self._now(), number=past.lists + 1, days=days
            )
            return self._folder.put_crl(certificates.pem(made))

    def _find(self, serial: str) -> Issued:
        wanted = serial.replace(":", "").upper()
        for one in self.past().issued:
            if one.serial == wanted:
                return one
        raise CaSerialError(serial)

    def _until(self, authority: Authority, days: int) -> datetime:
        until = self._now() + timedelta(days=days)
        end = authority.certificate.not_valid_after_utc
        if until > end:
            raise CaTooLongError(days=days, left=max((end - self._now()).days, 0))
        return until

    def _seconds(self) -> int:
        return int(self._now().timestamp())


@dataclass(frozen=True, slots=True)
class _Files:
    certificate: Path
    key: Path | None


def _files(into: Path, name: str, *, with_key: bool) -> _Files:
    """Return where the files go; raise CaExistsError before anything is issued for nothing."""
    into.mkdir(parents=True, exist_ok=True)
    files = _Files(into / f"{name}.crt", into / f"{name}.key" if with_key else None)
    for path in (files.certificate, files.key):
        if path is not None and path.exists():
            raise CaExistsError(path)
    return files


def _key(request: Path | None) -> tuple[ec.EllipticCurvePrivateKey | None, PublicKey]:
    if request is None:
        secret = certificates.new_key()
        return secret, secret.public_key()
    with request.open("rb") as file:
        data = file.read(_MAX_REQUEST)
    try:
        asked = x509.load_pem_x509_csr(data)
    except ValueError as error:
        raise CaRequestError(path=request, detail=str(error)) from error
    key = asked.public_key()
    if not asked.is_signature_valid:
        raise CaRequestError(path=request, detail="its signature does not match")
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise CaRequestError(path=request, detail="its key is not on the curve P-256")
    if not isinstance(key.curve, ec.SECP256R1):
        raise CaRequestError(path=request, detail="its key is not on the curve P-256")
    return None, key
