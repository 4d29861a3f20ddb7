"""What the ledger knows of a clip that might be erased: entries and signatures, not the index."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest

from dock_daemon.erasing import facts
from dock_daemon.erasing.words import Clip, Known
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.records import Record
from hashing.canonical import JSON
from tests.cards import make_fat_card
from tests.docks import HOUR_MS, DockIn
from tests.witnessed import NOW_S, Core, Witness, grow, running

MIRROR, WITNESS = Witness("mirror", "mirror"), Witness("one", "witness")
PATH = "A.MP4"
FILES = {"Param.ini": b"[ZFY]\r\nDevNo=ZF-0007\r\n", PATH: b"clip", "B.LOG": b"log"}


@dataclass(frozen=True, slots=True)
class Here:
    """A dock with one clip of a recorder, sealed and published."""

    dock: DockIn
    core: Core

    def ask(self, question: Callable[[Ledger], object]) -> object:
        """Ask the ledger."""
        return self.core.state.sealer.ask(question)

    def spoil(self, sql: str) -> None:
        """Let the index say something else."""
        self.ask(lambda ledger: ledger.rows(sql))

    def clips(self) -> list[Clip]:
        """Return what might be erased."""
        return self.core.state.sealer.ask(lambda ledger: facts.candidates(ledger, "zf-0007", None))

    def known(self) -> Known:
        """Return what is known of the clip."""
        (clip,) = self.clips()
        roster, at = self.core.state.signing.roster, self.dock.clock.at()
        return self.core.state.sealer.ask(
            lambda ledger: facts.known(ledger, clip, roster, at, signing=True, sound=True)
        )

    def append(self, kind: str, body: dict[str, JSON], *, ahead_ms: int = 0) -> None:
        """Enter something; `ahead_ms`: the wall clock was set by then, and nothing else."""
        record, now = Record(kind=kind, docking=None, body=body), self.dock.clock.at()
        at = replace(now, utc_ms=now.utc_ms + ahead_ms)
        self.ask(lambda ledger: ledger.append([record], at))


@contextmanager
def here(dock: DockIn) -> Iterator[Here]:
    """Return a dock that took a registered recorder over."""
    dock.register("ZF-0007,012345,王小明,市应急局")
    card = make_fat_card(dock.folder / "card", FILES)
    told = "".join(one.settings() for one in (MIRROR, WITNESS))
    assert dock.take_over(card, settings=told).end.result == "complete"
    with running(dock, MIRROR, WITNESS) as core:
        yield Here(dock, core)


def test_a_clip_is_what_its_entry_seals(dock: DockIn) -> None:
    """Content, size, time and recorder are there; nothing speaks against it."""
    with here(dock) as at:
        known = at.known()
        assert known.sealed is not None
        assert (known.sealed.recorder, known.sealed.size) == ("ZF-0007", 4)
        assert known.sealed.done_ms == known.sealed.at_ms == dock.clock.utc_ms
        assert (known.sealed.marks, known.sealed.quarantine) == (frozenset(), False)
        assert (known.findings, known.held, known.unsettled) == (frozenset(), False, False)
        assert (known.vouched, known.dock.stepped_ms) == ((), 0)
        assert [clip.path for clip in at.clips()] == [PATH], "a recorder's own log is no clip"


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE clip SET sha256 = lower(hex(zeroblob(32))) WHERE path = 'A.MP4'",
        "UPDATE clip SET size = 5 WHERE path = 'A.MP4'",
        "UPDATE clip SET seq = 1 WHERE path = 'A.MP4'",
    ],
)
def test_an_index_that_differs_seals_nothing(dock: DockIn, sql: str) -> None:
    """The entry has the last word."""
    with here(dock) as at:
        at.spoil(sql)
        assert at.known().sealed is None


def test_a_quarantine_stands_in_either(dock: DockIn) -> None:
    """What the entry calls kept apart is, whatever the index says, and the other way round."""
    with here(dock) as at:
        at.spoil("UPDATE clip SET quarantine = 1, marks = '[\"empty\"]'")
        sealed = at.known().sealed
        assert sealed is not None
        assert sealed.quarantine
        assert sealed.marks == frozenset({"empty"})


def test_who_vouches_is_verified_again(dock: DockIn) -> None:
    """First and newest word of each cosigner that covers the clip, in its role, and no other."""
    with here(dock) as at:
        for later, one in ((0, MIRROR), (0, WITNESS), (50, MIRROR)):
            at.core.tell("cosigned", note=one.cosign(at.core.head, NOW_S + later))
            grow(at.core)
        words = at.known().vouched
        assert {(one.name, one.role) for one in words} == {("mirror", "mirror"), ("one", "witness")}
        assert sorted(one.time_s for one in words if one.name == "mirror") == [NOW_S, NOW_S + 50]
        at.spoil("UPDATE cosignature SET size = size + 1 WHERE name LIKE 'mirror%'")
        assert {one.name for one in at.known().vouched} == {"one"}, "not over that head"
        at.spoil("UPDATE cosignature SET line = replace(line, 'one', 'two')")
        assert at.known().vouched == (), "nobody's signature"


def test_steps_of_the_clock_are_told(dock: DockIn) -> None:
    """By how much the clock was set since counts, by how much it was before does not."""
    with here(dock) as at:
        at.append("recovery", {"recovered": "restart"}, ahead_ms=5 * HOUR_MS)
        assert at.known().dock.stepped_ms == 5 * HOUR_MS


def test_a_hold_holds_everything(dock: DockIn) -> None:
    """Whatever it is about."""
    with here(dock) as at:
        at.append("hold", {})
        assert at.known().held
