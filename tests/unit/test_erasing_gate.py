"""The gate: a case that may be erased, and each single thing that keeps it."""

from dataclasses import replace

import pytest

from dock_daemon.erasing.gate import (
    NOW_MS as NOW_IS,
)
from dock_daemon.erasing.gate import (
    Case,
    Erase,
    Keep,
    Policy,
    Reading,
    Reason,
    Vouched,
    beside_reading,
    may_erase,
)
from tests.erasings import (
    HOUR_MS,
    NOW_S,
    OTHER,
    POLICY,
    SEALED_S,
    SEQ,
    SHA,
    SOUND,
    but,
    vouched,
)

DAY_MS = 24 * HOUR_MS
COOL_S = POLICY.cool_down_ms // 1000


def test_everything_holds() -> None:
    """Then it may be erased: the very content that was sealed."""
    assert may_erase(SOUND, POLICY) == Erase(SHA, 1000)


# What is spoilt, and which reasons it must give.
KEPT: dict[str, tuple[Case, tuple[Reason, ...]]] = {
    "no command": (but(can_erase=False), (Reason.NO_COMMAND,)),
    "nobody answers": (but(answering=None), (Reason.NO_CHANNEL, Reason.ANOTHER_RECORDER)),
    "another answers": (but(answering__number="ZF-0008"), (Reason.ANOTHER_RECORDER,)),
    "another key": (but(answering__vkey="other"), (Reason.ANOTHER_RECORDER,)),
    "no number": (but(answering__number=""), (Reason.ANOTHER_RECORDER,)),
    "no number anywhere": (
        but(answering__number="", stay__number="", sealed__recorder=""),
        (Reason.ANOTHER_RECORDER,),
    ),
    "another's clip": (but(sealed__recorder="ZF-0008"), (Reason.ANOTHER_RECORDER,)),
    "another was docked": (but(stay__number="ZF-0008"), (Reason.ANOTHER_RECORDER,)),
    "not docked": (
        but(stay=None),
        (Reason.ANOTHER_RECORDER, Reason.NOT_REGISTERED, Reason.STAY_NOT_WHOLE),
    ),
    "not registered": (but(stay__registered=False), (Reason.NOT_REGISTERED,)),
    "not all taken over": (but(stay__whole=False), (Reason.STAY_NOT_WHOLE,)),
    "was out": (but(stay__unbroken=False), (Reason.STAY_NOT_WHOLE,)),
    "not sealed": (
        but(sealed=None),
        (
            Reason.ANOTHER_RECORDER,
            Reason.NOT_SEALED,
            Reason.NOT_DONE,
            Reason.QUARANTINED,
            Reason.MARKED,
            Reason.NOT_MIRRORED,
            Reason.COOLING,
            Reason.COOLING_AT_MIRROR,
            Reason.STORE_DIFFERS,
            Reason.RECORDER_DIFFERS,
        ),
    ),
    "not done": (but(sealed__done_ms=None), (Reason.NOT_DONE,)),
    "quarantined": (but(sealed__quarantine=True), (Reason.QUARANTINED,)),
    "marked": (but(sealed__marks=frozenset({"empty"})), (Reason.MARKED,)),
    "a finding": (but(findings=frozenset({"changed"})), (Reason.FINDING,)),
    "held": (but(held=True), (Reason.HELD,)),
    "unsettled": (but(unsettled=True), (Reason.UNSETTLED,)),
    "listed otherwise": (but(listed=False), (Reason.LISTED_OTHERWISE,)),
    "no mirror": (but(vouched=()), (Reason.NOT_MIRRORED, Reason.COOLING_AT_MIRROR)),
    "a witness only": (
        but(vouched=vouched(role="witness")),
        (Reason.NOT_MIRRORED, Reason.COOLING_AT_MIRROR),
    ),
    "a head that ends before the entry": (
        but(vouched=tuple(replace(one, size=SEQ) for one in vouched())),
        (Reason.NOT_MIRRORED, Reason.COOLING_AT_MIRROR),
    ),
    "sealed too lately": (
        but(dock__now_ms=SOUND.dock.now_ms - 29 * HOUR_MS),
        (Reason.COOLING,),
    ),
    "the clock was set forward": (but(dock__stepped_ms=29 * HOUR_MS), (Reason.COOLING,)),
    "mirrored too lately": (
        but(vouched=(Vouched(name="m", role="mirror", size=SEQ + 1, time_s=NOW_S),)),
        (Reason.COOLING_AT_MIRROR,),
    ),
    "mirrored a second too lately": (
        but(
            vouched=(
                Vouched(name="m", role="mirror", size=SEQ + 1, time_s=SEALED_S),
                Vouched(name="m", role="mirror", size=SEQ + 2, time_s=SEALED_S + COOL_S),
            )
        ),
        (Reason.COOLING_AT_MIRROR,),
    ),
    "sealed a millisecond too lately": (
        but(dock__now_ms=SOUND.dock.now_ms - 28 * HOUR_MS - 1),
        (Reason.COOLING,),
    ),
    "the store was not read": (
        but(store=None),
        (
            Reason.STORE_UNREAD,
            Reason.STORE_NOT_COLD,
            Reason.STORE_LONG_AGO,
            Reason.STORE_DIFFERS,
        ),
    ),
    "the store was read warm": (but(store__how="not-cold"), (Reason.STORE_NOT_COLD,)),
    "the store was read long ago": (
        but(store__age_ms=DAY_MS + 1),
        (Reason.STORE_LONG_AGO,),
    ),
    "the store will be read": (but(store__age_ms=-1), (Reason.STORE_LONG_AGO,)),
    "the store holds another": (but(store__sha256=OTHER), (Reason.STORE_DIFFERS,)),
    "the store holds less": (but(store__size=999), (Reason.STORE_DIFFERS,)),
    "the recorder was not read": (
        but(recorder=None),
        (Reason.RECORDER_UNREAD, Reason.RECORDER_LONG_AGO, Reason.RECORDER_DIFFERS),
    ),
    "the recorder was read long ago": (
        but(recorder__age_ms=600_001),
        (Reason.RECORDER_LONG_AGO,),
    ),
    "the recorder will be read": (but(recorder__age_ms=-1), (Reason.RECORDER_LONG_AGO,)),
    "the recorder holds another": (but(recorder__sha256=OTHER), (Reason.RECORDER_DIFFERS,)),
    "the recorder holds more": (but(recorder__size=1001), (Reason.RECORDER_DIFFERS,)),
    "nothing is signed": (but(dock__signing=False), (Reason.NOT_SIGNING,)),
    "the ledger is in doubt": (but(dock__sound=False), (Reason.IN_DOUBT,)),
    "the clock is not kept": (but(dock__synchronized=False), (Reason.CLOCK,)),
}


