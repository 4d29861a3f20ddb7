"""`sealdock-central ca`: certificates for a site that has no authority of its own."""

import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
from cryptography import x509

from central.ca.certificates import fingerprint
from central.ca.folder import CERTIFICATE, CRL, KEY, Issued
from central.ca.office import Handed, Office
from central.ca.subjects import ROLES, Subject
from central.commands.options import SCHEMA, Invocation, common_options, json_line
from central.errors import StateUnusableError
from config import text
from config.messages import say

_SOON_DAYS: Final = 30
_DIRECTORY: Final = "ca"  # in the state directory

_dir = click.option(
    "--dir",
    "directory",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where the authority lies, instead of the state directory.",
)
_into = click.option(
    "--out",
    "into",
    metavar="DIR",
    default=".",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the files go; none that is there is replaced.",
)
_list_days = click.option(
    "--list-days",
    type=click.IntRange(1, 3650),
    default=90,
    show_default=True,
    help="How long the list of revoked certificates is good for.",
)


def _days(default: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    limits = click.IntRange(1, 36_500)
    return click.option(
        "--days", type=limits, default=default, show_default=True, help="How long it lives."
    )


@click.group()
def ca() -> None:
    """Issue and revoke certificates, where no other authority does."""


@ca.command(epilog="Example:  sealdock-central ca init --name 'Yuyao docks'")
@click.option("--name", default="sealdock", show_default=True, help="What it is called.")
@_days(3650)
@_list_days
@_dir
@common_options
def init(
    invocation: Invocation, *, name: str, days: int, list_days: int, directory: Path | None
) -> None:
    """Begin an authority: its key, its certificate, an empty list of revoked ones."""
    office = _office(invocation, directory)
    with _told(office.path):
        made = office.init(name, days=days, list_days=list_days)
    certificate, secret = office.path / CERTIFICATE, office.path / KEY
    if invocation.json:
        _print(path=office.path, certificate=certificate, **_life(made))
        return
    click.echo(
        say("ca.made", invocation.lang, path=office.path, certificate=certificate, secret=secret)
    )


@ca.command(epilog="Example:  sealdock-central ca issue dock-7 --role dock "
                   "--origin dock.example/0007 --host 10.0.8.7")  # fmt: skip
@click.argument("name")
@click.option("--role", "roles", type=click.Choice(ROLES), multiple=True, required=True,
              help="What it may do; several may be given.")  # fmt: skip
@click.option(
    "--origin",
    "origins",
    multiple=True,
    help="The log that a dock speaks for: one, and for no other role.",
)
@click.option(
    "--host", "hosts", multiple=True, help="A name or address that a dock or centre is reached at."
)
@click.option("--request", type=click.Path(path_type=Path, dir_okay=False),
              help="A request (PEM): the key then stays where it was made.")  # fmt: skip
@_days(180)
@_into
@_dir
@common_options
def issue(
    invocation: Invocation,
    *,
    name: str,
    roles: tuple[str, ...],
    origins: tuple[str, ...],
    hosts: tuple[str, ...],
    request: Path | None,
    days: int,
    into: Path,
    directory: Path | None,
) -> None:
    """Issue a certificate for NAME, and a fresh key beside it."""
    office = _office(invocation, directory)
    subject = Subject(name=name, roles=roles, origins=origins, hosts=hosts)
    subject.check()
    with _told(into):
        handed = office.issue(subject, days=days, into=into, request=request)
    _hand(invocation, handed)


@ca.command(epilog="Example:  sealdock-central ca renew 5C1A... --out new")
@click.argument("serial")
@_days(180)
@_into
@_dir
@common_options
def renew(
    invocation: Invocation, *, serial: str, days: int, into: Path, directory: Path | None
) -> None:
    """Issue another certificate, with a fresh key, for whom SERIAL is.

    The earlier one goes on counting until it ends or is revoked; one that is revoked is not
    renewed.
    """
    office = _office(invocation, directory)
    with _told(into):
        handed = office.renew(serial, days=days, into=into)
    _hand(invocation, handed)


@ca.command("list", epilog="Example:  sealdock-central ca list --json")
@_dir
@common_options
def list_(invocation: Invocation, *, directory: Path | None) -> None:
    """List what was issued, the oldest first, and how long each counts."""
    office = _office(invocation, directory)
    with _told(office.path):
        root, past, crl = office.certificate(), office.past(), _crl_end(office.path / CRL)
    now = _now()
    if invocation.json:
        issued = [{**_as_json(one), "state": _state(one, now)} for one in past.issued]
        _print(authority=_life(root), crl_ends_ms=_ms(crl), issued=issued)
        return
    lang, zone = invocation.lang, invocation.loaded.zone
    (name, *_) = root.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    until = text.local_time(_ms(root.not_valid_after_utc) or 0, zone)
    click.echo(say("ca.root", lang, name=str(name.value), until=until))
    if (ends := _ms(crl)) is not None:
        click.echo(say("ca.crl-ends", lang, until=text.local_time(ends, zone)))
    for one in past.issued:
        line = say(
            "ca.line",
            lang,
            serial=one.serial,
            name=one.subject.name,
            roles=",".join(one.subject.roles),
            until=_until(invocation, one),
            state=say(f"ca-state.{_state(one, now)}", lang),
        )
        click.echo(line)
    if not past.issued:
        click.echo(say("ca.empty", lang))


@ca.command(epilog="Example:  sealdock-central ca revoke 5C1A...")
@click.argument("serial")
@_list_days
@_dir
@common_options
def revoke(invocation: Invocation, *, serial: str, list_days: int, directory: Path | None) -> None:
    """Take back the certificate SERIAL, and write a new list of revoked ones.

    A server that is given the new list knows it within a minute, without a restart.
    """
    office = _office(invocation, directory)
    with _told(office.path):
        one, path = office.revoke(serial, list_days=list_days)
    if invocation.json:
        _print(crl=path, revoked=_as_json(one))
        return
    said = say("ca.revoked", invocation.lang, name=one.subject.name, serial=one.serial, crl=path)
    click.echo(said)


@ca.command(epilog="Example:  sealdock-central ca crl   (before the last list has run out)")
@_list_days
@_dir
@common_options
def crl(invocation: Invocation, *, list_days: int, directory: Path | None) -> None:
    """Write a new list of revoked certificates: one that has run out lets nobody in."""
    office = _office(invocation, directory)
    with _told(office.path):
        path = office.write_list(days=list_days)
        ends = _ms(_crl_end(path)) or 0
    if invocation.json:
        _print(crl=path, crl_ends_ms=ends)
        return
    until = text.local_time(ends, invocation.loaded.zone)
    click.echo(say("ca.listed", invocation.lang, crl=path, until=until))


def _office(invocation: Invocation, directory: Path | None) -> Office:
    return Office(directory or invocation.state / _DIRECTORY, _now)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)  # as certificates have it


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say of a file that cannot be used which one it is."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StateUnusableError(Path(str(error.filename or path)), reason) from error


