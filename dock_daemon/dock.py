"""The whole dock: its state, its bays, its source of hot-plug news, its socket.

The one place where real parts are made and joined. If one of them falls, all of
them stop: systemd starts the dock again, and starting is recovery.
"""

import asyncio
import contextlib
import dataclasses
import logging
import signal
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import cast

from config.loader import Loaded
from config.register import folded
from dock_daemon import answering, control
from dock_daemon.answering import Answering
from dock_daemon.bays.bay_runner import BayRunner
from dock_daemon.bays.bay_states import Again, Occasion
from dock_daemon.bays.bay_view import BayView
from dock_daemon.bays.hotplug import Hotplug
from dock_daemon.bays.placing import Placing
from dock_daemon.clock import Clock
from dock_daemon.custody.watch import OverdueWatch
from dock_daemon.docking.events import Event
from dock_daemon.docking.rules import Rules
from dock_daemon.docking.take_over import Parts
from dock_daemon.docking.working_days import calendar_unknown
from dock_daemon.erasing import requests
from dock_daemon.erasing_watch import ErasingWatch
from dock_daemon.erasure import Erasure
from dock_daemon.errors import DockError
from dock_daemon.evidence import heartbeat
from dock_daemon.evidence.scrub import scrub_of
from dock_daemon.evidence.state import State
from dock_daemon.meeting import meeting_of
from dock_daemon.register_file import RegisterFile
from dock_daemon.shift import ShiftChecks
from dock_daemon.terms import desk_of, terms_of
from dock_daemon.turn import AtBay, Desk
from dock_daemon.version import VERSION

log = logging.getLogger(__name__)

_PULSE_S = 5.0
# What a bay shows while clips come over.
_AT_WORK = frozenset({"detecting", "checking", "pulling", "verifying"})
# One large clip keeps the sealer busy for minutes: its sync, and reading it back cold.
_PATIENCE_S = 900.0
# Whoever asks how things are gets the ledger's last answer when the next takes longer.
_ANSWER_S = 3.0


