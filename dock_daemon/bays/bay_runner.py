"""Run one bay: wait for an event, let `bay.step` decide, carry the order out."""

import asyncio
import contextlib
import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from dock_daemon.bays import bay_view
from dock_daemon.bays.bay import step
from dock_daemon.bays.bay_states import (
    Answered,
    Await,
    Done,
    Empty,
    Ended,
    Erase,
    Event,
    Failed,
    Greet,
    Late,
    Met,
    Occasion,
    Show,
    Start,
    State,
    Stop,
    Working,
)
from dock_daemon.bays.bay_view import BayView
from dock_daemon.bays.media import ChannelAppeared, MediumAppeared
from dock_daemon.bays.resting import channel_of, readiness
from dock_daemon.docking.events import Event as DockingEvent
from dock_daemon.docking.events import Released, Report
from dock_daemon.errors import DoubtError, StoppedError
from dock_daemon.faults import EXPECTED
from dock_daemon.recorders.journal_judge import Others

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AtRest:
    """A recorder that answered and is dealt with. `channel`: it can still be asked."""

    met: Met
    channel: bool
    ends: tuple[Released, ...]


class BayWork(Protocol):
    """What is done in a bay. It blocks, looks at `stop` often, and ends soon after it is set."""

    def greet(
        self,
        channel: ChannelAppeared,
        before: Met | None,
        *,
        switch: bool,
        stop: threading.Event,
        busy: Callable[[], None],
    ) -> Met:
        """Ask who is on a channel; `before` itself, on its new channel, if it is the same.

        `busy` is told when it can't show its storage yet, and is waited for.
        Raises a RecorderError where nobody answers who is known.
        """

    def take_over(
        self,
        medium: MediumAppeared | None,
        met: Met | None,
        *,
        occasion: Occasion,
        unheard: str,
        others: Callable[[], Others],
        stop: threading.Event,
        report: Report,
    ) -> Released:
        """Take a medium over, or write down of a recorder that it showed none.

        `unheard` is the code of why it told nothing on its channel, if it has one; `others`
        tells, whenever it is asked, how it stands with its other media.
        """

    def erase(self, order: Erase, *, shows: "Shows", stop: threading.Event) -> Released:
        """Erase what may be erased by now; `shows` tells which medium is there, as it changes."""


Shows: TypeAlias = "queue.SimpleQueue[MediumAppeared | None]"


class BayRunner:
    """The hands of one bay.

    `heard` is told each event in the bay's own thread, the moment it is true; `shown`
    each new view, on the event loop.
    """

    def __init__(
        self,
        name: str,
        work: BayWork,
        *,
        heard: Callable[[str, DockingEvent], None] = lambda _bay, _event: None,
        shown: Callable[[BayView], None] = lambda _view: None,
    ) -> None:
        self._name = name
        self._does = work
        self._heard = heard
        self._shown = shown
        self._inbox: asyncio.Queue[Event] = asyncio.Queue()
        self._state: State = Empty()
        self._view = bay_view.of_state(BayView(bay=name), self._state)
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

    def readiness(self) -> str:
        """Tell whether the recorder can be checked where it is (`resting.readiness`)."""
        return readiness(self._state)

    def at_rest(self) -> "AtRest | None":
        """Return who sits here at rest, and how that came about; None where nobody does."""
        state = self._state
        if not isinstance(state, Done) or state.met is None:
            return None
        return AtRest(met=state.met, channel=channel_of(state) is not None, ends=state.ends)

    async def run(self) -> None:
        """Serve the bay until cancelled; a running job is then let go of and awaited."""
        loop = asyncio.get_running_loop()
        stop = threading.Event()
        shows: Shows = queue.SimpleQueue()
        job: asyncio.Task[None] | None = None
        try:
            while True:
                self._state, order = step(self._state, await self._inbox.get())
                self._show(bay_view.of_state(self._view, self._state))
                match order:
                    case Start() | Greet() | Erase():
                        stop, shows = threading.Event(), queue.SimpleQueue()
                        job = asyncio.create_task(self._work(order, stop, shows))
                        job.add_done_callback(_raise_doubt)
                    case Await(turn, within_s):
                        loop.call_later(within_s, self.post, Late(turn))
                    case Show(medium):
                        shows.put(medium)
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

    async def _work(
        self, order: Start | Greet | Erase, stop: threading.Event, shows: Shows
    ) -> None:
        loop, turn = asyncio.get_running_loop(), order.turn
        try:
            news = await loop.run_in_executor(self._thread, self._do, order, stop, shows, loop)
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
            self.post(news)

    def _do(
        self,
        order: Start | Greet | Erase,
        stop: threading.Event,
        shows: Shows,
        loop: asyncio.AbstractEventLoop,
    ) -> Answered | Ended:
        """Carry a job out; in the bay's thread."""
        turn = order.turn
        if isinstance(order, Erase):
            return Ended(turn, self._does.erase(order, shows=shows, stop=stop))
        if isinstance(order, Greet):

            def busy() -> None:
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(self._see_busy, turn)

            met = self._does.greet(
                order.channel, order.before, switch=order.switch, stop=stop, busy=busy
            )
            return Answered(turn, met)

        def report(event: DockingEvent) -> None:
            self._heard(self._name, event)
            with contextlib.suppress(RuntimeError):  # the loop is gone: nobody looks any more
                loop.call_soon_threadsafe(self._see, turn, event)

        end = self._does.take_over(
            order.medium,
            order.met,
            occasion=order.occasion,
            unheard=order.unheard,
            others=lambda: self._others(turn),
            stop=stop,
            report=report,
        )
        return Ended(turn, end)

    def _others(self, turn: int) -> Others:
        """Tell the bay's thread of the recorder's other media, as the loop knows them now."""
        state = self._state
        return state.others if isinstance(state, Working) and state.turn == turn else "unseen"

    def _see_busy(self, turn: int) -> None:
        if turn == self._view.turn:
            self._show(bay_view.of_busy(self._view))

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