@pytest.mark.parametrize("what", KEPT)
def test_one_thing_that_does_not_hold_keeps_it(what: str) -> None:
    """Whatever is missing is named, and nothing else is."""
    case, reasons = KEPT[what]
    assert may_erase(case, POLICY) == Keep(reasons)


def test_off_is_off() -> None:
    """Without the policy nothing is erased, whatever else holds."""
    assert may_erase(SOUND, replace(POLICY, enabled=False)) == Keep((Reason.OFF,))


# What stays within the bounds, to the last one.
ALLOWED: dict[str, tuple[Case, Policy]] = {
    "just cool": (but(dock__now_ms=SOUND.dock.now_ms - 28 * HOUR_MS), POLICY),
    "just cool without the steps": (but(dock__stepped_ms=28 * HOUR_MS), POLICY),
    "set back, and cool all the same": (
        but(dock__now_ms=SOUND.dock.now_ms - DAY_MS * 4, dock__stepped_ms=-4 * DAY_MS),
        POLICY,
    ),
    "just cool at the mirror": (
        but(
            vouched=(
                Vouched(name="m", role="mirror", size=SEQ + 1, time_s=SEALED_S),
                Vouched(name="m", role="mirror", size=SEQ + 2, time_s=SEALED_S + COOL_S),
            )
        ),
        replace(POLICY, cool_down_ms=POLICY.cool_down_ms - 999),
    ),
    "just cool at the mirror, by whole seconds": (
        but(
            vouched=(
                Vouched(name="m", role="mirror", size=SEQ + 1, time_s=SEALED_S),
                Vouched(name="m", role="mirror", size=SEQ + 2, time_s=SEALED_S + COOL_S + 1),
            )
        ),
        replace(POLICY, cool_down_ms=POLICY.cool_down_ms + 1),
    ),
    "no cool-down, one word": (
        but(
            vouched=(Vouched(name="m", role="mirror", size=SEQ + 1, time_s=SEALED_S),),
            dock__now_ms=SOUND.dock.now_ms - 100 * HOUR_MS,
        ),
        replace(POLICY, cool_down_ms=0),
    ),
    "the page cache was dropped": (but(store__how="dropped"), POLICY),
    "the store was read just in time": (but(store__age_ms=DAY_MS), POLICY),
    "the store was read just now": (but(store__age_ms=0), POLICY),
    "the recorder was read just in time": (but(recorder__age_ms=600_000), POLICY),
    "the recorder was read just now": (but(recorder__age_ms=0), POLICY),
    "a clock that need not be kept": (
        but(dock__synchronized=False),
        replace(POLICY, synchronized=False),
    ),
    "a kept clock that need not be": (SOUND, replace(POLICY, synchronized=False)),
    "letters of the number": (but(answering__number="zf-0007"), POLICY),
    "a witness beside the mirror": (
        but(vouched=(*vouched("w", "witness"), *vouched())),
        POLICY,
    ),
    "two mirrors where one would do": (but(vouched=(*vouched("a"), *vouched("b"))), POLICY),
    "two of two": (
        but(vouched=(*vouched("a"), *vouched("b"))),
        replace(POLICY, mirrors=2),
    ),
}


