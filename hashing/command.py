"""The verifier's own command line: standard library, `cryptography` and nothing else."""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from hashing.codes import PROBLEMS
from hashing.heads import Cosigned
from hashing.instant import utc
from hashing.manifest_check import ManifestReport
from hashing.proof_check import ProofReport
from hashing.report import Problem, Report
from hashing.request import VERIFICATION_FAILED, RefusedError, Request, judge

VERIFIED: Final = 0
FAILED: Final = 1


def main(arguments: Sequence[str], program: str = "python -m hashing") -> int:
    """Run `verify`; return the exit code (docs/formats/log.md section 8).

    `program` is what the user typed to come here.
    """
    try:
        try:
            return _run(arguments, program)
        finally:
            sys.stdout.flush()
    except OSError as error:
        return _unwritten(error)


def _unwritten(error: OSError) -> int:
    """Say that nobody can read the answer; what is still to be written goes nowhere."""
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    print(f"cannot write: {error.strerror or error}", file=sys.stderr)  # noqa: T201  as below
    return FAILED


def _run(arguments: Sequence[str], program: str) -> int:
    options = _parser(program).parse_args(arguments)
    try:
        report = judge(_request(options), now_s=int(time.time()))
    except RefusedError as error:
        refusal = error.refusal
        words = ": ".join(printable(part) for part in (refusal.path, refusal.detail) if part)
        print(words, file=sys.stderr)  # noqa: T201  a command prints
        return refusal.exit_code
    lines = [json.dumps(report.as_json())] if options.json else _render(report)
    for line in lines:
        print(line)  # noqa: T201  as above
    return VERIFIED if report.ok else VERIFICATION_FAILED


def _request(options: argparse.Namespace) -> Request:
    return Request(
        key=options.key,
        policy=options.policy,
        log_dir=options.log_dir,
        store=options.store,
        proof=options.proof,
        manifest=options.manifest,
        entry=options.entry,
        documents=options.document or (),
        consistency=options.consistency or (),
        log=options.log,
        clips=options.clip or (),
        also=options.also or (),
        max_age=options.max_age,
    )


def _render(report: Report | ProofReport | ManifestReport) -> Iterator[str]:
    match report:
        case ProofReport():
            return render_proof(report)
        case ManifestReport():
            return render_manifest(report)
        case Report():
            return render(report)


def render(report: Report) -> Iterator[str]:
    """Yield the report as lines for a person."""
    for problem in report.problems:
        yield f"problem  {_one(problem)}"
    for notice in report.notices:
        yield f"notice   {_one(notice)}"
    for code, count in report.omitted.items():
        yield f"and {count} more of {code}"
    for clip in report.sealed:
        entries = ", ".join(map(str, clip.seqs))
        what = f"{clip.size} bytes, {clip.sha256}"
        yield f"sealed   {printable(clip.where)}: entry {entries} ({what})"
    if report.size is not None:
        origin = printable(report.origin or "")
        yield f"log      {origin}, {report.size} entries, root {report.root}"
    looked = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in report.counts.items())
    yield f"read     {looked}"
    yield from _cosigned(report.cosigners)
    yield _verdict(_found(report))


