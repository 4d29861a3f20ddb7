"""What the companion says to each question: values in, values out, and few deeds.

docs/formats/smp.md, sections 4 and 5. A deed is written down before it is answered. Whatever
comes in, an answer, a refusal or silence goes out; nothing that a host sends ends the companion.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from agent import battery, erasing, faults, settings
from agent.clock import Clock
from agent.errors import (
    AgentError,
    ClockNotKeptError,
    ClockNotSetError,
    RefusedError,
    VolumeBusyError,
)
from agent.faults import Known
from agent.holder import HolderFile
from agent.identity import Named
from agent.journal import Journal
from agent.kernel_log import Troubles
from agent.volume import Volume
from agent.watch import Watch
from config.version import VERSION
from firmware_bridge.errors import WireError
from firmware_bridge.wire import companion, smp, smp_os
from firmware_bridge.wire.cbor import Map
from firmware_bridge.wire.companion import Rc
from firmware_bridge.wire.smp import Op
from hashing.journal_bodies import spell_path

# Letters of `uname`, as the OS group's app info takes them; "a" is all of them.
_LETTERS: Final = "snrvmo"


@dataclass(slots=True, kw_only=True)
class Recorder:
    """All that the companion knows and may touch."""

    settings: settings.Settings
    named: Named
    vkey: str
    clock: Clock
    journal: Journal
    holder: HolderFile
    volume: Volume | None
    """None where this recorder has no storage to show."""
    watch: Watch
    known: Known
    troubles: Troubles = field(default_factory=Troubles)
    flush_within_s: float = 12.0
    """Less than the dock waits (docs/formats/smp.md, section 6.2). What is not journalled by then
    goes on, and the dock asks again: a card full of clips takes its time at the first start."""
    exported: bool = False
    """The journal says that the volume went out, and not yet that it came back."""
    restart: bool = False
    """The host asked for a new start; it comes once the answer is out."""

    def now_ms(self) -> int:
        """Return the time by the recorder's clock."""
        return self.clock.now_us() // 1000

    def is_out(self) -> bool:
        """Tell whether the clips' volume is shown to the dock, or not all the way back yet."""
        return self.exported or self.is_shown()

    def is_shown(self) -> bool:
        """Tell whether the dock can see the clips' volume now."""
        return self.volume is not None and self.volume.is_out()

    def has_clips(self) -> bool:
        """Tell whether the clips' folder is that of the clips: not out, and mounted."""
        folder = Path(self.settings.clips.folder)
        mounted = self.settings.export.mode != "volume" or folder.is_mount()
        return mounted and folder.is_dir() and not self.is_out()

    def take_back(self) -> None:
        """Have the volume here again, and write that down; raise VolumeBusyError."""
        if self.volume is None or not self.is_out():
            return
        self.volume.take_back()
        self.journal.append("returned", {})
        self.exported = False
        self.known.forget("clip-unread")
        self.watch.resume("returned")


def answer(recorder: Recorder, question: smp.Message) -> smp.Message | None:
    """Return the answer to a question, done by then; None to what is no question."""
    if question.op not in {Op.READ, Op.WRITE}:
        return None
    deed = _TABLE.get((question.op, question.group, question.command))
    if deed is None:
        return companion.refuse(question, Rc.UNSUPPORTED)
    try:
        return smp.answer(question, deed(recorder, question.members()))
    except WireError:
        return companion.refuse(question, Rc.BAD_REQUEST)
    except RefusedError as error:
        return companion.refuse(question, Rc(error.rc))
    except AgentError as error:
        # A disk that is full or fails: known to the dock by this refusal, and by the fault.
        recorder.known.remember("companion-failed", str(error), recorder.now_ms())
        return companion.refuse(question, Rc.NOT_NOW)


# -- the OS group ---------------------------------------------------------------------


def _echo(_recorder: Recorder, members: Map) -> Map:
    return smp_os.EchoAnswer(smp_os.EchoQuestion.parse(members).text).build()


