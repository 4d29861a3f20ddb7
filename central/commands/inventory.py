"""`sealdock-central inventory`: exactly which clips are gone."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from central.centre import Centre
from central.commands.options import SCHEMA, Invocation, common_options, json_line
from central.errors import NoAddressError, NotMirroredError, StateUnusableError
from central.fleet.assembly import entries_in
from central.fleet.records import Records
from central.fleet.reports import Report
from central.fleet.stocktaking import Must, Stock
from central.pull.errors import PullError
from central.pull.inventory import ledger_of, of_replica
from central.pull.keeping import Keeping, keep_report, mirrored_size
from central.register.docks import Dock
from config import text
from config.exit_codes import ExitCode
from config.messages import say, term
from transport.errors import LinkError

_SHOWN: Final = 50  # lines of each sort; --json has all
_Failed = tuple[Dock, str]


@click.command(
    epilog="""\b
Examples:
  sealdock-central inventory
  sealdock-central inventory dock.example/0001 --sample 20
  sealdock-central inventory dock.example/0001 --replica /mnt/copy --hash"""
)
@click.argument("origin", required=False)
@click.option(
    "--replica",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="A copy of the dock's store, instead of the dock itself.",
)
@click.option("--hash", "hashed", is_flag=True, help="Hash every file of the replica.")
@click.option(
    "--sample", "samples", type=click.IntRange(0, 10_000), default=0,
    help="Fetch so many clips from the dock, picked at random, and hash them.",
)  # fmt: skip
@common_options
def inventory(
    invocation: Invocation, *, origin: str | None, replica: Path | None, hashed: bool, samples: int
) -> None:
    """Hold a dock's store against its mirrored log: what is gone, damaged, or not in the log.

    Without --replica the dock is asked, and what it says is its own word; --sample looks. Each
    clip so fetched is an access that the dock's log tells of. Ends with 6 if anything is gone.
    """
    if replica is not None and origin is None:
        raise click.UsageError("--replica needs ORIGIN")
    if hashed and replica is None:
        raise click.UsageError("--hash needs --replica")
    centre = Centre.open(invocation.loaded, signs=False)
    try:
        docks = centre.register.docks() if origin is None else (centre.register.dock(origin),)
        failed: list[_Failed] = []
        if replica is not None:
            reports = [_replica(centre, docks[0], replica, hashed=hashed)]
        else:
            if origin is not None and not docks[0].url:
                raise NoAddressError(origin)
            reached = [dock for dock in docks if dock.url]
            reports, failed = asyncio.run(
                _stores(centre, reached, samples, alone=origin is not None)
            )
    finally:
        centre.close()
    names = {dock.origin: dock.name for dock in docks}
    _tell(invocation, reports, failed, names)
    if any(report.missing for report in reports):
        raise click.exceptions.Exit(ExitCode.VERIFICATION_FAILED)
    if failed:
        raise click.exceptions.Exit(ExitCode.PARTIAL)


def _replica(centre: Centre, dock: Dock, root: Path, *, hashed: bool) -> Report:
    size = mirrored_size(centre, dock.origin)
    ledger = ledger_of(entries_in(centre.loaded), dock.origin, size)
    with _told(root):
        report = of_replica(
            dock.origin, root, ledger, size=size, hashed=hashed, now_ms=centre.clock()
        )
    keep_report(Records(centre.database), report)
    return report


async def _stores(
    centre: Centre, docks: list[Dock], samples: int, *, alone: bool
) -> tuple[list[Report], list[_Failed]]:
    reports: list[Report] = []
    failed: list[_Failed] = []
    keeping = Keeping(centre)
    try:
        for dock in docks:
            try:
                reports.append(await keeping.take_stock(dock, samples=samples))
            except PullError as error:
                failed.append((dock, error.problem))
            except LinkError:
                failed.append((dock, "unreachable"))
            except NotMirroredError:
                if alone:
                    raise
                failed.append((dock, "not-mirrored"))
    finally:
        keeping.close()
    return reports, failed


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StateUnusableError(Path(str(error.filename or path)), reason) from error


def _tell(
    invocation: Invocation, reports: list[Report], failed: list[_Failed], names: dict[str, str]
) -> None:
    lang = invocation.lang
    if invocation.json:
        told = {
            "schema": SCHEMA,
            "inventories": [report.as_json() for report in reports],
            "failed": [{"origin": dock.origin, "why": why} for dock, why in failed],
        }
        click.echo(json_line(told))
        return
    for report in reports:
        name = names[report.origin]
        click.echo(say("inventory.line", lang, name=name, origin=report.origin))
        for stock in report.stocks.values():
            for line in _lines(stock, report, lang):
                click.echo(line)
        for one in report.sampled:
            word = {True: "good", False: "bad", None: "unknown"}[one.good]
            state = say(f"inventory-sample.{word}", lang)
            click.echo(say("inventory.sampled", lang, sha256=one.sha256, state=state))
    for dock, why in failed:
        click.echo(say("inventory.line", lang, name=dock.name, origin=dock.origin))
        click.echo(say("inventory.failed", lang, why=term("pull-problem", why, lang)))
    if not reports and not failed:
        click.echo(say("inventory.none", lang))


def _lines(stock: Stock, report: Report, lang: str) -> Iterator[str]:
    source = term("inventory-source", report.source, lang)
    if stock.holds:
        yield say(
            "inventory.good", lang, source=source, expected=stock.expected,
            hashed=stock.hashed, disposed=stock.disposed,
        )  # fmt: skip
    else:
        yield say(
            "inventory.bad", lang, source=source, expected=stock.expected,
            gone=len(stock.gone), damaged=len(stock.damaged),
        )  # fmt: skip
    for one in stock.gone[:_SHOWN]:
        yield say("inventory.gone", lang, **_facts(one))
    for one in stock.damaged[:_SHOWN]:
        yield say("inventory.damaged", lang, **_facts(one))
    more = sum(max(len(items) - _SHOWN, 0) for items in (stock.gone, stock.damaged))
    if more:
        yield say("inventory.more", lang, n=more)
    if stock.extra:
        yield say("inventory.extra", lang, n=len(stock.extra))


def _facts(one: Must) -> dict[str, object]:
    return {
        "seq": one.seq,
        "docking": "-" if one.docking is None else one.docking,
        "size": "-" if one.size is None else text.size(one.size),
        "sha256": one.sha256,
    }
