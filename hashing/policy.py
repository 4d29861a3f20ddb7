"""A trust policy: which logs are believed, and whose cosignatures make a quorum.

C2SP tlog-policy; docs/formats/policy.md has our rules.

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <member>...
    quorum <name>|none

Names and addresses are octets whose meaning is nobody's: they are compared, never read.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from hashing.cosigners import AnyCosigner, AnyLogKey, parse_cosigner, parse_log_key
from hashing.errors import KeyFormatError, PolicyError

MAX_POLICY: Final = 1 << 20  # bytes
MAX_OF_EACH: Final = 256  # logs, witnesses, groups; the specification asks for 32
NONE: Final = "none"

_FORBIDDEN: Final = re.compile(rb"[^\t\n\x20-\x7e\x80-\xff]")
_BLANK: Final = re.compile("[ \t]+")
_THRESHOLD: Final = re.compile("[1-9][0-9]{0,3}", re.ASCII)

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class PolicyLog:
    """A log that is believed."""

    key: AnyLogKey
    url: str = ""


@dataclass(frozen=True, slots=True)
class PolicyWitness:
    """A cosigner whose word counts. `name` means something within its policy only."""

    name: str
    key: AnyCosigner
    url: str = ""


@dataclass(frozen=True, slots=True)
class PolicyGroup:
    """Some members, of which `threshold` at least must have witnessed."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What must hold of a checkpoint's signatures. `parse` is the only way to a sound one."""

    logs: tuple[PolicyLog, ...]
    witnesses: tuple[PolicyWitness, ...]
    groups: tuple[PolicyGroup, ...]
    quorum: str

    @classmethod
    def parse(cls, text: str | bytes) -> "Policy":
        """Return the policy that `text` spells; raise PolicyError on any other text."""
        return _Reader().read(text)

    def one_of_the_logs(self, keys: Iterable[AnyLogKey]) -> PolicyWitness | None:
        """Return a witness with the public key or the name of one of these logs (section 2.3)."""
        logs = tuple(keys)
        publics, names = {key.public for key in logs}, {key.name for key in logs}
        return next(
            (it for it in self.witnesses if it.key.public in publics or it.key.name in names), None
        )

    def satisfied_by(self, keys: Iterable[AnyCosigner]) -> bool:
        """Tell whether valid cosignatures by `keys` make the quorum."""
        if self.quorum == NONE:
            return True
        held = {key.public for key in keys}
        witnessed = {each.name: each.key.public in held for each in self.witnesses}
        for group in self.groups:  # a group's members all stand before it
            voices = sum(witnessed[name] for name in group.members)
            witnessed[group.name] = voices >= group.threshold
        return witnessed[self.quorum]


class _Reader:
    def __init__(self) -> None:
        self._logs: list[PolicyLog] = []
        self._witnesses: list[PolicyWitness] = []
        self._groups: list[PolicyGroup] = []
        self._quorum: str | None = None
        self._names: set[str] = set()
        self._spent: set[str] = set()  # names that are a member of some group

    def read(self, text: str | bytes) -> Policy:
        for number, line in enumerate(_lines(text), 1):
            words = _BLANK.split(line.strip(" \t"))
            if words == [""] or words[0].startswith("#"):
                continue
            try:
                self._take(*words)
            except PolicyError as error:
                raise PolicyError(f"line {number}: {error}") from None
        if self._quorum is None:
            raise PolicyError("there is no quorum line")
        policy = Policy(
            logs=tuple(self._logs),
            witnesses=tuple(self._witnesses),
            groups=tuple(self._groups),
            quorum=self._quorum,
        )
        itself = policy.one_of_the_logs(each.key for each in self._logs)
        if itself is not None:
            raise PolicyError(f"the witness {itself.name} is one of the logs")
        return policy

    def _take(self, word: str, *rest: str) -> None:
        match word, rest:
            case "log", (vkey, *url) if len(url) <= 1:
                self._log(vkey, *url)
            case "witness", (name, vkey, *url) if len(url) <= 1:
                self._witness(name, vkey, *url)
            case "group", (name, threshold, *members) if members:
                self._group(name, threshold, members)
            case "quorum", (name,):
                self._set_quorum(name)
            case "log" | "witness" | "group" | "quorum", _:
                raise PolicyError(f"a {word} line has {len(rest)} items after its first")
            case _:
                raise PolicyError("it is no log, witness, group or quorum line")

    def _log(self, vkey: str, url: str = "") -> None:
        key = _key(parse_log_key, vkey)
        if any(each.key.public == key.public for each in self._logs):
            raise PolicyError("the key of this log stands in another log line")
        self._logs.append(PolicyLog(key, url))
        _bounded(self._logs, "logs")

    def _witness(self, name: str, vkey: str, url: str = "") -> None:
        key = _key(parse_cosigner, vkey)
        if any(each.key.public == key.public for each in self._witnesses):
            raise PolicyError("the key of this witness stands in another witness line")
        self._define(name)
        self._witnesses.append(PolicyWitness(name, key, url))
        _bounded(self._witnesses, "witnesses")

    def _group(self, name: str, threshold: str, members: list[str]) -> None:
        for member in members:
            self._demand(member)
            if member in self._spent:
                raise PolicyError(f"{member} is a member already, of this group or another")
            self._spent.add(member)
        self._define(name)
        needed = _needed(threshold, len(members))
        self._groups.append(PolicyGroup(name, needed, tuple(members)))
        _bounded(self._groups, "groups")

    def _set_quorum(self, name: str) -> None:
        if self._quorum is not None:
            raise PolicyError("there is another quorum line")
        if name != NONE:
            self._demand(name)
        self._quorum = name

    def _define(self, name: str) -> None:
        if name == NONE:
            raise PolicyError(f"{NONE} is no name to give")
        if name in self._names:
            raise PolicyError(f"the name {name} is given twice")
        self._names.add(name)

    def _demand(self, name: str) -> None:
        if name not in self._names:
            raise PolicyError(f"no line before this one defines {name}")


def _lines(text: str | bytes) -> list[str]:
    try:
        data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise PolicyError("it holds a lone surrogate") from None
    if len(data) > MAX_POLICY:
        raise PolicyError(f"{len(data)} bytes are more than a policy holds")
    if _FORBIDDEN.search(data):
        raise PolicyError("it holds a control character other than tab and newline")
    if data and not data.endswith(b"\n"):
        raise PolicyError("its last line does not end in a newline")
    # Octets that are no UTF-8 stay what they are: one spelling for each name.
    return data.decode("utf-8", "surrogateescape").split("\n")[:-1]


def _needed(threshold: str, members: int) -> int:
    if threshold == "any":
        return 1
    if threshold == "all":
        return members
    if not _THRESHOLD.fullmatch(threshold) or int(threshold) > members:
        raise PolicyError(f"of {members} members, {threshold} is no number that can be asked for")
    return int(threshold)


def _key(parse: Callable[[str], Key], vkey: str) -> Key:
    try:
        return parse(vkey)
    except KeyFormatError as error:
        raise PolicyError(f"the key: {error}") from None


def _bounded(held: Sequence[object], what: str) -> None:
    if len(held) > MAX_OF_EACH:
        raise PolicyError(f"more than {MAX_OF_EACH} {what}")
