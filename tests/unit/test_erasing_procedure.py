"""Whole turns of erasing, killed at each step, with recorders that lie, vanish or change."""

import random
from collections import Counter
from contextlib import suppress
from dataclasses import replace

import pytest

from dock_daemon.erasing.gate import Case
from firmware_bridge.errors import RecorderError
from tests.erasing_sim import KilledError, Sim
from tests.erasings import POLICY, SOUND, but, vouched

LIES = ("", "says-done", "erases-silently", "busy", "refuses", "swapped", "no-switch")
# What keeps a clip whatever its recorder says.
KEPT: dict[str, Case] = {
    "no-mirror": but(vouched=()),
    "witness": but(vouched=vouched(role="witness")),
    "finding": but(findings=frozenset({"changed"})),
    "marked": but(sealed__marks=frozenset({"empty"})),
    "held": but(held=True),
    "warm": but(store__how="not-cold"),
    "early": but(dock__now_ms=SOUND.dock.now_ms - 40 * 3_600_000),
}


def sim(seed: int) -> tuple[Sim, set[str]]:
    """Return a recorder with a few clips, and which of them may be erased, if all goes well."""
    chance = random.Random(seed)  # noqa: S311  repeatable, not secret
    found, may = Sim(chance), set()
    for n in range(chance.randint(1, 4)):
        name, data = f"{n}.MP4", f"clip {n}".encode()
        kind = chance.choice(["", "", "", "other", "rotten", *KEPT])
        found.add(
            name,
            KEPT.get(kind, SOUND),
            sealed=data,
            held=b"another" if kind == "other" else data,
            stored=b"rotten" if kind == "rotten" else data,
        )
        if not kind:
            may.add(name)
    found.lies = chance.choice(LIES) if chance.random() < 0.5 else ""
    return found, may


def judged(found: Sim, may: set[str], before: dict[str, bytes]) -> None:
    """Hold what was done against what may be done, whatever went wrong on the way."""
    intended = {found.clips[seq - 10].path for step, seq, _ in found.entries if step == "intended"}
    assert set(found.erased) <= may & intended
    assert set(before) - set(found.files) == set(found.erased)
    outcomes = Counter(intent for _, _, intent in found.entries if intent is not None)
    assert all(count == 1 for count in outcomes.values()), "one outcome for each intention"
    for step, seq, _ in found.entries:
        if step in {"done", "gone"}:
            assert found.clips[seq - 10].path not in found.files


@pytest.mark.parametrize("first", range(0, 400, 100))
def test_killed_at_every_step(first: int) -> None:
    """Killed and started anew, at each step of many turns: nothing is erased that may not be."""
    for seed in range(first, first + 100):
        steps, _ = sim(seed)
        with suppress(RecorderError):
            steps.run()
        for kill_at in range(1, steps.step + 2):
            found, may = sim(seed)
            before = dict(found.files)
            found.kill_at = kill_at
            with suppress(KilledError, RecorderError):
                found.run()
            judged(found, may, before)
            found.kill_at, found.lies = -1, ""
            found.run()
            judged(found, may, before)
            assert found.unsettled() == []
            found.run()
            assert set(found.erased) == may, "what may be erased is, in the end, and once"
            assert found.run().erased == 0


@pytest.mark.parametrize("trouble", ["vanish_at", "changes_at"])
def test_pulled_or_changed_at_every_step(trouble: str) -> None:
    """A recorder that vanishes or changes under way loses nothing that is not kept for sure."""
    for seed in range(150):
        steps, _ = sim(seed)
        with suppress(RecorderError):
            steps.run()
        for at in range(1, steps.step + 2):
            found, may = sim(seed)
            before = dict(found.files)
            setattr(found, trouble, at)
            with suppress(RecorderError):
                found.run()
            judged(found, may, before)
            found.vanish_at, found.lies = -1, ""
            found.run()
            judged(found, may, before)
            assert found.unsettled() == []


def one(case: Case = SOUND, **traits: object) -> Sim:
    """Return a recorder with one clip that may be erased, and these traits."""
    found = Sim(random.Random(0))  # noqa: S311  repeatable, not secret
    found.add("A.MP4", case, sealed=b"a", held=b"a", stored=b"a")
    for name, value in traits.items():
        setattr(found, name, value)
    return found


@pytest.mark.parametrize(
    ("lies", "ended", "erased"),
    [
        ("", "done", True),
        ("no-switch", "done", True),
        ("says-done", "kept", False),
        ("erases-silently", "gone", True),
        ("busy", "kept", False),
        ("refuses", "kept", False),
        ("swapped", "kept", False),
    ],
)
def test_what_a_recorder_says_is_not_what_is_written_down(
    lies: str, ended: str, *, erased: bool
) -> None:
    """The listing decides: a recorder's word alone never makes a clip erased, nor kept."""
    found = one(lies=lies)
    tally = found.run()
    assert [step for step, _, _ in found.entries] == ["intended", ended]
    assert ("A.MP4" not in found.files) == erased
    assert tally.erased == (ended == "done")
    assert tally.failed == (ended != "done")


def test_off_reads_and_tells_nothing() -> None:
    """With erasing off nobody reads a clip for it, and no command is given."""
    found = one(policy=replace(POLICY, enabled=False))
    tally = found.run()
    assert (found.entries, found.erased, tally.kept) == ([], [], 1)
    assert tally.reasons == {10: ("off", *tally.reasons[10][1:])}


def test_what_is_known_later_counts() -> None:
    """A finding that is made between the intention and the command keeps the clip."""
    found = one(learns={"A.MP4": "changed"})
    assert found.run().failed == 1
    assert [step for step, _, _ in found.entries] == ["intended", "kept"]
    assert "A.MP4" in found.files


@pytest.mark.parametrize("stops_after", range(3))
def test_stopped_between_clips(stops_after: int) -> None:
    """A dock that is stopped ends between two clips, never within one."""
    found = Sim(random.Random(0))  # noqa: S311  repeatable, not secret
    for name in "ABC":
        found.add(name, SOUND, sealed=name.encode(), held=name.encode(), stored=name.encode())
    found.run(stopped=lambda: len(found.erased) >= stops_after)
    assert len(found.erased) == stops_after
    assert found.unsettled() == []
