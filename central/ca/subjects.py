"""Who a certificate is for, and how that is written in it.

A role and an origin stand as URIs among the certificate's other names, so that what
reads them (`transport/callers.py`) needs nothing of ours but two prefixes:

    urn:sealdock:role:<role>
    urn:sealdock:origin:<origin, percent-encoded where a URI demands it>
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from cryptography import x509

from central.ca.errors import CaNameError, CaSubjectError

ROLES: Final = ("dock", "central", "auditor", "operator")
SERVERS: Final = frozenset({"dock", "central"})  # the others only ever call

_ROLE: Final = "urn:sealdock:role:"
_ORIGIN: Final = "urn:sealdock:origin:"
# What stands in a URI as it is (RFC 3986 section 2), so that an origin mostly reads as one.
_KEPT: Final = "/.-_~:@!$&'()*,;=?#[]"
# It becomes the name of two files, and stands in logs.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
# What a log may be called: docs/formats/log.md section 1.
_ORIGIN_TEXT: Final = re.compile(r"(?!.*://)[^\s+\x00-\x20\x7f]{1,255}")
_HOST: Final = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Who a certificate is for. Making one raises CaNameError if none can say so."""

    name: str
    roles: tuple[str, ...]
    origins: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise CaNameError(field="name", text=self.name)
        if not self.roles:
            raise CaNameError(field="role", text="")
        for role in self.roles:
            if role not in ROLES:
                raise CaNameError(field="role", text=role)
        for origin in self.origins:
            if not _ORIGIN_TEXT.fullmatch(origin) or not _is_text(origin):
                raise CaNameError(field="origin", text=origin)
        for host in self.hosts:
            if not isinstance(_host(host), x509.IPAddress) and not _HOST.fullmatch(host):
                raise CaNameError(field="host", text=host)

    def names(self) -> x509.SubjectAlternativeName:
        """Return what stands in the certificate as its other names."""
        uris = [_ROLE + role for role in self.roles]
        uris += [_ORIGIN + quote(origin, safe=_KEPT) for origin in self.origins]
        known = [x509.UniformResourceIdentifier(uri) for uri in uris]
        return x509.SubjectAlternativeName([*known, *map(_host, self.hosts)])

    def check(self) -> None:
        """Raise CaSubjectError where origins or hosts do not go with the roles.

        A dock may submit for the one origin of its certificate, and for none without one.
        """
        if "dock" in self.roles and len(self.origins) != 1:
            problem = "many-origins" if self.origins else "no-origin"
            raise CaSubjectError(name=self.name, problem=problem)
        if self.origins and "dock" not in self.roles:
            raise CaSubjectError(name=self.name, problem="origin")
        if self.hosts and not self.serves:
            raise CaSubjectError(name=self.name, problem="host")

    @property
    def serves(self) -> bool:
        """Tell whether others connect to it, too."""
        return bool(SERVERS.intersection(self.roles))


def subject_of(certificate: x509.Certificate) -> Subject:
    """Return who a certificate of ours is for; raise CaNameError if it says no such thing."""
    (name, *_) = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        raise CaNameError(field="role", text="") from None
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    return Subject(
        name=str(name.value),
        roles=tuple(uri.removeprefix(_ROLE) for uri in uris if uri.startswith(_ROLE)),
        origins=tuple(
            unquote(uri.removeprefix(_ORIGIN)) for uri in uris if uri.startswith(_ORIGIN)
        ),
        hosts=(
            *names.get_values_for_type(x509.DNSName),
            *map(str, names.get_values_for_type(x509.IPAddress)),
        ),
    )


def _host(host: str) -> x509.DNSName | x509.IPAddress:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        try:
            return x509.DNSName(host)
        except ValueError:  # not ASCII: a name of that kind is written as xn--…
            raise CaNameError(field="host", text=host) from None


def _is_text(text: str) -> bool:
    return not any("\ud800" <= mark <= "\udfff" for mark in text)