class Dock:
    """A running dock. `serve` may be called once."""

    def __init__(
        self,
        state: State,
        loaded: Loaded,
        rules: Rules,
        clock: Clock,
        hotplug: Hotplug,
        *,
        stand_ins: Mapping[str, str] | None = None,
        heard: Callable[[str, Event], None] = lambda _bay, _event: None,
        shown: Callable[[BayView], None] = lambda _view: None,
    ) -> None:
        self._state = state
        self._loaded = loaded
        self._hotplug = hotplug
        self._clock = clock
        self._rules = rules
        register = RegisterFile(loaded.register, rules.register).current
        handing_out = dataclasses.replace(
            desk_of(loaded, state.sealer, clock),
            register=register,
            docked=self._docked,
            changed=self._handed_out,
        )
        self._scrub = scrub_of(state, loaded, clock, busy=self._taking_over)
        self._answering = Answering(state, handing_out, self._scrub)
        self._overdue = OverdueWatch(state.sealer, clock, terms_of(rules))
        desk = Desk(
            Parts(state.store, state.sealer, clock, rules),
            loaded.settings.reader,
            stand_ins or {},
            register,
        )
        meeting = meeting_of(state, loaded, rules, clock, stand_ins or {})
        erasure = Erasure(
            state=state,
            parts=desk.parts,
            settings=loaded.settings.erasing,
            meeting=meeting,
            open_medium=desk.listed,
        )
        self._bays = {
            bay.name: BayRunner(
                bay.name,
                AtBay(bay.name, desk, meeting, erasure),
                heard=heard,
                shown=shown,
            )
            for bay in loaded.settings.bays
            if bay.enabled
        }
        self._erasing = ErasingWatch(self._bays, erasure)
        self._placing = Placing(
            loaded.settings.bays,
            {name: bay.post for name, bay in self._bays.items()},
            rules.profiles,
        )
        self._shift = ShiftChecks(
            loaded.settings.shift.check_at,
            loaded.zone,
            self._check_all,
            now=lambda: datetime.now(UTC),
            pause=asyncio.sleep,
        )
        self._last_totals: dict[str, object] = {}
        self._stop = asyncio.Event()
        # Questions wait for the ledger's thread; they must not wait on the loop's.
        self._asking = ThreadPoolExecutor(max_workers=1, thread_name_prefix="asking")

    @property
    def views(self) -> list[BayView]:
        """What there is to see of each bay, in the order of the configuration."""
        return [bay.view for bay in self._bays.values()]

    def stop(self) -> None:
        """Ask the dock to end in good order."""
        self._stop.set()

    async def serve(self, *, ready: Callable[[], None], alive: Callable[[], None]) -> None:
        """Run until `stop` or a signal, which returns, or until a part fails, which raises.

        `ready` is called once the dock listens; `alive` every few seconds, and only while
        the loop turns and the sealer answers in its time: it feeds systemd's watchdog.
        """
        self._loop = loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(RuntimeError, ValueError):  # not the main thread: a rehearsal
                loop.add_signal_handler(number, self._stop.set)
        if (year := self._calendar_unknown()) is not None:
            log.warning("calendar-unknown year=%d: update sealdock; deadlines count early", year)
        try:
            async with (
                control.serving(self._state.root, self._answer, answering.may),
                asyncio.TaskGroup() as group,
            ):
                tasks = [
                    group.create_task(self._hotplug.run(self._placing.tell), name="hotplug"),
                    group.create_task(self._pulse(alive), name="pulse"),
                    group.create_task(self._doubt(), name="doubt"),
                    group.create_task(self._beat(), name="heartbeat"),
                    group.create_task(self._overdue.run(self._asking), name="overdue"),
                    group.create_task(self._shift.run(), name="shift"),
                    group.create_task(self._erasing.run(self._asking), name="erasing"),
                    *(group.create_task(bay.run(), name=name) for name, bay in self._bays.items()),
                ]
                self._scrub.start()
                ready()
                await self._stop.wait()
                for task in tasks:
                    task.cancel()
        finally:
            self._scrub.close()
            self._asking.shutdown(wait=False)

    def _docked(self) -> set[str]:
        """Return the folded numbers of the recorders that sit in the bays."""
        return {folded(view.recorder) for view in self.views if view.state != "interrupted"}

    def _taking_over(self) -> bool:
        """Tell whether any recorder is being taken over: then nothing else is read."""
        return any(view.state in _AT_WORK for view in self.views)

    def _handed_out(self) -> None:
        # Called where questions are answered, off the loop.
        self._loop.call_soon_threadsafe(self._overdue.changed)

    def _check_all(self) -> None:
        self._check("shift")

    def _check(self, occasion: Occasion, bay: str | None = None) -> list[dict[str, object]]:
        """Let what is in a bay, or in each, be checked where it is; return what came of it."""
        asked = [bay] if bay is not None else list(self._bays)
        said: list[dict[str, object]] = []
        for name in asked:
            runner = self._bays.get(name)
            ready = "unknown" if runner is None else runner.readiness()
            if runner is not None and ready == "ready":
                runner.post(Again(occasion))
            turn = 0 if runner is None else runner.view.turn
            word = "started" if ready == "ready" else ready
            said.append({"bay": name, "check": word, "turn": turn})
        return said

    async def _pulse(self, alive: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        while True:
            asked = loop.run_in_executor(self._asking, self._state.sealer.ask, lambda _ledger: None)
            since = loop.time()
            while not asked.done():
                if self._state.sealer.alive and loop.time() - since < _PATIENCE_S:
                    alive()
                await asyncio.wait({asked}, timeout=_PULSE_S)
            await asked
            alive()
            await asyncio.sleep(_PULSE_S)

    async def _beat(self) -> None:
        interval_s = self._loaded.settings.log.heartbeat_s
        while True:
            state = self._state
            free_bytes = state.store.free_bytes()
            piece = heartbeat.beat(
                interval_s=interval_s,
                free_bytes=free_bytes,
                full_in_days=self._scrub.forecast(free_bytes).full_in_days,
                waiting=state.sealer.unpublished,
            )
            try:
                # Shielded: ending this task must not take back what the sealer has in hand.
                await asyncio.shield(asyncio.wrap_future(state.sealer.submit(piece)))
            except DockError as error:  # a full disk, or doubt, which stops the dock elsewhere
                log.warning("no heartbeat: %s", error)
            await asyncio.sleep(interval_s)

    async def _doubt(self) -> None:
        # Shielded: ending this task must not cancel the sealer's own future.
        raise await asyncio.shield(asyncio.wrap_future(self._state.sealer.doubt))

    async def _answer(self, request: control.Request) -> object:
        loop = asyncio.get_running_loop()
        if request.get("ask") == "status":
            return {**await self._totals(request), **self._about_now()}
        if request.get("tell") == "check":
            return {"bays": self._check("asked", answering.bay_to_check(request))}
        if request.get("tell") == "erase":
            return {"bays": self._erasing.begin(requests.bay_told(request))}
        if request.get("ask") == "erasing":
            resting = self._erasing.resting(requests.bay_asked(request))
            return await loop.run_in_executor(self._asking, self._erasing.told, resting)
        return await loop.run_in_executor(self._asking, self._answering.answer, request)

    async def _totals(self, request: control.Request) -> dict[str, object]:
        loop = asyncio.get_running_loop()
        asked = loop.run_in_executor(self._asking, self._answering.status, request)
        await asyncio.wait({asked}, timeout=_ANSWER_S if self._last_totals else None)
        if asked.done():
            self._last_totals = cast("dict[str, object]", await asked)
        return self._last_totals

    def _calendar_unknown(self) -> int | None:
        """Return a coming year whose working days are needed and not known (R-2WD), or None."""
        today = datetime.now(self._loaded.zone).date()
        return calendar_unknown(self._rules.preset.content, self._rules.days, today)

    def _about_now(self) -> dict[str, object]:
        bays = [dataclasses.asdict(view) for view in self.views]
        disabled = [bay.name for bay in self._loaded.settings.bays if not bay.enabled]
        bays += [dataclasses.asdict(BayView(bay=name, state="disabled")) for name in disabled]
        return {
            "running": True,
            "version": VERSION,
            "hotplug": self._hotplug.name,
            "bays": bays,
            "unmapped": [{"node": one.node, "port": one.port} for one in self._placing.unmapped],
            "free_bytes": self._state.store.free_bytes(),
            "disk": dataclasses.asdict(self._scrub.forecast(self._state.store.free_bytes())),
            "scrub": dataclasses.asdict(self._scrub.view),
            "published": self._state.signing.published,
            "erasing": self._loaded.settings.erasing.enabled,
            "dock_clock": dataclasses.asdict(self._clock.trust()),
            "calendar_unknown": self._calendar_unknown(),
            "asked_ms": time.time_ns() // 1_000_000,
        }
