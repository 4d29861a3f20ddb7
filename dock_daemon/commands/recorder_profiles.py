"""`sealdock recorder profiles` and `check-profile`: the makes that are known, and one to be."""

from pathlib import Path
from typing import Any

import click

from config import text
from config.errors import ConfigError
from config.exit_codes import ExitCode
from config.messages import say
from config.name_pattern import Named
from config.presets import Preset
from config.profiles import RecorderProfile, names_in, parse_profile, recorder_profile
from config.toml import read
from dock_daemon.commands.options import Invocation, common_options
from dock_daemon.commands.printing import SCHEMA, json_line
from dock_daemon.recorders import naming

Row = dict[str, Any]


@click.command(
    epilog="""\b
Examples:
  sealdock recorder profiles
  sealdock recorder profiles cammpro

\b
Exit codes: 0 shown, 1 a profile is wrong, 3 there is none of that name."""
)
@click.argument("name", required=False)
@common_options
def profiles(invocation: Invocation, *, name: str | None) -> None:
    """List the makes of recorder that are described, those in force first; or show one."""
    in_force = invocation.loaded.settings.recorders.profiles
    there = names_in(invocation.config)
    if name is not None and name not in there:
        words = text.listed(there, invocation.lang)
        click.echo(say("profile.unknown", invocation.lang, name=name, there=words), err=True)
        raise click.exceptions.Exit(ExitCode.NOT_FOUND)
    wanted = [name] if name is not None else [*in_force, *sorted(set(there) - set(in_force))]
    found = [recorder_profile(one, invocation.config) for one in wanted]
    rows = [{**_row(one), "in_force": one.name in in_force} for one in found]
    if invocation.json:
        click.echo(json_line({"schema": SCHEMA, "profiles": rows}))
        return
    for row in rows:
        click.echo(_line(row, invocation.lang))
    if name is not None:
        for line in _details(found[0].content, invocation.lang):
            click.echo(f"    {line}")


@click.command(
    "check-profile",
    epilog="""\b
Example:
  sealdock recorder check-profile ./our-make.toml DCIM/20260129_205547_IMP.mp4

\b
Exit codes: 0 sound, 1 it has an error, 2 no such file, 5 sound, and a clip's name says nothing.""",
)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("names", nargs=-1)
@common_options
def check_profile(invocation: Invocation, *, file: Path, names: tuple[str, ...]) -> None:
    """Check FILE as the dock would at its start, and try it on NAMES of files; change nothing."""
    profile = parse_profile(read(file), source=str(file))
    tried = [_tried(profile, name) for name in names]
    lang = invocation.lang
    if invocation.json:
        told = {"schema": SCHEMA, "file": str(file), "profile": _content(profile), "names": tried}
        click.echo(json_line(told))
    else:
        click.echo(say("profile.sound", lang, file=file))
        for line in _details(profile, lang):
            click.echo(f"    {line}")
        for one in tried:
            click.echo(_tried_line(one, lang))
        if problem := _not_installed(invocation, file):
            folder = invocation.config / "recorders"
            click.echo(say(f"profile-use.{problem}", lang, name=file.stem, folder=folder))
    if any(not one["known"] for one in tried if one["class"] == "media"):
        raise click.exceptions.Exit(ExitCode.WARNINGS)


def _not_installed(invocation: Invocation, file: Path) -> str:
    """Return what is still to be done with a file so that the dock uses it; empty if nothing."""
    try:
        there = file.resolve() == (invocation.config / "recorders" / file.name).resolve()
    except OSError as error:
        raise ConfigError("unreadable", source=str(file), reason=str(error)) from error
    if not there:
        return "install"
    in_force = file.stem in invocation.loaded.settings.recorders.profiles
    return "" if in_force else "not-in-force"


def _tried(profile: RecorderProfile, name: str) -> Row:
    told = naming.told(profile, name)
    return {
        "name": name,
        "class": profile.files.class_of(name),
        "known": told.known,
        **_told(told),
    }


def _told(told: Named) -> Row:
    return {
        "recorder": told.recorder,
        "holder": told.holder,
        "numbers": list(told.numbers),
        "local": "" if told.at is None else told.at.isoformat(sep=" "),
        "sequence": told.sequence,
        "important": told.important,
        "encrypted": told.encrypted,
    }


def _tried_line(tried: Row, lang: str) -> str:
    kind = say(f"file-class.{tried['class']}", lang)
    if not tried["known"]:
        return say("profile.name-says-nothing", lang, name=tried["name"], kind=kind)
    marks = [say(f"profile-mark.{one}", lang) for one in ("important", "encrypted") if tried[one]]
    return say(
        "profile.name-says",
        lang,
        name=tried["name"],
        kind=kind,
        recorder=tried["recorder"] or "-",
        holder=tried["holder"] or "-",
        numbers=text.listed(tried["numbers"], lang) or "-",
        local=tried["local"] or "-",
        sequence="-" if tried["sequence"] is None else tried["sequence"],
        marks=text.listed(marks, lang) or "-",
    )


def _row(preset: Preset[RecorderProfile]) -> Row:
    return {"name": preset.name, "sha256": preset.sha256, **_content(preset.content)}


def _content(profile: RecorderProfile) -> Row:
    match = profile.match
    return {
        "driver": profile.driver,
        "channel": profile.channel,
        "label": {"zh": profile.name.zh, "en": profile.name.en},
        "capabilities": sorted(profile.capabilities),
        "shown": profile.storage.shown,
        "match": {
            "usb": list(match.usb),
            "manufacturer": list(match.manufacturer),
            "product": list(match.product),
            "scsi": list(match.scsi),
            "files": list(match.files),
        },
    }


def _line(row: Row, lang: str) -> str:
    label = row["label"]["en" if lang == "en" else "zh"]
    key = "profile.line" if row["in_force"] else "profile.line-not-in-force"
    return say(key, lang, name=row["name"], label=label, driver=row["driver"])


def _details(profile: RecorderProfile, lang: str) -> list[str]:
    marks = [
        f"{name}: {', '.join(values)}"
        for name, values in _content(profile)["match"].items()
        if values
    ]
    lines = [
        say("profile.channel", lang, channel=say(f"channel.{profile.channel}", lang)),
        say("profile.can", lang, can=text.listed(_can(profile, lang), lang)),
        say("profile.shown", lang, shown=say(f"storage-shown.{profile.storage.shown}", lang)),
        say("profile.marks", lang, marks=" · ".join(marks) or say("profile.any-disk", lang)),
    ]
    if profile.names.patterns:
        patterns = "  ".join(profile.names.patterns)
        lines.append(say("profile.patterns", lang, patterns=patterns))
    return lines


def _can(profile: RecorderProfile, lang: str) -> list[str]:
    return [say(f"capability.{one}", lang) for one in sorted(profile.capabilities)]
