"""A simulated world for the gate: what is true of one clip, and what a dock gets to see of it.

The judge, `crimes`, is written from the promise alone (nothing is erased on belief: only what is
stored, read back cold, cosigned by a mirror, past its cool-down and not in doubt). It looks at
what is true, never at the case that the gate is handed, and shares no code with the gate.

    world = World(random.Random(seed))
    decision = may_erase(world.seen(), world.policy)
    assert not (erased and world.crimes())
"""

import random
from dataclasses import dataclass, field
from typing import Final

from dock_daemon.erasing.gate import (
    Answering,
    Case,
    Dock,
    Policy,
    Reading,
    Sealed,
    Stay,
    Vouched,
)

HOUR_MS: Final = 3_600_000
_T0_MS: Final = 1_800_000_000_000
# How often a world has nothing wrong with it: a gate that always says no would be sound, too.
_SOUND: Final = 0.25
_DOUBTS: Final = (
    "changed", "doubtful", "unread", "journal-differs", "recorder-changed", "volume-replaced",
    "store-damaged", "renamed", "present-again", "missing",
)  # fmt: skip


@dataclass(slots=True)
class Cosigner:
    """One who vouches: its role, and each head that it holds, with the true time of its word.

    `skew_ms`: how far its clock is off, always the same; `forged` words do not verify.
    """

    name: str
    role: str
    words: list[tuple[int, int]]
    skew_ms: int = 0
    forged: bool = False