def _read_clock(recorder: Recorder, _members: Map) -> Map:
    return smp_os.DateTime(recorder.clock.now_us()).build()


def _set_clock(recorder: Recorder, members: Map) -> Map:
    wanted = smp_os.DateTime.parse(members).utc_us
    before_ms = recorder.now_ms()
    if wanted < 0 or before_ms < 0:
        raise RefusedError(Rc.BAD_REQUEST, "before 1970")
    try:
        recorder.clock.set(wanted)
        recorder.known.forget("clock-not-kept")
    except ClockNotKeptError as error:
        recorder.known.remember("clock-not-kept", error.reason, recorder.now_ms())
    except ClockNotSetError as error:
        recorder.known.remember("clock-not-set", error.reason, recorder.now_ms())
        raise RefusedError(Rc.NOT_NOW, error.reason) from error
    after_ms = recorder.now_ms()
    recorder.known.forget("clock-not-set")
    recorder.journal.append("clock", {"before_ms": before_ms, "after_ms": after_ms, "by": "dock"})
    return {}


def _reset(recorder: Recorder, _members: Map) -> Map:
    recorder.restart = True
    return {}


def _parameters(_recorder: Recorder, _members: Map) -> Map:
    return smp_os.Parameters().build()


def _app_info(recorder: Recorder, members: Map) -> Map:
    wanted = smp_os.AppInfoQuestion.parse(members).format
    if not wanted:
        return smp_os.AppInfoAnswer(f"sealdock-agent {VERSION}").build()
    system = os.uname()
    told = {
        "s": system.sysname,
        "n": recorder.named.number,  # the host's name may be a person's
        "r": system.release,
        "v": f"sealdock-agent {VERSION}",
        "m": system.machine,
        "o": recorder.named.firmware,
    }
    letters = _LETTERS if "a" in wanted else wanted
    if not set(letters) <= told.keys():
        raise RefusedError(Rc.BAD_REQUEST, "an unknown letter")
    return smp_os.AppInfoAnswer(" ".join(told[each] for each in letters)).build()


# -- the companion's own group --------------------------------------------------------


def _battery(recorder: Recorder, _members: Map) -> Map:
    found = battery.charge(Path(recorder.settings.battery.supplies))
    if found is None:
        raise RefusedError(Rc.UNSUPPORTED, "no battery tells its charge")
    return companion.Battery(
        percent=found.percent, charging=found.charging, health=found.health, cycles=found.cycles
    ).build()


def _storage(recorder: Recorder, _members: Map) -> Map:
    if not recorder.has_clips():
        raise RefusedError(Rc.NOT_NOW, "the volume is not here")
    try:
        room = faults.room(Path(recorder.settings.clips.folder))
    except OSError as error:
        raise RefusedError(Rc.NOT_NOW, error.strerror or "?") from error
    return companion.Storage(total=room.total, free=min(room.free, room.total)).build()


def _faults(recorder: Recorder, _members: Map) -> Map:
    return faults.gathered(
        recorder.settings,
        recorder.known,
        recorder.troubles,
        out=recorder.is_out(),
        now_us=recorder.clock.now_us(),
    ).build()


def _read_holder(recorder: Recorder, _members: Map) -> Map:
    return recorder.holder.read().build()


def _write_holder(recorder: Recorder, members: Map) -> Map:
    recorder.holder.write(companion.Holder.parse(members))
    return {}


def _journal(recorder: Recorder, members: Map) -> Map:
    asked = companion.JournalQuestion.parse(members)
    piece = recorder.journal.read(asked.first, asked.max_bytes)
    return companion.JournalAnswer(
        first=piece.first, next=piece.next, size=piece.size, data=piece.data
    ).build()


