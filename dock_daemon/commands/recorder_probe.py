"""`sealdock recorder probe`: what is at the ports, and which make comes nearest."""

import dataclasses
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, cast

import click
import pyudev

from config import text
from config.exit_codes import ExitCode
from config.messages import say
from config.profiles import names_in, recorder_profile
from dock_daemon import control
from dock_daemon.bays.hotplug import look
from dock_daemon.bays.media import Appeared, ChannelAppeared, MediumAppeared
from dock_daemon.commands.options import Invocation, common_options
from dock_daemon.commands.printing import SCHEMA, json_line
from dock_daemon.commands.probe_lines import device_lines
from dock_daemon.docking.rules import Rules
from dock_daemon.faults import sentence
from dock_daemon.meeting import Ways
from dock_daemon.recorders import matching
from dock_daemon.recorders.matching import Near, Profile, Seen
from dock_daemon.recorders.passwords import PasswordMemory
from dock_daemon.recorders.session import Session
from dock_daemon.recorders.skeleton import skeleton
from firmware_bridge.capabilities import Capability
from firmware_bridge.errors import MissingCapabilityError, RecorderError

Row = dict[str, Any]

_SHOWN_NEAREST: Final = 3
_AT_WORK: Final = frozenset({"detecting", "checking", "preparing", "pulling", "verifying"})


@click.command(
    epilog="""\b
Examples:
  sealdock recorder probe
  sealdock recorder probe --bay 3 --json
  sealdock recorder probe --node /dev/ttyACM0 --profile open
  sealdock recorder probe --node /dev/sdb --skeleton > our-make.toml

\b
Exit codes: 0 shown, 3 nothing is there, 5 it was asked and did not answer as a recorder."""
)
@click.option("--node", help="Only the device of this node, such as /dev/sdb.")
@click.option("--bay", help="Only what is in this bay.")
@click.option("--profile", "named", help="Ask as this profile says, whatever the device shows.")
@click.option("--skeleton", "write", is_flag=True, help="Print a profile to begin with, as TOML.")
@common_options
def probe(
    invocation: Invocation, *, node: str | None, bay: str | None, named: str | None, write: bool
) -> None:
    """Say all that is to be seen of what is at the USB ports, and which makes come nearest.

    A device is asked who it is only where a profile fits it, or is named; nothing on it is
    changed: no clock is set, and no storage is switched.
    """
    if named is not None and named not in names_in(invocation.config):
        there = text.listed(names_in(invocation.config), invocation.lang)
        raise click.BadParameter(f"{named}: there is only {there}", param_hint="--profile")
    devices = [
        one for one in _devices(invocation, node=node, named=named) if bay is None or one.bay == bay
    ]
    if write:
        _write(invocation, devices)
        return
    asked = _Asked(invocation, named)
    rows = [asked.row(one) for one in devices]
    if invocation.json:
        click.echo(json_line({"schema": SCHEMA, "devices": rows}))
    else:
        for row in rows:
            for line in device_lines(row, invocation.lang):
                click.echo(line)
        if not rows:
            click.echo(say("probe.nothing", invocation.lang))
    if not rows:
        raise click.exceptions.Exit(ExitCode.NOT_FOUND)
    if any(row["asked"] is not None and "error" in row["asked"] for row in rows):
        raise click.exceptions.Exit(ExitCode.WARNINGS)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Device:
    """All that shows itself at one port."""

    port: str
    bay: str
    things: tuple[Appeared, ...]

    @property
    def seen(self) -> list[Seen]:
        """What each part of it says of itself."""
        return [one.seen for one in self.things if one.seen is not None]


def _devices(invocation: Invocation, *, node: str | None, named: str | None) -> list[_Device]:
    """Return what is there, one for each port; only that of `node` where one is given."""
    bays = {port: bay.name for bay in invocation.loaded.settings.bays for port in bay.ports}
    at: dict[str, list[Appeared]] = {}
    for thing in look(pyudev.Context()):
        at.setdefault(thing.ports[0], []).append(thing)
    found = [
        _Device(
            port=things[0].port,
            bay=next((bays[port] for port in things[0].ports if port in bays), ""),
            things=tuple(things),
        )
        for things in at.values()
    ]
    if node is None:
        return found
    found = [one for one in found if any(thing.node == node for thing in one.things)]
    if not found and named is not None:
        return [_unseen(invocation, node, named)]
    return found


def _unseen(invocation: Invocation, node: str, named: str) -> _Device:
    """Return a node that udev knows nothing of, to be asked all the same: a pseudo-terminal."""
    channel = recorder_profile(named, invocation.config).content.channel
    seen = Seen(kind=matching.KIND_OF[channel])
    thing = ChannelAppeared(sys_path=node, node=node, port="", seen=seen)
    return _Device(port="", bay="", things=(thing,))


