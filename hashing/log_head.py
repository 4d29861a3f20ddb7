"""Who else vouches for a log directory: its cosigners, and the heads that others kept.

What `verify` says of a directory goes by the log's own key alone. One who holds that key
can cut or rewrite the log; a quorum, and any head that somebody kept, shows it.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from hashing import heads, key_scan, note
from hashing.codes import WORDS
from hashing.errors import FileTroubleError, HeadError, Trouble
from hashing.evidence_files import read_file
from hashing.growth import Read
from hashing.heads import Head, Trust, read_log_head
from hashing.kept import KeptHead, LogTiles, compare, read_kept
from hashing.keys import VerifierKey
from hashing.merkle import HASH_SIZE
from hashing.proof_check import Asked
from hashing.report import Problem, Report
from hashing.tiles import WIDTH

_CHECKPOINT: Final = "checkpoint"


def followed(trust: Trust, directory: str) -> Trust:
    """Return the trust that also follows a log's keys, as its entries tell of them."""
    data = _read_checkpoint(directory)
    if isinstance(data, Problem):
        return trust
    # Whose log it says it is, be that true or not: a key of another one need not be looked for.
    origin = data.partition(b"\n")[0]
    for key in trust.logs:
        if isinstance(key, VerifierKey) and key.name.encode("utf-8") == origin:
            keys = key_scan.keys_of(directory, key)
            if keys is not None:
                return replace(trust, succession=keys)
    return trust


def open_log(directory: str, trust: Trust) -> LogTiles | Problem:
    """Return the head that a log directory states, and its files; or why it states none."""
    data = _read_checkpoint(directory)
    if isinstance(data, Problem):
        return data
    try:
        return LogTiles(directory, read_log_head(data, trust), _reader(directory))
    except HeadError as error:
        return _problem(directory, error.code, error.detail)


def vouched(report: Report, directory: str, trust: Trust, asked: Asked) -> Report:
    """Return a log's report with what its cosigners and kept heads say besides.

    Where the log's own checkpoint is no good, the report says so already.
    """
    data = _read_checkpoint(directory)
    if isinstance(data, Problem):
        return report
    try:
        head = heads.read_head(data, trust)
    except HeadError as error:
        if any(problem.code.startswith(_CHECKPOINT) for problem in report.problems):
            return report
        return _with(report, [_problem(directory, error.code, error.detail)])
    faults = list(heads.quorum_faults(head, trust))
    if asked.age is not None:
        faults += heads.age_faults(head, trust, now_s=asked.age.now_s, max_age_s=asked.age.most_s)
    problems = [_problem(directory, code, detail) for code, detail in faults]
    return replace(
        _with(report, [*problems, *_history(directory, head, trust, asked)]),
        cosigners=head.cosigned,
    )


def _history(directory: str, head: Head, trust: Trust, asked: Asked) -> list[Problem]:
    kept, problems = read_kept(asked.also, trust, head.checkpoint.origin)
    log = LogTiles(directory, head.checkpoint, _reader(directory))
    own = KeptHead(f"{directory}/{_CHECKPOINT}", head.checkpoint)
    return [*problems, *compare([own, *kept], (), log)] if kept else problems


def _reader(directory: str) -> Read:
    return lambda path: read_file(f"{directory}/{path}", WIDTH * HASH_SIZE)


def _read_checkpoint(directory: str) -> bytes | Problem:
    try:
        return read_file(f"{directory}/{_CHECKPOINT}", note.MAX_NOTE)
    except FileTroubleError as error:
        known = {Trouble.MISSING: "checkpoint-missing", Trouble.IRREGULAR: "file-irregular"}
        return _problem(directory, known.get(error.trouble, "file-unreadable"), error.detail)


def _problem(directory: str, code: str, detail: str) -> Problem:
    return Problem(code, f"{directory}/{_CHECKPOINT}", None, detail or WORDS[code])


def _with(report: Report, problems: Sequence[Problem]) -> Report:
    return replace(report, problems=(*report.problems, *problems))
