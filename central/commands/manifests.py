"""`sealdock-central manifests`: the dockings that ended on one dock."""

import click

from central.centre import Centre
from central.commands.options import SCHEMA, Invocation, common_options, json_line
from central.fleet import told
from central.fleet.assembly import fleet_of, index_of
from central.fleet.index import catch_up_all
from central.web.dock_page import manifest_state
from config import text
from config.messages import say, term


@click.command(epilog="Example:  sealdock-central manifests dock.example/0001 --limit 5")
@click.argument("origin")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="At most."
)
@common_options
def manifests(invocation: Invocation, *, origin: str, limit: int) -> None:
    """List the dockings that ended on the dock ORIGIN, the newest first.

    Of each it is said whether its manifest was fetched, and whether it holds.
    """
    centre = Centre.open(invocation.loaded, signs=False)
    try:
        dock = centre.register.dock(origin)
        catch_up_all(index_of(centre.loaded, centre.database, centre.clock))
        fleet = fleet_of(centre.loaded, centre.database, centre.clock)
        ended = fleet.manifests(dock.origin, newest=limit)
    finally:
        centre.close()
    if invocation.json:
        listed = [told.manifest(one) for one in ended]
        click.echo(json_line({"schema": SCHEMA, "origin": dock.origin, "dockings": listed}))
        return
    lang, zone = invocation.lang, invocation.loaded.zone
    for one in ended:
        docking = one.docking
        line = say(
            "manifests.line",
            lang,
            docking=docking.docking,
            seq=docking.seq,
            at=text.local_time(docking.at_ms, zone),
            result=term("status-result", docking.result, lang),
            clips=docking.clips,
            findings=docking.findings,
            unread=docking.unread,
            state=manifest_state(one, lang),
        )
        click.echo(line)
    if not ended:
        click.echo(say("manifests.none", lang))
