"""`sealdock verifier`: writes the verifier as one file, to be handed over with evidence."""

import hashlib
from pathlib import Path
from typing import NoReturn

import click

from config.exit_codes import ExitCode
from config.messages import LANGUAGES, say
from dock_daemon.commands.printing import SCHEMA, json_line, language, print_error
from dock_daemon.version import VERSION
from hashing.single_file import build, sources


@click.command(
    epilog="""\b
Examples:
  sealdock verifier -o sealdock-verifier.py
  python3 -I sealdock-verifier.py verify LOGDIR --key dock.vkey

\b
Exit codes: 0 written, 2 the file is there already, 1 it cannot be written."""
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to write it.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.option("--lang", type=click.Choice(LANGUAGES), help="The language of messages.")
def verifier(*, output: Path, force: bool, as_json: bool, lang: str | None) -> None:
    """Write the verifier as one plain file that needs only Python and `cryptography`.

    Whoever receives evidence can read it whole and run it without installing sealdock. The same
    version of sealdock writes the same bytes everywhere.
    """
    said = lang or language()
    data = build(sources(), VERSION).encode("utf-8")
    try:
        with output.open("wb" if force else "xb") as file:
            file.write(data)
    except FileExistsError:
        _end("exists", say("verifier.exists", said, path=output), ExitCode.USAGE, as_json=as_json)
    except OSError as error:
        message = say("verifier.unwritable", said, path=output, detail=error.strerror)
        _end("unwritable", message, ExitCode.FAILED, as_json=as_json)
    digest = hashlib.sha256(data).hexdigest()
    if as_json:
        told = {"schema": SCHEMA, "version": VERSION, "path": str(output), "sha256": digest}
        click.echo(json_line(told))
    else:
        click.echo(say("verifier.written", said, version=VERSION, path=output, sha256=digest))


def _end(code: str, message: str, exit_code: ExitCode, *, as_json: bool) -> NoReturn:
    if as_json:
        print_error(code, message, exit_code)
    else:
        click.echo(message, err=True)
    raise click.exceptions.Exit(exit_code)
