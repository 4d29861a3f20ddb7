"""The companion's own group of messages: battery, storage, faults, holder, journal, erase.

docs/formats/smp.md, section 5. Every class has `build`, which gives a message's members, and
`parse`, which takes them; both raise WireError for what the section does not allow, so
that neither side can say what the other would refuse. The dock and the companion use the same
classes; the OS group's are in smp_os.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Protocol, Self

from firmware_bridge.wire import smp
from firmware_bridge.wire.cbor import Map, Value
from firmware_bridge.wire.members import SAFE, Members
from firmware_bridge.wire.smp import GeneralRc

GROUP: Final = 65
MAX_JOURNAL_BYTES: Final = 3900
"""What a message carries of a journal at most, beside its other members."""
MAX_FAULTS: Final = 32
MAX_FAULT_CODE: Final = 24
MAX_FAULT_DETAIL: Final = 72
MAX_NUMBER: Final = 64
MAX_VKEY: Final = 512
MAX_PATH: Final = 1024
HOLDER_FIELDS: Final[Mapping[str, int]] = {
    "user_no": 64,
    "user_name": 96,
    "unit_no": 64,
    "unit_name": 96,
}
"""The members of a holder, and how long each may be, in bytes of UTF-8."""
_DIGEST_SIZE: Final = 32
_MAX_CAPABILITIES: Final = 32


class Command(IntEnum):
    """The commands of the group (5.1)."""

    BATTERY = 0
    STORAGE = 1
    FAULTS = 2
    HOLDER = 3
    JOURNAL = 4
    ERASE = 5
    IDENTITY = 6
    STORAGE_MODE = 7


class Rc(IntEnum):
    """Why a companion says no (5.2)."""

    UNKNOWN = 1
    NOT_FOUND = 2
    DIFFERS = 3
    NOT_NOW = 4
    UNSUPPORTED = 5
    BAD_REQUEST = 6


_GENERAL: Final[Mapping[Rc, GeneralRc]] = {
    Rc.UNKNOWN: GeneralRc.UNKNOWN,
    Rc.NOT_FOUND: GeneralRc.NO_ENTRY,
    Rc.DIFFERS: GeneralRc.CORRUPT,
    Rc.NOT_NOW: GeneralRc.BAD_STATE,
    Rc.UNSUPPORTED: GeneralRc.UNSUPPORTED,
    Rc.BAD_REQUEST: GeneralRc.INVALID,
}


def refuse(question: smp.Message, rc: Rc) -> smp.Message:
    """Return the refusal of a question: by our own code where group and version have it."""
    if question.group == GROUP and question.version > 1:
        return smp.refuse(question, smp.Refusal(GROUP, rc))
    return smp.refuse(question, smp.Refusal(None, _GENERAL[rc]))


def reason_of(refusal: smp.Refusal) -> Rc | None:
    """Return why a companion, or any SMP server, said no; None for a code that we do not know."""
    if refusal.group is None:
        if refusal.rc == GeneralRc.BUSY:
            return Rc.NOT_NOW
        return next((rc for rc, general in _GENERAL.items() if general == refusal.rc), None)
    if refusal.group == GROUP and refusal.rc in _OWN:
        return Rc(refusal.rc)
    return None


_OWN: Final = frozenset(int(rc) for rc in Rc)


class Part(Protocol):
    """A question's or an answer's members as a value."""

    def build(self) -> Map:
        """Return the members; raise WireError where they would break a bound."""

    @classmethod
    def parse(cls, members: Map) -> Self:
        """Take the members; raise WireError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Battery:
    """How full, in percent; `health` is what a full charge still holds, in percent of when new."""

    percent: int
    charging: bool | None = None
    health: int | None = None
    cycles: int | None = None

    def build(self) -> Map:
        """Return the members."""
        members: Map = {
            "percent": self.percent,
            "charging": self.charging,
            "health": self.health,
            "cycles": self.cycles,
        }
        return _checked(Battery, _told(members))

    @classmethod
    def parse(cls, members: Map) -> Self:
        """Take the members."""
        fields = Members(members, "battery")
        return cls(
            percent=fields.integer("percent", high=100),
            charging=fields.maybe_boolean("charging"),
            health=fields.maybe_integer("health", high=200),
            cycles=fields.maybe_integer("cycles", high=1_000_000),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """The room of the clip volume, in bytes."""

    total: int
    free: int

    def build(self) -> Map:
        """Return the members."""
        return _checked(Storage, {"total": self.total, "free": self.free})

    @classmethod
    def parse(cls, members: Map) -> Self:
        """Take the members."""
        fields = Members(members, "storage")
        total = fields.integer("total", high=SAFE)
        return cls(total=total, free=fields.integer("free", high=total))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that is wrong with the recorder; `at_ms` by its own clock, since 1970 UTC."""

    code: str
    detail: str = ""
    at_ms: int | None = None

    def build(self) -> Map:
        """Return the members."""
        members: Map = {"code": self.code, "detail": self.detail, "at": self.at_ms}
        return _checked(Fault, _told(members))

    @classmethod
    def parse(cls, members: Value) -> Self:
        """Take the members."""
        fields = Members(members, "fault")
        code = fields.text("code", least=1, longest=MAX_FAULT_CODE)
        if not code.isascii() or not code.replace("-", "a").isalnum() or code != code.lower():
            raise fields.broken("code is not of a-z, 0-9 and -")
        return cls(
            code=code,
            detail=fields.text("detail", longest=MAX_FAULT_DETAIL),
            at_ms=fields.maybe_integer("at", high=SAFE),
        )


@dataclass(frozen=True, slots=True)
class Faults:
    """All that is wrong with the recorder; nothing is an empty list."""

    faults: tuple[Fault, ...] = ()

    def build(self) -> Map:
        """Return the members."""
        return _checked(Faults, {"faults": [fault.build() for fault in self.faults]})

    @classmethod
    def parse(cls, members: Map) -> Self:
        """Take the members."""
        return cls(Members(members, "faults").many("faults", Fault.parse, most=MAX_FAULTS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Whom the recorder names as its holder: the answer to a read, the question of a write."""

    user_no: str
    user_name: str = ""
    unit_no: str = ""
    unit_name: str = ""

    def build(self) -> Map:
        """Return the members."""
        members: Map = {name: getattr(self, name) for name in HOLDER_FIELDS}
        return _checked(Holder, members)

    @classmethod
    def parse(cls, members: Map) -> Self:
        """Take the members."""
        fields = Members(members, "holder")
        return cls(**{name: fields.text(name, longest=n) for name, n in HOLDER_FIELDS.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalQuestion:
    """Records from number `first` on, at most `max_bytes` of them."""

    first: int
    max_bytes: int = MAX_JOURNAL_BYTES

    def build(self) -> Map:
        """Return the members."""
        return _checked(JournalQuestion, {"from": self.first, "max": self.max_bytes})

    @classmethod
    def parse(cls, members: Map) -> Self:
        """Take the members."""
        fields = Members(members, "journal")
        return cls(
            first=fields.integer("from", high=SAFE),
            max_bytes=fields.integer("max", low=1, high=MAX_JOURNAL_BYTES),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalAnswer:
    """Whole records, one a line: numbers `first` up to, not with, `next`, of `size` in all."""

    first: int
    next: int
    size: int
    data: bytes

    def build(self) -> Map:
        """Return the members."""
        members: Map = {
            "first": self.first,
            "next": self.next,
            "size": self.size,
            "data": self.data,
        }
        return _checked(JournalAnswer, members)

    @classmethod
    def parse(cls, members: Map) -> Self:
        """Take the members: as many lines as numbers, none of them cut."""
        fields = Members(members, "journal")
        size = fields.integer("size", high=SAFE)
        data = fields.octets("data", longest=MAX_JOURNAL_BYTES)
        first = fields.integer("first", high=SAFE)
        after = fields.integer("next", low=first, high=max(first, size))
        if data.count(b"\n") != after - first or not data.endswith(b"\n" if data else b""):
            raise fields.broken(f"data is not {after - first} whole lines")
        return cls(first=first, next=after, size=size, data=data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Erase:
    """Erase this clip, if it is there and has this content. `path` is relative, with slashes."""

    path: str
    sha256: bytes
    size: int

    def build(self) -> Map:
        """Return the members."""
        members: Map = {"path": self.path, "sha256": self.sha256, "size": self.size}
        return _checked(Erase, members)

    @classmethod
    def parse(cls, members: Map) -> Self:
        """Take the members: the path never leads out of the clip volume."""
        fields = Members(members, "erase")
        path = fields.text("path", least=1, longest=MAX_PATH)
        if not stays_inside(path):
            raise fields.broken("path leads elsewhere")
        return cls(
            path=path,
            sha256=fields.octets("sha256", least=_DIGEST_SIZE, longest=_DIGEST_SIZE),
            size=fields.integer("size", high=SAFE),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who the recorder is, and the key with which it signs its journal (a signed note's vkey).

    `can` names the capabilities that it has at all (firmware_bridge/capabilities.py); None
    where it does not list them: then they show when they are asked for.
    """

    number: str
    model: str = ""
    firmware: str = ""
    vkey: str = ""
    can: tuple[str, ...] | None = None

    def build(self) -> Map:
        """Return the members."""
        members: Map = {
            "number": self.number,
            "model": self.model,
            "firmware": self.firmware,
            "vkey": self.vkey,
            "can": None if self.can is None else list(self.can),
        }
        return _checked(Identity, _told(members))

    @classmethod
    def parse(cls, members: Map) -> Self:
        """Take the members."""
        fields = Members(members, "identity")
        return cls(
            number=fields.text("number", least=1, longest=MAX_NUMBER),
            model=fields.text("model", longest=MAX_NUMBER),
            firmware=fields.text("firmware", longest=MAX_NUMBER),
            vkey=fields.text("vkey", longest=MAX_VKEY),
            can=fields.many("can", _word, most=_MAX_CAPABILITIES) if fields.has("can") else None,
        )


@dataclass(frozen=True, slots=True)
class StorageMode:
    """Show the clip volume to the dock, or take it back."""

    export: bool

    def build(self) -> Map:
        """Return the members."""
        return {"export": self.export}

    @classmethod
    def parse(cls, members: Map) -> Self:
        """Take the members."""
        return cls(Members(members, "storage mode").boolean("export"))


def stays_inside(path: str) -> bool:
    """Tell whether a relative path names something below where it starts, and in one way only."""
    return {"", ".", ".."}.isdisjoint(path.split("/"))


def _word(value: Value) -> str:
    return Members({"word": value}, "identity").text("word", longest=MAX_FAULT_CODE)


def _told(members: Map) -> Map:
    """Leave out what is not known: an absent member says so, a null would say it twice."""
    return {name: value for name, value in members.items() if value is not None}


def _checked(kind: type[Part], members: Map) -> Map:
    """Return `members` if the other side will take them."""
    kind.parse(members)
    return members
