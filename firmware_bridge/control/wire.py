"""What the core and its control worker say to each other: docs/formats/control-wire.md. Pure.

The core opens one recorder and then asks one thing at a time; each request has one answer.
Only a password brings a second pair in between: the worker asks whether it may be tried.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from firmware_bridge import frames
from firmware_bridge.capabilities import (
    Battery,
    Capability,
    ClockExchange,
    ClockSetting,
    Fault,
    Holder,
    Identity,
    JournalPiece,
    Storage,
)
from firmware_bridge.control import shapes
from firmware_bridge.control.shapes import broken
from firmware_bridge.errors import RecorderError
from firmware_bridge.strict import Fields, Json

VERSION: Final = 1
MAX_FRAME: Final = 1 << 18
MAX_FAULTS: Final = 64
DIGEST_BYTES: Final = 32
SALT_BYTES: Final = 16
_MAX_NODE: Final = 4096
_MAX_PARAMS: Final = 16
_CHANNELS: Final = frozenset({"serial", "scsi", "usb", "adb"})
_CAPABILITIES: Final = frozenset(Capability)
# Requests that carry nothing but their name: the methods of a driver without arguments.
QUESTIONS: Final = frozenset(
    {
        "identity",
        "capabilities",
        "holder",
        "battery",
        "read-clock",
        "set-clock",
        "storage",
        "faults",
        "switch-to-storage",
        "take-storage-back",
        "reset",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """The way to a recorder: what kind it is, and where.

    `node` is a device node; for adb it is the server's socket, and `serial` the device there.
    """

    kind: str
    node: str
    serial: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """The core asks: speak with the recorder at this channel, as this driver does.

    `zone` names the time zone of recorders that keep local time. `password` names what the
    worker may look up as a credential or below the folder `passwords`; empty: none. `salt` is
    for its digest. `params` are the profile's own words to the driver.
    """

    driver: str
    channel: Channel
    zone: str
    password: str = ""
    passwords: str = ""
    salt: bytes = bytes(SALT_BYTES)
    params: Mapping[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """A request that is nothing but its name, one of QUESTIONS."""

    name: str


@dataclass(frozen=True, slots=True)
class WriteHolder:
    """Let the recorder name another holder."""

    holder: Holder


@dataclass(frozen=True, slots=True)
class AskJournal:
    """Give a piece of the journal, from this record on."""

    first: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Erase:
    """Let the recorder erase one clip that has this content."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class MayTry:
    """The core's answer to Trying."""

    granted: bool


Request: TypeAlias = Open | Question | WriteHolder | AskJournal | Erase | MayTry


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The channel is open, and this is what the driver can do."""

    name: str
    capabilities: frozenset[Capability]


@dataclass(frozen=True, slots=True)
class Faults:
    """What the recorder says is wrong with it."""

    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """It is done, and there is nothing to say of it."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It could not be done, and why. The worker can still be asked, but of an open channel."""

    error: RecorderError


@dataclass(frozen=True, slots=True)
class Trying:
    """The worker asks whether the password of this digest may be tried on this recorder."""

    digest: bytes


@dataclass(frozen=True, slots=True)
class PasswordRefused:
    """The recorder refused the password. The answer to the request follows."""


Value: TypeAlias = (
    Identity | Holder | Battery | ClockExchange | ClockSetting | Storage | JournalPiece
)
Answer: TypeAlias = Opened | Value | Faults | Done | Failed
Answering: TypeAlias = Answer | Trying | PasswordRefused

_VALUE_KINDS: Final[Mapping[str, type[Value]]] = {
    "identity": Identity,
    "holder": Holder,
    "battery": Battery,
    "clock": ClockExchange,
    "clock-set": ClockSetting,
    "storage": Storage,
    "journal": JournalPiece,
}
_KIND_OF: Final = {kind: name for name, kind in _VALUE_KINDS.items()}


def encode(frame: Request | Answering) -> bytes:
    """Return a frame's bytes, length first; raise ControlFailedError if it is too long."""
    return frames.put(_members(frame), most=MAX_FRAME, fail=broken)


def next_frame(buffer: bytearray) -> bytes | None:
    """Take one whole frame's JSON off the front of `buffer`; None while it is not complete."""
    return frames.take(buffer, most=MAX_FRAME, fail=broken)


def read_request(payload: bytes) -> Request:
    """Return what the core asks; raise ControlFailedError."""
    fields = shapes.load(payload)
    kind = fields.take("kind")
    if isinstance(kind, str) and kind in QUESTIONS:
        fields.done()
        return Question(kind)
    read = _REQUESTS.get(kind) if isinstance(kind, str) else None
    if read is None:
        raise broken("a request of no known kind")
    request = read(fields)
    fields.done()
    return request


def read_answer(payload: bytes) -> Answering:
    """Return what the worker says; raise ControlFailedError."""
    fields = shapes.load(payload)
    kind = fields.take("kind")
    value = _VALUE_KINDS.get(kind) if isinstance(kind, str) else None
    if value is not None:
        return _sane(shapes.value_from(value, fields))
    answer = _other_answer(kind, fields)
    fields.done()
    return answer


