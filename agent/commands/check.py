"""`sealdock-agent check`: what the dock would be told, said to whoever installs the companion."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from agent import battery, companion, faults, journal_key
from agent.battery import Charge
from agent.commands.options import SCHEMA, Invocation, common_options, json_line
from agent.errors import KeyMissingError
from agent.faults import Known, Room
from agent.identity import Named, named
from agent.kernel_log import Troubles
from agent.settings import Settings
from config import text
from config.exit_codes import ExitCode
from config.messages import say
from firmware_bridge.wire.companion import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """All that was looked at, once."""

    identity: Named
    vkey: str | None
    time_us: int
    battery: Charge | None
    storage: Room | None
    line: str
    line_there: bool
    faults: tuple[Fault, ...]

    @property
    def sound(self) -> bool:
        """Tell whether nothing wants an eye."""
        return self.line_there and not self.faults


@click.command(epilog="Example:  sudo -u sealdock-agent sealdock-agent check")
@common_options
def check(invocation: Invocation) -> None:
    """Look at everything once, change nothing; exit 5 where something wants an eye.

    Run it as the agent's own user: others may see less, or more.
    """
    look = _look(invocation.settings)
    if invocation.json:
        click.echo(json_line({"schema": SCHEMA, **asdict(look), "sound": look.sound}))
    else:
        for line in _lines(look, invocation.lang):
            click.echo(line)
    if not look.sound:
        raise click.exceptions.Exit(ExitCode.WARNINGS)


def _look(settings: Settings) -> Look:
    identity = named(settings.recorder)
    now_us = companion.clock_of(settings).now_us()
    volume = companion.volume_of(settings)
    known, troubles = Known(), Troubles()
    log = faults.open_kernel_log(settings.faults.kernel_log, known, troubles, now_us // 1000)
    if log is not None:
        log.close()
    out = volume is not None and volume.is_out()
    # A pseudo-terminal is there once the companion runs; it makes it itself.
    line = settings.serial.pty or settings.serial.node
    return Look(
        identity=identity,
        vkey=_vkey(settings),
        time_us=now_us,
        battery=battery.charge(Path(settings.battery.supplies)),
        storage=_room(settings),
        line=line,
        line_there=bool(settings.serial.pty) or Path(line).exists(),
        faults=faults.gathered(settings, known, troubles, out=out, now_us=now_us).faults,
    )


def _vkey(settings: Settings) -> str | None:
    try:
        return str(journal_key.load(settings.state / companion.KEY).verifier())
    except KeyMissingError:
        return None


def _room(settings: Settings) -> Room | None:
    try:
        return faults.room(Path(settings.clips.folder))
    except OSError:
        return None


def _lines(look: Look, lang: str) -> Iterator[str]:
    who = look.identity
    yield say("agent-check.number", lang, number=who.number)
    yield say("agent-check.model", lang, model=who.model)
    yield say("agent-check.firmware", lang, firmware=who.firmware)
    if look.vkey is None:
        yield say("agent-check.no-key", lang)
    else:
        yield say("agent-check.vkey", lang, vkey=look.vkey)
    moment = datetime.fromtimestamp(look.time_us / 1_000_000, UTC)
    yield say("agent-check.time", lang, time=moment.strftime("%Y-%m-%d %H:%M:%S"))
    if look.battery is None:
        yield say("agent-check.no-battery", lang)
    else:
        yield say("agent-check.battery", lang, percent=look.battery.percent)
    if look.storage is None:
        yield say("agent-check.no-storage", lang)
    else:
        free, total = text.size(look.storage.free), text.size(look.storage.total)
        yield say("agent-check.storage", lang, free=free, total=total)
    yield say(
        "agent-check.line" if look.line_there else "agent-check.no-line", lang, place=look.line
    )
    for each in look.faults:
        yield say("agent-check.fault", lang, code=each.code, detail=each.detail)
    if look.sound:
        yield say("agent-check.sound", lang)
