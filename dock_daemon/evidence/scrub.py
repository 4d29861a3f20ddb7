"""The store, read again and again: in a thread of its own, behind everything else.

What is next the plan decides (scrub_plan.py); how far it came the index remembers, so that a
restart goes on where it was; what does not hash to its name is told and mended (damage.py). It
never holds the sealer's thread for longer than a question, and reads nothing while a recorder is
being taken over.
"""

import contextlib
import itertools
import logging
import os
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, TypeVar

from config.loader import Loaded
from dock_daemon import control
from dock_daemon.clock import Clock
from dock_daemon.errors import DockError, DoubtError, StoppedError
from dock_daemon.evidence import forecast, scrub_book, scrub_plan
from dock_daemon.evidence.damage import Damages, Healing, Look
from dock_daemon.evidence.forecast import Forecast
from dock_daemon.evidence.ledger_walk import LedgerWalk
from dock_daemon.evidence.scrub_book import LEDGER, Damage, NewClip, Place
from dock_daemon.evidence.scrub_plan import ReadNew, ReadUnit, Rest, Terms, Unit
from dock_daemon.evidence.scrub_throttle import OPENING, Throttle
from dock_daemon.evidence.state import State
from dock_daemon.evidence.store import CLIPS, DOCUMENTS

log = logging.getLogger(__name__)

Doing: TypeAlias = Literal["reading", "resting", "paused", "blocked", "failed", "ended"]

_NAME: Final = re.compile("[0-9a-f]{64}", re.ASCII)
# The plan is asked anew, and the place noted, after so much at the latest.
_BATCH_FILES: Final = 256
_BATCH_BYTES: Final = 256 << 20
_LONGEST_REST_MS: Final = 60_000
_MOST_OFFERS: Final = 1000
_LONGEST_END_S: Final = 10.0
_HOUR_MS: Final = 3_600_000

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How far the reading came that a person asked for: parts of the store, and bytes in them."""

    since_ms: int
    done: int
    of: int
    done_bytes: int
    of_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What there is to see of it. Times in ms UTC, sizes in bytes."""

    doing: Doing = "resting"
    waiting: bool = False
    room: str = ""
    paused_until_ms: int = 0
    asked: Asked | None = None
    new_waiting: int = 0
    files_read: int = 0
    bytes_read: int = 0
    wavering: int = 0
    unread: int = 0
    detail: str = ""
    outlook: scrub_plan.Outlook | None = None


