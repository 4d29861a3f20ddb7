"""The verifier's own command line: standard library, `cryptography` and nothing else."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from hashing.errors import FileTroubleError, KeyFormatError, Trouble
from hashing.evidence_files import is_directory, is_file, is_there, read_file
from hashing.keys import VerifierKey
from hashing.report import CODES, Problem, Report
from hashing.verify import verify_log

VERIFIED: Final = 0
USAGE: Final = 2
NOT_FOUND: Final = 3
VERIFICATION_FAILED: Final = 6
NOT_PERMITTED: Final = 8

_MAX_KEY_FILE: Final = 4096
_PLUSES: Final = 2
"""A key has its name, its number and itself, with a plus between each: section 1."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing could be checked: a stable word, the exit code, and what it is about."""

    code: Literal["bad-key", "no-key-file", "key-not-permitted", "no-log", "no-store", "no-clip"]
    exit_code: int
    path: str
    detail: str


def main(arguments: Sequence[str]) -> int:
    """Run `verify`; return the exit code (docs/formats/log.md section 8)."""
    options = _parser().parse_args(arguments)
    clips = options.clip or ()
    key = trusted(options.key, options.log_dir, options.store, clips)
    if isinstance(key, Refusal):
        print(f"{printable(key.path)}: {printable(key.detail)}", file=sys.stderr)  # noqa: T201  a command prints
        return key.exit_code
    report = verify_log(options.log_dir, key, store=options.store, clips=clips)
    lines = [json.dumps(report.as_json())] if options.json else render(report)
    for line in lines:
        print(line)  # noqa: T201  as above
    return VERIFIED if report.ok else VERIFICATION_FAILED


def trusted(
    key: str, log_dir: Path, store: Path | None, clips: Sequence[Path]
) -> VerifierKey | Refusal:
    """Return the key to verify with, or why there is nothing to verify: what was named is not."""
    try:
        found = read_key(key)
    except KeyFormatError as error:
        return Refusal("bad-key", USAGE, key, str(error))
    except FileTroubleError as error:
        if error.trouble is Trouble.FORBIDDEN:
            return Refusal("key-not-permitted", NOT_PERMITTED, key, error.detail)
        return Refusal("no-key-file", NOT_FOUND, key, "there is no such key file")
    return _absent(str(log_dir), "" if store is None else str(store), clips) or found


def _absent(log_dir: str, store: str, clips: Sequence[Path]) -> Refusal | None:
    """Return what of all that was named is not there."""
    if not is_directory(log_dir):
        return Refusal("no-log", NOT_FOUND, log_dir, "there is no such log directory")
    if store and not is_directory(store):
        return Refusal("no-store", NOT_FOUND, store, "there is no such store directory")
    for clip in map(str, clips):
        if not is_there(clip):
            return Refusal("no-clip", NOT_FOUND, clip, "there is no such clip")
    return None


def read_key(text: str) -> VerifierKey:
    """Return the key that `text` is, or that the file of this name holds.

    Raises FileTroubleError (missing or forbidden) where `text` can only be meant as the name
    of a file, and KeyFormatError for anything else.
    """
    try:
        return VerifierKey.parse(text)
    except KeyFormatError:
        if not is_file(text):
            if text.count("+") < _PLUSES:
                raise FileTroubleError(Trouble.MISSING, "it is not there") from None
            raise
    try:
        data = read_file(str(Path(text).resolve()), _MAX_KEY_FILE)
        return VerifierKey.parse(data.decode("utf-8").removesuffix("\n"))
    except FileTroubleError as error:
        if error.trouble in {Trouble.MISSING, Trouble.FORBIDDEN}:
            raise
        raise KeyFormatError(str(error)) from None
    except UnicodeDecodeError as error:
        raise KeyFormatError(str(error)) from None


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
            "Exit code 0: verified; 6: not; 2: this is no key; 3: no such file or directory; "
            "8: the key file may not be read."
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