@dataclass(slots=True)
class World:
    """What is true. Times in ms by a clock that nobody has; `sound` worlds have no fault."""

    chance: random.Random
    policy: Policy = field(init=False)
    sound: bool = field(init=False)
    faults: list[str] = field(default_factory=list)

    content: str = "sealed"
    size: int = 1000
    seq: int = 0
    sealed_ms: int = _T0_MS
    now_ms: int = 0
    in_ledger: bool = True
    stored: str = "sealed"
    stored_size: int = 1000
    cold: str = "direct"
    store_read_ms: int = 0
    on_recorder: str = "sealed"
    recorder_size: int = 1000
    recorder_reads: bool = True
    recorder_read_ms: int = 0
    docked: str = "ZF-1"
    answers: str | None = "ZF-1"
    origin: str = "ZF-1"
    vkey: str = "k"
    answers_vkey: str = "k"
    commands: bool = True
    registered: bool = True
    whole: bool = True
    unbroken: bool = True
    quarantine: bool = False
    marks: frozenset[str] = frozenset()
    doubts: frozenset[str] = frozenset()
    held: bool = False
    unsettled: bool = False
    listed: bool = True
    done: bool = True
    cosigners: list[Cosigner] = field(default_factory=list)
    # What the dock's clock was off when it sealed, and is off now; what the log tells of between.
    off_then_ms: int = 0
    off_now_ms: int = 0
    told_steps_ms: int = 0
    clock_kept: bool = True
    signing: bool = True
    trusted: bool = True

    def __post_init__(self) -> None:
        """Make a world: sound, or with one to three faults."""
        chance = self.chance
        self.sound = chance.random() < _SOUND
        cool_ms = chance.choice((0, 1, HOUR_MS, 72 * HOUR_MS, 720 * HOUR_MS))
        self.policy = Policy(
            enabled=True,
            mirrors=chance.randint(1, 3),
            cool_down_ms=cool_ms,
            reread_within_ms=chance.choice((HOUR_MS, 24 * HOUR_MS)),
            synchronized=chance.random() < 0.5,
        )
        self.seq = chance.randint(1, 1000)
        self.now_ms = self.sealed_ms + cool_ms + 10_000 + chance.randint(0, 400 * HOUR_MS)
        self.store_read_ms = self.now_ms - chance.randint(0, HOUR_MS)
        self.recorder_read_ms = self.now_ms - chance.randint(0, 300_000)
        self.off_then_ms = self.off_now_ms = chance.randint(-HOUR_MS, HOUR_MS)
        self.cold = chance.choice(("direct", "dropped"))
        self._with_cosigners()
        if not self.sound:
            for name in chance.sample(sorted(_FAULTS), chance.randint(1, 3)):
                self.faults.append(name)
                _FAULTS[name](self)

    def _with_cosigners(self) -> None:
        chance = self.chance
        for n in range(self.policy.mirrors + chance.randint(0, 1)):
            words = [
                (self.seq + 1 + chance.randint(0, 5), self.sealed_ms + chance.randint(0, 4_000)),
                (self.seq + 9 + chance.randint(0, 90), self.now_ms - chance.randint(0, 4_000)),
            ]
            skew_ms = chance.randint(-HOUR_MS, HOUR_MS)
            self.cosigners.append(Cosigner(f"m{n}", "mirror", words, skew_ms))
        for n in range(chance.randint(0, 2)):
            words = [(self.seq + 50, self.sealed_ms + 1000), (self.seq + 90, self.now_ms)]
            self.cosigners.append(Cosigner(f"w{n}", "witness", words))

    # -- what the dock sees -----------------------------------------------------------

    def seen(self) -> Case:
        """Return the case as an honest dock gathers it from this world."""
        return Case(
            can_erase=self.commands,
            answering=None
            if self.answers is None
            else Answering(number=self.answers, vkey=self.answers_vkey),
            stay=Stay(
                number=self.docked,
                vkey=self.vkey,
                registered=self.registered,
                whole=self.whole,
                unbroken=self.unbroken,
            ),
            sealed=self._sealed() if self.in_ledger else None,
            listed=self.listed,
            findings=self.doubts,
            held=self.held,
            unsettled=self.unsettled,
            vouched=tuple(
                Vouched(
                    name=one.name,
                    role=one.role,
                    size=size,
                    time_s=(at_ms + one.skew_ms) // 1000,
                )
                for one in self.cosigners
                if not one.forged  # a line that does not verify is none
                for size, at_ms in one.words
            ),
            store=Reading(
                sha256=self.stored,
                size=self.stored_size,
                how=self.cold,
                age_ms=self.now_ms - self.store_read_ms,
            ),
            recorder=Reading(
                sha256=self.on_recorder,
                size=self.recorder_size,
                how="medium",
                age_ms=self.now_ms - self.recorder_read_ms,
            )
            if self.recorder_reads
            else None,
            dock=Dock(
                now_ms=self.now_ms + self.off_now_ms,
                stepped_ms=self.told_steps_ms,
                synchronized=self.clock_kept,
                signing=self.signing,
                sound=self.trusted,
            ),
        )

    def _sealed(self) -> Sealed:
        at_ms = self.sealed_ms + self.off_then_ms
        return Sealed(
            seq=self.seq,
            recorder=self.origin,
            sha256=self.content,
            size=self.size,
            marks=self.marks,
            quarantine=self.quarantine,
            at_ms=at_ms,
            done_ms=at_ms if self.done else None,
        )

    # -- what is true -----------------------------------------------------------------

    def crimes(self) -> list[str]:
        """Return why erasing would break the promise; none where it would not."""
        policy = self.policy
        hold = {
            one.name
            for one in self.cosigners
            if one.role == "mirror"
            and not one.forged
            and any(size - 1 >= self.seq for size, _ in one.words)
        }
        told = {
            "it was never switched on": not policy.enabled,
            "it is not stored": not self.in_ledger
            or (self.stored, self.stored_size) != (self.content, self.size),
            "it was not read back cold": self.cold == "not-cold"
            or self.now_ms - self.store_read_ms > policy.reread_within_ms,
            "no mirror has it": len(hold) < max(policy.mirrors, 1),
            "it has not cooled down": self.now_ms - self.sealed_ms < policy.cool_down_ms,
            "the recorder holds something else": not self.recorder_reads
            or (self.on_recorder, self.recorder_size) != (self.content, self.size),
            "it is another recorder": self.answers != self.docked
            or self.docked != self.origin
            or self.answers_vkey != self.vkey,
            "it is no longer what was docked": not self.unbroken or not self.listed,
            "it is in doubt": bool(self.doubts or self.marks)
            or self.quarantine
            or not self.registered
            or self.held
            or self.unsettled,
            "not all was taken over": not self.whole or not self.done,
            "the recorder cannot": not self.commands or self.answers is None,
            "the dock is in doubt": not self.signing or not self.trusted,
            "the clock is nobody's": policy.synchronized and not self.clock_kept,
        }
        return [crime for crime, done in told.items() if done]


# -- faults: each spoils a world in its own way -----------------------------------------


def _off(world: World) -> None:
    world.policy = Policy(
        enabled=False,
        mirrors=world.policy.mirrors,
        cool_down_ms=world.policy.cool_down_ms,
        reread_within_ms=world.policy.reread_within_ms,
        synchronized=world.policy.synchronized,
    )


