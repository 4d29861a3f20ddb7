"""`sealdock demo`: the whole product on a made-up recorder, without hardware."""

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import click

from config.exit_codes import ExitCode
from config.messages import say, term
from dock_daemon import wording
from dock_daemon.commands.options import Invocation, common_options
from dock_daemon.commands.printing import SCHEMA, json_line, print_error
from dock_daemon.rehearsal import umockdev
from dock_daemon.rehearsal.card import ToolError
from dock_daemon.rehearsal.recording import PORT, ZONE
from dock_daemon.rehearsal.scenes import play
from dock_daemon.rehearsal.stage import SceneError, Stage
from dock_daemon.rehearsal.usb import port_at

_MARK: Final = "made-by-sealdock-demo"


@click.command(epilog="Example:  sealdock demo --into ./sealdock-demo")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the demo's dock and card are kept  [default: a folder in TMPDIR]",
)
@common_options
def demo(invocation: Invocation, *, into: Path | None) -> None:
    """Show all of it on a made-up recorder: no hardware, no network, no root.

    Real clips on a FAT32 card image are docked through the daemon's own code, pulled
    out midway and put back; the log is verified; then a forger changes one byte, twice.
    Exits with 0 only when every scene ended as it must.
    """
    _become_udev()
    folder = into or Path(tempfile.gettempdir()) / f"sealdock-demo-{os.getuid()}"
    _clear(folder)
    teller = _Teller(invocation)
    stage = Stage(folder.resolve(), teller.tell)
    try:
        play(stage, port=lambda: port_at(PORT))
    except SceneError as error:
        teller.failed(
            say(
                "demo.failed",
                invocation.lang,
                scene=error.scene,
                expected=error.expected,
                found=error.found,
            )
        )
    except ToolError as error:
        teller.failed(say("demo.tool", invocation.lang, tool=error.tool, reason=error.reason))
    teller.next_steps(stage)


def _become_udev() -> None:
    """Start again with umockdev preloaded, where it is installed: only then udev is played."""
    environment = umockdev.environment()
    if environment is None or umockdev.active():
        return
    sys.stdout.flush()
    os.execve(  # noqa: S606  this very program
        sys.executable,
        [sys.executable, "-m", "dock_daemon.commands.root", *sys.argv[1:]],
        environment,
    )


def _clear(folder: Path) -> None:
    """Make the folder, empty; only one that an earlier demo made is ever emptied."""
    mark = folder / _MARK
    if folder.exists() and any(folder.iterdir()):
        if not mark.is_file() or folder.is_symlink() or folder.stat().st_uid != os.getuid():
            raise click.BadParameter(f"{folder} was not made by a demo", param_hint="--into")
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    mark.touch()


class _Teller:
    def __init__(self, invocation: Invocation) -> None:
        self._json = invocation.json
        self._lang = invocation.lang
        self._scene = 0

    def tell(self, scene: str, facts: dict[str, object]) -> None:
        """Print one scene that went as it must."""
        self._scene += 1
        if self._json:
            told = {"message_type": "scene", "schema": SCHEMA, "scene": scene, "ok": True, **facts}
            click.echo(json_line(told))
            return
        click.echo(f"{self._scene:2}. {self._sentence(scene, facts)}")

    def _sentence(self, scene: str, facts: dict[str, object]) -> str:
        match scene, facts:
            case "finding", {"finding": str(finding), "facts": dict(known), **rest}:
                fact = wording.finding_fact(
                    finding,
                    volume=str(rest["volume"]),
                    path=str(rest["path"]),
                    facts=known,
                    lang=self._lang,
                    zone=ZoneInfo(ZONE),
                )
                return say(
                    "demo.finding",
                    self._lang,
                    title=wording.finding_title(finding, self._lang),
                    fact=fact,
                )
            case _, {"verdict": str(verdict)}:
                shown = {**facts, "verdict": say(f"verdict.{verdict}", self._lang)}
                return say(f"demo.{scene}", self._lang, **shown)
            case _, {"problem": dict(problem)}:
                shown = {
                    **facts,
                    "what": term("verify-code", problem["code"], self._lang),
                    "seq": problem["seq"],
                }
                return say(f"demo.{scene}", self._lang, **shown)
            case _:
                return say(f"demo.{scene}", self._lang, **facts)

    def failed(self, why: str) -> None:
        """End the demo: it did not show what it must."""
        if self._json:
            print_error("demo", why, ExitCode.FAILED)
        else:
            click.echo(why, err=True)
        raise click.exceptions.Exit(ExitCode.FAILED)

    def next_steps(self, stage: Stage) -> None:
        """Say what to try with what the demo has left behind."""
        state, log = stage.state, stage.state / "log"
        if self._json:
            click.echo(
                json_line({"message_type": "summary", "schema": SCHEMA, "state": str(state)})
            )
            return
        click.echo(say("demo.next", self._lang))
        for command in (
            f"sealdock clips --state {state}",
            f"sealdock findings --state {state}",
            f"sealdock verify {log} --key {log}/vkey --store {state}/store",
            f"sealdock pull {stage.image} --state {state} --config {stage.folder}/etc",
            "sealdock pull SOURCE --state ./trial",
        ):
            click.echo(f"    {command}")
