"""What somebody asks to be verified: files and keys as they were named, read, and judged.

Both commands, `python -m hashing verify` and `sealdock verify`, are this with other words.
What is named and is not there, or is no key, is refused before anything is judged.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias, TypeVar

from hashing import note, tlog_proof
from hashing.cosigners import AnyLogKey, parse_log_key
from hashing.entry import MAX_ENTRY
from hashing.errors import FileTroubleError, KeyFormatError, NoteError, PolicyError, Trouble
from hashing.evidence_files import (
    digest_file,
    is_directory,
    is_file,
    is_target,
    is_there,
    may_not_enter,
    may_not_look,
    read_file,
    read_start,
)
from hashing.heads import Trust
from hashing.kept import Named
from hashing.keys import VerifierKey
from hashing.log_head import followed, open_log, vouched
from hashing.log_walk import Progress
from hashing.manifest import MAX_MANIFEST
from hashing.manifest_check import ManifestReport, check_manifest
from hashing.policy import MAX_POLICY, Policy
from hashing.proof_check import Age, Asked, Content, ProofReport, check_proof
from hashing.report import Report
from hashing.submission import MAX_SUBMISSION
from hashing.verify import verify_log

USAGE: Final = 2
NOT_FOUND: Final = 3
VERIFICATION_FAILED: Final = 6
NOT_PERMITTED: Final = 8

_MAX_KEY_FILE: Final = 4096
_PLUSES: Final = 2
"""A key has its name, its number and itself, with a plus between each: section 1."""
_AGE: Final = re.compile("([1-9][0-9]{0,8})([smhd]?)", re.ASCII)
_UNIT_S: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}

Read = TypeVar("Read")

RefusalCode: TypeAlias = Literal[
    "bad-age",
    "bad-file",
    "bad-key",
    "bad-policy",
    "file-not-permitted",
    "key-of-other-type",
    "key-not-in-policy",
    "key-not-permitted",
    "no-clip",
    "no-file",
    "no-key",
    "no-key-file",
    "no-log",
    "no-store",
    "nothing-to-verify",
    "only-with-log",
    "only-with-proof",
]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing could be judged: a stable word, the exit code, and what it is about."""

    code: RefusalCode
    exit_code: int
    path: str
    detail: str


class RefusedError(Exception):
    """Nothing can be judged. `refusal` says why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was named: a log directory, a proof or a manifest, each with what goes with it."""

    key: str | None = None
    policy: Path | None = None
    log_dir: Path | None = None
    store: Path | None = None
    proof: Path | None = None
    manifest: Path | None = None
    entry: Path | None = None
    documents: Sequence[Path] = ()
    consistency: Sequence[Path] = ()
    log: Path | None = None
    clips: Sequence[Path] = ()
    also: Sequence[Path] = ()
    max_age: str | None = None


def judge(
    request: Request, *, now_s: int, progress: Progress | None = None
) -> Report | ProofReport | ManifestReport:
    """Return what is found; raise RefusedError where nothing can be judged.

    `now_s` matters with `max_age` only: without it, a verdict never changes with time.
    """
    if request.manifest is not None:
        return _judge_manifest(request, request.manifest, now_s)
    if request.proof is not None:
        return _judge_proof(request, request.proof, now_s)
    if request.log_dir is None:
        raise refused("nothing-to-verify", USAGE, "", "name a log directory, a proof or a manifest")
    return _judge_log(request, request.log_dir, now_s, progress)


def _judge_log(request: Request, log_dir: Path, now_s: int, progress: Progress | None) -> Report:
    for option, given in (
        ("--entry", request.entry),
        ("--document", request.documents),
        ("--consistency", request.consistency),
        ("--log", request.log),
    ):
        if given:
            raise refused("only-with-proof", USAGE, option, f"{option} goes with --proof")
    trust = _trust(request)
    _demand_directory(log_dir, "no-log")
    if request.store is not None:
        _demand_directory(request.store, "no-store")
    for clip in request.clips:
        _demand_readable(clip, "no-clip")
    asked = Asked(age=_age(request.max_age, now_s), also=_files(request.also, MAX_MANIFEST))
    key = _signer_of(log_dir, trust.logs)
    report = verify_log(log_dir, key, store=request.store, clips=request.clips, progress=progress)
    if trust.policy is None and asked == Asked():
        return report
    return vouched(report, str(log_dir), followed(trust, str(log_dir)), asked)


