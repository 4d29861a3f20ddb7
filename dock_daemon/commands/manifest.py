"""`sealdock manifest`: what a docking produced, to read and to hand out."""

import hashlib
from pathlib import Path

import click

from config import text
from config.exit_codes import ExitCode
from config.messages import say, term
from dock_daemon.commands.options import Invocation, common_options
from dock_daemon.commands.printing import SCHEMA, json_line
from dock_daemon.handouts import Handouts, ManifestMade, put
from dock_daemon.manifest_page import ManifestPage


@click.command(
    epilog="""\b
Examples:
  sealdock manifest
  sealdock manifest 42
  sealdock manifest 42 -o docking-42.manifest
  sealdock verify --manifest docking-42.manifest --key dock.vkey"""
)
@click.argument("docking", type=click.IntRange(min=1), required=False)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the manifest here: one file that verifies alone.",
)
@click.option(
    "--without-documents",
    is_flag=True,
    help="Leave out names, paths and holders; what is sealed still verifies.",
)
@common_options
def manifest(
    invocation: Invocation, *, docking: int | None, output: Path | None, without_documents: bool
) -> None:
    """Show what DOCKING took over and what it could not, or write it as one file.

    The file holds the docking's entries, their documents and their proofs under a signed
    checkpoint; whoever has the log's key can verify it without this dock. Without DOCKING,
    the dockings that have a manifest are listed.
    """
    handouts = Handouts(invocation.loaded)
    if docking is None:
        if output is not None:
            raise click.UsageError("say which docking is to be written")
        _list(invocation, handouts)
        return
    made = handouts.manifest(docking, documents=not without_documents)
    if not made.report.ok:
        _tell_problems(invocation, made)
        raise click.exceptions.Exit(ExitCode.VERIFICATION_FAILED)
    if output is None:
        _show(invocation, made)
    else:
        put(output, made.data)
        _tell_written(invocation, made, output)


def _list(invocation: Invocation, handouts: Handouts) -> None:
    rows = list(handouts.closed())
    if invocation.json:
        click.echo(json_line({"schema": SCHEMA, "manifests": rows}))
        return
    lang = invocation.lang
    for row in rows:
        click.echo(
            say(
                "manifest.row",
                lang,
                docking=row["docking"],
                at=text.local_time(row["closed_ms"], invocation.loaded.zone),
                result=term("status-result", row["result"], lang),
                clips=row["clips"],
                findings=row["findings"],
                unread=row["unread"],
            )
        )
    if not rows:
        click.echo(say("manifest.none", lang))


def _show(invocation: Invocation, made: ManifestMade) -> None:
    if invocation.json:
        told = {**made.report.as_json(), "not_cosigned": list(made.silent)}
        click.echo(json_line({"schema": SCHEMA, **told}))
        return
    page = ManifestPage(made.report, made.silent, invocation.lang, invocation.loaded.zone)
    for line in page.lines():
        click.echo(line)


def _tell_problems(invocation: Invocation, made: ManifestMade) -> None:
    if invocation.json:
        click.echo(json_line({"schema": SCHEMA, **made.report.as_json()}))
        return
    for problem in made.report.problems:
        what = term("verify-code", problem.code, invocation.lang)
        seq = "-" if problem.seq is None else problem.seq
        facts = {"what": what, "code": problem.code, "seq": seq, "detail": problem.detail}
        click.echo(say("manifest.problem", invocation.lang, **facts), err=True)


def _tell_written(invocation: Invocation, made: ManifestMade, output: Path) -> None:
    digest = hashlib.sha256(made.data).hexdigest()
    told = {
        "path": str(output),
        "bytes": len(made.data),
        "sha256": digest,
        "docking": made.report.docking,
        "vkey": str(made.vkey),
        "size": made.report.head.checkpoint.size if made.report.head else None,
        "not_cosigned": list(made.silent),
    }
    if invocation.json:
        click.echo(json_line({"schema": SCHEMA, **told}))
        return
    lang, path = invocation.lang, str(output)
    size = text.size(len(made.data))
    click.echo(say("manifest.written", lang, path=path, size=size, sha256=digest))
    for name in made.silent:
        click.echo(say("manifest.not-cosigned", lang, name=name))
    click.echo(say("manifest.verify", lang, path=path, vkey=str(made.vkey)))