def render_proof(report: ProofReport) -> Iterator[str]:
    """Yield the report on a proof as lines for a person."""
    for problem in report.problems:
        yield f"problem  {_one(problem)}"
    if report.head is not None:
        head = report.head.checkpoint
        yield f"log      {printable(head.origin)}, {head.size} entries, root {head.root.hex()}"
        yield from _cosigned(report.head.cosigned)
    if report.entry is not None:
        when = utc(report.entry.at.utc_ms // 1000)
        yield f"entry    {report.index}, {report.entry.kind}, of {when} by the dock's clock"
    yield _verdict(len(report.problems))


def render_manifest(report: ManifestReport) -> Iterator[str]:
    """Yield the report on a manifest as lines for a person."""
    for problem in report.problems:
        yield f"problem  {_one(problem)}"
    for notice in report.notices:
        yield f"notice   {_one(notice)}"
    for code, count in report.omitted.items():
        yield f"and {count} more of {code}"
    if report.head is not None:
        head = report.head.checkpoint
        yield f"log      {printable(head.origin)}, {head.size} entries, root {head.root.hex()}"
        yield from _cosigned(report.head.cosigned)
    if report.account is not None:
        told = report.account
        yield (
            f"docking  {told.docking}, {report.entries} entries: {len(told.clips)} clips"
            f" ({told.size} bytes), {len(told.findings)} findings"
        )
        for remark in (*told.left, *told.doubts):
            many = "" if remark.count is None else f", {remark.count}"
            yield f"{remark.reason}: entry {remark.seq} {printable(remark.path or '')}{many}"
    yield _verdict(_found(report))


def _cosigned(cosigners: Sequence[Cosigned]) -> Iterator[str]:
    for each in cosigners:
        yield f"cosigned by {printable(each.key.name)} at {utc(each.time_s)}"


def _found(report: Report | ManifestReport) -> int:
    """Return how many problems there are, listed or not."""
    unlisted = (report.omitted[code] for code in report.omitted if code in PROBLEMS)
    return len(report.problems) + sum(unlisted)


def _verdict(problems: int) -> str:
    if not problems:
        return "verified"
    return f"NOT verified: {problems} problem{'s' if problems > 1 else ''}"


def printable(text: str) -> str:
    """Return `text` with everything escaped that a terminal or a reader could be fooled by."""
    return "".join(mark if mark.isprintable() else f"\\u{{{ord(mark):x}}}" for mark in text)


def _one(problem: Problem) -> str:
    entry = "" if problem.seq is None else f" entry {problem.seq}"
    return f"{problem.code}{entry} {printable(problem.where)}: {printable(problem.detail)}"


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        description="Checks a dock's evidence offline, trusting nothing but the keys it is given.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    verify = commands.add_parser(
        "verify",
        help="check a log, a manifest, or the proof of an entry",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=_DESCRIPTION,
        epilog=_EXAMPLES.replace("PROGRAM", program),
    )
    whom = verify.add_argument_group("whom to believe (one of these at least)")
    whom.add_argument("--key", metavar="VKEY", help="the log's key, or a file with it")
    whom.add_argument("--policy", type=_path, metavar="FILE", help="logs, witnesses and a quorum")
    log = verify.add_argument_group("a log")
    log.add_argument("log_dir", type=_path, nargs="?", metavar="LOGDIR", help="all of it is read")
    log.add_argument("--store", type=_path, metavar="DIR", help="the store of clips and documents")
    whole = verify.add_argument_group("a manifest")
    whole.add_argument("--manifest", type=_path, metavar="FILE", help="what one docking produced")
    proof = verify.add_argument_group("a proof")
    proof.add_argument("--proof", type=_path, metavar="FILE", help="the .tlog-proof of an entry")
    proof.add_argument("--entry", type=_path, metavar="FILE", help="the entry, byte for byte")
    _add_files(proof, "--document", "the entry must seal this document")
    _add_files(proof, "--consistency", "shows that one head continues another")
    proof.add_argument("--log", type=_path, metavar="DIR", help="the log must hold all these heads")
    both = verify.add_argument_group("either")
    _add_files(both, "--clip", "a clip that must be sealed")
    _add_files(both, "--also", "a proof, manifest or checkpoint kept earlier: no history but one")
    both.add_argument("--max-age", metavar="AGE", help="cosignatures no older than 24h, 90m, 3600")
    both.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    return parser


def _path(text: str) -> Path:
    """Return a path as it was named; an empty name would mean the directory one stands in."""
    if not text:
        raise argparse.ArgumentTypeError("an empty name names nothing")
    return Path(text)


def _add_files(group: argparse._ArgumentGroup, name: str, words: str) -> None:
    group.add_argument(
        name, type=_path, action="append", metavar="FILE", help=f"{words}; may be repeated"
    )


_DESCRIPTION: Final = """\
Checks every byte of a log directory, or of the manifest of one docking, or the
proof that a log holds an entry.
Exit code 0: verified; 6: not; 2: wrong use, or this is no key or policy;
3: no such file or directory; 8: a file may not be read."""

_EXAMPLES: Final = """\
examples:
  PROGRAM verify log --key dock.vkey --store store
  PROGRAM verify log --policy trust.policy --max-age 24h --also old.tlog-proof
  PROGRAM verify --manifest docking-42.manifest --policy trust.policy
  PROGRAM verify --proof clip.tlog-proof --entry clip.entry --clip clip.mp4 \\
    --policy trust.policy"""
