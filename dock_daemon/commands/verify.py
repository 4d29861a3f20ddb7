"""`sealdock verify`: the judge of hashing/, in the dock's own words.

It asks neither the daemon nor its settings: what it checks may come from any dock.
"""

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

import click

from config import text
from config.exit_codes import ExitCode
from config.messages import LANGUAGES, printable, say, term
from dock_daemon.commands.printing import SCHEMA, json_line, language, print_error
from hashing.codes import PROBLEMS, WORDS
from hashing.heads import Cosigned
from hashing.instant import utc
from hashing.log_walk import Progress
from hashing.manifest_check import ManifestReport
from hashing.proof_check import ProofReport
from hashing.report import Problem, Report
from hashing.request import Refusal, RefusedError, Request, judge

_PLAIN_EVERY_S: Final = 60.0


class _Named(click.Path):
    """A path as it was named: whether it is there, and may be read, is said in our words."""

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str | bytes | os.PathLike[str]:
        """Return the path; an empty name would mean the directory one stands in."""
        if not os.fspath(value):
            self.fail("an empty name names nothing", param, ctx)
        return super().convert(value, param, ctx)


_PATH: Final = _Named(readable=False, path_type=Path)


@click.command(
    epilog="""\b
Examples:
  sealdock verify log --key log/vkey --store store
  sealdock verify log --key dock.example/1+c5686328+AaRV/SbF... --clip seen.mp4
  sealdock verify log --policy trust.policy --max-age 24h --also kept-last-month.tlog-proof
  sealdock verify --manifest docking-42.manifest --policy trust.policy
  sealdock verify --proof clip.tlog-proof --entry clip.entry --clip seen.mp4 \\
    --policy trust.policy

\b
Exit codes: 0 verified, 6 something does not match, 2 wrong use, or this is no key or
policy, 3 no such file or directory, 8 a file may not be read. docs/formats/log.md
section 7, proof.md section 6 and manifest.md section 6 have every code of a problem."""
)
@click.argument("log_dir", metavar="[LOGDIR]", type=_PATH, required=False)
@click.option("--key", metavar="VKEY", help="The log's key, or a file that holds it.")
@click.option("--policy", type=_PATH, metavar="FILE", help="Logs, witnesses and a quorum.")
@click.option("--store", type=_PATH, metavar="DIR", help="Check clips and documents here too.")
@click.option("--proof", type=_PATH, metavar="FILE", help="Check this proof, not a log.")
@click.option("--manifest", type=_PATH, metavar="FILE", help="Check what one docking produced.")
@click.option("--entry", type=_PATH, metavar="FILE", help="The entry it proves, byte for byte.")
@click.option(
    "--clip", "clips", type=_PATH, multiple=True, metavar="FILE", help="Say what seals this clip."
)
@click.option(
    "--document",
    "documents",
    type=_PATH,
    multiple=True,
    metavar="FILE",
    help="With --proof: the entry must seal this document.",
)
@click.option(
    "--also",
    type=_PATH,
    multiple=True,
    metavar="FILE",
    help="A proof, manifest or checkpoint that was kept: of one history with the rest.",
)
@click.option(
    "--consistency",
    type=_PATH,
    multiple=True,
    metavar="FILE",
    help="With --proof or --manifest, and --also: shows that one head continues another.",
)
@click.option(
    "--log",
    type=_PATH,
    metavar="DIR",
    help="With --proof or --manifest: the log that must hold all heads.",
)
@click.option("--max-age", metavar="AGE", help="Cosignatures no older than 24h, 90m or 3600.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.option("--lang", type=click.Choice(LANGUAGES), help="The language of messages.")
def verify(
    *,
    as_json: bool,
    lang: str | None,
    log_dir: Path | None,
    key: str | None,
    policy: Path | None,
    store: Path | None,
    proof: Path | None,
    manifest: Path | None,
    entry: Path | None,
    clips: tuple[Path, ...],
    documents: tuple[Path, ...],
    also: tuple[Path, ...],
    consistency: tuple[Path, ...],
    log: Path | None,
    max_age: str | None,
) -> None:
    """Check a log, a manifest, or the proof of an entry, trusting nobody but keys.

    Every entry, every tile and the signatures in LOGDIR are checked, offline; or, with
    --manifest, all that one docking produced; or, with --proof, that a log holds one entry. The
    keys must come from someone you trust: the copy in LOGDIR is only as good as LOGDIR.
    """
    said = lang or language()
    request = Request(
        key=key,
        policy=policy,
        log_dir=log_dir,
        store=store,
        proof=proof,
        manifest=manifest,
        entry=entry,
        documents=documents,
        consistency=consistency,
        log=log,
        clips=clips,
        also=also,
        max_age=max_age,
    )
    try:
        with _progress(said) as progress:
            report = judge(request, now_s=int(time.time()), progress=progress)
    except RefusedError as error:
        _refuse(error.refusal, said, as_json=as_json)
    if as_json:
        click.echo(json_line({"schema": SCHEMA, **report.as_json()}))
    else:
        for line in _lines(report, said):
            click.echo(line)
    raise click.exceptions.Exit(ExitCode.OK if report.ok else ExitCode.VERIFICATION_FAILED)


def _refuse(refusal: Refusal, lang: str, *, as_json: bool) -> NoReturn:
    """End the command before anything was checked."""
    facts = {"path": refusal.path, "detail": refusal.detail}
    message = say(f"verify-refusal.{refusal.code}", lang, **facts)
    if as_json:
        print_error(refusal.code, message, refusal.exit_code)
    else:
        click.echo(message, err=True)
    raise click.exceptions.Exit(refusal.exit_code)


def _lines(report: Report | ProofReport | ManifestReport, lang: str) -> Iterator[str]:
    for problem in report.problems:
        yield f"{say('verify.problem', lang)}  {_line(problem, lang)}"
    unlisted = 0
    match report:
        case ProofReport():
            yield from _proof_lines(report, lang)
        case ManifestReport():
            yield from _manifest_lines(report, lang)
            unlisted = _unlisted(report.omitted)
        case Report():
            yield from _log_lines(report, lang)
            unlisted = _unlisted(report.omitted)
    if report.ok:
        yield say("verify.verified", lang)
    else:
        yield say("verify.not-verified", lang, count=len(report.problems) + unlisted)


def _unlisted(omitted: Mapping[str, int]) -> int:
    return sum(count for code, count in omitted.items() if code in PROBLEMS)


def _beside(report: Report | ManifestReport, lang: str) -> Iterator[str]:
    for notice in report.notices:
        yield f"{say('verify.notice', lang)}  {_line(notice, lang)}"
    for code, count in report.omitted.items():
        yield say("verify.more", lang, count=count, what=term("verify-code", code, lang))


def _log_lines(report: Report, lang: str) -> Iterator[str]:
    yield from _beside(report, lang)
    for clip in report.sealed:
        entries = text.listed(map(str, clip.seqs), lang)
        size, digest = clip.size, clip.sha256
        yield say("verify.sealed", lang, clip=clip.where, entries=entries, size=size, sha256=digest)
    if report.size is not None:
        yield say("verify.log", lang, origin=report.origin, size=report.size, root=report.root)
    yield from _cosigned(report.cosigners, lang)
    counts = report.counts
    yield say(
        "verify.looked",
        lang,
        entries=counts["entries"],
        bundles=counts["bundles"],
        tiles=counts["tiles"],
    )
    if "clips" in counts:
        yield say(
            "verify.stored",
            lang,
            clips=counts["clips"],
            size=counts["clip_bytes"],
            documents=counts["documents"],
        )


def _proof_lines(report: ProofReport, lang: str) -> Iterator[str]:
    if report.head is not None:
        head = report.head.checkpoint
        root = head.root.hex()
        yield say("verify.log", lang, origin=head.origin, size=head.size, root=root)
        yield from _cosigned(report.head.cosigned, lang)
    if report.entry is not None:
        kind, when = report.entry.kind, utc(report.entry.at.utc_ms // 1000)
        yield say("proof.entry", lang, seq=report.index, kind=kind, time=when)


def _manifest_lines(report: ManifestReport, lang: str) -> Iterator[str]:
    yield from _beside(report, lang)
    if report.head is not None:
        head = report.head.checkpoint
        root = head.root.hex()
        yield say("verify.log", lang, origin=head.origin, size=head.size, root=root)
        yield from _cosigned(report.head.cosigned, lang)
    if report.account is not None:
        told = report.account
        yield say(
            "manifest.judged",
            lang,
            docking=told.docking,
            entries=report.entries,
            clips=len(told.clips),
            size=text.size(told.size),
            left=len(told.left),
            doubts=len(told.doubts),
            findings=len(told.findings),
        )


def _cosigned(cosigners: Sequence[Cosigned], lang: str) -> Iterator[str]:
    for each in cosigners:
        yield say("proof.cosigned", lang, name=each.key.name, time=utc(each.time_s))


def _line(problem: Problem, lang: str) -> str:
    what = term("verify-code", problem.code, lang)
    entry = "" if problem.seq is None else f" ({say('verify.at-entry', lang, seq=problem.seq)})"
    plain = WORDS.get(problem.code)  # says no more than `what`
    detail = "" if problem.detail == plain else f" {printable(problem.detail)}"
    return f"{printable(problem.where)}{entry}: {what} [{problem.code}]{detail}"


@contextmanager
def _progress(lang: str) -> Iterator[Progress]:
    """Draw a bar where stderr is a terminal, else write a line a minute."""
    if not sys.stderr.isatty():
        yield _plain(lang)
        return
    # Loaded here: a pipe needs none of it, and it takes longer to load than a small log to check.
    from rich.console import Console  # noqa: PLC0415  see above
    from rich.progress import Progress as Bars  # noqa: PLC0415  see above

    with Bars(console=Console(stderr=True), transient=True) as bars:
        rows = {}

        def draw(stage: str, done: int, total: int) -> None:
            if stage not in rows:
                rows[stage] = bars.add_task(term("verify-stage", stage, lang), total=total)
            bars.update(rows[stage], completed=done, total=total)

        yield draw


def _plain(lang: str) -> Progress:
    last = time.monotonic()

    def write(stage: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _PLAIN_EVERY_S:
            last = time.monotonic()
            what = term("verify-stage", stage, lang)
            click.echo(say("verify.progress", lang, stage=what, done=done, total=total), err=True)

    return write
