"""May the dock sign? Every way through the states, without a dock."""

import dataclasses
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from dock_daemon.evidence.permission import (
    Answered,
    Asked,
    Asking,
    Before,
    Contradicted,
    Copy,
    Doubted,
    Event,
    Free,
    Granted,
    Held,
    KnowsNothing,
    State,
    Stopped,
    TimePassed,
    Vouched,
    begin,
    forgot,
    may_sign,
    name_of,
    step,
    why,
)

NAMES = ("old", "new", "other")


def before(
    *acquainted: str,
    witnesses: tuple[str, ...] = NAMES,
    nothing_signed: bool = False,
    copy: Copy = Copy.NONE,
) -> Before:
    """Return what is known at a start."""
    return Before(
        witnesses=frozenset(witnesses),
        acquainted=frozenset(acquainted),
        nothing_signed=nothing_signed,
        copy=copy,
    )


def after(known: Before, *events: Event) -> State:
    """Return the state that follows from `events`, ten seconds being allowed for answers."""
    state = begin(known, until_s=10)
    for event in events:
        state = step(state, event)
    return state


def test_a_witness_that_knows_us_grants_whenever_it_answers() -> None:
    """In time or long after it: held is no end."""
    assert isinstance(after(before("old"), Vouched("old")), Granted)
    held = after(before("old"), TimePassed(10))
    assert (name_of(held), why(held)) == ("held", "unanswered")
    granted = step(held, Vouched("old"))
    assert (name_of(granted), why(granted)) == ("granted", "witness")


def test_a_witness_that_has_just_met_us_remembers_nothing() -> None:
    """It grants only where no other is configured that could remember more."""
    assert isinstance(after(before(), Vouched("new")), Granted)
    waiting = after(before("old"), Vouched("new"))
    assert (name_of(waiting), why(waiting)) == ("asking", "only-new-witness")
    assert why(after(before("old"), Vouched("new"), TimePassed(11))) == "only-new-witness"


def test_a_witness_that_has_forgotten_us_counts_no_more() -> None:
    """It vouched once and now knows nothing: what it signs from now on proves nothing."""
    state = after(before("old"), KnowsNothing("old"), Vouched("old"))
    assert (name_of(state), why(state)) == ("asking", "witness-forgot")
    assert forgot(state) == {"old"}
    later = begin(before("old"), 10, forgot=frozenset({"old", "retired"}))
    assert forgot(later) == {"old"}
    assert not may_sign(step(later, Vouched("old")))
    granted = after(before("old", "other"), KnowsNothing("old"), Vouched("other"))
    assert isinstance(granted, Granted)
    assert forgot(granted) == frozenset()


def test_where_nothing_was_signed_all_are_asked_whether_they_know_us() -> None:
    """All of them knowing nothing grants at once; one of them, when time is up."""
    known = before(nothing_signed=True, witnesses=("a", "b"))
    assert isinstance(after(known, KnowsNothing("a")), Asking)
    assert isinstance(after(known, KnowsNothing("a"), KnowsNothing("b")), Granted)
    assert isinstance(after(known, KnowsNothing("a"), TimePassed(10)), Granted)
    assert isinstance(after(known, TimePassed(10)), Held)
    assert isinstance(after(known, TimePassed(10), KnowsNothing("b")), Granted)


def test_a_copy_on_another_medium_speaks_when_no_witness_does() -> None:
    """Only one that agrees, and only once the time is up."""
    agreeing = before("old", copy=Copy.AGREES)
    assert isinstance(after(agreeing, TimePassed(9.9)), Asking)
    granted = after(agreeing, Answered("old", "unreachable"), TimePassed(10))
    assert (name_of(granted), why(granted)) == ("granted", "head-copy")
    for copy in set(Copy) - {Copy.AGREES}:
        assert isinstance(after(before("old", copy=copy), TimePassed(10)), Held)


def test_what_is_lacking_is_said() -> None:
    """The gravest answer counts."""
    state = after(before("old"), Answered("old", "unreachable"))
    assert why(state) == "unreachable"
    assert why(step(state, Answered("new", "stale"))) == "stale"
    assert why(step(state, Answered("new", "refused"))) == "refused"


def test_who_is_not_asked_is_free_until_contradicted() -> None:
    """A dock without witnesses signs, unless somebody shows what it signed elsewhere."""
    free = Free("no-witness")
    assert step(free, TimePassed(1e9)) is free
    assert (may_sign(free), why(free)) == (True, "no-witness")
    assert step(free, Contradicted("fork")) == Stopped("fork")


def test_a_copy_in_doubt_holds_whatever_was_granted() -> None:
    """Nothing but a witness that agrees after it lets it go on."""
    doubted = before("old", copy=Copy.UNKNOWN_KEY, nothing_signed=True)
    for state in (Free("no-witness"), Granted("head-copy", Asked(before=before("old")))):
        held = step(state, Doubted(doubted))
        assert (name_of(held), why(held)) == ("held", "copy-unknown-key")
        assert isinstance(step(step(held, KnowsNothing("old")), TimePassed(99)), Held)
        assert isinstance(step(held, Vouched("old")), Granted)
    assert isinstance(after(doubted, KnowsNothing("old"), TimePassed(10)), Held)


NAMED = st.sampled_from(NAMES)
EVENTS = st.lists(
    st.one_of(
        st.builds(Vouched, NAMED),
        st.builds(KnowsNothing, NAMED),
        st.builds(Answered, NAMED, st.sampled_from(["refused", "stale", "unreachable", "size"])),
        st.builds(Contradicted, st.sampled_from(["ahead", "fork"])),
        st.builds(TimePassed, st.floats(0, 20)),
        st.just("doubt"),
    ),
    max_size=12,
)
KNOWN = st.builds(
    before,
    witnesses=st.just(NAMES),
    nothing_signed=st.booleans(),
    copy=st.sampled_from(list(Copy)),
) | st.builds(before, NAMED, copy=st.sampled_from(list(Copy)))


@given(known=KNOWN, events=EVENTS)
def test_nothing_is_signed_on_anybodys_silence(
    known: Before, events: list[Event | Literal["doubt"]]
) -> None:
    """In whatever order answers come: to sign takes a reason, and a contradiction ends all."""
    state = begin(known, until_s=10)
    # Whoever doubts the copy knows the same witnesses as before.
    doubt = Doubted(dataclasses.replace(known, copy=Copy.UNKNOWN_KEY))
    for drawn in events:
        event = doubt if drawn == "doubt" else drawn
        earlier = state
        state = step(state, event)
        if isinstance(earlier, Stopped):
            assert state is earlier
        if isinstance(event, Contradicted):
            assert isinstance(state, Stopped)
        if isinstance(event, Doubted):
            assert not may_sign(state)
        if may_sign(state) and not may_sign(earlier):
            vouched = isinstance(event, Vouched) and (
                event.witness in known.acquainted or not known.acquainted
            )
            copied = isinstance(event, TimePassed) and known.copy is Copy.AGREES
            unknown = known.nothing_signed and isinstance(event, KnowsNothing | TimePassed)
            assert vouched or copied or unknown
        assert why(state)
        assert name_of(state) in {"asking", "granted", "held", "stopped"}
