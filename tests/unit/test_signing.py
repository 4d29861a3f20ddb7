"""Nothing is signed after a start before somebody who remembers agrees."""

from pathlib import Path

import pytest

from dock_daemon.evidence.records import Record
from hashing import note
from tests.docks import DockIn
from tests.witnessed import NOW_S, Core, Witness

NOTE = Record(kind="recovery", docking=None, body={"recovered": "restart"})


def grow(core: Core) -> None:
    """Append an entry, and give the sealer its moment to publish."""
    state = core.state
    at = core.state.signing._clock.at()  # noqa: SLF001
    state.sealer.ask(lambda ledger: ledger.append([NOTE], at))
    state.sealer.ask(lambda ledger: state.signing.publish(ledger, at))


def test_first_life_and_second(dock: DockIn) -> None:
    """The first life signs at once; the second asks, and a fresh cosignature grants."""
    witness = Witness()
    with dock.open(witness.settings()) as state:
        core = Core(state)
        assert (core.signing["state"], core.signing["why"]) == ("free", "new-log")
        grow(core)
        assert core.shown.size == core.signing["entries"]
        assert core.vouched(witness, NOW_S - 4000) == "free"
        assert len(note.parse((dock.root / "log" / "checkpoint").read_bytes())[1]) == 2
    with dock.open(witness.settings()) as state:
        core = Core(state)
        assert (core.signing["state"], core.signing["why"]) == ("asking", "unanswered")
        before = core.shown.size
        grow(core)
        assert core.shown.size == before
        assert core.signing["waiting"] == 1
        assert core.tell("cosigned", note=witness.last.decode())["kept"]
        assert core.signing["state"] == "asking"
        assert core.vouched(witness) == "granted"
        grow(core)
        assert core.shown.size > before
    dock.assert_holds()
