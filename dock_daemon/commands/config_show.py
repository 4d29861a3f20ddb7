"""`sealdock config show`: the settings in force, and where each of them came from."""

import json
from collections.abc import Iterator

import click
import msgspec

from config.loader import BUILT_IN, HOST_NAME, Loaded
from config.messages import printable, say
from config.profiles import recorder_profile
from dock_daemon.bays.udev_rules import rules_for
from dock_daemon.commands.options import Invocation, common_options
from dock_daemon.commands.printing import SCHEMA, json_line


@click.group()
def config() -> None:
    """Show the settings in force, and where each one comes from."""


@config.command(epilog="Example:  sealdock config show --origin --changed")
@click.option("--origin", is_flag=True, help="Say where each value came from.")
@click.option("--changed", is_flag=True, help="Leave out what is as shipped.")
@common_options
def show(invocation: Invocation, *, origin: bool, changed: bool) -> None:
    """Print the settings in force, as lines that a configuration file may hold.

    A flag wins over the environment (SEALDOCK_STATE, SEALDOCK_DOCK_ORIGIN, ...), that over
    sealdock.d/*.toml, that over sealdock.toml, and that over what is shipped.
    """
    loaded = invocation.loaded
    values = {
        name: value
        for name, value in _values(loaded)
        if not changed or loaded.origins[name] not in {BUILT_IN, HOST_NAME}
    }
    if invocation.json:
        click.echo(json_line(_document(loaded, values), indent=2))
        return
    for name, value in values.items():
        line = printable(f"{name} = {_toml(value)}")
        click.echo(f"{line}  # {printable(loaded.origins[name])}" if origin else line)
    if not values:
        click.echo(f"# {say('config.all-as-shipped', invocation.lang)}")


@config.command("udev-rules", epilog="Example:  sealdock config udev-rules")
@common_options
def udev_rules(invocation: Invocation) -> None:
    """Print the udev rules for this dock's bays, and for no other port.

    They keep every other program away from a recorder and set it read-only. The first
    lines say where to install them; print them anew whenever bays or profiles change.
    """
    loaded = invocation.loaded
    profiles = [
        recorder_profile(name, loaded.directory).content
        for name in loaded.settings.recorders.profiles
    ]
    rules = rules_for(
        (port for bay in loaded.settings.bays if bay.enabled for port in bay.ports),
        scsi=[
            one for profile in profiles if profile.channel == "scsi" for one in profile.match.scsi
        ],
    )
    if invocation.json:
        click.echo(json_line({"schema": SCHEMA, "rules": rules}))
    else:
        click.echo(rules, nl=False)


def _values(loaded: Loaded) -> Iterator[tuple[str, object]]:
    """Yield every setting under its dotted name, lists whole."""
    for section, value in msgspec.to_builtins(loaded.settings).items():
        if isinstance(value, dict):
            yield from ((f"{section}.{field}", inner) for field, inner in value.items())
        else:
            yield section, value


def _toml(value: object) -> str:
    """Return a value of the settings as TOML writes it on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_toml(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(inner) for inner in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _document(loaded: Loaded, values: dict[str, object]) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "sha256": loaded.digest,
        "directory": str(loaded.directory),
        "settings": values,
        "origins": {name: loaded.origins[name] for name in values},
    }
