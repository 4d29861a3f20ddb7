"""`sealdock verify`: the judge of hashing/, in the dock's own words.

It asks neither the daemon nor its settings: what it checks may come from any dock.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

import click

from config import text
from config.exit_codes import ExitCode
from config.messages import DEFAULT_LANGUAGE, LANGUAGES, printable, say, term
from dock_daemon.commands.printing import SCHEMA, json_line, print_error
from hashing.command import Refusal, trusted
from hashing.log_walk import Progress
from hashing.report import CODES, NOTICES, Problem, Report
from hashing.verify import verify_log

_PLAIN_EVERY_S: Final = 60.0
_PATH: Final = click.Path(path_type=Path)


@click.command(
    epilog="""\b
Examples:
  sealdock verify log --key log/vkey --store store
  sealdock verify log --key dock.example/1+c5686328+AaRV/SbF... --clip seen.mp4

\b
Exit codes: 0 verified, 6 something does not match, 2 this is no key, 3 no such file
or directory; docs/formats/log.md section 7 has every code of a problem."""
)
@click.argument("log_dir", metavar="LOGDIR", type=_PATH)
@click.option("--key", required=True, metavar="VKEY", help="The key, or a file that holds it.")
@click.option("--store", type=_PATH, metavar="DIR", help="Check clips and documents here too.")
@click.option(
    "--clip", "clips", type=_PATH, multiple=True, metavar="FILE", help="Say what seals this clip."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.option("--lang", type=click.Choice(LANGUAGES), help="The language of messages.")
def verify(
    *,
    log_dir: Path,
    key: str,
    store: Path | None,
    clips: tuple[Path, ...],
    as_json: bool,
    lang: str | None,
) -> None:
    """Check a log and its clips, trusting nobody but a key.

    Every entry, every tile and the signature in LOGDIR are checked, offline. The key must
    come from someone you trust: the copy in LOGDIR is only as good as LOGDIR.
    """
    said = lang or _language()
    vkey = trusted(key, log_dir, store, clips)
    if isinstance(vkey, Refusal):
        _refuse(vkey, said, as_json=as_json)
    with _progress(said) as progress:
        report = verify_log(log_dir, vkey, store=store, clips=clips, progress=progress)
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


def _language() -> str:
    wanted = os.environ.get("SEALDOCK_LANG", "")
    return wanted if wanted in LANGUAGES else DEFAULT_LANGUAGE


def _lines(report: Report, lang: str) -> Iterator[str]:
    for problem in report.problems:
        yield f"{say('verify.problem', lang)}  {_line(problem, lang)}"
    for notice in report.notices:
        yield f"{say('verify.notice', lang)}  {_line(notice, lang)}"
    for code, count in report.omitted.items():
        yield say("verify.more", lang, count=count, what=term("verify-code", code, lang))
    for clip in report.sealed:
        entries = text.listed(map(str, clip.seqs), lang)
        size, digest = clip.size, clip.sha256
        yield say("verify.sealed", lang, clip=clip.where, entries=entries, size=size, sha256=digest)
    if report.size is not None:
        yield say("verify.log", lang, origin=report.origin, size=report.size, root=report.root)
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
    if report.ok:
        yield say("verify.verified", lang)
        return
    unlisted = sum(count for code, count in report.omitted.items() if code in CODES)
    yield say("verify.not-verified", lang, count=len(report.problems) + unlisted)


def _line(problem: Problem, lang: str) -> str:
    what = term("verify-code", problem.code, lang)
    entry = "" if problem.seq is None else f" ({say('verify.at-entry', lang, seq=problem.seq)})"
    plain = {**CODES, **NOTICES}.get(problem.code)  # says no more than `what`
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