def _erase(recorder: Recorder, members: Map) -> Map:
    wanted = companion.Erase.parse(members)
    if not recorder.has_clips():
        raise RefusedError(Rc.NOT_NOW, "the volume is not here")
    found = erasing.find(Path(recorder.settings.clips.folder), wanted)
    try:
        # Written down first: a clip that went away without a word would accuse somebody. If the
        # power goes in between, the clip is still there, and the dock asks again.
        path = wanted.path.encode()
        body = {"path": spell_path(path), "sha256": wanted.sha256.hex()}
        recorder.journal.append("erased", body)
        recorder.watch.forget(path)
        found.unlink()
    finally:
        found.close()
    return {}


def _identity(recorder: Recorder, _members: Map) -> Map:
    can = ["identity", "holder", "write-holder", "read-clock", "set-clock", "storage", "faults"]
    can += ["journal", "erase", "reset"]
    if recorder.volume is not None:
        can.append("switch-to-storage")
    if battery.charge(Path(recorder.settings.battery.supplies)) is not None:
        can.append("battery")
    return companion.Identity(
        number=recorder.named.number,
        model=recorder.named.model,
        firmware=recorder.named.firmware,
        vkey=recorder.vkey,
        can=tuple(can),
    ).build()


def _storage_mode(recorder: Recorder, members: Map) -> Map:
    wanted = companion.StorageMode.parse(members)
    if recorder.volume is None:
        raise RefusedError(Rc.UNSUPPORTED, "no storage to show")
    try:
        if not wanted.export:
            recorder.take_back()
        elif not recorder.is_shown():
            _give_out(recorder, recorder.volume)
    except VolumeBusyError as error:
        recorder.known.remember("volume-busy", error.reason, recorder.now_ms())
        raise RefusedError(Rc.NOT_NOW, error.reason) from error
    recorder.known.forget("volume-busy")
    return {}


def _give_out(recorder: Recorder, volume: Volume) -> None:
    """Show the volume; whenever it may be seen from outside, the journal says so already."""
    if not recorder.watch.flush(recorder.flush_within_s):
        raise RefusedError(Rc.NOT_NOW, "clips are still being journalled")
    recorder.journal.append("exported", {})
    recorder.exported = True
    recorder.watch.suspend()
    try:
        volume.give_out()
    except VolumeBusyError:
        recorder.journal.append("returned", {})
        recorder.exported = False
        recorder.watch.resume("returned")
        raise


Deed = Callable[[Recorder, Map], Map]

_OWN: Final = companion.Command
_OS: Final = smp_os.Command
_TABLE: Final[Mapping[tuple[Op, int, int], Deed]] = {
    (Op.READ, smp_os.GROUP, _OS.ECHO): _echo,
    (Op.WRITE, smp_os.GROUP, _OS.ECHO): _echo,
    (Op.READ, smp_os.GROUP, _OS.DATETIME): _read_clock,
    (Op.WRITE, smp_os.GROUP, _OS.DATETIME): _set_clock,
    (Op.WRITE, smp_os.GROUP, _OS.RESET): _reset,
    (Op.READ, smp_os.GROUP, _OS.PARAMETERS): _parameters,
    (Op.READ, smp_os.GROUP, _OS.APP_INFO): _app_info,
    (Op.READ, companion.GROUP, _OWN.BATTERY): _battery,
    (Op.READ, companion.GROUP, _OWN.STORAGE): _storage,
    (Op.READ, companion.GROUP, _OWN.FAULTS): _faults,
    (Op.READ, companion.GROUP, _OWN.HOLDER): _read_holder,
    (Op.WRITE, companion.GROUP, _OWN.HOLDER): _write_holder,
    (Op.READ, companion.GROUP, _OWN.JOURNAL): _journal,
    (Op.WRITE, companion.GROUP, _OWN.ERASE): _erase,
    (Op.READ, companion.GROUP, _OWN.IDENTITY): _identity,
    (Op.WRITE, companion.GROUP, _OWN.STORAGE_MODE): _storage_mode,
}