def _write(invocation: Invocation, devices: Sequence[_Device]) -> None:
    if len(devices) != 1:
        key = "probe.which" if devices else "probe.nothing"
        click.echo(say(key, invocation.lang), err=True)
        raise click.exceptions.Exit(ExitCode.USAGE if devices else ExitCode.NOT_FOUND)
    seen = devices[0].seen
    profiles = Rules.of(invocation.loaded).profiles
    near = _nearest(profiles, seen)
    click.echo(skeleton(seen, near[0].profile if near else None), nl=False)


def _nearest(profiles: Sequence[Profile], seen: Sequence[Seen]) -> list[Near]:
    """Return for each profile the part of the device that comes nearest; the nearest first."""
    best: dict[str, Near] = {}
    for one in seen:
        for near in matching.nearest(profiles, one):
            known = best.get(near.profile.name)
            if known is None or (near.fits, near.nearness) > (known.fits, known.nearness):
                best[near.profile.name] = near
    return sorted(best.values(), key=lambda near: (not near.fits, -near.nearness))


class _Asked:
    """Asks the devices that a profile fits, and tells what came of it."""

    def __init__(self, invocation: Invocation, named: str | None) -> None:
        self._invocation = invocation
        self._profiles = Rules.of(invocation.loaded).profiles
        self._named = None if named is None else recorder_profile(named, invocation.config)
        root = invocation.state
        self._ways = Ways.of(invocation.loaded, PasswordMemory(root) if root.is_dir() else None)
        self._busy = _bays_at_work(invocation)

    def row(self, device: _Device) -> Row:
        """Return all that is known of a device, as programs read it."""
        first = device.seen[0]
        return {
            "port": device.port,
            "bay": device.bay,
            "usb": first.usb,
            "manufacturer": first.manufacturer,
            "product": first.product,
            "serial": first.serial,
            "interfaces": list(first.interfaces),
            "scsi": next((one.scsi for one in device.seen if one.scsi), ""),
            "nodes": [_node(one) for one in device.things],
            "nearest": [_near(one) for one in _nearest(self._profiles, device.seen)],
            "asked": self._ask(device),
        }

    def _ask(self, device: _Device) -> Row | None:
        """Return what it says, None where nobody may ask it."""
        for thing in device.things:
            if not isinstance(thing, ChannelAppeared):
                continue
            for profile in self._drivers(thing):
                node = {"profile": profile.name, "node": thing.node}
                if device.bay in self._busy:
                    return {**node, "error": "bay-at-work", "said": ""}
                try:
                    with self._ways.session(profile, thing, threading.Event()) as session:
                        return {**node, **_answers(session)}
                except RecorderError as error:
                    said = sentence(error, self._invocation.lang)
                    return {**node, "error": error.code, "said": said}
        return None

    def _drivers(self, channel: ChannelAppeared) -> tuple[Profile, ...]:
        if self._named is None:
            return matching.of_channel(self._profiles, channel.seen)
        kind = matching.KIND_OF[self._named.content.channel]
        return (self._named,) if kind == channel.seen.kind else ()


def _bays_at_work(invocation: Invocation) -> set[str]:
    """Return the bays in which the dock that runs is asking or reading a recorder itself."""
    root = invocation.state
    try:
        told = control.ask(root, {"ask": "status"}) if root.is_dir() else None
    except PermissionError:  # whoever may not ask the dock may hardly open a device either
        return set()
    bays = [] if told is None else cast("Row", told)["bays"]
    return {bay["bay"] for bay in bays if bay["state"] in _AT_WORK}


def _answers(session: Session) -> Row:
    """Ask everything that changes nothing; the identity first, whose failure ends it."""
    told: Row = {"identity": _plain(session.identity())}
    troubles: dict[str, str] = {}
    questions: tuple[tuple[Capability, Callable[[], object]], ...] = (
        (Capability.HOLDER, session.holder),
        (Capability.BATTERY, session.battery),
        (Capability.STORAGE, session.storage),
        (Capability.FAULTS, session.faults),
        (Capability.READ_CLOCK, session.read_clock),
    )
    for capability, question in questions:
        if capability not in session.capabilities:
            continue
        try:
            told[str(capability)] = _plain(question())
        except MissingCapabilityError:
            continue
        except RecorderError as error:
            troubles[str(capability)] = error.code
    can = sorted(str(one) for one in session.capabilities)
    return {"capabilities": can, **told, "troubles": troubles}


def _plain(value: object) -> object:
    """Return a driver's value as JSON writes it."""
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(one) for name, one in dataclasses.asdict(value).items()}
    return value.hex() if isinstance(value, bytes) else value


def _node(thing: Appeared) -> Row:
    if isinstance(thing, MediumAppeared):
        return {"kind": "disk", "node": thing.node, "size_bytes": thing.size_bytes}
    return {"kind": thing.seen.kind, "node": thing.node}


def _near(near: Near) -> Row:
    return {
        "profile": near.profile.name,
        "fits": near.fits,
        "nearness": near.nearness,
        "reasons": list(_reasons(near)),
    }


def _reasons(near: Near) -> Iterator[Row]:
    for reason in near.reasons:
        yield {
            "mark": reason.mark,
            "fits": reason.fits,
            "wanted": list(reason.wanted),
            "found": reason.found,
        }
