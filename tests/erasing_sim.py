"""A simulated recorder, ledger and store for the procedure of erasing, with faults at any step.

Each call of a port is a step; a fault comes at one of them: the dock is killed, the recorder
vanishes. What the ledger and the recorder hold by then is what the next life finds.
"""

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from dock_daemon.erasing.gate import Case, Policy, Stay
from dock_daemon.erasing.procedure import Parts, Procedure, Tally
from dock_daemon.erasing.words import Clip, Intent, Known, Outcome
from firmware_bridge.capabilities import Capability, Identity
from firmware_bridge.errors import (
    ChannelLostError,
    MissingCapabilityError,
    RecorderBusyError,
    RefusedError,
)
from tests.erasings import POLICY

STAY: Final = Stay(number="ZF-0007", vkey="key", registered=True, whole=True, unbroken=True)


class KilledError(BaseException):
    """The dock ends here: nothing of it goes on."""


def digest(content: bytes) -> str:
    """Return the SHA-256 of a content."""
    return hashlib.sha256(content).hexdigest()


@dataclass(slots=True)
class Sim:
    """A recorder with clips, a dock's ledger about them, and what goes wrong when.

    `lies`: "" is honest; "says-done" erases nothing and says it did; "erases-silently" does it
    and says no; "busy" and "refuses" do nothing; "swapped" is another recorder once it has
    taken its storage back; "no-switch" shows its storage all the time.
    """

    chance: random.Random
    files: dict[str, bytes] = field(default_factory=dict)
    clips: list[Clip] = field(default_factory=list)
    cases: dict[int, Case] = field(default_factory=dict)
    stored: dict[str, bytes] = field(default_factory=dict)
    entries: list[tuple[str, int, int | None]] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)
    lies: str = ""
    exported: bool = True
    now_ms: int = 0
    step: int = 0
    kill_at: int = -1
    vanish_at: int = -1
    changes_at: int = -1
    policy: Policy = POLICY
    # Findings that are made while the recorder takes its storage back, by path.
    learns: dict[str, str] = field(default_factory=dict)

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can do."""
        return frozenset({Capability.ERASE})

    def add(self, name: str, case: Case, *, sealed: bytes, held: bytes, stored: bytes) -> None:
        """Add a clip: what was sealed, what the recorder holds, what the store holds."""
        assert case.sealed is not None
        seq = 10 + len(self.clips)
        clip = Clip(
            seq=seq, recorder="ZF-0007", volume="v", path_key=name, path=name, listed_size=0,
            stamps="", extents="", sha256=digest(sealed), size=len(sealed),
        )  # fmt: skip
        facts = replace(case.sealed, seq=seq, sha256=clip.sha256, size=clip.size)
        self.cases[seq] = replace(case, sealed=facts)
        self.clips.append(clip)
        self.files[name] = held
        self.stored[clip.sha256] = stored

    def tick(self, *, asks: bool = True) -> None:
        """Count a step, and let happen what happens at it; `asks`: it needs the recorder."""
        self.step += 1
        self.now_ms += 5
        if self.step == self.changes_at and self.files:
            name = self.chance.choice(sorted(self.files))
            self.files[name] = b"something else"
        if self.step == self.kill_at:
            raise KilledError
        if asks and 0 < self.vanish_at <= self.step:
            raise ChannelLostError("pulled")

    # -- the recorder ------------------------------------------------------------------

    def identity(self) -> Identity:
        """Tell who it is."""
        self.tick()
        swapped = self.lies == "swapped" and not self.exported
        return Identity(number="OTHER" if swapped else "ZF-0007", vkey="key")

    def take_storage_back(self) -> None:
        """Have the storage."""
        self.tick()
        if self.lies == "no-switch":
            raise MissingCapabilityError("switch-to-storage")
        self.exported = False
        for clip in self.clips:
            if clip.path in self.learns:
                found = frozenset({self.learns[clip.path]})
                self.cases[clip.seq] = replace(self.cases[clip.seq], findings=found)

    def switch_to_storage(self) -> None:
        """Show the storage."""
        self.tick()
        if self.lies == "no-switch":
            raise MissingCapabilityError("switch-to-storage")
        self.exported = True

    def erase(self, path: str, sha256: str, size: int) -> None:
        """Erase, as a companion does, or as a liar does."""
        self.tick()
        if self.lies == "busy" or (self.exported and self.lies != "no-switch"):
            raise RecorderBusyError(command="erase")
        if self.lies == "refuses":
            raise RefusedError(command="erase", status=1)
        if self.lies == "says-done":
            return
        held = self.files.get(path)
        if held is None or (digest(held), len(held)) != (sha256, size):
            raise RefusedError(command="erase", status=3)
        del self.files[path]
        self.erased.append(path)
        self.tick()  # done, and the answer lost
        if self.lies == "erases-silently":
            raise RefusedError(command="erase", status=1)

    # -- its medium ----------------------------------------------------------------------

    def look(self, *, away: bool) -> "Sim":
        """Show the medium."""
        self.tick()
        assert away == (self.lies != "no-switch")
        if not self.exported:
            raise ChannelLostError("nothing is shown")
        return self

    def is_alike(self, clip: Clip) -> bool:
        """Tell whether it is listed."""
        return clip.path in self.files

    def has(self, clip: Clip) -> bool | None:
        """Tell whether it is listed; after an unplug that cannot be said."""
        self.tick(asks=False)
        if 0 < self.vanish_at <= self.step:
            return None
        return clip.path in self.files

    def read(self, clip: Clip) -> tuple[str, int] | None:
        """Read the clip."""
        self.tick()
        held = self.files[clip.path]
        return digest(held), len(held)

    def still_there(self) -> bool:
        """Tell that it is."""
        return True

    def close(self) -> None:
        """Let go."""

    # -- the ledger ------------------------------------------------------------------------

    def candidates(self) -> list[Clip]:
        """Return what has not been erased."""
        gone = {seq for step, seq, _ in self.entries if step in {"done", "gone"}}
        return [clip for clip in self.clips if clip.seq not in gone]

    def unsettled(self) -> list[Intent]:
        """Return the intentions without an outcome."""
        ended = {intent for _, _, intent in self.entries}
        return [
            Intent(seq=at, clip=self.clips[seq - 10])
            for at, (step, seq, _) in enumerate(self.entries)
            if step == "intended" and at not in ended
        ]

    def known(self, clip: Clip) -> Known:
        """Return what is known."""
        self.tick(asks=False)
        case = self.cases[clip.seq]
        return Known(
            sealed=case.sealed,
            findings=case.findings,
            held=case.held,
            unsettled=any(one.clip.seq == clip.seq for one in self.unsettled()),
            vouched=tuple(replace(one, size=one.size + 100) for one in case.vouched),
            dock=case.dock,
        )

    def intend(self, clip: Clip, known: Known) -> Intent:
        """Enter it; a crash before leaves nothing, one after leaves the entry."""
        assert known.vouched or not self.policy.enabled
        self.tick(asks=False)
        self.entries.append(("intended", clip.seq, None))
        self.tick(asks=False)
        return Intent(seq=len(self.entries) - 1, clip=clip)

    def end(self, outcome: Outcome) -> None:
        """Enter it."""
        self.tick(asks=False)
        there = outcome.intent.clip.path in self.files
        assert there == (outcome.step == "kept"), outcome
        self.entries.append((outcome.step, outcome.intent.clip.seq, outcome.intent.seq))
        self.tick(asks=False)

    # -- a life --------------------------------------------------------------------------

    def store(self, clip: Clip) -> tuple[str, int, str] | None:
        """Read the store's copy."""
        self.tick(asks=False)
        held, how = self.stored[clip.sha256], self.cases[clip.seq].store
        return digest(held), len(held), "not-cold" if how is None else how.how

    def run(self, *, stopped: Callable[[], bool] = lambda: False) -> Tally:
        """Run one turn as a dock does that was just started and greeted the recorder."""
        self.exported = True
        procedure = Procedure(
            Parts(
                book=self,
                recorder=self,
                shelf=self,
                store=self.store,
                policy=self.policy,
                stay=STAY,
                elapsed_ms=lambda: self.now_ms,
                stopped=stopped,
            )
        )
        return procedure.run(self)
