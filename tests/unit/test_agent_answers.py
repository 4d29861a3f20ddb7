"""What the companion answers when things go wrong around it: disk, clock, volume, code."""

import hashlib
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agent import answers, companion, settings
from agent.answers import Recorder
from agent.errors import ClockNotKeptError, ClockNotSetError, VolumeBusyError
from agent.faults import Known
from firmware_bridge.wire import companion as wire
from firmware_bridge.wire import smp, smp_os
from firmware_bridge.wire.cbor import Map
from firmware_bridge.wire.smp import Op, Refusal
from tests.agents import AgentIn

WRITE = Op.WRITE
EXPORT = wire.StorageMode(export=True).build()


class Sun:
    """A clock that does as it is told: keeps, forgets or refuses what it is set to."""

    def __init__(self) -> None:
        self.us = 1_700_000_000_000_000
        self.refuses: ClockNotSetError | None = None

    def now_us(self) -> int:
        """Return the time; it passes by being looked at."""
        self.us += 1
        return self.us

    def set(self, now_us: int) -> None:
        """Take the time, unless told otherwise."""
        if self.refuses is None or isinstance(self.refuses, ClockNotKeptError):
            self.us = now_us
        if self.refuses is not None:
            raise self.refuses


class Hatch:
    """A volume that goes out and comes back, or is busy."""

    def __init__(self) -> None:
        self.out = False
        self.busy = ""

    def is_out(self) -> bool:
        """Tell where it is."""
        return self.out

    def give_out(self) -> None:
        """Show it."""
        self._move(out=True)

    def take_back(self) -> None:
        """Have it back."""
        self._move(out=False)

    def _move(self, *, out: bool) -> None:
        if self.busy:
            raise VolumeBusyError(self.busy)
        self.out = out


@pytest.fixture
def recorder(memory_path: Path) -> Iterator[Recorder]:
    """Give a recorder whose clips are watched, with a clock and a volume of ours."""
    loaded = settings.load(AgentIn(memory_path / "recorder").config)
    with companion.opened(loaded, Known()) as recorder:
        clock = Sun()
        recorder.journal._clock = clock  # noqa: SLF001  one clock for the recorder and its journal
        changed = replace(recorder, clock=clock, volume=Hatch())
        changed.watch.resume("start")
        yield changed


def ask(
    recorder: Recorder, command: int, members: Map | None = None, *, group: int = 65, op: Op = WRITE
) -> Map | Refusal:
    """Return the answer's members, or the refusal that it is."""
    return told(recorder, smp.question(op, group, command, 1, members))


def told(recorder: Recorder, question: smp.Message) -> Map | Refusal:
    """Return what a question is answered with."""
    answer = answers.answer(recorder, question)
    assert answer is not None
    members = answer.members()
    return smp.refusal_in(members) or members


@contextmanager
def no_room() -> Iterator[None]:
    """Let no file of this process grow, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def kinds(recorder: Recorder) -> list[str]:
    """Return the kinds of the journal's records."""
    lines = b"".join(recorder.journal.lines()).decode()
    return [part.split('"')[0] for part in lines.split('"kind":"')[1:]]


def codes(recorder: Recorder) -> set[str]:
    """Return the codes of the faults that are told."""
    answer = ask(recorder, wire.Command.FAULTS, op=Op.READ)
    assert not isinstance(answer, Refusal)
    return {fault.code for fault in wire.Faults.parse(answer).faults}


def clock_of(recorder: Recorder) -> Sun:
    """Return the recorder's clock, which is ours."""
    assert isinstance(recorder.clock, Sun)
    return recorder.clock


def hatch_of(recorder: Recorder) -> Hatch:
    """Return the recorder's volume, which is ours."""
    assert isinstance(recorder.volume, Hatch)
    return recorder.volume


def test_a_clock_that_forgets_is_set_and_said(recorder: Recorder) -> None:
    """Set, but not kept without power: the time is right, and a fault tells the rest."""
    clock_of(recorder).refuses = ClockNotKeptError("/dev/rtc0: Device or resource busy")
    members = smp_os.DateTime(1_800_000_000_000_000).build()
    assert ask(recorder, 4, members, group=0) == {}
    assert codes(recorder) == {"clock-not-kept"}
    assert kinds(recorder)[-1] == "clock"
    clock_of(recorder).refuses = None
    ask(recorder, 4, members, group=0)
    assert codes(recorder) == set()


def test_a_clock_that_refuses_is_no_success(recorder: Recorder) -> None:
    """Not set: the dock is told so, and nothing is journalled of it."""
    clock_of(recorder).refuses = ClockNotSetError("Operation not permitted")
    members = smp_os.DateTime(1_800_000_000_000_000).build()
    assert ask(recorder, 4, members, group=0) == Refusal(None, smp.GeneralRc.BAD_STATE)
    assert codes(recorder) == {"clock-not-set"}
    assert "clock" not in kinds(recorder)


def test_a_time_before_1970_is_no_time(recorder: Recorder) -> None:
    """What no record could state is refused, and the clock stays."""
    members = smp_os.DateTime(-1_000_000).build()
    assert ask(recorder, 4, members, group=0) == Refusal(None, smp.GeneralRc.INVALID)


