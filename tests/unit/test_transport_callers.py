"""Who calls: what is read off a certificate, and what is not."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes

from tests.authority import Authority
from transport.callers import NOBODY, caller_of, read


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Return an authority of this test's own."""
    return Authority(tmp_path)


def test_roles_stand_in_names_or_units(authority: Authority) -> None:
    """Both ways of writing a role count, together."""
    one = authority.issue(
        "central-01", uris=("urn:sealdock:role:central",), units=("sealdock-auditor", "IT")
    )
    caller = read(one.certificate)
    assert caller.name == "central-01"
    assert caller.roles == {"central", "auditor"}
    assert caller.fingerprint == one.certificate.fingerprint(hashes.SHA256()).hex()
    assert caller.may("dock", "central")
    assert not caller.may("dock")


@pytest.mark.parametrize(
    ("uris", "units"),
    [
        (("urn:sealdock:role:root",), ()),
        (("urn:sealdock:role:Central",), ()),
        (("urn:sealdock:role:",), ()),
        (("URN:sealdock:role:central",), ()),
        (("urn:sealdock:role:central ",), ()),
        (("https://x/urn:sealdock:role:central",), ()),
        ((), ("central",)),
        ((), ("sealdock-",)),
        ((), ("xsealdock-central",)),
    ],
)
def test_what_is_no_role_gives_none(
    authority: Authority, uris: tuple[str, ...], units: tuple[str, ...]
) -> None:
    """Only the four roles, in their one spelling."""
    assert read(authority.issue("x", uris=uris, units=units).certificate).roles == frozenset()


@pytest.mark.parametrize(
    ("uris", "origin"),
    [
        ((), None),
        (("urn:sealdock:origin:dock.example/0001",), "dock.example/0001"),
        (("urn:sealdock:origin:",), None),
        (("urn:sealdock:origin:a+b",), None),
        (("urn:sealdock:origin:a b",), None),
        (("urn:sealdock:origin:a", "urn:sealdock:origin:b"), None),
    ],
)
def test_a_dock_says_which_one_it_is(
    authority: Authority, uris: tuple[str, ...], origin: str | None
) -> None:
    """A certificate names one dock, or none."""
    assert read(authority.issue("x", uris=uris).certificate).origin == origin


@pytest.mark.parametrize(
    "scope",
    [
        {},
        {"extensions": {}},
        {"extensions": {"tls": {"client_cert_chain": []}}},
        {"extensions": {"tls": {"client_cert_chain": ["nonsense"]}}},
    ],
)
def test_without_a_certificate_nobody_calls(scope: dict[str, object]) -> None:
    """A plain connection, and a certificate that cannot be read, have no roles."""
    assert caller_of(scope) == NOBODY
    assert not NOBODY.may("central")
