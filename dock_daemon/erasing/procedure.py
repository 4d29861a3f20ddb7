"""Erasing on one recorder, one clip at a time.

The order, of which no step may be swapped:

    (1) what was intended before and has no outcome is settled: the recorder is listed
    (2) the store's copy is read back cold; the clip is re-read from the recorder
    (3) the gate decides (gate.py)
    (4) the intention is in the ledger, durably            entry `erased`, step `intended`
    (5) the recorder takes its storage back
    (6) the gate decides once more, of what is known now; who answers is asked again
    (7) the recorder's own command erases: it compares the content itself
    (8) the recorder shows its storage again, and is listed
    (9) what came of it is in the ledger                   entry `erased`: done, gone or kept

A crash before (4) has done nothing. A crash after it leaves an intention without an outcome,
which (1) settles by what the recorder lists, whenever it is next asked; nothing is told to
erase a second time on the word of an old decision. Whatever goes wrong after (4) ends the turn.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Protocol

from dock_daemon.erasing.gate import (
    Answering,
    Case,
    Decision,
    Erase,
    Keep,
    Policy,
    Reading,
    Stay,
    beside_reading,
    may_erase,
)
from dock_daemon.erasing.words import Clip, Intent, Known, Outcome
from firmware_bridge.capabilities import Capability, Identity
from firmware_bridge.errors import MissingCapabilityError, RecorderError

log = logging.getLogger(__name__)

STILL_LISTED: Final = "still-listed"
NOT_CARRIED_OUT: Final = "not-carried-out"
SETTLED_LATER: Final = "settled-later"
DECIDED_OTHERWISE: Final = "decided-otherwise"


class Recorder(Protocol):
    """What of a driver is needed (firmware_bridge.capabilities.Driver)."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can do."""

    def identity(self) -> Identity:
        """Return who it is."""

    def switch_to_storage(self) -> None:
        """Let it show its storage."""

    def take_storage_back(self) -> None:
        """Let it have its storage for itself."""

    def erase(self, path: str, sha256: str, size: int) -> None:
        """Let it erase one clip that it finds to have this content."""


class Shown(Protocol):
    """A recorder's medium as it is listed now. Close it before the recorder takes it back."""

    def is_alike(self, clip: Clip) -> bool:
        """Tell whether exactly one live record is listed as the clip was when it was sealed."""

    def has(self, clip: Clip) -> bool | None:
        """Tell whether a live record has the clip's path; None where that cannot be said."""

    def read(self, clip: Clip) -> tuple[str, int] | None:
        """Return SHA-256 and size of the clip, read to its end; None where it can't be read."""

    def still_there(self) -> bool:
        """Tell whether the medium that was listed is still the one that answers."""

    def close(self) -> None:
        """Let go of it."""


class Shelf(Protocol):
    """Where a recorder's medium is looked at."""

    def look(self, *, away: bool) -> Shown:
        """List it once it is shown; `away`: it was taken back since it was listed last.

        Raises BridgeError where it does not come, or can't be listed, and StoppedError.
        """


class Book(Protocol):
    """What the ledger knows, and what is entered; `intend` and `end` return once it is durable."""

    def candidates(self) -> list[Clip]:
        """Return the clips that might be erased, the oldest first."""

    def unsettled(self) -> list[Intent]:
        """Return the intentions without an outcome."""

    def known(self, clip: Clip) -> Known:
        """Return what is known of a clip now."""

    def intend(self, clip: Clip, known: Known) -> Intent:
        """Enter that a clip is about to be erased."""

    def end(self, outcome: Outcome) -> None:
        """Enter what came of it."""