def _other_answer(kind: Json, fields: Fields) -> Answering:
    match kind:
        case "opened":
            return _opened(fields)
        case "faults":
            return Faults(shapes.faults_from(fields, most=MAX_FAULTS))
        case "done":
            return Done()
        case "failed":
            return Failed(shapes.error_from(fields))
        case "trying":
            return Trying(_exactly(fields, "digest", DIGEST_BYTES))
        case "password-refused":
            return PasswordRefused()
        case _:
            raise broken("an answer of no known kind")


def _sane(value: Value) -> Value:
    """Hold a journal's piece to its own numbers: whole lines, and as many as it says."""
    if isinstance(value, JournalPiece):
        whole = not value.data or value.data.endswith(b"\n")
        if not whole or value.next - value.first != value.data.count(b"\n"):
            raise broken("a journal whose numbers are not those of its lines")
    return value


def _opened(fields: Fields) -> Opened:
    names = fields.many("capabilities", _capability, most=len(Capability))
    if len(set(names)) != len(names):
        raise broken("a capability twice")
    return Opened(name=fields.text("name", longest=64), capabilities=frozenset(names))


def _capability(value: Json) -> Capability:
    if not isinstance(value, str) or value not in _CAPABILITIES:
        raise broken("a capability of no meaning")
    return Capability(value)


def _read_open(fields: Fields) -> Open:
    fields.integer("version", low=VERSION, high=VERSION)
    channel = fields.members("channel")
    request = Open(
        driver=fields.text("driver", longest=64),
        channel=Channel(
            kind=channel.word("kind", _CHANNELS),
            node=channel.text("node", longest=_MAX_NODE),
            serial=channel.text("serial", longest=256),
        ),
        zone=fields.text("zone", longest=128),
        password=fields.text("password", longest=64),
        passwords=fields.text("passwords", longest=_MAX_NODE),
        salt=_exactly(fields, "salt", SALT_BYTES),
        params=dict(fields.many("params", _param, most=_MAX_PARAMS)),
    )
    channel.done()
    return request


def _param(value: Json) -> tuple[str, int | str]:
    match value:
        case [str(name), int(what) | str(what)] if not isinstance(what, bool):
            return name, what
        case _:
            raise broken("a parameter that is no name with a number or a text")


def _exactly(fields: Fields, name: str, length: int) -> bytes:
    found = fields.octets(name, longest=length)
    if len(found) != length:
        raise broken(f"{name} is not of {length} bytes")
    return found


def _read_holder(fields: Fields) -> WriteHolder:
    return WriteHolder(shapes.value_from(Holder, fields.members("holder")))


def _read_erase(fields: Fields) -> Erase:
    return Erase(
        path=fields.text("path", longest=_MAX_NODE),
        sha256=_exactly(fields, "sha256", DIGEST_BYTES).hex(),
        size=fields.integer("size", high=shapes.MOST),
    )


_REQUESTS: Final[Mapping[str, Callable[[Fields], Request]]] = {
    "open": _read_open,
    "write-holder": _read_holder,
    "journal": lambda fields: AskJournal(fields.integer("first", high=shapes.MOST)),
    "erase": _read_erase,
    "may-try": lambda fields: MayTry(fields.boolean("granted")),
}


def _members(frame: Request | Answering) -> dict[str, Json]:
    if isinstance(frame, Open | Question | WriteHolder | AskJournal | Erase | MayTry):
        return _request_members(frame)
    return _answer_members(frame)


def _request_members(frame: Request) -> dict[str, Json]:
    match frame:
        case Open():
            return _open_members(frame)
        case Question(name):
            return {"kind": name}
        case WriteHolder(holder):
            return {"kind": "write-holder", "holder": shapes.members_of(holder)}
        case AskJournal(first):
            return {"kind": "journal", "first": first}
        case Erase(path=path, sha256=sha256, size=size):
            return {"kind": "erase", "path": path, "sha256": sha256, "size": size}
        case MayTry(granted):
            return {"kind": "may-try", "granted": granted}


def _answer_members(frame: Answering) -> dict[str, Json]:  # noqa: PLR0911  one return per kind
    match frame:
        case Opened(name=name, capabilities=capabilities):
            return {"kind": "opened", "name": name, "capabilities": [*sorted(capabilities)]}
        case Faults(faults):
            return {"kind": "faults", "faults": [shapes.members_of(one) for one in faults]}
        case Done():
            return {"kind": "done"}
        case Failed(error):
            return {"kind": "failed", **shapes.error_members(error)}
        case Trying(digest):
            return {"kind": "trying", "digest": digest.hex()}
        case PasswordRefused():
            return {"kind": "password-refused"}
        case _:
            return {"kind": _KIND_OF[type(frame)], **shapes.members_of(frame)}


def _open_members(request: Open) -> dict[str, Json]:
    return {
        "kind": "open",
        "version": VERSION,
        "driver": request.driver,
        "channel": {
            "kind": request.channel.kind,
            "node": request.channel.node,
            "serial": request.channel.serial,
        },
        "zone": request.zone,
        "password": request.password,
        "passwords": request.passwords,
        "salt": request.salt.hex(),
        "params": [[name, value] for name, value in request.params.items()],
    }
