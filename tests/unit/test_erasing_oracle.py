"""The gate against a judge that knows what is true: never once a yes that breaks the promise.

script/torture erase goes through a million such decisions.
"""

from collections import Counter
from dataclasses import replace

import pytest

from dock_daemon.erasing.gate import Erase, may_erase
from tests.erasing_runs import SEED, decisions

DECISIONS = 20_000
SLICE = 5_000


@pytest.mark.parametrize("first", range(0, DECISIONS, SLICE))
def test_no_decision_breaks_the_promise(first: int) -> None:
    """Twenty thousand worlds with faults; a failure names its seed and number."""
    erased = 0
    for number, world, decision in decisions(SEED, first, SLICE):
        if isinstance(decision, Erase):
            erased += 1
            assert world.crimes() == [], (SEED, number, world.faults)
            assert (decision.sha256, decision.size) == (world.content, world.size)
    assert erased > SLICE // 10


def test_where_nothing_is_wrong_it_is_erased() -> None:
    """A gate that always said no would keep the promise, too: this one does not."""
    for number, world, decision in decisions(SEED, 0, 4_000):
        if world.sound:
            assert isinstance(decision, Erase), (SEED, number, decision)


def test_each_crime_is_met() -> None:
    """The worlds go wrong in every way that the judge knows, each many times."""
    met = Counter(crime for _, world, _ in decisions(SEED, 0, 8_000) for crime in world.crimes())
    assert len(met) == 13
    assert min(met.values()) > 20


def test_the_judge_has_teeth() -> None:
    """A gate that forgets a condition is caught: each, forgotten in turn."""
    caught: Counter[str] = Counter()
    for _, world, _ in decisions(SEED, 0, 20_000):
        if not world.crimes():
            continue
        case = world.seen()
        forgetful = {
            "findings": replace(case, findings=frozenset()),
            "held": replace(case, held=False),
            "role": replace(
                case, vouched=tuple(replace(one, role="mirror") for one in case.vouched)
            ),
            "size": replace(
                case, vouched=tuple(replace(one, size=one.size + 2) for one in case.vouched)
            ),
            "steps and mirrors": replace(
                case,
                dock=replace(case.dock, stepped_ms=-(10**15)),
                vouched=(*case.vouched, *(replace(one, time_s=0) for one in case.vouched)),
            ),
            "how": None
            if case.store is None
            else replace(case, store=replace(case.store, how="direct")),
        }
        for name, spoilt in forgetful.items():
            if spoilt is not None and isinstance(may_erase(spoilt, world.policy), Erase):
                caught[name] += 1
    assert len(caught) == 6, caught