@dataclass(slots=True)
class Tally:
    """What a turn has done: how many clips were erased, kept by the gate, and failed."""

    erased: int = 0
    kept: int = 0
    failed: int = 0
    settled: int = 0
    reasons: dict[int, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a turn works with. `elapsed_ms` never steps; `store` reads a stored clip cold."""

    book: Book
    recorder: Recorder
    shelf: Shelf
    store: Callable[[Clip], tuple[str, int, str] | None]
    policy: Policy
    stay: Stay
    elapsed_ms: Callable[[], int]
    stopped: Callable[[], bool]


class Procedure:
    """One turn of erasing with one recorder. `run` may be called once."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._who: Answering | None = None
        self._away = False
        self.tally = Tally()

    def run(self, shown: Shown) -> Tally:
        """Settle what is open, then erase what may be erased; it closes `shown`.

        Raises RecorderError, MediumGoneError and StoppedError where the recorder is no longer
        what it was, and DockError where nothing can be entered.
        """
        held: list[Shown] = [shown]
        try:
            self._who = self._ask_who()
            self._settle(held[0])
            for clip in self._parts.book.candidates():
                if self._parts.stopped() or not self._turn(clip, held):
                    break
            if not held[0].still_there():  # it was swapped, and not by our command
                self.tally.failed += 1
        finally:
            for one in held:
                one.close()
        return self.tally

    def _settle(self, shown: Shown) -> None:
        """Say of each open intention what the recorder lists now: step (1)."""
        for intent in self._parts.book.unsettled():
            there = shown.has(intent.clip)
            if there is None:
                continue
            outcome = Outcome(intent=intent, step="gone", reason=SETTLED_LATER)
            if there:
                outcome = Outcome(intent=intent, step="kept", reason=NOT_CARRIED_OUT)
            self._parts.book.end(outcome)
            self.tally.settled += 1

    def _turn(self, clip: Clip, held: list[Shown]) -> bool:
        """Erase one clip if it may be; return whether to go on with the next."""
        first = self._weigh(clip, listed=held[0].is_alike(clip))
        if beside_reading(first):
            return self._kept(clip, first)
        case = self._read(clip, held[0])
        decision = may_erase(case, self._parts.policy)
        if not isinstance(decision, Erase):
            return self._kept(clip, decision)
        intent = self._parts.book.intend(clip, self._parts.book.known(clip))
        # From here on a crash leaves an intention, which is settled by the recorder's listing.
        held.pop().close()
        answered = self._told(clip, case)
        held.append(self._parts.shelf.look(away=self._away))
        outcome = _outcome(intent, answered, there=held[0].has(clip))
        if outcome is None:  # nothing sound was listed: it is settled another time
            self.tally.failed += 1
            return False
        self._parts.book.end(outcome)
        self.tally.erased += outcome.step == "done"
        self.tally.failed += outcome.step != "done"
        return outcome.step == "done"

    def _read(self, clip: Clip, shown: Shown) -> Case:
        """Read store and recorder, the recorder last: step (2)."""
        parts = self._parts
        stored = parts.store(clip)
        stored_at = parts.elapsed_ms()
        found = shown.read(clip)
        read_at = parts.elapsed_ms()
        store = None
        if stored is not None:
            store = Reading(
                sha256=stored[0], size=stored[1], how=stored[2], age_ms=read_at - stored_at
            )
        recorder = None
        if found is not None:
            recorder = Reading(sha256=found[0], size=found[1], how="medium", age_ms=0)
        self._who = self._ask_who()
        return self._case(clip, listed=shown.is_alike(clip), store=store, recorder=recorder)

    def _ask_who(self) -> Answering:
        told = self._parts.recorder.identity()
        return Answering(number=told.number, vkey=told.vkey)

    def _told(self, clip: Clip, before: Case) -> str:
        """Tell the recorder to erase; return what came back, empty if it says that it is done.

        Whatever came back, it shows its storage again afterwards: steps (5) to (8).
        """
        recorder, since = self._parts.recorder, self._parts.elapsed_ms()
        try:
            self._away = True
            try:
                recorder.take_storage_back()
            except MissingCapabilityError:  # it shows what it has all the time
                self._away = False
            try:
                return self._erase(clip, before, since)
            finally:
                with suppress(MissingCapabilityError):
                    recorder.switch_to_storage()
        except RecorderError as error:
            log.warning("the recorder did not erase clip %d: %s", clip.seq, error)
            return error.code

    def _erase(self, clip: Clip, before: Case, since_ms: int) -> str:
        self._who = self._ask_who()
        later_ms = self._parts.elapsed_ms() - since_ms
        case = self._case(
            clip,
            listed=before.listed,
            store=_older(before.store, later_ms),
            recorder=_older(before.recorder, later_ms),
            intended=True,
        )
        match may_erase(case, self._parts.policy):
            case Erase(sha256=sha256, size=size):
                self._parts.recorder.erase(clip.path, sha256, size)
                return ""
            case Keep():
                return DECIDED_OTHERWISE

    def _weigh(self, clip: Clip, *, listed: bool) -> Decision:
        return may_erase(
            self._case(clip, listed=listed, store=None, recorder=None), self._parts.policy
        )

    def _case(
        self,
        clip: Clip,
        *,
        listed: bool,
        store: Reading | None,
        recorder: Reading | None,
        intended: bool = False,
    ) -> Case:
        """Gather all that is known now; `intended`: the open intention is this turn's own."""
        parts = self._parts
        known = parts.book.known(clip)
        return Case(
            can_erase=Capability.ERASE in parts.recorder.capabilities,
            answering=self._who,
            stay=parts.stay,
            sealed=known.sealed,
            listed=listed,
            findings=known.findings,
            held=known.held,
            unsettled=known.unsettled and not intended,
            vouched=known.vouched,
            store=store,
            recorder=recorder,
            dock=known.dock,
        )

    def _kept(self, clip: Clip, decision: Decision) -> bool:
        reasons = decision.reasons if isinstance(decision, Keep) else ()
        self.tally.kept += 1
        self.tally.reasons[clip.seq] = tuple(map(str, reasons))
        return True


def _older(reading: Reading | None, by_ms: int) -> Reading | None:
    if reading is None:
        return None
    return Reading(
        sha256=reading.sha256,
        size=reading.size,
        how=reading.how,
        age_ms=reading.age_ms + by_ms,
    )


def _outcome(intent: Intent, answered: str, *, there: bool | None) -> Outcome | None:
    match there:
        case None:
            return None
        case True:
            return Outcome(intent=intent, step="kept", reason=answered or STILL_LISTED)
        case False if answered:
            return Outcome(intent=intent, step="gone", reason=answered)
        case False:
            return Outcome(intent=intent, step="done")
