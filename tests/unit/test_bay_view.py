"""What there is to see of a bay while a recorder goes through it."""

from dataclasses import replace
from pathlib import Path

import pytest

from config.messages import LANGUAGES, catalogue
from config.profiles import recorder_profile
from dock_daemon.bays.bay_states import (
    Awaiting,
    Done,
    Empty,
    Expecting,
    Faulted,
    Greeting,
    Inside,
    Interrupted,
    LettingGo,
    Met,
    State,
    Unanswered,
    Working,
)
from dock_daemon.bays.bay_view import BayView, of_busy, of_event, of_state
from dock_daemon.bays.media import ChannelAppeared, MediumAppeared
from dock_daemon.docking.events import (
    Checked,
    ClipKnown,
    ClipSealed,
    ClipUnread,
    Event,
    FindingMade,
    Identified,
    Planned,
    Progress,
    Released,
)
from dock_daemon.recorders.greeting import Greeting as Told
from dock_daemon.recorders.matching import Seen
from firmware_bridge.capabilities import Identity

MEDIUM = MediumAppeared(sys_path="a", node="/dev/a", port="p", major=8, minor=0, size_bytes=1)
END = Released(
    docking=3, result="complete", sealed=1, known=1, unread=0, incomplete=0, findings=1, late=1,
    bytes=10, remaining=0,
)  # fmt: skip
IDENTIFIED = Identified(
    docking=3, recorder="R", holder="H", unit="U", registered=True, source="image", volumes=(),
    clock="synchronized",
)  # fmt: skip
SEALED = ClipSealed(
    seq=1, path="A", sha256="", size=10, media_class="media", due_ms=1, done_ms=2, late=True,
    quarantine=False, verified="direct", marks=(), incomplete=False,
)  # fmt: skip
EMPTY = BayView(bay="1")
WHY = RuntimeError("why")
INSIDE = Inside(media=(MEDIUM,))
CHANNEL = ChannelAppeared(sys_path="t", node="/dev/t", port="p", seen=Seen(kind="serial"))
MET = Met(
    greeting=Told(
        profile=recorder_profile("open", Path("/nowhere")), identity=Identity(number="ZF-7")
    ),
    channel="t",
    within_s=20,
    switched=True,
)


def working(turn: int) -> Working:
    """Return a bay at work on the one medium in it."""
    return Working(turn=turn, inside=INSIDE, medium=MEDIUM)


def done(*ends: Released) -> Done:
    """Return a bay whose dockings have ended so."""
    return Done(turn=1, inside=INSIDE, ends=ends)


def seen(*events: Event) -> BayView:
    """Return the view of a working bay after these events."""
    view = of_state(EMPTY, working(1))
    for event in events:
        view = of_event(view, event)
    return view


def test_the_way_through() -> None:
    """Each thing that is told shows, and nothing of it is left once the recorder is out."""
    view = seen(
        IDENTIFIED,
        Checked(verdict="fit", items=(), because=None),
        Planned(clips=1, bytes=10, known=1, nearest_due_ms=99),
        ClipKnown(seq=0, path="K", sha256="", size=1),
        Progress(clips_sealed=0, bytes_copied=5),
    )
    assert (view.state, view.recorder, view.holder, view.docking) == ("pulling", "R", "H", 3)
    assert (view.clips, view.bytes, view.bytes_copied, view.due_ms) == (1, 10, 5, 99)
    view = of_event(view, Progress(clips_sealed=0, bytes_copied=10))
    assert view.state == "verifying"
    finding = FindingMade(seq=2, finding="missing", volume="v", path="M", clip=None, facts={})
    for event in (SEALED, finding, ClipUnread(path="U", size=1, reason="x"), END):
        view = of_event(view, event)
    assert (view.sealed, view.late, view.known, view.findings, view.unread) == (1, 1, 1, 1, 1)
    assert of_state(view, done(END)).state == "done"
    assert of_state(view, Empty(1)) == BayView(bay="1", turn=1)


def test_a_new_turn_begins_with_a_clean_view() -> None:
    """What was seen of one recorder is not shown beside the next."""
    assert of_state(seen(IDENTIFIED, SEALED), working(2)) == BayView(
        bay="1", turn=2, state="detecting"
    )


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (Empty(1), "empty"),
        (working(1), "detecting"),
        (LettingGo(turn=1, inside=Inside()), "interrupted"),
        (Interrupted(turn=1, inside=Inside(), end=END), "interrupted"),
        (done(END), "done"),
        (done(END, replace(END, result="partial")), "attention"),
        (done(replace(END, result="interrupted")), "attention"),
        (Faulted(turn=1, inside=INSIDE, error=WHY), "fault"),
        (Done(turn=1, inside=Inside(), ends=(END,)), "interrupted"),
        (Expecting(turn=1, inside=INSIDE), "detecting"),
        (Greeting(turn=1, inside=INSIDE, channel=CHANNEL), "detecting"),
        (Awaiting(turn=1, inside=Inside(), met=MET), "checking"),
        (Unanswered(turn=1, inside=INSIDE, error=WHY), "fault"),
    ],
)
def test_every_state_has_a_word_in_every_language(state: State, shown: str) -> None:
    """The view's key is one of the messages'."""
    view = of_state(EMPTY, state)
    assert view.state == shown
    for lang in LANGUAGES:
        assert f"bay.{shown}" in catalogue(lang)


def test_a_fault_says_why() -> None:
    """The error's own words are shown."""
    assert of_state(EMPTY, Faulted(turn=1, inside=INSIDE, error=WHY)).error == "why"


def test_a_recorder_that_is_waited_for_has_a_number_already() -> None:
    """Whoever answered on its channel is named before its storage is there."""
    assert of_state(EMPTY, Awaiting(turn=1, inside=Inside(), met=MET)).recorder == "ZF-7"


def test_what_could_not_be_judged_is_shown() -> None:
    """How many clips in the recorder's journal are open stays on the bay."""
    end = replace(END, unjudged=4)
    assert of_event(BayView(bay="1"), end).unjudged == 4


def test_a_busy_recorder_is_waited_for_in_words() -> None:
    """While it hashes its clips the bay says so, and nothing else of it changes."""
    view = BayView(bay="1", turn=3, state="detecting")
    assert of_busy(view) == replace(view, state="preparing")