class Scrub:
    """Reads the store again. `start` may be called once, `close` ends it."""

    def __init__(
        self,
        state: State,
        clock: Clock,
        terms: Terms,
        *,
        stop_after: int,
        offers: Path,
        busy: Callable[[], bool],
        make_damages: Callable[..., Damages] = Damages,
        make_throttle: Callable[..., Throttle] = Throttle,
    ) -> None:
        """`busy` tells whether a recorder is being taken over; below `offers` lie others' copies.

        After `stop_after` damages within one life of the dock nothing more is set aside: then it
        is no file that fails, but the disk.
        """
        self._state = state
        self._sealer = state.sealer
        self._store = state.store
        self._clock = clock
        self._terms = terms
        self._stop_after = stop_after
        self._offers_at = offers
        self._busy = busy
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._view = View()
        self._found = 0
        self._paused_until_ms = 0
        # Nobody else moves them, so they are asked for once.
        self._places: dict[tuple[str, str], Place] = {}
        self._first_ms: int | None = None
        self._intake: tuple[tuple[int, int], ...] = ()
        self._intake_at_ms = 0
        self._offers: deque[str] = deque(maxlen=_MOST_OFFERS)
        self._healings: dict[str, Healing] = {}
        self._throttle = make_throttle(terms.bytes_per_s, hindered=self._hindered, stop=self._stop)
        self._damages = make_damages(self._store, self._sealer, each=self._read)
        self._walk = LedgerWalk(
            state.root, self._sealer, lambda: state.signing.published, each=self._read
        )
        self._thread = threading.Thread(target=self.run, name="scrub", daemon=True)

    @property
    def view(self) -> View:
        """What there is to see of it now."""
        return replace(self._view, waiting=self._throttle.waiting)

    def forecast(self, free_bytes: int) -> Forecast:
        """Tell when the disk will be full, by what came in of late."""
        return forecast.forecast(
            self._intake, first_ms=self._first_ms, now_ms=self._now_ms(), free_bytes=free_bytes
        )

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread.start()

    def close(self) -> None:
        """End, after the piece that is being read; a disk that hangs is not waited for."""
        self._stop.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(_LONGEST_END_S)

    def pause(self, until_ms: int) -> None:
        """Read nothing until then; 0: go on, also where the disk seemed to fail."""
        self._sealer.ask(lambda ledger: scrub_book.pause(ledger, until_ms))
        if not until_ms:
            self._found = 0
        self._paused_until_ms = until_ms
        self._wake.set()

    def ask_all(self) -> None:
        """Read everything from now on, and what was paused goes on."""
        now_ms = self._now_ms()
        self.pause(0)
        self._sealer.ask(lambda ledger: scrub_book.ask_all(ledger, now_ms))
        self._wake.set()

    def offered(self, sha256: str) -> Healing | Literal["taken"]:
        """Hear that a copy lies ready; return what came of the last one, else that it was heard."""
        came = self._healings.pop(sha256, None)
        if came is not None:
            return came
        if sha256 not in self._offers:
            self._offers.append(sha256)
            self._wake.set()
        return "taken"

    def run(self) -> None:
        """Read until told to end, or until evidence is in doubt."""
        try:
            within = self._terms.new_within_ms
            self._sealer.ask(lambda one: scrub_book.begin_new(one, self._now_ms(), within))
            while not self._stop.is_set():
                rest_ms = self.turn()
                if rest_ms > 0:
                    self._wake.wait(min(rest_ms, _LONGEST_REST_MS) / 1000)
        except (StoppedError, DoubtError):
            self._show(doing="ended")
        except Exception as error:
            # It must not end the dock that keeps the evidence; that it ended is shown.
            log.exception("the store is not read again any more")
            self._show(doing="failed", detail=f"{type(error).__name__}: {error}")

    def turn(self) -> int:
        """Do what is due next, one batch of it; return how long nothing is due then, in ms."""
        self._wake.clear()  # before the news is looked at, so that none is missed
        now_ms = self._now_ms()
        self._mend()
        self._paused_until_ms = until_ms = self._sealer.ask(scrub_book.paused_until)
        if not self._places:
            found = self._sealer.ask(lambda ledger: scrub_book.places(ledger, now_ms))
            self._places = {(one.unit.room, one.unit.fan): one for one in found}
        places = list(self._places.values())
        asked_ms = self._sealer.ask(scrub_book.asked_ms)
        self._look_out(places, asked_ms, now_ms)
        if until_ms > now_ms:
            self._show(doing="paused", paused_until_ms=until_ms)
            return until_ms - now_ms
        if self._found >= self._stop_after:
            self._show(doing="blocked")
            return _LONGEST_REST_MS
        new = self._sealer.ask(scrub_book.next_new)
        step = scrub_plan.next_step(
            [place.unit for place in places],
            None if new is None else scrub_plan.New(age_ms=self._age_ms(new)),
            self._terms,
            now_ms=now_ms,
            asked_ms=asked_ms,
        )
        match step:
            case Rest(for_ms):
                self._show(doing="resting", room="")
                return for_ms
            case ReadNew():
                self._show(doing="reading", room="new")
                self._read_new()
            case ReadUnit(unit):
                self._show(doing="reading", room=unit.room)
                self._read_unit(next(one for one in places if one.unit == unit))
        return 0

    def _mend(self) -> None:
        """Bring known damage to its end: what came again, and what others have offered."""
        open_ones = {one.sha256: one for one in self._sealer.ask(scrub_book.damages)}
        for one in open_ones.values():
            with _told_later():
                self._damages.settle(one)
        while self._offers:
            sha256 = self._offers[0]
            found = open_ones.get(sha256)
            self._healings[sha256] = self._heal(found) if found else "not-damaged"
            self._offers.popleft()
            while len(self._healings) > _MOST_OFFERS:
                self._healings.pop(next(iter(self._healings)))

    def _heal(self, one: Damage) -> Healing:
        return self._damages.heal(one, self._offers_at / one.sha256, "replica")

    def _read_new(self) -> None:
        """Read new clips again, and their documents, as long as their time has come."""
        for _ in range(_BATCH_FILES):
            new = self._sealer.ask(scrub_book.next_new)
            if new is None:
                return
            age_ms = self._age_ms(new)
            if age_ms is not None and age_ms < self._terms.new_after_ms:
                return
            for room, name in ((CLIPS, new.sha256), (DOCUMENTS, new.document)):
                if name and not self._judge(room, name):
                    return
            seq = new.seq
            self._sealer.ask(lambda ledger, seq=seq: scrub_book.new_done(ledger, seq))  # type: ignore[misc]  # mypy takes no default
            if self._interrupted:
                return

    def _read_unit(self, place: Place) -> None:
        unit, done_to = place.unit, place.done_to
        if unit.since_ms is None:
            unit, done_to = replace(unit, since_ms=self._now_ms()), ""
        if unit.room == LEDGER:
            self._read_ledger(unit, done_to)
        else:
            self._read_files(unit, done_to)

    def _read_files(self, unit: Unit, done_to: str) -> None:
        files = self._store.of_fan(unit.room, unit.fan)
        left = iter([name for name, _ in files if name > done_to])
        try:
            for name in self._batch(left):
                if not _NAME.fullmatch(name):
                    log.error("%s/%s/%s is no content of the store", unit.room, unit.fan, name)
                elif not self._judge(unit.room, name):
                    break
                done_to = name
            else:
                if next(left, None) is None:
                    sizes = [size for _, size in files]
                    self._end(unit, files=len(sizes), size=sum(sizes) + OPENING * len(sizes))
                    return
        except StoppedError:
            self._came_to(unit, done_to)
            raise
        self._came_to(unit, done_to)

    def _read_ledger(self, unit: Unit, done_to: str) -> None:
        """Walk the entries, and see that what they name is there at all."""
        start = int(done_to or 0)
        for _ in self._batch(itertools.count()):
            walked = self._walk.stretch(start)
            if walked is None:
                size = self._sealer.ask(lambda ledger: ledger.size)
                self._end(unit, files=size, size=size * scrub_book.ENTRY_BYTES)
                return
            named = walked.contents
            gone = [one for one in named if not os.path.lexists(self._store.path_of(*one))]
            if not all(self._found_out(room, name, "missing") for room, name in gone):
                break
            start = walked.end
        self._came_to(unit, str(start))

    def _judge(self, room: str, name: str) -> bool:
        """Read one file again; return False where it cannot be told now what was found."""
        self._read(OPENING)
        look = self._damages.look(room, name)
        view = self._view
        self._show(
            files_read=view.files_read + 1,
            unread=view.unread + (look == "hindered"),
            wavering=self._damages.wavering,
        )
        return look in {"whole", "hindered"} or self._found_out(room, name, look)

    def _found_out(self, room: str, name: str, look: Look) -> bool:
        """Tell of damage; return False where that must wait, or where it is too much to be true."""
        if self._found >= self._stop_after:
            log.critical("%d contents are damaged: nothing more is set aside", self._found)
            return False
        try:
            self._found += self._damages.found(room, name, look)
        except (StoppedError, DoubtError):
            raise
        except (DockError, OSError) as error:
            log.critical("%s/%s is %s, and that could not be entered: %s", room, name, look, error)
            self._show(detail=str(error))
            return False
        return True

    def _batch(self, items: Iterator[Item]) -> Iterator[Item]:
        """Yield items until it is time to look at the plan again."""
        begun = self._view.bytes_read
        for _ in range(_BATCH_FILES):
            if self._interrupted or self._view.bytes_read - begun >= _BATCH_BYTES:
                return
            try:
                yield next(items)
            except StopIteration:
                return

    @property
    def _interrupted(self) -> bool:
        return self._stop.is_set() or self._wake.is_set()

    def _hindered(self) -> bool:
        return self._paused_until_ms > self._now_ms() or self._busy()

    def _read(self, count: int) -> None:
        """Hear that so many bytes were read, and wait until the next may be."""
        self._show(bytes_read=self._view.bytes_read + count)
        self._throttle(count)

    def _came_to(self, unit: Unit, done_to: str) -> None:
        self._places[unit.room, unit.fan] = Place(unit=unit, done_to=done_to)
        self._sealer.ask(lambda ledger: scrub_book.came_to(ledger, unit, done_to))

    def _end(self, unit: Unit, *, files: int, size: int) -> None:
        read_ms = unit.read_ms if unit.since_ms is None else unit.since_ms
        done = replace(unit, read_ms=read_ms, since_ms=None, size=size)
        self._places[unit.room, unit.fan] = Place(unit=done, done_to="")
        self._sealer.ask(lambda ledger: scrub_book.ended(ledger, done, files=files))

    def _age_ms(self, new: NewClip) -> int | None:
        """Return how long ago a clip was sealed; None if that was before the dock's last start."""
        now = self._clock.at()
        return now.boot_ms - new.at.boot_ms if now.boot == new.at.boot else None

    def _now_ms(self) -> int:
        return self._clock.at().utc_ms

    def _look_out(self, places: Sequence[Place], asked_ms: int, now_ms: int) -> None:
        """Show how far everything is, and whether the period can be kept."""
        if not 0 <= now_ms - self._intake_at_ms < _HOUR_MS:
            since_ms = now_ms - forecast.DAYS * forecast.DAY_MS
            intake = self._sealer.ask(lambda ledger: scrub_book.intake(ledger, since_ms))
            self._intake, self._intake_at_ms = tuple(intake), now_ms
            self._first_ms = self._sealer.ask(scrub_book.first_docking_ms)
        units = [place.unit for place in places]
        per_day = forecast.per_day(self._intake, now_ms=now_ms)
        done = [one for one in units if one.read_ms >= asked_ms]
        asked = Asked(
            since_ms=asked_ms,
            done=len(done),
            of=len(units),
            done_bytes=sum(one.size for one in done),
            of_bytes=sum(one.size for one in units),
        )
        self._show(
            paused_until_ms=0,
            asked=asked if asked_ms else None,
            new_waiting=self._sealer.ask(scrub_book.new_waiting),
            outlook=scrub_plan.outlook(
                units, self._terms, now_ms=now_ms, new_bytes_per_day=per_day
            ),
        )

    def _show(self, **seen: Any) -> None:
        self._view = replace(self._view, **seen)


def scrub_of(
    state: State,
    loaded: Loaded,
    clock: Clock,
    *,
    busy: Callable[[], bool],
    make_throttle: Callable[..., Throttle] = Throttle,
) -> Scrub:
    """Return what reads the store again as the settings say. `busy`: a recorder is taken over."""
    wanted = loaded.settings.scrub
    terms = Terms(
        period_ms=wanted.period_days * forecast.DAY_MS,
        new_after_ms=wanted.new_after_h * _HOUR_MS,
        new_within_ms=wanted.new_within_h * _HOUR_MS,
        bytes_per_s=wanted.bytes_per_s,
    )
    offers = state.root / control.OFFERS
    return Scrub(
        state,
        clock,
        terms,
        stop_after=wanted.stop_after,
        offers=offers,
        busy=busy,
        make_throttle=make_throttle,
    )


@contextlib.contextmanager
def _told_later() -> Iterator[None]:
    """Let what cannot be entered or moved now wait for the next turn."""
    try:
        yield
    except (StoppedError, DoubtError):
        raise
    except (DockError, OSError) as error:
        log.warning("known damage could not be brought to its end: %s", error)
