"""The small certificate authority: what it issues, what it takes back, what it never overwrites."""

import json
import shutil
import ssl
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from central.ca.certificates import issue, new_authority, new_key, serial_text
from central.ca.ends import ends_of
from central.ca.errors import (
    CaDamagedError,
    CaExistsError,
    CaMissingError,
    CaNameError,
    CaRequestError,
    CaRevokedError,
    CaSerialError,
    CaTooLongError,
)
from central.ca.office import Office
from central.ca.subjects import ROLES, Subject, subject_of
from tests.require import need

NOW = datetime.now(UTC).replace(microsecond=0)  # openssl judges by its own clock, so ours is real
DOCK = Subject(
    name="dock-7",
    roles=("dock",),
    origins=("dock.example/0007",),
    hosts=("localhost", "127.0.0.1", "::1"),
)
AUDITOR = Subject(name="auditor", roles=("auditor",))
AUTHORITY = new_authority("x", NOW, days=2)
SOME_KEY = new_key().public_key()


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        """Return the time."""
        return self.at


@pytest.fixture
def clock() -> Clock:
    """Return a clock that begins now."""
    return Clock()


@pytest.fixture
def office(tmp_path: Path, clock: Clock) -> Office:
    """Return an authority that has been begun."""
    made = Office(tmp_path / "ca", clock)
    made.init("sealdock test", days=3650, list_days=30)
    return made


def openssl(*args: str | Path) -> subprocess.CompletedProcess[str]:
    """Ask openssl, which is none of ours."""
    need(shutil.which("openssl"), "openssl")
    command = ["openssl", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def mode(path: Path) -> int:
    """Return the permissions of a file."""
    return path.stat().st_mode & 0o777


def test_openssl_accepts_what_is_issued(office: Office, tmp_path: Path) -> None:
    """A foreign judge follows the chain, for both purposes, and finds the names."""
    handed = office.issue(DOCK, days=90, into=tmp_path)
    for purpose in ("sslserver", "sslclient"):
        done = openssl(
            "verify", "-x509_strict", "-purpose", purpose, "-verify_hostname", "localhost",
            "-CAfile", office.path / "ca.crt", "-CRLfile", office.path / "ca.crl", "-crl_check",
            handed.certificate,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    shown = openssl("x509", "-in", handed.certificate, "-noout", "-ext", "subjectAltName").stdout
    assert "URI:urn:sealdock:role:dock" in shown
    assert "URI:urn:sealdock:origin:dock.example/0007" in shown
    assert "IP Address:127.0.0.1" in shown


def test_openssl_refuses_what_was_taken_back(office: Office, tmp_path: Path) -> None:
    """A revoked certificate fails under the new list, and its neighbour does not."""
    lost, kept = (
        office.issue(DOCK, days=90, into=tmp_path),
        office.issue(AUDITOR, days=90, into=tmp_path),
    )
    office.revoke(lost.issued.serial, list_days=30)
    assert [
        openssl(
            "verify", "-CAfile", office.path / "ca.crt", "-CRLfile", office.path / "ca.crl",
            "-crl_check", handed.certificate,
        ).returncode
        == 0
        for handed in (lost, kept)
    ] == [False, True]  # fmt: skip


def test_who_only_calls_is_no_server(office: Office, tmp_path: Path) -> None:
    """An auditor's certificate does not let anybody pose as a dock or a centre."""
    handed = office.issue(AUDITOR, days=90, into=tmp_path)
    ca = office.path / "ca.crt"
    assert (
        openssl("verify", "-purpose", "sslclient", "-CAfile", ca, handed.certificate).returncode
        == 0
    )
    assert openssl("verify", "-purpose", "sslserver", "-CAfile", ca, handed.certificate).returncode


def test_both_ends_speak_tls(office: Office, tmp_path: Path) -> None:
    """Python's TLS shakes hands with these certificates, each end asking for the other's."""
    server = office.issue(DOCK, days=90, into=tmp_path)
    client = office.issue(AUDITOR, days=90, into=tmp_path)
    contexts = []
    for handed, purpose in (
        (client, ssl.Purpose.SERVER_AUTH),
        (server, ssl.Purpose.CLIENT_AUTH),
    ):
        context = ssl.create_default_context(purpose, cafile=str(office.path / "ca.crt"))
        context.verify_mode = ssl.CERT_REQUIRED
        assert handed.key is not None
        context.load_cert_chain(handed.certificate, handed.key)
        contexts.append(context)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        contexts[0].wrap_bio(back, there, server_hostname="localhost"),
        contexts[1].wrap_bio(there, back, server_side=True),
    )
    waiting: list[Callable[[], None]] = [end.do_handshake for end in ends]
    for _ in range(4):
        waiting = [step for step in waiting if not _done(step)]
    assert waiting == []
    assert ends[0].version() == "TLSv1.3"
    seen = ends[1].getpeercert() or {}
    assert ("URI", "urn:sealdock:role:auditor") in seen["subjectAltName"]


def _done(step: Callable[[], None]) -> bool:
    try:
        step()
    except ssl.SSLWantReadError:
        return False
    return True


def test_secrets_are_for_their_owner(office: Office, tmp_path: Path) -> None:
    """Keys can be read by their owner alone, whatever the umask; certificates by all."""
    handed = office.issue(DOCK, days=90, into=tmp_path)
    assert handed.key is not None
    assert {mode(office.path / "ca.key"), mode(handed.key)} == {0o600}
    assert {mode(office.path / name) for name in ("ca.crt", "ca.crl")} == {0o644}
    assert mode(handed.certificate) == 0o644
    assert mode(office.path) == 0o700


def test_nothing_is_overwritten(office: Office, tmp_path: Path) -> None:
    """Neither an authority nor a key that is there is replaced, and nothing is issued for it."""
    office.issue(DOCK, days=90, into=tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(CaExistsError):
        office.issue(DOCK, days=90, into=tmp_path)
    with pytest.raises(CaExistsError):
        office.init("another", days=10, list_days=10)
    assert {path: path.read_bytes() for path in before} == before


def test_the_key_may_stay_where_it_was_made(office: Office, tmp_path: Path) -> None:
    """A request brings a key's public half; the names in it count for nothing."""
    key = new_key()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "operator")])
    asked = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    file = tmp_path / "dock.csr"
    file.write_bytes(asked.public_bytes(serialization.Encoding.PEM))
    handed = office.issue(DOCK, days=90, into=tmp_path / "out", request=file)
    made = x509.load_pem_x509_certificate(handed.certificate.read_bytes())
    assert made.public_key() == key.public_key()
    assert subject_of(made) == DOCK
    assert handed.key is None
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["dock-7.crt"]


