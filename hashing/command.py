"""The verifier's own command line: standard library, `cryptography` and nothing else."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from hashing.errors import FileTroubleError, KeyFormatError
from hashing.evidence_files import is_directory, is_file, read_file
from hashing.keys import VerifierKey
from hashing.report import CODES, Problem, Report
from hashing.verify import verify_log

VERIFIED: Final = 0
USAGE: Final = 2
NOT_FOUND: Final = 3
VERIFICATION_FAILED: Final = 6

_MAX_KEY_FILE: Final = 4096


def main(arguments: Sequence[str]) -> int:
    """Run `verify`; return the exit code (docs/formats/log.md section 8)."""
    options = _parser().parse_args(arguments)
    try:
        key = read_key(options.key)
    except KeyFormatError as error:
        print(f"the key: {printable(str(error))}", file=sys.stderr)  # noqa: T201  a command prints
        return USAGE
    if not is_directory(str(options.log_dir)):
        print(f"no log directory: {printable(str(options.log_dir))}", file=sys.stderr)  # noqa: T201  as above
        return NOT_FOUND
    report = verify_log(options.log_dir, key, store=options.store, clips=options.clip or ())
    lines = [json.dumps(report.as_json())] if options.json else render(report)
    for line in lines:
        print(line)  # noqa: T201  as above
    return VERIFIED if report.ok else VERIFICATION_FAILED


def read_key(text: str) -> VerifierKey:
    """Return the key that `text` is, or that the file of this name holds.

    Raises KeyFormatError for anything else.
    """
    try:
        return VerifierKey.parse(text)
    except KeyFormatError:
        if not is_file(text):
            raise
    try:
        data = read_file(str(Path(text).resolve()), _MAX_KEY_FILE)
        return VerifierKey.parse(data.decode("utf-8").removesuffix("\n"))
    except (FileTroubleError, UnicodeDecodeError) as error:
        raise KeyFormatError(f"{text}: {error}") from None


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
    found = len(report.problems) + sum(
        report.omitted[code] for code in report.omitted if code in CODES
    )
    yield "verified" if report.ok else f"NOT verified: {found} problem{'s' if found > 1 else ''}"


def printable(text: str) -> str:
    """Return `text` with everything escaped that a terminal or a reader could be fooled by."""
    return "".join(mark if mark.isprintable() else f"\\u{{{ord(mark):x}}}" for mark in text)


def _one(problem: Problem) -> str:
    entry = "" if problem.seq is None else f" entry {problem.seq}"
    return f"{problem.code}{entry} {printable(problem.where)}: {printable(problem.detail)}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hashing",
        description="Checks a dock's evidence log offline, trusting nothing but the key.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    verify = commands.add_parser(
        "verify",
        help="check a log, and a store and clips against it",
        description=(
            "Checks every byte of a log directory against the given key. "
            "Exit code 0: verified; 6: not; 2: no such key; 3: no such directory."
        ),
        epilog="example: python -m hashing verify log --key dock.vkey --store store",
    )
    verify.add_argument("log_dir", type=Path, metavar="LOGDIR")
    verify.add_argument("--key", required=True, metavar="VKEY", help="the key, or a file with it")
    verify.add_argument(
        "--store", type=Path, metavar="DIR", help="the store of clips and documents"
    )
    verify.add_argument(
        "--clip", type=Path, action="append", metavar="FILE", help="a clip to look for in the log"
    )
    verify.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    return parser
