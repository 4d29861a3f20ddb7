"""The whole dock: its state, its bays, its source of hot-plug news, its socket.

The one place where real parts are made and joined. If one of them falls, all of
them stop: systemd starts the dock again, and starting is recovery.
"""

import asyncio
import contextlib
import dataclasses
import logging
import signal
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import cast

from config.loader import Loaded
from config.register import folded
from dock_daemon import answering, control
from dock_daemon.answering import Answering
from dock_daemon.bays.bay_runner import BayRunner
from dock_daemon.bays.bay_view import BayView
from dock_daemon.bays.hotplug import Hotplug, HotplugEvent
from dock_daemon.bays.media import MediumAppeared, MediumGone
from dock_daemon.clock import Clock
from dock_daemon.custody.watch import OverdueWatch
from dock_daemon.docking.events import Event, Released, Report
from dock_daemon.docking.rules import Rules
from dock_daemon.docking.take_over import Parts
from dock_daemon.errors import DockError
from dock_daemon.evidence import heartbeat
from dock_daemon.evidence.state import State
from dock_daemon.terms import desk_of, terms_of
from dock_daemon.turn import Desk
from dock_daemon.version import VERSION

log = logging.getLogger(__name__)

_PULSE_S = 5.0
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
        handing_out = dataclasses.replace(
            desk_of(loaded, state.sealer, clock), docked=self._docked, changed=self._handed_out
        )
        self._answering = Answering(state, handing_out)
        self._overdue = OverdueWatch(state.sealer, clock, terms_of(rules))
        self._desk = Desk(
            Parts(state.store, state.sealer, clock, rules),
            loaded.settings.reader,
            stand_ins or {},
        )
        self._bays = {
            bay.name: BayRunner(bay.name, self._work_at(bay.name), heard=heard, shown=shown)
            for bay in loaded.settings.bays
            if bay.enabled
        }
        self._bay_at = {port: bay.name for bay in loaded.settings.bays for port in bay.ports}
        self._place_of: dict[str, str] = {}
        self._unmapped: dict[str, MediumAppeared] = {}
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
        try:
            async with (
                control.serving(self._state.root, self._answer, answering.may),
                asyncio.TaskGroup() as group,
            ):
                tasks = [
                    group.create_task(self._hotplug.run(self._tell), name="hotplug"),
                    group.create_task(self._pulse(alive), name="pulse"),
                    group.create_task(self._doubt(), name="doubt"),
                    group.create_task(self._beat(), name="heartbeat"),
                    group.create_task(self._overdue.run(self._asking), name="overdue"),
                    *(group.create_task(bay.run(), name=name) for name, bay in self._bays.items()),
                ]
                ready()
                await self._stop.wait()
                for task in tasks:
                    task.cancel()
        finally:
            self._asking.shutdown(wait=False)

    def _work_at(self, bay: str) -> Callable[[MediumAppeared, threading.Event, Report], Released]:
        def work(medium: MediumAppeared, stop: threading.Event, report: Report) -> Released:
            opened = self._desk.open(self._desk.place_of(medium), stop)
            return self._desk.take_over(opened, bay=bay, report=report, stop=stop)

        return work

    def _docked(self) -> set[str]:
        """Return the folded numbers of the recorders that sit in the bays."""
        return {folded(view.recorder) for view in self.views if view.state != "interrupted"}

    def _handed_out(self) -> None:
        # Called where questions are answered, off the loop.
        self._loop.call_soon_threadsafe(self._overdue.changed)

    def _tell(self, event: HotplugEvent) -> None:
        match event:
            case MediumAppeared(sys_path=sys_path, port=port):
                name = next((self._bay_at[one] for one in event.ports if one in self._bay_at), None)
                if name is None:
                    self._unmapped[sys_path] = event
                    log.warning(
                        "%s is at port %s, which is no bay; to make it one, add to the"
                        ' configuration: [[bays]] name = "…" ports = ["%s"]',
                        event.node,
                        port,
                        port,
                    )
                    return
                if name not in self._bays:
                    log.warning("%s is in bay %s, which is disabled", event.node, name)
                    return
                self._place_of[sys_path] = name
                self._bays[name].post(event)
            case MediumGone(sys_path):
                self._unmapped.pop(sys_path, None)
                if (name := self._place_of.pop(sys_path, None)) is not None:
                    self._bays[name].post(event)

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
            piece = heartbeat.beat(
                interval_s=interval_s,
                free_bytes=state.store.free_bytes(),
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
        return await loop.run_in_executor(self._asking, self._answering.answer, request)

    async def _totals(self, request: control.Request) -> dict[str, object]:
        loop = asyncio.get_running_loop()
        asked = loop.run_in_executor(self._asking, self._answering.status, request)
        await asyncio.wait({asked}, timeout=_ANSWER_S if self._last_totals else None)
        if asked.done():
            self._last_totals = cast("dict[str, object]", await asked)
        return self._last_totals

    def _about_now(self) -> dict[str, object]:
        bays = [dataclasses.asdict(view) for view in self.views]
        disabled = [bay.name for bay in self._loaded.settings.bays if not bay.enabled]
        bays += [dataclasses.asdict(BayView(bay=name, state="disabled")) for name in disabled]
        return {
            "running": True,
            "version": VERSION,
            "hotplug": self._hotplug.name,
            "bays": bays,
            "unmapped": [
                {"node": medium.node, "port": medium.port} for medium in self._unmapped.values()
            ],
            "free_bytes": self._state.store.free_bytes(),
            "published": self._state.signing.published,
            "asked_ms": time.time_ns() // 1_000_000,
        }
