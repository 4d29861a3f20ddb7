"""Runs of the gate through simulated worlds: the tests' and script/torture's."""

import argparse
import json
import random
import secrets
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from dock_daemon.erasing.gate import Decision, Erase, may_erase
from tests.erasing_world import World

SEED: Final = 20_261_122
DECISIONS: Final = 1_000_000
_SHOWN: Final = 20


def decisions(seed: int, first: int, count: int) -> Iterator[tuple[int, World, Decision]]:
    """Yield each decision of a run, by number: the world, and what the gate said of it."""
    for number in range(first, first + count):
        world = World(random.Random(f"{seed}/{number}"))  # noqa: S311  repeatable, not secret
        yield number, world, may_erase(world.seen(), world.policy)


def main(arguments: Sequence[str]) -> int:
    """Run `script/torture erase`; return the exit code."""
    options = argparse.ArgumentParser(
        prog="script/torture erase", description="See the head of script/torture."
    )
    options.add_argument("--decisions", type=int, default=DECISIONS, help="how many decisions")
    options.add_argument("--seed", type=int, help="the run of this seed; without, one at random")
    options.add_argument("--json", action="store_true", help="the figures as JSON")
    told = options.parse_args(arguments)
    seed = secrets.randbelow(1 << 31) if told.seed is None else told.seed
    if told.decisions < 1 or seed < 0:
        options.error("decisions are counted from 1, seeds from 0")
    figures: Counter[str] = Counter(erased=0, wrong=0)
    for number, world, decision in decisions(seed, 0, told.decisions):
        erased, crimes = isinstance(decision, Erase), world.crimes()
        wrong = crimes if erased else ["kept for nothing"] if world.sound else []
        figures.update(erased=int(erased), wrong=int(bool(wrong)))
        if wrong and figures["wrong"] <= _SHOWN:
            _say(f"seed {seed}, decision {number}: {', '.join(wrong)}: {world.faults}")
    if told.json:
        _say(json.dumps({"seed": seed, "decisions": told.decisions, **figures}))
    else:
        counts = f"{figures['erased']} to erase, {figures['wrong']} wrong"
        _say(f"{told.decisions} decisions, {counts}; again: --seed {seed}")
    return 1 if figures["wrong"] else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
