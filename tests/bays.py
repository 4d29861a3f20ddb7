"""What a bay is told in the tests of its decisions: media, channels, answers and ends."""

from pathlib import Path

from config.profiles import recorder_profile
from dock_daemon.bays.bay import step
from dock_daemon.bays.bay_states import (
    Empty,
    Event,
    Inside,
    Met,
    Order,
    State,
)
from dock_daemon.bays.media import ChannelAppeared, MediumAppeared
from dock_daemon.docking.events import Released
from dock_daemon.recorders.greeting import Greeting as Told
from dock_daemon.recorders.matching import Seen

PROFILE = recorder_profile("open", Path("/nowhere"))


def medium(name: str) -> MediumAppeared:
    """Return a medium at a place of that name."""
    return MediumAppeared(
        sys_path=name, node=f"/dev/{name}", port="p", major=8, minor=0, size_bytes=1
    )


def channel(name: str) -> ChannelAppeared:
    """Return a control channel at a place of that name."""
    return ChannelAppeared(sys_path=name, node=f"/dev/{name}", port="p", seen=Seen(kind="serial"))


def met(on: str = "t", *, switched: bool = True, within_s: int = 20) -> Met:
    """Return a recorder that has answered on a channel."""
    told = Told(profile=PROFILE, switched=switched)
    return Met(greeting=told, channel=on, within_s=within_s, switched=switched)


def end(result: str = "complete") -> Released:
    """Return how a docking ended."""
    return Released(
        docking=1, result=result, sealed=0, known=0, unread=0, incomplete=0, findings=0, late=0,
        bytes=0, remaining=0,
    )  # fmt: skip


A, B, C = medium("a"), medium("b"), medium("c")
T, U = channel("t"), channel("u")
ERROR = RuntimeError("a test")


def inside(*things: MediumAppeared | ChannelAppeared) -> Inside:
    """Return what is in a bay."""
    found = Inside()
    for thing in things:
        found = found.plus(thing)
    return found


def after(*events: Event, state: State | None = None) -> tuple[State, list[Order]]:
    """Return the state after these events, and every order on the way."""
    now: State = state or Empty()
    orders: list[Order] = []
    for event in events:
        now, order = step(now, event)
        if order is not None:
            orders.append(order)
    return now, orders