@pytest.mark.parametrize("what", ALLOWED)
def test_what_keeps_to_the_bounds_may_be_erased(what: str) -> None:
    """The bounds belong to what is allowed."""
    case, policy = ALLOWED[what]
    assert may_erase(case, policy) == Erase(SHA, 1000)


def test_mirrors_are_counted_by_name() -> None:
    """Two words of one mirror are one mirror; a witness makes up for none."""
    two = replace(POLICY, mirrors=2)
    lacking = Keep((Reason.NOT_MIRRORED, Reason.COOLING_AT_MIRROR))
    assert may_erase(SOUND, two) == lacking
    assert may_erase(but(vouched=(*vouched(), *vouched("w", "witness"))), two) == lacking


def test_each_mirror_has_waited() -> None:
    """A second mirror that holds the entry since just now holds it, and has not waited."""
    late = Vouched(name="late", role="mirror", size=SEQ + 90, time_s=NOW_S)
    case = but(vouched=(*vouched(), late))
    assert may_erase(case, replace(POLICY, mirrors=2)) == Keep((Reason.COOLING_AT_MIRROR,))
    assert isinstance(may_erase(case, POLICY), Erase)


def test_two_mirrors_do_not_wait_for_one_another() -> None:
    """The time between one mirror's first word and another's last is nobody's waiting."""
    words = (
        Vouched(name="a", role="mirror", size=SEQ + 1, time_s=SEALED_S),
        Vouched(name="b", role="mirror", size=SEQ + 90, time_s=NOW_S),
    )
    assert may_erase(but(vouched=words), POLICY) == Keep((Reason.COOLING_AT_MIRROR,))


@pytest.mark.parametrize(("seconds", "cool_down_ms"), [(0, 1), (7, 6002)])
def test_whole_seconds_may_be_almost_one_too_many(seconds: int, cool_down_ms: int) -> None:
    """A mirror tells whole seconds: what passed between two words is counted at its least."""
    words = tuple(
        Vouched(name="m", role="mirror", size=SEQ + 1 + later, time_s=SEALED_S + later)
        for later in {0, seconds}
    )
    policy = replace(POLICY, cool_down_ms=cool_down_ms)
    assert may_erase(but(vouched=words), policy) == Keep((Reason.COOLING_AT_MIRROR,))
    just = replace(POLICY, cool_down_ms=cool_down_ms - 1)
    assert isinstance(may_erase(but(vouched=words), just), Erase)


@pytest.mark.parametrize("mirrors", [0, -1])
def test_nobody_can_ask_for_no_mirror(mirrors: int) -> None:
    """One is the least, whatever is configured."""
    policy = replace(POLICY, mirrors=mirrors)
    assert may_erase(but(vouched=()), policy) == Keep(
        (Reason.NOT_MIRRORED, Reason.COOLING_AT_MIRROR)
    )
    assert isinstance(may_erase(SOUND, policy), Erase)


def test_now_is_ten_minutes() -> None:
    """A clip that was re-read longer ago is re-read again."""
    assert NOW_IS == 600_000


@pytest.mark.parametrize("what", KEPT)
def test_what_reading_cannot_change(what: str) -> None:
    """Reading recorder and store can change what they are said to hold, and nothing else."""
    case, reasons = KEPT[what]
    by_reading = ("store-", "recorder-", "listed-")
    left = tuple(one for one in reasons if not one.startswith(by_reading))
    assert beside_reading(may_erase(case, POLICY)) == left


def test_what_may_be_erased_needs_no_more_reading() -> None:
    """Nothing keeps it."""
    assert beside_reading(may_erase(SOUND, POLICY)) == ()


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_given(reason: Reason) -> None:
    """No reason stands there that nothing brings about, and none without a condition."""
    given = {one for _, reasons in KEPT.values() for one in reasons} | {Reason.OFF}
    assert reason in given
    assert str(reason).replace("-", "").isalpha()


def test_reading_is_compared_as_a_whole() -> None:
    """The right digest with the wrong size is not what was sealed, nor the other way round."""
    wrong = Reading(sha256=OTHER, size=1000, how="direct", age_ms=1)
    assert may_erase(but(store=wrong, recorder=wrong), POLICY) == Keep(
        (Reason.STORE_DIFFERS, Reason.RECORDER_DIFFERS)
    )
