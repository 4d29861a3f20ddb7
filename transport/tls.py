"""TLS as this house speaks it: 1.3 and nothing older, both ends known by certificate.

What a certificate is good for (server, client) is judged by OpenSSL, from its extended key usage.
There is no session resumption: it would let in a client whose certificate was revoked since.
"""

import ssl
from pathlib import Path
from typing import Final, Literal

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from transport.errors import TlsFileError

_ALPN: Final = ["http/1.1"]

Clients = Literal["required", "optional", "unasked"]


def server_context(
    *, cert: str, key: str, client_ca: str = "", crl: str = "", clients: Clients = "required"
) -> ssl.SSLContext:
    """Return the TLS of a server; paths are those of PEM files, raise TlsFileError about one.

    Without `client_ca` no client is asked for a certificate. A revocation list must then cover
    every client: of an authority without a list in `crl`, or with an expired one, none is let in.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _harden(context)
    context.num_tickets = 0
    _identify(context, cert, key)
    context.verify_mode = ssl.CERT_NONE
    if client_ca and clients != "unasked":
        _trust(context, client_ca, crl)
        required = clients == "required"
        context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    return context


def client_context(*, ca: str = "", cert: str = "", key: str = "", crl: str = "") -> ssl.SSLContext:
    """Return the TLS of a client; raise TlsFileError about a file that is of no use.

    An empty `ca` trusts the system's authorities; `cert` and `key` say who we are.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _harden(context)
    if ca:
        _trust(context, ca, crl)
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if cert:
        _identify(context, cert, key)
    return context


def _harden(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_TICKET
    context.set_alpn_protocols(_ALPN)


def _identify(context: ssl.SSLContext, cert: str, key: str) -> None:
    """Load who we are, after a look that can say what is wrong."""
    try:
        ours = x509.load_pem_x509_certificate(_read(cert))
    except ValueError as error:
        raise TlsFileError(cert, "no-certificate", "it holds no certificate in PEM") from error
    try:
        secret = load_pem_private_key(_read(key), None)
    except TypeError as error:
        raise TlsFileError(key, "encrypted", "the key is protected by a password") from error
    except ValueError as error:
        raise TlsFileError(key, "no-key", "it holds no private key in PEM") from error
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if secret.public_key().public_bytes(*form) != ours.public_key().public_bytes(*form):
        raise TlsFileError(key, "other-key", f"the key is not that of {cert}")
    try:
        context.load_cert_chain(cert, key, password="")
    except (OSError, ValueError) as error:
        raise TlsFileError(cert, "no-certificate", str(error)) from error


def _trust(context: ssl.SSLContext, ca: str, crl: str) -> None:
    """Load whom we trust, and whom no longer."""
    _load(context, ca, "no-certificate", "it holds no certificate in PEM")
    if crl:
        _revoke(context, crl)


def _revoke(context: ssl.SSLContext, crl: str) -> None:
    """Load a revocation list; of several of one authority the newest counts."""
    try:
        x509.load_pem_x509_crl(_read(crl))
    except ValueError as error:
        raise TlsFileError(crl, "no-crl", "it holds no revocation list in PEM") from error
    _load(context, crl, "no-crl", "it holds no revocation list in PEM")
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF


def _load(context: ssl.SSLContext, path: str, problem: str, reason: str) -> None:
    _read(path)
    try:
        context.load_verify_locations(path)
    except (OSError, ValueError) as error:
        raise TlsFileError(path, problem, reason) from error


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise TlsFileError(path, "unreadable", error.strerror or str(error)) from error


class Renewal:
    """Files of a server's TLS that may be replaced while it runs, under the same names.

    A new certificate and key, or revocation list, hold from the next connection on. Whom we trust
    can be added to only by a start.
    """

    def __init__(self, context: ssl.SSLContext, *, cert: str, key: str, crl: str = "") -> None:
        self._context = context
        self._ours = (cert, key)
        self._crl = crl
        self._seen = self._stamps()

    def look(self) -> bool:
        """Take up what has changed since the last look; tell whether anything has.

        Raises TlsFileError, once for each change, about a file that is of no use: what was
        loaded before goes on.
        """
        now = self._stamps()
        before, self._seen = self._seen, now
        if now[:2] != before[:2]:
            _identify(self._context, *self._ours)
        if now[2:] != before[2:]:
            _revoke(self._context, self._crl)
        return now != before

    def _stamps(self) -> tuple[tuple[int, int, int], ...]:
        return tuple(map(_stamp, filter(None, (*self._ours, self._crl))))


def _stamp(path: str) -> tuple[int, int, int]:
    """Return what differs once a file was written or replaced; of one that is not there, zeros."""
    try:
        found = Path(path).stat()
    except OSError:
        return 0, 0, 0
    return found.st_ino, found.st_size, found.st_mtime_ns
