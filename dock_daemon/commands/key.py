"""`sealdock key`: which keys sign the log, and how one follows the other."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

import click

from config.messages import say
from dock_daemon.asking import ask
from dock_daemon.clock import Clock, SystemClock
from dock_daemon.commands.options import Invocation, common_options
from dock_daemon.commands.printing import SCHEMA, json_line
from dock_daemon.errors import StateBusyError
from dock_daemon.evidence import key_change
from dock_daemon.evidence.key_change import Turned
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.log_key import LogKeys
from dock_daemon.evidence.state import open_state
from hashing import key_scan
from hashing.entry import At
from hashing.evidence_files import read_file
from hashing.keys import VerifierKey
from hashing.succession import Succession

_MAX_VKEY: Final = 4096

Turn = Callable[[Ledger, LogKeys, Path, At], Turned]


@click.group()
def key() -> None:
    """Show the keys that sign the log, or let a new one follow.

    Keys are changed on a dock that does not run: stop the service first. A change is two
    steps: after `change` both keys sign; after `retire` the new one signs alone.
    """


@key.command(epilog="Example:  sealdock key show --json")
@common_options
def show(invocation: Invocation) -> None:
    """Show every key that the log ever had, and which of them sign now.

    A dock that runs is asked. Where something else works with its state, the published log
    tells, which may lack the last change.
    """
    try:
        told = cast("dict[str, Any]", ask(invocation.loaded, {"ask": "keys"})[0])
    except StateBusyError:
        told = key_change.told(_published(invocation.state / "log"))
    if invocation.json:
        click.echo(json_line({"schema": SCHEMA, **told}))
        return
    lang = invocation.lang
    click.echo(say("key.origin", lang, origin=told["origin"]))
    for row in told["keys"]:
        state = say(f"key-state.{row['state']}", lang, until=row["until"])
        click.echo(say("key.line", lang, vkey=row["vkey"], since=row["since"], state=state))
    if told["open"]:
        click.echo(say("key.open", lang))


@key.command(epilog="Example:  systemctl stop sealdock && sealdock key change")
@common_options
def change(invocation: Invocation) -> None:
    """Make a new key, and let it sign beside the old one.

    The change is an entry that both keys sign, so whoever trusts the old key can follow.
    """
    _turn(invocation, key_change.change, "changed")


@key.command(epilog="Example:  systemctl stop sealdock && sealdock key retire")
@common_options
def retire(invocation: Invocation) -> None:
    """Let the old key leave, and destroy it: the new one signs alone.

    A checkpoint that both keys have signed must have been published before.
    """
    _turn(invocation, key_change.retire, "retired")


def _turn(invocation: Invocation, turn: Turn, word: str) -> None:
    clock: Clock = SystemClock()
    with open_state(invocation.loaded, clock, can_ask=False, make=False) as state:
        folder = state.root / "key"
        turned = state.sealer.ask(lambda ledger: turn(ledger, state.keys, folder, clock.at()))
    # Closed: whatever could be published is.
    _tell(invocation, turned, word, state.unpublished)


def _tell(invocation: Invocation, turned: Turned, word: str, unpublished: int) -> None:
    signing = [str(one) for one in turned.signing]
    left = None if turned.left is None else str(turned.left)
    if invocation.json:
        told = {"seq": turned.seq, "signing": signing, "left": left, "unpublished": unpublished}
        click.echo(json_line({"schema": SCHEMA, **told}))
        return
    lang = invocation.lang
    click.echo(say(f"key.{word}", lang, seq=turned.seq, old=left or signing[0], new=signing[-1]))
    if unpublished:
        click.echo(say("key.waiting", lang, count=unpublished))
    click.echo(say(f"key.{word}-next", lang))


def _published(log: Path) -> Succession:
    vkey = read_file(str(log / "vkey"), _MAX_VKEY).decode("utf-8", "replace")
    given = VerifierKey.parse(vkey.removesuffix("\n"))
    return key_scan.keys_of(str(log), given) or Succession(given)
