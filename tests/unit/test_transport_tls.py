"""TLS: who gets in, who does not, and what is said about files that are of no use."""

import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.authority import DAY, SERVER, Authority, Identity, pem_of
from tests.wire import Client, serving
from transport.callers import caller_of
from transport.door import Door
from transport.errors import TlsFileError
from transport.tls import Clients, Renewal, client_context, server_context


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Return an authority of this test's own."""
    return Authority(tmp_path / "ca")


@pytest.fixture
def server(authority: Authority) -> Identity:
    """Return who the server is."""
    return authority.server()


async def _who(request: Request) -> JSONResponse:
    caller = caller_of(request.scope)
    return JSONResponse({"name": caller.name, "roles": sorted(caller.roles)})


APP = Door([Route("/who", _who)], lambda code, _lang, _facts: code, ["en"])


def guarded(
    authority: Authority, server: Identity, *, crl: str = "", clients: Clients = "required"
) -> ssl.SSLContext:
    """Return the TLS of a server that takes the authority's clients."""
    return server_context(
        cert=server.cert, key=server.key, client_ca=authority.ca, crl=crl, clients=clients
    )


def showing(authority: Authority, who: Identity | None) -> ssl.SSLContext:
    """Return the TLS of a client that shows a certificate, or none."""
    cert, key = (who.cert, who.key) if who else ("", "")
    return client_context(ca=authority.ca, cert=cert, key=key)


def spoil(path: str) -> None:
    """Put something else in place of a file."""
    Path(path).write_text("nonsense", encoding="ascii")


async def asked(tls: ssl.SSLContext, client: ssl.SSLContext) -> Any:
    """Return what a client is told about itself."""
    async with serving(APP, tls=tls) as address:
        return (await Client(address, client).get("/who")).json


async def test_a_client_is_known_by_its_certificate(authority: Authority, server: Identity) -> None:
    """Name and roles come from the certificate, through uvicorn into the application."""
    reader = authority.client("central", "auditor", name="central-01")
    told = await asked(guarded(authority, server), showing(authority, reader))
    assert told == {"name": "central-01", "roles": ["auditor", "central"]}


async def test_where_certificates_are_optional_nobody_is_nobody(
    authority: Authority, server: Identity
) -> None:
    """Without a certificate a client has neither name nor role."""
    tls = guarded(authority, server, clients="optional")
    assert await asked(tls, showing(authority, None)) == {"name": "", "roles": []}


async def test_no_header_makes_somebody(authority: Authority, server: Identity) -> None:
    """What proxies write about clients is not believed: there is no proxy."""
    tls = guarded(authority, server, clients="optional")
    async with serving(APP, tls=tls) as address:
        told = await Client(address, showing(authority, None)).get(
            "/who", x_forwarded_for="10.0.0.1", x_ssl_client_s_dn="CN=central-01"
        )
    assert told.json == {"name": "", "roles": []}


Strange = Callable[[Authority, Path], tuple[Identity | None, str]]


@pytest.mark.parametrize(
    "stranger",
    [
        pytest.param(lambda _own, _at: (None, ""), id="no certificate"),
        pytest.param(
            lambda own, _at: (own.issue("late", until=-timedelta(hours=1)), ""), id="expired"
        ),
        pytest.param(
            lambda _own, at: (Authority(at / "other", "other").client("central"), ""),
            id="of another authority",
        ),
        pytest.param(
            lambda _own, at: (Authority(at / "same-name").client("central"), ""),
            id="of another authority of the same name",
        ),
        pytest.param(lambda own, _at: (own.issue("server-2", use=SERVER), ""), id="for servers"),
        pytest.param(lambda own, _at: _revoked(own), id="revoked"),
        pytest.param(
            lambda own, _at: (own.client("central"), own.revoke(until=-DAY)), id="stale list"
        ),
    ],
)
async def test_strangers_do_not_get_in(
    authority: Authority, server: Identity, tmp_path: Path, stranger: Strange
) -> None:
    """Whoever cannot show a certificate that holds is told nothing at all."""
    who, crl = stranger(authority, tmp_path)
    with pytest.raises((OSError, EOFError)):
        await asked(guarded(authority, server, crl=crl), showing(authority, who))


def _revoked(authority: Authority) -> tuple[Identity, str]:
    gone = authority.client("central")
    return gone, authority.revoke(gone)


