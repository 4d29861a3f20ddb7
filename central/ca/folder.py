"""The authority's directory, and what it has issued.

    ca.key         its key, 0600
    ca.crt         its certificate: what others are told to trust
    issued.jsonl   every certificate that was issued or revoked, a line each, only ever added to
    ca.crl         the newest list of revoked certificates
    lock           held while something is added

A line of `issued.jsonl` is durable before the certificate leaves this directory: so no
certificate is in use that the list does not know. A crash in between leaves a line
without a certificate in use, which harms nobody. Half a line, left by a crash, is cut off.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from central.ca.certificates import Authority, serial_text
from central.ca.errors import CaDamagedError, CaExistsError, CaMissingError, CaNameError
from central.ca.subjects import Subject, subject_of

KEY: Final = "ca.key"
CERTIFICATE: Final = "ca.crt"
ISSUED: Final = "issued.jsonl"
CRL: Final = "ca.crl"
_LOCK: Final = "lock"

SECRET: Final = 0o600
OPEN: Final = 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate that was issued here."""

    certificate: x509.Certificate
    subject: Subject
    revoked: datetime | None = None

    @property
    def serial(self) -> str:
        """Its serial number, as people and openssl write it."""
        return serial_text(self.certificate.serial_number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """All that this authority has done."""

    issued: tuple[Issued, ...]
    lists: int
    """How many lists of revoked certificates it has made; the next one's number less one."""


class Folder:
    """The files of one authority. Every method may raise CaError or OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let nobody else add to it meanwhile."""
        self._demand()
        handle = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, SECRET)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def create(self, key: bytes, certificate: bytes) -> None:
        """Lay down a new authority: its key first, the certificate that makes it one last."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in (KEY, CERTIFICATE, ISSUED):
            if (self.path / name).exists():
                raise CaExistsError(self.path / name)
        write_new(self.path / KEY, key, mode=SECRET)
        write_new(self.path / ISSUED, b"", mode=SECRET)
        write_new(self.path / CERTIFICATE, certificate, mode=OPEN)

    def authority(self) -> Authority:
        """Return certificate and key."""
        path = self.path / KEY
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except FileNotFoundError:
            raise CaMissingError(self.path) from None
        except (ValueError, TypeError) as error:
            raise CaDamagedError(path=path, detail=str(error)) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise CaDamagedError(path=path, detail="another kind of key")
        known = Authority(self.certificate(), key)
        if not known.holds_together():
            raise CaDamagedError(path=path, detail="it is not the key of ca.crt")
        return known

    def certificate(self) -> x509.Certificate:
        """Return the authority's own certificate."""
        path = self._demand()
        try:
            return x509.load_pem_x509_certificate(path.read_bytes())
        except ValueError as error:
            raise CaDamagedError(path=path, detail=str(error)) from error

    def past(self) -> Past:
        """Return what was issued, oldest first, and what of it was revoked."""
        self._demand()
        path = self.path / ISSUED
        try:
            whole = path.read_bytes()
        except FileNotFoundError:
            # Without it nobody knows what to revoke: that is no authority without a past.
            raise CaDamagedError(path=path, detail="it is not there") from None
        found: dict[int, Issued] = {}
        lists = 0
        for number, line in enumerate(whole.splitlines(keepends=True), start=1):
            if not line.endswith(b"\n"):
                break  # half a line: what it was about never left this directory
            try:
                lists += _take(line, found)
            except (ValueError, KeyError, TypeError, CaNameError) as error:
                detail = f"line {number}: {error!r}"
                raise CaDamagedError(path=path, detail=detail) from error
        return Past(issued=tuple(found.values()), lists=lists)

    def add(self, **fact: object) -> None:
        """Add one line, durable on return. Only while `held`."""
        line = json.dumps(fact, ensure_ascii=True, sort_keys=True).encode() + b"\n"
        handle = os.open(self.path / ISSUED, os.O_RDWR | os.O_CLOEXEC)
        try:
            whole = os.pread(handle, os.fstat(handle).st_size, 0)
            end = whole.rfind(b"\n") + 1
            os.ftruncate(handle, end)
            _write_all(handle, line, end)
            os.fsync(handle)
        finally:
            os.close(handle)

    def put_crl(self, content: bytes) -> Path:
        """Put the newest list in place of the last one, whole or not at all."""
        path, temp = self.path / CRL, self.path / f".{CRL}.new"
        temp.unlink(missing_ok=True)
        write_new(temp, content, mode=OPEN)
        temp.replace(path)
        _sync(self.path)
        return path

    def _demand(self) -> Path:
        path = self.path / CERTIFICATE
        if not path.exists():
            raise CaMissingError(self.path)
        return path


def write_new(path: Path, content: bytes, *, mode: int) -> None:
    """Write a file that must not exist yet, durable on return; CaExistsError if it does."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        handle = os.open(path, flags, mode)
    except FileExistsError:
        raise CaExistsError(path) from None
    try:
        os.fchmod(handle, mode)  # whatever the umask says
        _write_all(handle, content, 0)
        os.fsync(handle)
    except BaseException:
        path.unlink()
        raise
    finally:
        os.close(handle)
    _sync(path.parent)


def _take(line: bytes, found: dict[int, Issued]) -> int:
    """Take in one line; return 1 if it is of a list of revoked certificates, else 0."""
    fact = json.loads(line)
    at = datetime.fromtimestamp(fact["at_s"], UTC)
    match fact["did"]:
        case "issued":
            made = x509.load_pem_x509_certificate(fact["pem"].encode("ascii"))
            found[made.serial_number] = Issued(certificate=made, subject=subject_of(made))
        case "revoked":
            serial = int(fact["serial"], 16)
            known = found[serial]
            found[serial] = Issued(
                certificate=known.certificate, subject=known.subject, revoked=known.revoked or at
            )
        case "listed":
            return 1
        case other:
            raise ValueError(other)
    return 0


def _write_all(handle: int, content: bytes, at: int) -> None:
    view = memoryview(content)
    while view:
        written = os.pwrite(handle, view, at)
        view, at = view[written:], at + written


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