def _hand(invocation: Invocation, handed: Handed) -> None:
    one, lang = handed.issued, invocation.lang
    if invocation.json:
        _print(certificate=handed.certificate, key=handed.key, issued=_as_json(one))
        return
    said = say(
        "ca.issued",
        lang,
        name=one.subject.name,
        roles=", ".join(one.subject.roles),
        serial=one.serial,
        until=_until(invocation, one),
        certificate=handed.certificate,
    )
    click.echo(said)
    if handed.key is not None:
        click.echo(say("ca.key", lang, secret=handed.key))


def _until(invocation: Invocation, one: Issued) -> str:
    ends_ms = _ms(one.certificate.not_valid_after_utc) or 0
    return text.local_time(ends_ms, invocation.loaded.zone)


def _state(one: Issued, now: datetime) -> str:
    left = one.certificate.not_valid_after_utc - now
    if one.revoked is not None:
        return "revoked"
    if left.total_seconds() <= 0:
        return "expired"
    return "soon" if left.days < _SOON_DAYS else "good"


def _as_json(one: Issued) -> dict[str, object]:
    subject = one.subject
    return {
        "serial": one.serial,
        "name": subject.name,
        "roles": list(subject.roles),
        "origins": list(subject.origins),
        "hosts": list(subject.hosts),
        "revoked_ms": _ms(one.revoked),
        **_life(one.certificate),
    }


def _life(certificate: x509.Certificate) -> dict[str, object]:
    return {
        "fingerprint": fingerprint(certificate),
        "from_ms": _ms(certificate.not_valid_before_utc),
        "ends_ms": _ms(certificate.not_valid_after_utc),
    }


def _crl_end(path: Path) -> datetime | None:
    try:
        return x509.load_pem_x509_crl(path.read_bytes()).next_update_utc
    except (FileNotFoundError, ValueError):
        return None


def _ms(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp() * 1000)


def _print(**told: object) -> None:
    """Print one JSON object; a path as text."""
    plain = {name: str(it) if isinstance(it, Path) else it for name, it in told.items()}
    click.echo(json_line({"schema": SCHEMA, **plain}))