async def test_a_list_that_names_others_lets_one_in(authority: Authority, server: Identity) -> None:
    """Whoever is not on the list is not kept out by it."""
    crl = authority.revoke(authority.client("central", name="gone"))
    reader = authority.client("central", name="here")
    told = await asked(guarded(authority, server, crl=crl), showing(authority, reader))
    assert told["name"] == "here"


async def test_a_new_list_holds_without_a_restart(authority: Authority, server: Identity) -> None:
    """A certificate that is revoked while the server runs is refused from its next connection."""
    reader = authority.client("central")
    crl = authority.revoke()
    tls = guarded(authority, server, crl=crl)
    renewal = Renewal(tls, cert=server.cert, key=server.key, crl=crl)
    client = showing(authority, reader)
    async with serving(APP, tls=tls) as address:
        assert (await Client(address, client).get("/who")).status == 200
        assert not renewal.look()
        authority.revoke(reader)
        assert renewal.look()
        with pytest.raises((OSError, EOFError)):
            await Client(address, client).get("/who")


async def test_a_broken_renewal_leaves_what_held(authority: Authority, server: Identity) -> None:
    """A file that cannot be used is named, and the server goes on with what it has."""
    tls = guarded(authority, server)
    renewal = Renewal(tls, cert=server.cert, key=server.key)
    spoil(server.cert)
    with pytest.raises(TlsFileError):
        renewal.look()
    assert not renewal.look()
    told = await asked(tls, showing(authority, authority.client("dock")))
    assert told["roles"] == ["dock"]


async def test_tls_1_2_is_refused(authority: Authority, server: Identity) -> None:
    """A client that can do no better than 1.2 does not get in."""
    client = showing(authority, authority.client("central"))
    client.minimum_version = ssl.TLSVersion.TLSv1_2
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(OSError):  # noqa: PT011  how the server hangs up is its affair
        await asked(guarded(authority, server), client)


async def test_no_session_is_resumed(authority: Authority, server: Identity) -> None:
    """No ticket is given, with which a revoked client could come back."""
    client = showing(authority, authority.client("central"))
    async with (
        serving(APP, tls=guarded(authority, server)) as address,
        Client(address, client).connected() as (reader, writer),
    ):
        writer.write(b"GET /who HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert await reader.read()
        session = writer.get_extra_info("ssl_object").session
        assert session is None or not session.has_ticket


async def test_a_client_knows_the_server_too(authority: Authority, tmp_path: Path) -> None:
    """A server of another authority is not spoken to."""
    other = Authority(tmp_path / "other", "other")
    tls = guarded(authority, other.server())
    with pytest.raises(ssl.SSLCertVerificationError):
        await asked(tls, showing(authority, authority.client("central")))


def test_files_that_are_of_no_use_are_named(
    authority: Authority, server: Identity, tmp_path: Path
) -> None:
    """Each file is named with what is wrong with it."""
    other = authority.issue("other", use=SERVER)
    nonsense = tmp_path / "nonsense"
    nonsense.write_text("-----BEGIN NONSENSE-----", encoding="ascii")
    locked = tmp_path / "locked.key"
    locked.write_bytes(pem_of(ec.generate_private_key(ec.SECP256R1()), b"password"))
    missing = str(tmp_path / "missing")
    right = {"cert": server.cert, "key": server.key, "client_ca": authority.ca, "crl": ""}
    for wrong, problem in (
        ({"cert": missing}, "unreadable"),
        ({"cert": str(tmp_path)}, "unreadable"),
        ({"cert": str(nonsense)}, "no-certificate"),
        ({"cert": server.key}, "no-certificate"),
        ({"key": missing}, "unreadable"),
        ({"key": str(nonsense)}, "no-key"),
        ({"key": server.cert}, "no-key"),
        ({"key": other.key}, "other-key"),
        ({"key": str(locked)}, "encrypted"),
        ({"client_ca": missing}, "unreadable"),
        ({"client_ca": str(nonsense)}, "no-certificate"),
        ({"client_ca": server.key}, "no-certificate"),
        ({"crl": str(nonsense)}, "no-crl"),
        ({"crl": authority.ca}, "no-crl"),
        ({"crl": missing}, "unreadable"),
    ):
        given = {**right, **wrong}
        with pytest.raises(TlsFileError) as caught:
            server_context(
                cert=given["cert"],
                key=given["key"],
                client_ca=given["client_ca"],
                crl=given["crl"],
            )
        assert (caught.value.path, caught.value.problem) == (next(iter(wrong.values())), problem)


def test_a_client_trusts_the_system_where_nobody_is_named() -> None:
    """Without an authority of its own a client takes those of the system, and checks names."""
    context = client_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