def test_a_busy_volume_is_told_and_watched_on(recorder: Recorder) -> None:
    """What does not go out is journalled as returned, and the next clip is seen."""
    hatch_of(recorder).busy = "/clips: target is busy"
    assert ask(recorder, wire.Command.STORAGE_MODE, EXPORT) == Refusal(65, wire.Rc.NOT_NOW)
    assert codes(recorder) == {"volume-busy"}
    assert kinds(recorder)[-2:] == ["exported", "returned"]
    assert recorder.watch.watches
    hatch_of(recorder).busy = ""
    assert ask(recorder, wire.Command.STORAGE_MODE, EXPORT) == {}
    assert codes(recorder) == set()
    assert not recorder.watch.watches
    assert ask(recorder, wire.Command.STORAGE_MODE, EXPORT) == {}
    assert kinds(recorder).count("exported") == 2


def test_a_volume_half_way_back_is_out_until_it_is_back(recorder: Recorder) -> None:
    """Taken from the dock and not mounted yet: no clip is looked for, and the next try ends it."""
    ask(recorder, wire.Command.STORAGE_MODE, EXPORT)
    hatch_of(recorder).busy = "mount: wrong fs type"
    back = wire.StorageMode(export=False).build()
    assert ask(recorder, wire.Command.STORAGE_MODE, back) == Refusal(65, wire.Rc.NOT_NOW)
    hatch_of(recorder).out = False
    assert recorder.is_out()
    assert not recorder.has_clips()
    hatch_of(recorder).busy = ""
    recorder.take_back()
    assert kinds(recorder)[-1] == "returned"
    assert recorder.has_clips()
    assert recorder.watch.watches


def test_clips_that_take_long_keep_the_volume_in(recorder: Recorder) -> None:
    """While there is more to hash than fits the dock's patience, it is not now; then it is."""
    hurried = replace(recorder, flush_within_s=-1.0)
    for number in range(3):
        path = Path(recorder.settings.clips.folder) / f"{number}.mp4"
        path.write_bytes(bytes(10))
    tries = 0
    while ask(hurried, wire.Command.STORAGE_MODE, EXPORT) == Refusal(65, wire.Rc.NOT_NOW):
        tries += 1
    assert tries > 1
    assert kinds(recorder).count("clip") == 3
    assert kinds(recorder)[-1] == "exported"


def test_a_recorder_without_storage_says_so(recorder: Recorder) -> None:
    """It has no such capability, by its own word and when it is asked."""
    bare = replace(recorder, volume=None)
    assert ask(bare, wire.Command.STORAGE_MODE, EXPORT) == Refusal(65, wire.Rc.UNSUPPORTED)
    who = ask(bare, wire.Command.IDENTITY, op=Op.READ)
    assert not isinstance(who, Refusal)
    assert "switch-to-storage" not in (wire.Identity.parse(who).can or ())
    bare.take_back()
    assert "returned" not in kinds(bare)


def test_a_journal_that_fails_is_a_refusal_and_a_fault(recorder: Recorder) -> None:
    """What can't be written down is not done, and the dock hears why."""
    path = Path(recorder.settings.clips.folder) / "a.mp4"
    path.write_bytes(b"clip")
    order = wire.Erase(path="a.mp4", sha256=hashlib.sha256(b"clip").digest(), size=4).build()
    with no_room():
        assert ask(recorder, wire.Command.ERASE, order) == Refusal(65, wire.Rc.NOT_NOW)
    assert path.exists()
    assert codes(recorder) == {"companion-failed"}
    assert ask(recorder, wire.Command.ERASE, order) == {}
    assert not path.exists()


def test_a_clip_that_is_being_written_is_not_erased(recorder: Recorder) -> None:
    """Whoever records into it keeps it."""
    path = Path(recorder.settings.clips.folder) / "a.mp4"
    path.write_bytes(b"clip")
    order = wire.Erase(path="a.mp4", sha256=hashlib.sha256(b"clip").digest(), size=4).build()
    with path.open("ab"):
        assert ask(recorder, wire.Command.ERASE, order) == Refusal(65, wire.Rc.NOT_NOW)
    assert ask(recorder, wire.Command.ERASE, order) == {}


def test_version_1_is_refused_in_its_own_words(recorder: Recorder) -> None:
    """An old client gets SMP's general codes."""
    for command, rc in ((wire.Command.ERASE, 3), (99, 8)):
        question = replace(smp.question(WRITE, 65, command, 1, {}), version=1)
        assert told(recorder, question) == Refusal(None, rc)


def test_the_program_describes_itself(recorder: Recorder) -> None:
    """Application info has the usual letters; an unknown one is refused."""
    for letters in ("", "s", "snrvmo", "a"):
        question = smp_os.AppInfoQuestion(letters).build()
        answer = ask(recorder, 7, question, group=0, op=Op.READ)
        assert not isinstance(answer, Refusal)
        assert smp_os.AppInfoAnswer.parse(answer).output
    unknown = smp_os.AppInfoQuestion("z").build()
    assert ask(recorder, 7, unknown, group=0, op=Op.READ) == Refusal(None, smp.GeneralRc.INVALID)
