"""Every driver with a fake recorder at its other end, so that one suite can judge them all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from firmware_bridge.capabilities import Capability, Driver, Holder, HostClock
from firmware_bridge.drivers import cammpro_ctrl, jieli_scsi, zzx_adb
from firmware_bridge.drivers import open as open_driver
from firmware_bridge.drivers.cammpro_ctrl import CammproCtrl
from firmware_bridge.drivers.jieli_scsi import JieliScsi
from firmware_bridge.drivers.open import OpenDriver
from firmware_bridge.drivers.zzx_adb import ZzxAdb
from tests.recorders.cammpro_fake import CammproFake
from tests.recorders.jieli_fake import JieliFake
from tests.recorders.mischief import (
    SHANGHAI,
    FakeClock,
    FakePassword,
    Mischief,
    Recorder,
    Trouble,
)
from tests.recorders.open_fake import FakeHostClock, OpenFake, Wire
from tests.recorders.zzx_fake import ZzxFake

PORT: Final = 10086
NEW_HOLDER: Final = Holder(
    user_no="654321", user_name="李四", unit_no="110000", unit_name="消防救援支队"
)

# How to call what belongs to each capability.
CALLS: Final[Mapping[Capability, Callable[[Driver], object]]] = {
    Capability.IDENTITY: lambda driver: driver.identity(),
    Capability.HOLDER: lambda driver: driver.holder(),
    Capability.WRITE_HOLDER: lambda driver: driver.write_holder(NEW_HOLDER),
    Capability.BATTERY: lambda driver: driver.battery(),
    Capability.READ_CLOCK: lambda driver: driver.read_clock(),
    Capability.SET_CLOCK: lambda driver: driver.set_clock(),
    Capability.STORAGE: lambda driver: driver.storage(),
    Capability.FAULTS: lambda driver: driver.faults(),
    Capability.SWITCH_TO_STORAGE: lambda driver: driver.switch_to_storage(),
    Capability.JOURNAL: lambda driver: driver.journal(0),
    Capability.ERASE: lambda driver: driver.erase("DCIM/A.MP4", "00" * 32, 4),
    Capability.RESET: lambda driver: driver.reset(),
}

VendorFake: TypeAlias = JieliFake | CammproFake | ZzxFake


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """A driver, the clock that it is judged by, and what is true of its recorder."""

    name: str
    driver: Driver
    clock: HostClock
    password: FakePassword
    longest_ms: int
    number: Callable[[], str]
    percent: Callable[[], int]
    holder: Callable[[], Holder]
    error_us: Callable[[], int]
    room: Callable[[], tuple[int, int]]
    shows_storage: Callable[[], bool]
    asked: Callable[[], int]
    tries: Callable[[], int]
    is_closed: Callable[[], bool]


def _vendor(recorder: Recorder, fake: VendorFake, driver: Driver, password: FakePassword) -> Rig:
    longest = {
        "jieli-scsi": jieli_scsi.LONGEST_MS,
        "cammpro-ctrl": cammpro_ctrl.LONGEST_MS,
        "zzx-adb": zzx_adb.LONGEST_MS,
    }
    return Rig(
        name=driver.name,
        driver=driver,
        clock=recorder.clock,
        password=password,
        longest_ms=longest[driver.name],
        number=lambda: recorder.serial,
        percent=lambda: recorder.battery,
        holder=lambda: Holder(
            user_no=recorder.user_no,
            user_name=recorder.user_name,
            unit_no=recorder.unit_no,
            unit_name=recorder.unit_name,
        ),
        error_us=lambda: recorder.ahead_us,
        room=lambda: (recorder.total_mib << 20, recorder.free_mib << 20),
        shows_storage=lambda: recorder.shows_storage,
        asked=lambda: fake.way.exchanges,
        # The Jieli recorder is never sent a password: it shows its own.
        tries=lambda: len(recorder.presented),
        is_closed=lambda: fake.way.is_closed,
    )


def jieli(trouble: Trouble | None = None, *, word: str | None = "123456") -> Rig:
    """Return a Jieli recorder and its driver."""
    recorder, password = Recorder(FakeClock()), FakePassword(word)
    fake = JieliFake(recorder, trouble)
    driver = JieliScsi(fake, recorder.clock, zone=SHANGHAI, password=password)
    return _vendor(recorder, fake, driver, password)


def cammpro(trouble: Trouble | None = None, *, word: str | None = "123456") -> Rig:
    """Return a Cammpro recorder and its driver."""
    recorder, password = Recorder(FakeClock()), FakePassword(word)
    fake = CammproFake(recorder, trouble)
    driver = CammproCtrl(fake, recorder.clock, zone=SHANGHAI, password=password)
    return _vendor(recorder, fake, driver, password)


def zzx(trouble: Trouble | None = None, *, word: str | None = "123456") -> Rig:
    """Return a ZZX recorder and its driver."""
    recorder, password = Recorder(FakeClock()), FakePassword(word)
    fake = ZzxFake(recorder, trouble)
    driver = ZzxAdb(fake, recorder.clock, port=PORT, password=password)
    return _vendor(recorder, fake, driver, password)


# What the open recorder's line calls each way to misbehave; it does so from the start.
_WIRES: Final = {
    Mischief.LOSS: Wire.LOSSY,
    Mischief.SILENCE: Wire.SILENT,
    Mischief.DELAY: Wire.LATE,
    Mischief.GARBAGE: Wire.CHATTERING,
    Mischief.HALF: Wire.HALF,
    Mischief.BYTE_BY_BYTE: Wire.BYTE_BY_BYTE,
    Mischief.WRONG_STATUS: Wire.NOISY,
    Mischief.VANISH: Wire.GONE,
}


def open_recorder(trouble: Trouble | None = None, *, word: str | None = "123456") -> Rig:
    """Return an open recorder and its driver; it has no password."""
    fake = OpenFake(clock=FakeHostClock())
    wire = Wire.SOUND if trouble is None else _WIRES[trouble.kind]
    if wire is Wire.VANISHING and trouble is not None and trouble.at == 0:
        wire = Wire.GONE
    fake.busy = trouble is not None and trouble.kind is Mischief.WRONG_STATUS
    link = fake.link(wire, seed=0 if trouble is None else trouble.seed)
    return Rig(
        name="open",
        driver=OpenDriver(link, fake.clock),
        clock=fake.clock,
        password=FakePassword(word),
        longest_ms=open_driver.LONGEST_MS,
        number=lambda: fake.number,
        percent=lambda: fake.battery.percent,
        holder=lambda: Holder(
            user_no=fake.holder.user_no,
            user_name=fake.holder.user_name,
            unit_no=fake.holder.unit_no,
            unit_name=fake.holder.unit_name,
        ),
        error_us=lambda: fake.clock_error_us,
        room=lambda: (fake.storage.total, fake.storage.free),
        shows_storage=lambda: fake.exported,
        asked=lambda: len(link.sent),
        tries=lambda: 0,
        is_closed=lambda: link.closed,
    )


MAKERS: Final[Mapping[str, Callable[..., Rig]]] = {
    "open": open_recorder,
    "jieli-scsi": jieli,
    "cammpro-ctrl": cammpro,
    "zzx-adb": zzx,
}