def _judge_proof(request: Request, path: Path, now_s: int) -> ProofReport:
    _demand_no_log(request, "--proof")
    if request.entry is None:
        raise refused("nothing-to-verify", USAGE, str(path), "a proof needs its --entry")
    trust = _trust(request)
    (proof,) = _files([path], tlog_proof.MAX_PROOF)
    (entry,) = _files([request.entry], MAX_ENTRY)
    trust, asked = _asked(request, trust, now_s)
    return check_proof(entry, proof, trust, asked)


def _judge_manifest(request: Request, path: Path, now_s: int) -> ManifestReport:
    _demand_no_log(request, "--manifest")
    for option, given in (
        ("--proof", request.proof),
        ("--entry", request.entry),
        ("--document", request.documents),
    ):
        if given:
            raise refused("only-with-proof", USAGE, option, f"{option} does not go with --manifest")
    trust = _trust(request)
    (file,) = _files([path], MAX_MANIFEST)
    return check_manifest(file, *_asked(request, trust, now_s))


def _demand_no_log(request: Request, option: str) -> None:
    for name, given in (("LOGDIR", request.log_dir), ("--store", request.store)):
        if given is not None:
            raise refused("only-with-log", USAGE, name, f"{name} does not go with {option}")


def _asked(request: Request, trust: Trust, now_s: int) -> tuple[Trust, Asked]:
    """Return what else must hold of a proof or manifest, with trust that follows its log's keys."""
    if request.log is not None:
        _demand_directory(request.log, "no-log")
        trust = followed(trust, str(request.log))
    return trust, Asked(
        age=_age(request.max_age, now_s),
        clips=[_content(clip, "no-clip") for clip in request.clips],
        documents=[_content(each, "no-file") for each in request.documents],
        also=_files(request.also, MAX_MANIFEST),
        consistency=_files(request.consistency, MAX_SUBMISSION),
        log=None if request.log is None else open_log(str(request.log), trust),
    )


# -- whom to believe ---------------------------------------------------------------


def _trust(request: Request) -> Trust:
    given = [] if request.key is None else [_key(request.key)]
    if request.policy is None:
        if not given:
            raise refused("no-key", USAGE, "", "name the key of the log, or a policy with it")
        return Trust(logs=tuple(given))
    where = str(request.policy)
    policy = _policy(request.policy)
    logs = [each.key for each in policy.logs]
    itself = policy.one_of_the_logs(given)
    if itself is not None:
        raise refused("bad-policy", USAGE, where, f"the witness {itself.name} is the log itself")
    if given and logs:
        if given[0] not in logs:
            raise refused("key-not-in-policy", USAGE, where, "it does not name the given key")
        # The other keys of the same log are believed too: a log may sign with two.
        logs = [key for key in logs if key.name == given[0].name]
    if not (given or logs):
        raise refused("no-key", USAGE, where, "it names no log, and no key was given")
    return Trust(logs=tuple(logs or given), policy=policy)


def _key(text: str) -> AnyLogKey:
    try:
        return read_key(text)
    except KeyFormatError as error:
        raise refused("bad-key", USAGE, text, str(error)) from None
    except FileTroubleError as error:
        if error.trouble is Trouble.FORBIDDEN:
            raise refused("key-not-permitted", NOT_PERMITTED, text, error.detail) from None
        raise refused("no-key-file", NOT_FOUND, text, "there is no such key file") from None


def read_key(text: str) -> AnyLogKey:
    """Return the key that `text` is, or that the file of this name holds.

    Raises FileTroubleError (missing or forbidden) where `text` can only be meant as the name
    of a file, and KeyFormatError for anything else.
    """
    try:
        return parse_log_key(text)
    except KeyFormatError:
        if not is_file(text):
            if text.count("+") < _PLUSES and may_not_look(text):
                raise FileTroubleError(Trouble.FORBIDDEN, "one may not look there") from None
            if is_target(text):
                raise KeyFormatError("it is a directory or a device, no file with a key") from None
            if text.count("+") < _PLUSES:
                raise FileTroubleError(Trouble.MISSING, "it is not there") from None
            raise
    try:
        data = read_file(str(Path(text).resolve()), _MAX_KEY_FILE)
        return parse_log_key(data.decode("utf-8").removesuffix("\n"))
    except FileTroubleError as error:
        if error.trouble in {Trouble.MISSING, Trouble.FORBIDDEN}:
            raise
        raise KeyFormatError(str(error)) from None
    except UnicodeDecodeError as error:
        raise KeyFormatError(str(error)) from None


