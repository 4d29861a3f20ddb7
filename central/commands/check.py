"""`sealdock-central check`: mirrored logs, verified whole, and held against what was cosigned."""

from collections.abc import Iterator
from dataclasses import dataclass

import click

from central.centre import Centre
from central.commands.options import SCHEMA, Invocation, common_options, json_line
from central.cosigning.cosigner import MIRROR, WITNESS
from central.cosigning.heads import heads_of
from central.cosigning.judging import Head
from central.errors import CentralError, NotMirroredError
from central.mirror.files import LogCopy
from central.mirror.mirror import root_at
from central.register.docks import Dock
from config.exit_codes import ExitCode
from config.messages import printable, say, term
from hashing import checkpoint, note
from hashing.errors import EvidenceError
from hashing.keys import VerifierKey
from hashing.report import CODES, Report
from hashing.verify import verify_log


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found of one dock."""

    dock: Dock
    report: Report | None
    """None: nothing of its log is held here."""
    differs: tuple[str, ...]
    """The roles whose cosigned head is not that of the mirrored log."""

    @property
    def ok(self) -> bool:
        """Tell whether nothing is wrong."""
        return not self.differs and (self.report is None or self.report.ok)


@click.command(
    epilog="""\b
Examples:
  sealdock-central check
  sealdock-central check dock.example/0001 --json"""
)
@click.argument("origin", required=False)
@common_options
def check(invocation: Invocation, *, origin: str | None) -> None:
    """Verify mirrored logs whole: signatures, every tile, every entry and the chain of entries.

    Each is also held against the heads that witness and mirror cosigned. Ends with 6 if
    anything does not match.
    """
    centre = Centre.open(invocation.loaded, signs=False)
    try:
        docks = centre.register.docks() if origin is None else (centre.register.dock(origin),)
        ok = True
        for dock in docks:
            checked = _check(centre, dock)
            if origin is not None and checked.report is None:
                raise NotMirroredError(origin)
            ok = ok and checked.ok
            _tell(checked, invocation)
    finally:
        centre.close()
    if not docks and not invocation.json:
        click.echo(say("dock-command.none", invocation.lang))
    if not ok:
        raise click.exceptions.Exit(ExitCode.VERIFICATION_FAILED)


def _check(centre: Centre, dock: Dock) -> Checked:
    folder = LogCopy(centre.loaded.state, dock.origin).folder
    with centre.database.reading() as connection:
        heads = heads_of(connection, dock.origin)
    if MIRROR not in heads and not folder.exists():
        return Checked(dock=dock, report=None, differs=())
    report = verify_log(folder, VerifierKey.parse(dock.vkey))
    return Checked(dock=dock, report=report, differs=tuple(_differing(centre, dock, heads)))


def _differing(centre: Centre, dock: Dock, heads: dict[str, Head]) -> Iterator[str]:
    """Yield the roles whose head the files do not bear out."""
    folder = LogCopy(centre.loaded.state, dock.origin).folder
    for role in (WITNESS, MIRROR):
        head = heads.get(role)
        if head is None:
            continue
        try:
            root = root_at(centre.database, centre.loaded.state, dock.origin, head.size)
            shown = checkpoint.parse(note.parse((folder / "checkpoint").read_bytes())[0])
        except (CentralError, EvidenceError, OSError):
            yield role
            continue
        behind = role == MIRROR and (shown.size, shown.root) != (head.size, head.root)
        if root not in {None, head.root} or behind:
            yield role


def _tell(checked: Checked, invocation: Invocation) -> None:
    if invocation.json:
        report = {} if checked.report is None else checked.report.as_json()
        told = {
            "schema": SCHEMA,
            **report,
            "dock": checked.dock.origin,
            "mirrored": checked.report is not None,
            "differs": list(checked.differs),
            "ok": checked.ok,
        }
        click.echo(json_line(told))
        return
    for line in _lines(checked, invocation.lang):
        click.echo(line)


def _lines(checked: Checked, lang: str) -> Iterator[str]:
    origin, report = printable(checked.dock.origin), checked.report
    if report is None:
        yield say("check-command.nothing", lang, origin=origin)
        return
    for each in report.problems:
        what = term("verify-code", each.code, lang)
        where, detail = printable(each.where), printable(each.detail)
        yield f"{origin}: {where}: {what} [{each.code}] {detail}"
    for code, count in report.omitted.items():
        if code in CODES:
            yield say("verify.more", lang, count=count, what=term("verify-code", code, lang))
    for role in checked.differs:
        yield say("check-command.differs", lang, origin=origin, role=role)
    verdict = "check-command.ok" if checked.ok else "check-command.wrong"
    yield say(verdict, lang, origin=origin, size=report.size if report.size is not None else "-")