def _asks_for_no_mirror(world: World) -> None:
    policy = world.policy
    world.policy = Policy(
        enabled=True,
        mirrors=world.chance.choice((0, -1)),
        cool_down_ms=policy.cool_down_ms,
        reread_within_ms=policy.reread_within_ms,
        synchronized=policy.synchronized,
    )
    world.cosigners = [one for one in world.cosigners if one.role != "mirror"]


def _stored_otherwise(world: World) -> None:
    if world.chance.random() < 0.5:
        world.stored = "rotten"
    else:
        world.stored_size = world.chance.choice((0, 999, 1001))


def _recorder_otherwise(world: World) -> None:
    if world.chance.random() < 0.5:
        world.on_recorder = "another"
    else:
        world.recorder_size = world.chance.choice((0, 999, 1001))


def _recorder_silent(world: World) -> None:
    world.recorder_reads = False


def _read_warm(world: World) -> None:
    world.cold = "not-cold"


def _read_long_ago(world: World) -> None:
    world.store_read_ms = world.now_ms - world.policy.reread_within_ms - 1


def _mirrors_lost(world: World) -> None:
    """Leave fewer mirrors than are asked for: gone, only witnesses, forged, or behind."""
    mirrors = [one for one in world.cosigners if one.role == "mirror"]
    few = mirrors[: len(mirrors) - max(1, world.policy.mirrors) + 1]
    for one in few:
        match world.chance.randrange(4):
            case 0:
                world.cosigners.remove(one)
            case 1:
                one.role = "witness"
            case 2:
                one.forged = True
            case _:
                one.words = [(world.seq, at_ms) for _, at_ms in one.words]


def _mirrors_late(world: World) -> None:
    """Let the mirrors have heard of the clip only just now."""
    for one in world.cosigners:
        one.words = one.words[-1:]


def _one_mirror_twice(world: World) -> None:
    """Let all mirrors be one, with several keys and one clock."""
    for one in world.cosigners:
        if one.role == "mirror":
            one.name, one.skew_ms = "m0", world.cosigners[0].skew_ms


def _too_early(world: World) -> None:
    """Too early, truly; with a clock that was set since, told in the log or jumped while off."""
    early = world.chance.randint(1, max(1, world.policy.cool_down_ms))
    world.now_ms = max(world.sealed_ms, world.sealed_ms + world.policy.cool_down_ms - early)
    world.store_read_ms = world.recorder_read_ms = world.now_ms
    # Nobody can have vouched after now.
    for one in world.cosigners:
        one.words = [(size, min(at_ms, world.now_ms)) for size, at_ms in one.words]


def _clock_steps(world: World) -> None:
    step_ms = world.chance.choice((-1, 1)) * world.chance.randint(1, 60 * 365 * 24) * HOUR_MS
    world.off_now_ms += step_ms
    if world.chance.random() < 0.5:  # else it was set while the dock was off: nobody knows
        world.told_steps_ms += step_ms


def _early_with_steps(world: World) -> None:
    _too_early(world)
    _clock_steps(world)


def _clock_not_kept(world: World) -> None:
    world.clock_kept = False


def _another_answers(world: World) -> None:
    match world.chance.randrange(4):
        case 0:
            world.answers = "ZF-2"
        case 1:
            world.answers_vkey = "other"
        case 2:
            world.origin = "ZF-2"
        case _:
            world.docked = "ZF-2"


def _nobody_answers(world: World) -> None:
    world.answers = None


def _no_command(world: World) -> None:
    world.commands = False


def _broken_stay(world: World) -> None:
    setattr(world, world.chance.choice(("whole", "unbroken", "listed", "registered")), False)


def _doubt(world: World) -> None:
    match world.chance.randrange(5):
        case 0:
            world.doubts = frozenset(world.chance.sample(_DOUBTS, world.chance.randint(1, 3)))
        case 1:
            world.marks = frozenset({"empty"})
        case 2:
            world.quarantine = True
        case 3:
            world.held = True
        case _:
            world.unsettled = True


def _ledger(world: World) -> None:
    setattr(world, world.chance.choice(("signing", "trusted", "in_ledger", "done")), False)


_FAULTS: Final = {
    fault.__name__: fault
    for fault in (
        _off, _asks_for_no_mirror, _stored_otherwise, _recorder_otherwise, _recorder_silent,
        _read_warm, _read_long_ago, _mirrors_lost, _mirrors_late, _one_mirror_twice, _too_early,
        _clock_steps, _early_with_steps, _clock_not_kept, _another_answers, _nobody_answers,
        _no_command, _broken_stay, _doubt, _ledger,
    )
}  # fmt: skip
