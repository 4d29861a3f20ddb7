"""Whose turn it is among docks that are pulled, on values alone."""

from hypothesis import given
from hypothesis import strategies as st

from central.pull.turns import SLOW, Turns

INTERVAL_S, LONGEST_S = 30.0, 900.0


def turns(chance: float = 0.5) -> Turns:
    """Return turns with a chance that is always the same."""
    return Turns(interval_s=INTERVAL_S, longest_s=LONGEST_S, chance=lambda: chance)


def test_everybody_once_in_an_interval() -> None:
    """Whoever was asked is asked again after the interval and its jitter, not before."""
    made = turns()
    assert made.take(["a", "b"], 0) == ["a", "b"]
    assert made.take(["a", "b"], 1) == []
    for origin in ("a", "b"):
        made.ended(origin, began_s=0, now_s=2, good=True, more=False)
    assert made.take(["a", "b"], 33.4) == []
    assert made.take(["a", "b"], 33.5) == ["a", "b"]


def test_who_is_busy_is_not_asked_twice() -> None:
    """A round that lasts does not have a second one beside it."""
    made = turns()
    made.take(["a"], 0)
    assert made.take(["a"], 10_000) == []


def test_who_fails_waits_longer_each_time() -> None:
    """Failures double the wait up to the longest, and one good round ends that."""
    made = turns(chance=0.999)
    waits: list[float] = []
    now_s = 0.0
    for _ in range(8):
        assert made.take(["a"], now_s) == ["a"]
        made.ended("a", began_s=now_s, now_s=now_s, good=False, more=False)
        began_s = now_s
        while not (again := made.take(["a"], now_s)):
            now_s += 1
        made.ended(again[0], began_s=now_s, now_s=now_s, good=False, more=False)
        waits.append(now_s - began_s)
        now_s += LONGEST_S
    assert waits[:3] == [30, 120, 480]
    assert set(waits[3:]) == {LONGEST_S}
    made.take(["a"], now_s)
    made.ended("a", began_s=now_s, now_s=now_s, good=True, more=False)
    assert made.take(["a"], now_s + 34) == ["a"]


def test_who_takes_long_waits_long() -> None:
    """A dock that dawdles under the limits cannot keep one of our hands for itself."""
    made = turns()
    made.take(["slow"], 0)
    made.ended("slow", began_s=0, now_s=50, good=True, more=False)
    assert made.take(["slow"], 50 + SLOW * 50 - 1) == []
    assert made.take(["slow"], 50 + SLOW * 50) == ["slow"]


def test_who_has_more_comes_after_the_others() -> None:
    """A long backlog is fetched in turns with docks that were due before."""
    made = turns()
    made.take(["backlog"], 0)
    assert made.take(["backlog", "other"], 5) == ["other"]
    made.ended("other", began_s=5, now_s=5, good=True, more=False)
    made.ended("backlog", began_s=0, now_s=40, good=True, more=True)
    assert made.take(["backlog", "other"], 40) == ["other", "backlog"]


def test_who_is_gone_is_forgotten() -> None:
    """A dock that was taken out and comes back is asked at once."""
    made = turns()
    made.take(["a"], 0)
    made.ended("a", began_s=0, now_s=0, good=False, more=False)
    assert made.take([], 1) == []
    assert made.take(["a"], 2) == ["a"]


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.floats(0, 60)), max_size=60))
def test_nobody_waits_for_ever(story: list[tuple[bool, bool, float]]) -> None:
    """However often others fail, dawdle or have more, each dock is due again within bounds."""
    made = turns(chance=0.9)
    now_s = 0.0
    longest_s = max(LONGEST_S, SLOW * 60.0, INTERVAL_S * 1.1)
    for good, more, took_s in story:
        for origin in made.take(["a", "b"], now_s):
            made.ended(origin, began_s=now_s, now_s=now_s + took_s, good=good, more=more)
        now_s += took_s
    assert set(made.take(["a", "b"], now_s + longest_s)) == {"a", "b"}