def test_a_request_that_is_none_is_refused(office: Office, tmp_path: Path) -> None:
    """Garbage, a request with a broken signature, and a key of another kind get nothing."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    good = builder.sign(new_key(), hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    torn = x509.load_der_x509_csr(good[:-1] + bytes([good[-1] ^ 1]))
    other = builder.sign(ec.generate_private_key(ec.SECP384R1()), hashes.SHA256())
    contents = [b"", b"-----BEGIN"]
    contents += [each.public_bytes(serialization.Encoding.PEM) for each in (torn, other)]
    for number, content in enumerate(contents):
        file = tmp_path / f"{number}.csr"
        file.write_bytes(content)
        with pytest.raises(CaRequestError):
            office.issue(DOCK, days=90, into=tmp_path / "out", request=file)
    assert office.past().issued == ()


def test_the_list_survives(office: Office, tmp_path: Path, clock: Clock) -> None:
    """What was issued and revoked is known to the next one who opens the directory."""
    first = office.issue(DOCK, days=90, into=tmp_path)
    office.issue(AUDITOR, days=30, into=tmp_path)
    clock.at += timedelta(days=1)
    office.revoke(first.issued.serial.lower(), list_days=30)
    again = Office(office.path, clock).past()
    assert [(one.subject, one.revoked) for one in again.issued] == [
        (DOCK, clock.at),
        (AUDITOR, None),
    ]
    assert again.lists == 2


def test_revoking_twice_keeps_the_first_date(office: Office, tmp_path: Path, clock: Clock) -> None:
    """A certificate stopped counting when it was first taken back."""
    handed = office.issue(DOCK, days=90, into=tmp_path)
    first, _ = office.revoke(handed.issued.serial, list_days=30)
    clock.at += timedelta(days=3)
    second, _ = office.revoke(handed.issued.serial, list_days=30)
    assert first.revoked == second.revoked == NOW
    crl = x509.load_pem_x509_crl((office.path / "ca.crl").read_bytes())
    assert [serial_text(one.serial_number) for one in crl] == [handed.issued.serial]
    assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 3


def test_half_a_line_is_cut_off(office: Office, tmp_path: Path) -> None:
    """What a crash left unfinished is as if it had not been begun, and the list goes on."""
    issued = office.path / "issued.jsonl"
    office.issue(DOCK, days=90, into=tmp_path)
    with issued.open("ab") as file:
        file.write(b'{"did": "issued", "at_s"')
    assert len(office.past().issued) == 1
    office.issue(AUDITOR, days=90, into=tmp_path)
    assert [one.subject.name for one in office.past().issued] == ["dock-7", "auditor"]
    assert all(json.loads(line) for line in issued.read_text().splitlines())


@pytest.mark.parametrize(
    "line", [b"garbage\n", b'{"did":"revoked","at_s":1,"serial":"AA"}\n', b"[]\n"]
)
def test_a_damaged_list_is_no_empty_one(office: Office, line: bytes) -> None:
    """Where the list makes no sense, or is gone, nothing is issued or revoked by it."""
    issued = office.path / "issued.jsonl"
    with issued.open("ab") as file:
        file.write(line)
    with pytest.raises(CaDamagedError):
        office.past()
    issued.unlink()
    with pytest.raises(CaDamagedError):
        office.write_list(days=1)


def test_another_key_is_not_ours(office: Office, tmp_path: Path) -> None:
    """A key that does not belong to the certificate signs nothing."""
    other = Office(tmp_path / "other", Clock())
    other.init("other", days=10, list_days=10)
    (office.path / "ca.key").write_bytes((tmp_path / "other" / "ca.key").read_bytes())
    with pytest.raises(CaDamagedError):
        office.issue(DOCK, days=1, into=tmp_path)


def test_renewed_is_the_same_with_a_new_key(office: Office, tmp_path: Path, clock: Clock) -> None:
    """Renewing keeps name, roles, origins and hosts, and nothing else."""
    first = office.issue(DOCK, days=90, into=tmp_path / "a")
    clock.at += timedelta(days=60)
    second = office.renew(first.issued.serial, days=90, into=tmp_path / "b")
    before, after = (each.issued.certificate for each in (first, second))
    assert subject_of(after) == subject_of(before) == DOCK
    assert after.public_key() != before.public_key()
    assert after.not_valid_after_utc == NOW + timedelta(days=150)


def test_what_was_taken_back_is_not_renewed(office: Office, tmp_path: Path) -> None:
    """A renewal would hand whoever holds a revoked certificate a good one; it leaves nothing."""
    lost = office.issue(DOCK, days=90, into=tmp_path / "a")
    office.revoke(lost.issued.serial, list_days=30)
    with pytest.raises(CaRevokedError):
        office.renew(lost.issued.serial, days=90, into=tmp_path / "b")
    assert len(office.past().issued) == 1
    assert not (tmp_path / "b").exists()


def test_nothing_outlives_the_authority(office: Office, tmp_path: Path) -> None:
    """A certificate that would count longer than who vouches for it is not issued."""
    with pytest.raises(CaTooLongError) as caught:
        office.issue(DOCK, days=3651, into=tmp_path)
    assert (caught.value.days, caught.value.left) == (3651, 3650)


def test_where_no_authority_is(tmp_path: Path) -> None:
    """Each question to a directory without an authority is answered by saying so."""
    empty = Office(tmp_path / "nothing", Clock())
    asks: list[Callable[[], object]] = [
        empty.past,
        empty.certificate,
        lambda: empty.write_list(days=1),
        lambda: empty.revoke("AA", list_days=1),
        lambda: empty.issue(DOCK, days=1, into=tmp_path),
    ]
    for ask in asks:
        with pytest.raises(CaMissingError):
            ask()
    assert not (tmp_path / "nothing").exists()


def test_a_serial_that_was_not_issued(office: Office) -> None:
    """Revoking what nobody issued says so, and makes no list."""
    with pytest.raises(CaSerialError):
        office.revoke("00FF", list_days=30)
    assert office.past().lists == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""), ("name", "../x"), ("name", "a b"), ("name", "x" * 65),
        ("roles", ()), ("roles", ("root",)),
        ("origins", ("https://dock.example",)), ("origins", ("a b",)), ("origins", ("a\ud800",)),
        ("hosts", ("a b",)), ("hosts", ("",)), ("hosts", ("*.example",)), ("hosts", ("坞",)),
    ],
)  # fmt: skip
def test_what_no_certificate_can_say(field: str, value: object) -> None:
    """A name, role, origin or host that could be misread is refused before a key is made."""
    fields = {"name": "dock-7", "roles": ("dock",), "origins": (), "hosts": ()}
    with pytest.raises(CaNameError):
        Subject(**{**fields, field: value})  # type: ignore[arg-type]  # wrong values are the point


@given(
    origin=st.text(min_size=1, max_size=40),
    roles=st.sets(st.sampled_from(ROLES), min_size=1),
)
def test_whoever_it_is_for_is_read_back(origin: str, roles: set[str]) -> None:
    """Any origin that a log may have comes back out of the certificate as it went in."""
    try:
        subject = Subject(name="x", roles=tuple(sorted(roles)), origins=(origin,))
    except CaNameError:
        return
    made = issue(AUTHORITY, subject, SOME_KEY, NOW, until=NOW + timedelta(days=1))
    again = x509.load_der_x509_certificate(made.public_bytes(serialization.Encoding.DER))
    assert subject_of(again) == subject


def test_when_a_docks_certificate_ends(office: Office, tmp_path: Path, clock: Clock) -> None:
    """The longest one that was not revoked counts, and where no authority is nothing is known."""
    first = office.issue(DOCK, days=90, into=tmp_path / "a")
    second = office.renew(first.issued.serial, days=120, into=tmp_path / "b")
    assert ends_of(office.path) == {
        DOCK.origins[0]: int((NOW + timedelta(days=120)).timestamp() * 1000)
    }
    office.revoke(second.issued.serial, list_days=9)
    assert ends_of(office.path) == {
        DOCK.origins[0]: int((clock.at + timedelta(days=90)).timestamp() * 1000)
    }
    assert ends_of(tmp_path / "none") == {}
