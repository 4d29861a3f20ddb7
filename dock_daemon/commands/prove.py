"""`sealdock prove`: the proof that the log holds a clip, and the entry that it proves."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from config import text
from config.exit_codes import ExitCode
from config.messages import say
from dock_daemon.commands.options import Invocation, common_options
from dock_daemon.commands.printing import SCHEMA, json_line
from dock_daemon.errors import ClipUnknownError, OutputExistsError
from dock_daemon.handouts import Handouts, ProofMade, put

_SUFFIX: Final = ".tlog-proof"


@dataclass(frozen=True, slots=True)
class _Files:
    """Where a proof and what goes with it are written."""

    proof: Path
    entry: Path
    document: Path | None

    @property
    def all(self) -> list[Path]:
        return [self.proof, self.entry, *([] if self.document is None else [self.document])]


@click.command(
    epilog="""\b
Examples:
  sealdock prove seen.mp4 -o clip.tlog-proof
  sealdock prove 1042 -o entry.tlog-proof --with-document
  sealdock verify --proof clip.tlog-proof --entry clip.entry.json --clip seen.mp4 \\
    --key dock.vkey"""
)
@click.argument("clip", metavar="CLIP")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the proof here, and its entry beside it; of several, -SEQ joins each name.",
)
@click.option(
    "--entry",
    "wanted",
    metavar="SEQ",
    type=click.IntRange(min=0),
    help="Of several entries that seal the same content, prove this one only.",
)
@click.option(
    "--with-document",
    is_flag=True,
    help="Write the entry's document too: it holds names and paths.",
)
@common_options
def prove(
    invocation: Invocation, *, clip: str, output: Path, wanted: int | None, with_document: bool
) -> None:
    """Write the proof that the log holds CLIP: a file, its SHA-256, or the number of an entry.

    The proof is a tlog-proof of the newest published checkpoint with its cosignatures, and
    verifies without this dock. Beside clip.tlog-proof lies clip.entry.json, the entry. Where
    several entries seal the same content, each has a proof of its own, clip-SEQ.tlog-proof, and
    clip.tlog-proof itself is not written. If a document that was asked for is not in the store
    any more, the rest is written, and the exit code is 4.
    """
    handouts = Handouts(invocation.loaded)
    seqs = handouts.seqs_of(clip)
    if wanted is not None:
        if wanted not in seqs:
            raise ClipUnknownError(f"{clip} ({wanted})")
        seqs = [wanted]
    made = [handouts.proof(seq, document=with_document) for seq in seqs]
    files = [_files(output, each, several=len(made) > 1) for each in made]
    for path in (path for each in files for path in each.all):
        if path.exists():  # nothing is written where not all can be
            raise OutputExistsError(path)
    for each, where in zip(made, files, strict=True):
        put(where.proof, each.proof)
        put(where.entry, each.entry)
        if where.document is not None and each.document is not None:
            put(where.document, each.document)
    _tell(invocation, made, files, output, vouchable=handouts.vouchable)
    if any(each.gone for each in made):
        raise click.exceptions.Exit(ExitCode.PARTIAL)


def _files(output: Path, made: ProofMade, *, several: bool) -> _Files:
    name = output.name.removesuffix(_SUFFIX)
    stem = f"{name}-{made.seq}" if several else name
    proof = output.with_name(f"{stem}{_SUFFIX}") if several else output
    document = None if made.document is None else output.with_name(f"{stem}.document.json")
    return _Files(proof, output.with_name(f"{stem}.entry.json"), document)


def _tell(
    invocation: Invocation,
    made: list[ProofMade],
    files: list[_Files],
    output: Path,
    *,
    vouchable: bool,
) -> None:
    if invocation.json:
        rows = [_row(each, where) for each, where in zip(made, files, strict=True)]
        # Of several, the head of the newest entry covers them all.
        told = {"schema": SCHEMA, "vkey": str(made[-1].vkey), "proofs": rows}
        click.echo(json_line(told))
        return
    lang = invocation.lang
    if len(made) > 1:
        click.echo(say("prove.several", lang, count=len(made), output=output))
    nobody = "prove.nobody" if vouchable else "prove.unset"
    for each, where in zip(made, files, strict=True):
        size = each.head.size
        written = text.listed(map(str, where.all), lang)
        click.echo(say("prove.written", lang, seq=each.seq, size=size, files=written))
        who = text.listed(each.cosigned, lang)
        click.echo(say("prove.cosigned", lang, who=who) if who else say(nobody, lang))
        if each.gone:
            click.echo(say("prove.gone", lang, seq=each.seq, sha256=each.gone), err=True)
        facts = {"proof": where.proof, "entry": where.entry, "vkey": each.vkey}
        click.echo(say("prove.verify", lang, **facts))


def _row(made: ProofMade, where: _Files) -> dict[str, object]:
    return {
        "seq": made.seq,
        "proof": str(where.proof),
        "entry": str(where.entry),
        "document": None if where.document is None else str(where.document),
        "document_gone": made.gone,
        "vkey": str(made.vkey),
        "size": made.head.size,
        "cosigned": list(made.cosigned),
    }
