"""What every step of one docking works with."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from dock_daemon.clock import Clock
from dock_daemon.docking.dates import Dates
from dock_daemon.docking.events import Report
from dock_daemon.docking.handover import Handover
from dock_daemon.docking.minutes import Minutes
from dock_daemon.docking.rules import Rules
from dock_daemon.docking.sources import Source
from dock_daemon.docking.statements import Scene
from dock_daemon.evidence.sealer import Sealer
from dock_daemon.evidence.store import Store
from dock_daemon.recorders.greeting import Greeting
from dock_daemon.recorders.journal_judge import Others


@dataclass(frozen=True, slots=True)
class Parts:
    """What a docking works with; the composition root has made them."""

    store: Store
    sealer: Sealer
    clock: Clock
    rules: Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One docking under way: its recorder, and what is written down about it.

    `greeting` is what the recorder said over its control channel, None where nobody asked, or
    nobody answered: then `unheard` is the code of why. `others` tells of its other media, as is
    known at the time.
    """

    source: Source
    parts: Parts
    scene: Scene
    minutes: Minutes
    handover: Handover
    dates: Dates
    report: Report
    stop: threading.Event
    greeting: Greeting | None
    unheard: str
    others: Callable[[], Others]
    earlier_volumes: tuple[str, ...]
    reread: bool
