"""Who calls: what the certificate of a client says, and nothing that the client says itself.

    CN                                   the name
    SAN URI urn:sealdock:role:<role>     a role; several may be there
    OU sealdock-<role>                   the same, where an authority writes no such names
    SAN URI urn:sealdock:origin:<origin> the dock whose log this client signs

By the time a request is here, TLS has judged the certificate: its authority, its dates, its use
and whether it was revoked.
"""

import functools
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

DOCK: Final = "dock"
CENTRAL: Final = "central"
AUDITOR: Final = "auditor"
OPERATOR: Final = "operator"
ROLES: Final = frozenset({DOCK, CENTRAL, AUDITOR, OPERATOR})

ROLE_URI: Final = "urn:sealdock:role:"
ORIGIN_URI: Final = "urn:sealdock:origin:"
ROLE_UNIT: Final = "sealdock-"

_ORIGIN: Final = re.compile(r"[!-*,-~]{1,255}", re.ASCII)  # what is seen, without "+"


@dataclass(frozen=True, slots=True)
class Caller:
    """A client, as its certificate has it."""

    name: str
    roles: frozenset[str]
    fingerprint: str
    """SHA-256 of the certificate, hexadecimal; empty where there is none."""
    origin: str | None = None
    """The dock that this client is, where its certificate says one."""

    def may(self, *roles: str) -> bool:
        """Tell whether it has one of `roles`."""
        return not self.roles.isdisjoint(roles)


NOBODY: Final = Caller(name="", roles=frozenset(), fingerprint="")


def caller_of(scope: Mapping[str, Any]) -> Caller:
    """Return who sent the request of an ASGI scope; NOBODY without a certificate."""
    chain = scope.get("extensions", {}).get("tls", {}).get("client_cert_chain") or ()
    return _caller(chain[0]) if chain else NOBODY


@functools.lru_cache(maxsize=1024)
def _caller(pem: str) -> Caller:
    try:
        return read(x509.load_pem_x509_certificate(pem.encode("ascii")))
    except ValueError:  # OpenSSL took it, and it says nothing that can be read
        return NOBODY


def read(certificate: x509.Certificate) -> Caller:
    """Return the client that a certificate is of; raise ValueError if it cannot be read."""
    uris = _uris(certificate)
    units = _texts(certificate, NameOID.ORGANIZATIONAL_UNIT_NAME)
    said = {uri.removeprefix(ROLE_URI) for uri in uris if uri.startswith(ROLE_URI)}
    said |= {unit.removeprefix(ROLE_UNIT) for unit in units if unit.startswith(ROLE_UNIT)}
    origins = [uri.removeprefix(ORIGIN_URI) for uri in uris if uri.startswith(ORIGIN_URI)]
    names = _texts(certificate, NameOID.COMMON_NAME)
    return Caller(
        name=names[0] if names else "",
        roles=frozenset(said & ROLES),
        fingerprint=hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest(),
        # Of several nobody can tell which one it is.
        origin=origins[0] if len(origins) == 1 and _ORIGIN.fullmatch(origins[0]) else None,
    )


def _uris(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return names.get_values_for_type(x509.UniformResourceIdentifier)


def _texts(certificate: x509.Certificate, kind: x509.ObjectIdentifier) -> list[str]:
    return [str(one.value) for one in certificate.subject.get_attributes_for_oid(kind)]
