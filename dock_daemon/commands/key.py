"""`sealdock key`: which keys sign the log, and how one follows the other."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

from config.messages import say
from dock_daemon.clock import Clock, SystemClock
from dock_daemon.commands.options import Invocation, common_options
from dock_daemon.commands.printing import SCHEMA, json_line
from dock_daemon.errors import LedgerDoubtError, StateBusyError
from dock_daemon.evidence import key_change
from dock_daemon.evidence.key_change import Turned
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.log_key import LogKeys
from dock_daemon.evidence.state import look, open_state
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

    Beside a dock that runs, it goes by the published log.
    """
    try:
        succession = look(invocation.state, _succession)
    except StateBusyError:
        succession = _published(invocation.state / "log")
    rows = _rows(succession)
    lang, is_open = invocation.lang, len(succession.keys) > 1
    if invocation.json:
        told = {"origin": succession.origin, "keys": rows, "open": is_open}
        click.echo(json_line({"schema": SCHEMA, **told}))
        return
    click.echo(say("key.origin", lang, origin=succession.origin))
    for row in rows:
        state = say(f"key-state.{row['state']}", lang, until=row["until"])
        click.echo(say("key.line", lang, vkey=row["vkey"], since=row["since"], state=state))
    if is_open:
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
    with open_state(invocation.loaded, clock, can_ask=False) as state:
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


def _succession(ledger: Ledger) -> Succession:
    if ledger.succession is None:
        raise LedgerDoubtError("the ledger does not begin with a genesis entry")
    return ledger.succession


def _published(log: Path) -> Succession:
    vkey = read_file(str(log / "vkey"), _MAX_VKEY).decode("utf-8", "replace")
    given = VerifierKey.parse(vkey.removesuffix("\n"))
    return key_scan.keys_of(str(log), given) or Succession(given)


def _rows(succession: Succession) -> list[dict[str, object]]:
    """Return each key with the first entry that it signs over, and the last, once retired."""
    rows: list[dict[str, object]] = []
    for one in succession.all:
        reigns = [size for size, keys in succession.history if one in keys]
        after = [size for size, keys in succession.history if one not in keys and size > reigns[-1]]
        state = "retired" if after else "signing"
        if not after and one != succession.keys[-1]:
            state = "outgoing"
        since, until = max(reigns[0] - 1, 0), after[0] - 1 if after else None
        rows.append({"vkey": str(one), "since": since, "until": until, "state": state})
    return rows
