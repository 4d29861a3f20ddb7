"""The companion's group, written with another's package (smp) by docs/formats/smp.md alone."""

from enum import IntEnum

import smp.error
import smp.message
from pydantic import BaseModel, ConfigDict, create_model

GROUP = 65


class Rc(IntEnum):
    """Why a companion says no."""

    OK = 0
    UNKNOWN = 1
    NOT_FOUND = 2
    DIFFERS = 3
    NOT_NOW = 4
    UNSUPPORTED = 5
    BAD_REQUEST = 6


class RefusalV1(smp.error.ErrorV1):
    """A refusal of version 1."""

    _GROUP_ID = GROUP


class RefusalV2(smp.error.ErrorV2[Rc]):
    """A refusal of version 2."""

    _GROUP_ID = GROUP


class Refusable:
    """What every question may be answered with besides."""

    _ErrorV1 = RefusalV1
    _ErrorV2 = RefusalV2


class BatteryAnswer(smp.message.ReadResponse):
    """How full it is."""

    _GROUP_ID = GROUP
    _COMMAND_ID = 0
    percent: int
    charging: bool | None = None
    health: int | None = None
    cycles: int | None = None


class BatteryRead(smp.message.ReadRequest, Refusable):
    """Ask how full it is."""

    _GROUP_ID = GROUP
    _COMMAND_ID = 0
    _Response = BatteryAnswer


class StorageAnswer(smp.message.ReadResponse):
    """The room."""

    _GROUP_ID = GROUP
    _COMMAND_ID = 1
    total: int
    free: int


class StorageRead(smp.message.ReadRequest, Refusable):
    """Ask for the room."""

    _GROUP_ID = GROUP
    _COMMAND_ID = 1
    _Response = StorageAnswer


class Fault(BaseModel):
    """One fault."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    code: str
    detail: str
    at: int | None = None


class FaultsAnswer(smp.message.ReadResponse):
    """All faults."""

    _GROUP_ID = GROUP
    _COMMAND_ID = 2
    faults: list[Fault]


class FaultsRead(smp.message.ReadRequest, Refusable):
    """Ask what is wrong."""

    _GROUP_ID = GROUP
    _COMMAND_ID = 2
    _Response = FaultsAnswer


class HolderAnswer(smp.message.ReadResponse):
    """The holder."""

    _GROUP_ID = GROUP
    _COMMAND_ID = 3
    user_no: str
    user_name: str
    unit_no: str
    unit_name: str


class HolderRead(smp.message.ReadRequest, Refusable):
    """Ask who holds it."""

    _GROUP_ID = GROUP
    _COMMAND_ID = 3
    _Response = HolderAnswer


class HolderWritten(smp.message.WriteResponse):
    """It is done."""

    _GROUP_ID = GROUP
    _COMMAND_ID = 3


class HolderWrite(smp.message.WriteRequest, Refusable):
    """Name the holder."""

    _GROUP_ID = GROUP
    _COMMAND_ID = 3
    _Response = HolderWritten
    user_no: str
    user_name: str
    unit_no: str
    unit_name: str


class JournalAnswer(smp.message.ReadResponse):
    """Whole lines."""

    _GROUP_ID = GROUP
    _COMMAND_ID = 4
    first: int
    next: int
    size: int
    data: bytes


class _JournalRead(smp.message.ReadRequest, Refusable):
    _GROUP_ID = GROUP
    _COMMAND_ID = 4
    _Response = JournalAnswer


# `from` is no name that a class body lets a field have.
JournalRead = create_model(
    "JournalRead", __base__=_JournalRead, **{"from": (int, 0), "max": (int, 0)}
)  # type: ignore[call-overload]  # pydantic reads names out of a table, the checker does not


class Erased(smp.message.WriteResponse):
    """It is done."""

    _GROUP_ID = GROUP
    _COMMAND_ID = 5


class Erase(smp.message.WriteRequest, Refusable):
    """Erase this."""

    _GROUP_ID = GROUP
    _COMMAND_ID = 5
    _Response = Erased
    path: str
    sha256: bytes
    size: int


class IdentityAnswer(smp.message.ReadResponse):
    """Who it is."""

    _GROUP_ID = GROUP
    _COMMAND_ID = 6
    number: str
    model: str
    firmware: str
    vkey: str
    can: list[str] | None = None


class IdentityRead(smp.message.ReadRequest, Refusable):
    """Ask who it is."""

    _GROUP_ID = GROUP
    _COMMAND_ID = 6
    _Response = IdentityAnswer


class ModeSet(smp.message.WriteResponse):
    """It is done."""

    _GROUP_ID = GROUP
    _COMMAND_ID = 7


class StorageMode(smp.message.WriteRequest, Refusable):
    """Have the storage shown, or taken back."""

    _GROUP_ID = GROUP
    _COMMAND_ID = 7
    _Response = ModeSet
    export: bool