def _policy(path: Path) -> Policy:
    try:
        return Policy.parse(_bytes(path, MAX_POLICY))
    except PolicyError as error:
        raise refused("bad-policy", USAGE, str(path), str(error)) from None
    except RefusedError as error:
        if error.refusal.code == "bad-file":  # a directory, a pipe: no evidence is at fault
            raise refused("bad-policy", USAGE, str(path), error.refusal.detail) from None
        raise


def _signer_of(log_dir: Path, logs: Sequence[AnyLogKey]) -> VerifierKey:
    """Return the key whose line the log's checkpoint bears, of those that a log can have."""
    keys = [key for key in logs if isinstance(key, VerifierKey)]
    if not keys:
        detail = f"a log directory is verified with the log's key of type 01, and {logs[0]} is none"
        raise refused("key-of-other-type", USAGE, str(logs[0]), detail)
    try:
        _, lines = note.parse(read_file(str(log_dir / "checkpoint"), note.MAX_NOTE))
    except (FileTroubleError, NoteError):  # which is for the verifier to say
        return keys[0]
    present = {(line.name, line.key_id) for line in lines}
    return next((key for key in keys if (key.name, key.key_id) in present), keys[0])


# -- what was named ----------------------------------------------------------------


def _age(text: str | None, now_s: int) -> Age | None:
    if text is None:
        return None
    found = _AGE.fullmatch(text)
    if found is None:
        raise refused("bad-age", USAGE, text, "an age is a number of s, m, h or d, such as 24h")
    return Age(now_s, int(found[1]) * _UNIT_S[found[2]])


def _files(paths: Sequence[Path], limit: int) -> list[Named]:
    return [Named(str(path), _bytes(path, limit)) for path in paths]


def _bytes(path: Path, limit: int) -> bytes:
    """Return what a file holds; of one longer than `limit` only so much that this shows."""
    return _read(path, "no-file", lambda resolved: read_start(resolved, limit + 1))


def _content(path: Path, missing: RefusalCode) -> Content:
    size, digest = _read(path, missing, lambda resolved: digest_file(resolved, lambda _read: None))
    return Content(str(path), size, digest.hex())


def _read(path: Path, missing: RefusalCode, read: Callable[[str], Read]) -> Read:
    """Read a file that the user named: it may be a link, for it is the user's own."""
    where = str(path)
    _demand_there(path, missing)
    try:
        return read(str(path.resolve()))
    except FileTroubleError as error:
        if error.trouble is Trouble.MISSING:
            raise refused(missing, NOT_FOUND, where, "there is no such file") from None
        if error.trouble is Trouble.FORBIDDEN:
            raise refused("file-not-permitted", NOT_PERMITTED, where, error.detail) from None
        raise refused("bad-file", VERIFICATION_FAILED, where, error.detail) from None
    except (OSError, RuntimeError) as error:  # a link to itself
        raise refused("bad-file", VERIFICATION_FAILED, where, str(error)) from None


def _demand_readable(path: Path, missing: RefusalCode) -> None:
    """Refuse what is not there or may not be read; anything else is for the verifier to say."""
    try:
        _read(path, missing, lambda resolved: read_start(resolved, 1))
    except RefusedError as error:
        if error.refusal.code != "bad-file":
            raise


def _demand_there(path: Path, missing: RefusalCode) -> None:
    _demand_seen(path)
    if not is_there(str(path)):
        raise refused(missing, NOT_FOUND, str(path), "there is no such file")


def _demand_directory(path: Path, missing: RefusalCode) -> None:
    _demand_seen(path)
    if not is_directory(str(path)):
        raise refused(missing, NOT_FOUND, str(path), "there is no such directory")
    if may_not_enter(str(path)):
        raise refused("file-not-permitted", NOT_PERMITTED, str(path), "it may not be read")


def _demand_seen(path: Path) -> None:
    """Refuse what lies where this user may not look: whether it is there cannot be told."""
    if may_not_look(str(path)):
        raise refused("file-not-permitted", NOT_PERMITTED, str(path), "one may not look there")


def refused(code: RefusalCode, exit_code: int, path: str, detail: str) -> RefusedError:
    """Return the error that refuses a request."""
    return RefusedError(Refusal(code, exit_code, path, detail))
