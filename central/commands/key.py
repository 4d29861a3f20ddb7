"""`sealdock-central key`: the keys that docks are to know, and how one is given up."""

import click

from central.centre import Centre
from central.commands.options import SCHEMA, Invocation, common_options, json_line
from central.cosigning.cosigner import ROLES, load, retire
from config.messages import say


@click.group()
def key() -> None:
    """Show the keys that docks are to know; retire one."""


@key.command(epilog="Example:  sealdock-central key show")
@common_options
def show(invocation: Invocation) -> None:
    """Print the verifier keys of witness and mirror, made now if there are none yet.

    A dock takes them into its [[cosigners]], and who verifies a log into his policy.
    """
    Centre.open(invocation.loaded, signs=True).close()
    folder = invocation.state / "keys"
    for role in ROLES:
        path = folder / f"{role}.key"
        if path.exists():
            _tell(role, [str(each.verifier()) for each in load(path)], invocation)


@key.command("retire", epilog="Example:  sealdock-central key retire witness")
@click.argument("role", type=click.Choice(ROLES))
@click.option("--yes", is_flag=True, help="Do not ask.")
@common_options
def retire_(invocation: Invocation, *, role: str, yes: bool) -> None:
    """Destroy a key, so that it never signs again; the next start makes a new one.

    This is what a key needs whose database was lost or restored from an older copy: nobody
    knows any more what it signed last. Docks and policies must then be told the new key.
    """
    if not yes:
        click.confirm(say("key-command.retire", invocation.lang, role=role), abort=True, err=True)
    retired = [str(each) for each in retire(invocation.state / "keys", role)]
    _tell(role, retired, invocation)
    if not invocation.json:
        click.echo(say("key-command.retired", invocation.lang))


def _tell(role: str, vkeys: list[str], invocation: Invocation) -> None:
    if invocation.json:
        click.echo(json_line({"schema": SCHEMA, "role": role, "keys": vkeys}))
        return
    for vkey in vkeys:
        click.echo(f"{role}  {vkey}")
