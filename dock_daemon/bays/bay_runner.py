"""Run one bay: wait for an event, let `bay.step` decide, carry the order out."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

from dock_daemon.bays import bay_view
from dock_daemon.bays.bay import Empty, Ended, Event, Failed, Start, State, Stop, step
from dock_daemon.bays.bay_view import BayView
from dock_daemon.bays.media import MediumAppeared
from dock_daemon.docking.events import Event as DockingEvent
from dock_daemon.docking.events import Released, Report
from dock_daemon.errors import DoubtError, StoppedError
from dock_daemon.faults import EXPECTED

log = logging.getLogger(__name__)

# Blocks while it takes one medium over. It looks at the event before every chunk,
# and ends soon after it is set.
TakeOverMedium: TypeAlias = Callable[[MediumAppeared, threading.Event, Report], Released]


class BayRunner:
    """The hands of one bay.

    `heard` is told each event in the bay's own thread, the moment it is true; `shown`
    each new view, on the event loop.
    """

    def __init__(
        self,
        name: str,
        take_over: TakeOverMedium,
        *,
        heard: Callable[[str, DockingEvent], None] = lambda _bay, _event: None,
        shown: Callable[[BayView], None] = lambda _view: None,
    ) -> None:
        self._name = name
        self._take_over = take_over
        self._heard = heard
        self._shown = shown
        self._inbox: asyncio.Queue[Event] = asyncio.Queue()
        self._view = bay_view.of_state(BayView(bay=name), Empty())
        # One thread per bay, not one shared pool: a read that hangs in the kernel
        # on a dying card then holds up this bay and never the others.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"bay-{name}")

    @property
    def view(self) -> BayView:
        """What there is to see of this bay."""
        return self._view

    def post(self, event: Event) -> None:
        """Tell the bay what happened. Call it on the event loop."""
        self._inbox.put_nowait(event)

    async def run(self) -> None:
        """Serve the bay until cancelled; a running docking is then let go of and awaited."""
        state: State = Empty()
        stop = threading.Event()
        job: asyncio.Task[None] | None = None
        try:
            while True:
                state, order = step(state, await self._inbox.get())
                self._show(bay_view.of_state(self._view, state))
                match order:
                    case Start(turn, medium):
                        stop = threading.Event()
                        job = asyncio.create_task(self._work(turn, medium, stop))
                        job.add_done_callback(_raise_doubt)
                    case Stop():
                        stop.set()
                    case None:
                        continue
        finally:
            # Cancelling a task does not reach into its thread; this does.
            stop.set()
            if job is not None:
                with contextlib.suppress(Exception):
                    await asyncio.shield(job)
            self._thread.shutdown(wait=False)

    async def _work(self, turn: int, medium: MediumAppeared, stop: threading.Event) -> None:
        loop = asyncio.get_running_loop()

        def report(event: DockingEvent) -> None:
            self._heard(self._name, event)
            with contextlib.suppress(RuntimeError):  # the loop is gone: nobody looks any more
                loop.call_soon_threadsafe(self._see, turn, event)

        try:
            end = await loop.run_in_executor(self._thread, self._take_over, medium, stop, report)
        except DoubtError:
            raise  # evidence is in doubt: the whole dock stops
        except StoppedError as error:
            self.post(Failed(turn, error))
        except Exception as error:
            # An error that the fault table knows tells all in its words: a pulled recorder is
            # an everyday one. Any other is a bug.
            bug = None if isinstance(error, EXPECTED) else error
            log.warning("bay %s: %s", self._name, error, exc_info=bug)
            self.post(Failed(turn, error))
        else:
            self.post(Ended(turn, end))

    def _see(self, turn: int, event: DockingEvent) -> None:
        if turn == self._view.turn:
            self._show(bay_view.of_event(self._view, event))

    def _show(self, view: BayView) -> None:
        self._view = view
        self._shown(view)


def _raise_doubt(job: "asyncio.Task[None]") -> None:
    """Keep asyncio from reporting a doubt twice: the sealer's own future tells the dock."""
    if not job.cancelled():
        job.exception()
