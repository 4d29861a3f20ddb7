"""Nothing is signed after a start before somebody who remembers agrees."""

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from dock_daemon.errors import AlarmProvedError, NoAlarmError
from dock_daemon.evidence import alarms, dismissal, key_change
from dock_daemon.evidence.state import open_state
from hashing import checkpoint, note
from hashing.checkpoint import Checkpoint
from hashing.keys import SignerKey
from hashing.merkle import Frontier
from tests.docks import DockIn
from tests.witnessed import (
    LONG_AGO_S,
    NOTE,
    NOW_S,
    Core,
    Witness,
    begun,
    forged,
    grow,
    key_of,
    running,
)


def test_the_first_life_signs_at_once(dock: DockIn) -> None:
    """Nothing was ever signed with a key that was made just now."""
    with running(dock, Witness()) as core:
        assert (core.signing["state"], core.signing["why"]) == ("free", "new-log")
        grow(core)
        assert core.shown.size == core.signing["entries"] == 2
    dock.assert_holds()


def test_a_later_life_asks_first(dock: DockIn) -> None:
    """Entries are committed and wait; a fresh cosignature over the last head grants."""
    witness = Witness()
    begun(dock, witness)
    with running(dock, witness) as core:
        assert (core.signing["state"], core.signing["why"]) == ("asking", "unanswered")
        before = core.shown.size
        grow(core)
        assert (core.shown.size, core.signing["waiting"]) == (before, 1)
        assert core.tell("cosigned", note=witness.last.decode())["kept"]
        assert core.signing["state"] == "asking", "what it said long ago says nothing of today"
        assert core.vouched(witness) == "granted"
        grow(core)
        assert core.shown.size == core.signing["entries"]
    dock.assert_holds()


def test_a_witness_that_shows_our_own_head_freshly_cosigned_grants(dock: DockIn) -> None:
    """Also an older one: it says that as of now it has seen nothing longer."""
    witness = Witness()
    begun(dock, witness)
    old = witness.last.decode()
    with running(dock, witness) as core:
        told = core.tell("witness", name="central", answer="head", note=old)
        assert (told["state"], told["why"]) == ("asking", "stale")
        fresh = witness.cosign(old)
        assert core.tell("witness", name="central", answer="head", note=fresh)["state"] == "granted"
        grow(core)
    with running(dock, witness) as core:
        told = core.tell("witness", name="central", answer="head", note=fresh)
        assert (told["state"], told["why"]) == ("asking", "stale"), "an earlier life had it already"
        fresh = witness.cosign(old, NOW_S + 1)
        told = core.tell("witness", name="central", answer="head", note=fresh)
        assert told["state"] == "granted"


def test_without_a_witness_configured_nothing_is_asked(dock: DockIn) -> None:
    """As before: whoever wants no witness has none."""
    begun(dock)
    with running(dock) as core:
        assert (core.signing["state"], core.signing["why"]) == ("free", "no-witness")
        grow(core)
        assert core.signing["waiting"] == 0


def test_nobody_answers(dock: DockIn) -> None:
    """Once the time is up it is held, and says so; it goes on as soon as one answers."""
    witness = Witness()
    begun(dock, witness)
    with running(dock, witness) as core:
        core.tell("witness", name="central", answer="unreachable", detail="no route")
        grow(core)
        assert core.signing["why"] == "unreachable"
    # Without the daemon nobody can hand us an answer: no time is spent waiting for one.
    with open_state(dock.settings(witness.settings()), dock.clock, can_ask=False) as state:
        core = Core(state)
        grow(core)
        assert (core.signing["state"], core.signing["why"]) == ("held", "unanswered")
        assert core.signing["waiting"] >= 2
        assert core.vouched(witness) == "granted"
        grow(core)
        assert core.signing["waiting"] == 0
    dock.assert_holds()


def test_a_dock_killed_before_its_first_signature(dock: DockIn) -> None:
    """Its key is not new any more, nothing was signed: a witness that never saw it grants."""
    begun(dock)
    with running(dock) as core:
        core.state.sealer.ask(lambda ledger: ledger.rows("DELETE FROM checkpoint"))
    shutil.rmtree(dock.root / "log")
    with running(dock, Witness()) as core:
        assert core.signing["state"] == "asking"
        assert core.signing["head"] is None
        assert core.tell("witness", name="central", answer="none")["state"] == "granted"
        grow(core)
        assert core.shown.size == core.signing["entries"]
    dock.assert_holds()


def test_a_restored_disk_stops_before_it_signs(dock: DockIn, tmp_path: Path) -> None:
    """The witness shows the head that this disk forgot: both are kept, and it stays so."""
    witness = Witness()
    begun(dock, witness)
    shutil.copytree(dock.root, tmp_path / "backup")
    with running(dock, witness) as core:
        core.vouched(witness)
        grow(core)
        core.vouched(witness, NOW_S + 1)
    shutil.move(dock.root, tmp_path / "newest")
    shutil.copytree(tmp_path / "backup", dock.root)

    with running(dock, witness) as core:
        ours = core.head
        theirs = witness.last.decode()
        told = core.tell("witness", name="central", answer="head", note=theirs)
        assert (told["state"], told["why"]) == ("stopped", "ahead")
        alarm = core.signing["alarm"]
        assert alarm["witness"] == "central"
        assert alarm["ours"]["size"] == checkpoint.parse(note.parse(ours.encode())[0]).size
        assert alarm["theirs"]["size"] > alarm["ours"]["size"]
        grow(core)
        assert core.head == ours
        assert core.signing["waiting"] == 1
        assert core.vouched(witness) == "stopped"
    kept = Path(alarm["where"])
    assert (kept / "ours.note").read_text() == ours
    assert (kept / "theirs.note").read_text() == theirs
    assert json.loads((kept / "alarm.json").read_bytes())["why"] == "ahead"

    with running(dock, witness) as core:
        assert core.signing["state"] == "stopped"
        assert core.signing["alarm"]["where"] == str(kept)
        grow(core)
        assert len(note.parse(core.head.encode())[1]) == len(note.parse(ours.encode())[1])
        assert core.signing["published"] == alarm["ours"]["size"]
    assert len(alarms.load(dock.root)) == 1

    # The remedy: the newest disk comes back. It holds what the other lacked.
    shutil.copytree(kept.parent, tmp_path / "newest" / "alarms")
    shutil.rmtree(dock.root)
    shutil.move(tmp_path / "newest", dock.root)
    with running(dock, witness) as core:
        assert core.signing["state"] == "asking"
        assert core.vouched(witness, NOW_S + 2) == "granted"
    assert alarms.load(dock.root) == []
    dock.assert_holds()


@pytest.mark.parametrize("how", ["witness", "cosigned"])
def test_a_fork_stops_at_any_time(dock: DockIn, how: str) -> None:
    """Another root at one of our sizes, with our signature: by a thief or by a clone."""
    witness = Witness()
    with running(dock, witness) as core:
        grow(core)
        fork = forged(dock, 2)
        if how == "witness":
            core.tell("witness", name="central", answer="head", note=fork)
        else:
            told = core.tell("cosigned", note=witness.cosign(fork))
            assert told == {"kept": [], "refused": [{"name": "", "why": "not-ours"}]}
        assert (core.signing["state"], core.signing["why"]) == ("stopped", "fork")
        before = core.shown
        grow(core)
        assert core.shown == before
        (alarm,) = alarms.load(dock.root)
        assert (Path(alarm.where) / "theirs.note").read_text().startswith(fork)
        core.tell("witness", name="central", answer="head", note=forged(dock, 1))
    assert [one.theirs.size for one in alarms.load(dock.root)] == [2, 1]


def test_a_fork_between_two_of_our_heads_is_seen(dock: DockIn) -> None:
    """A size at which we never signed is computed from the entries."""
    witness = Witness()
    with running(dock, witness) as core:
        state, at = core.state, dock.clock.at()
        state.sealer.ask(lambda ledger: ledger.append([NOTE] * 5, at))
        state.sealer.ask(lambda ledger: state.signing.publish(ledger, at))
        root = state.sealer.ask(lambda ledger: state.signing._publisher.root_at(ledger, 3))  # noqa: SLF001  what an honest head of this size would state
        honest = witness.cosign(forged(dock, 3, root))
        core.tell("witness", name="central", answer="head", note=honest)
        assert core.signing["state"] == "free"
        core.tell("witness", name="central", answer="head", note=forged(dock, 3))
        assert (core.signing["state"], core.signing["why"]) == ("stopped", "fork")


def test_a_witness_that_names_a_longer_size_stops(dock: DockIn) -> None:
    """Its word alone is enough to stop; a size that we have, or none, is not."""
    witness = Witness()
    begun(dock, witness)
    with running(dock, witness) as core:
        assert core.tell("witness", name="central", answer="size", size=2)["state"] == "asking"
        told = core.tell("witness", name="central", answer="size", size=9)
        assert (told["state"], told["why"]) == ("stopped", "claimed-longer")
        assert core.signing["alarm"]["theirs"] == {"size": 9, "root": None}
        assert not (Path(core.signing["alarm"]["where"]) / "theirs.note").exists()
    with running(dock) as core:
        assert core.signing["state"] == "stopped", "also without the witness that said so"


def test_another_log_under_our_name_that_a_witness_cosigned(dock: DockIn) -> None:
    """A dock that was set up anew under its old name has another key, and one witness too many."""
    witness = Witness()
    other = SignerKey.generate("dock.example/0001", b"o" * 32)
    theirs = note.sign(Checkpoint(other.name, 70, b"r" * 32).encode(), [other]).decode()
    with running(dock, witness) as core:
        stranger = Witness("stranger")
        core.tell("witness", name="central", answer="head", note=stranger.cosign(theirs))
        assert core.signing["state"] == "free", "nobody whom we know says so"
        core.tell("witness", name="central", answer="head", note=witness.cosign(theirs))
        assert (core.signing["state"], core.signing["why"]) == ("stopped", "cosigned-other")


def test_a_witness_that_lost_its_memory(dock: DockIn) -> None:
    """It cannot vouch again before its key is retired; that is remembered across starts."""
    witness = Witness()
    begun(dock, witness)
    for _ in range(2):
        with running(dock, witness) as core:
            core.tell("witness", name="central", answer="none")
            assert core.vouched(witness) == "asking"
            assert core.signing["why"] == "witness-forgot"
    with running(dock, witness) as core:
        fresh = witness.cosign(core.head)
        core.tell("witness", name="central", answer="head", note=fresh)
        assert (core.signing["state"], core.signing["why"]) == ("asking", "witness-forgot")
    anew = Witness("anew")
    with running(dock, anew) as core:
        assert core.vouched(anew) == "granted", "its retired key is configured no more"


@pytest.mark.parametrize(
    "members",
    [
        {"name": "nobody", "answer": "none"},
        {"name": "central", "answer": "perhaps"},
        {"name": "central", "answer": "size"},
        {"name": "central", "answer": "size", "size": -1},
        {"name": "central", "answer": "size", "size": 2**63},
        {"name": "central", "answer": "size", "size": "3"},
        {"name": "central", "answer": "head"},
        {"name": "central", "answer": "head", "note": 5},
        {"name": "central", "answer": "head", "note": "x" * 300_000},
        {"name": "central", "answer": "none", "more": 1},
        {"answer": "none"},
    ],
)
def test_nonsense_from_a_witness_is_refused(dock: DockIn, members: dict[str, object]) -> None:
    """It changes nothing."""
    witness = Witness()
    begun(dock, witness)
    with running(dock, witness) as core:
        with pytest.raises(ValueError, match=r"\S"):
            core.tell("witness", **members)
        assert (core.signing["state"], core.signing["why"]) == ("asking", "unanswered")


@pytest.mark.parametrize(
    "text", ["", "\n\n", "no note", "dock.example/0001\n5\n", "\ud800", "a\n1\nAAAA\n\n— x y\n"]
)
def test_a_note_that_is_none_vouches_for_nothing(dock: DockIn, text: str) -> None:
    """Told as a head it is a refusal; told as cosigned it is nonsense."""
    witness = Witness()
    begun(dock, witness)
    with running(dock, witness) as core:
        told = core.tell("witness", name="central", answer="head", note=text)
        assert (told["state"], told["why"]) == ("asking", "refused")
        with pytest.raises(ValueError, match="evidence"):
            core.tell("cosigned", note=text)


def test_a_spoilt_signature_of_ours_is_no_head(dock: DockIn) -> None:
    """A line that claims to be ours and is not spoils the note, whoever cosigned it."""
    witness = Witness()
    begun(dock, witness)
    with running(dock, witness) as core:
        text, (line, *_) = note.parse(forged(dock, 9).encode())
        spoilt = f"{text}\n{line}\n".replace(str(line)[-12:-4], "AAAAAAAA")
        core.tell("witness", name="central", answer="head", note=witness.cosign(spoilt))
        assert (core.signing["state"], core.signing["why"]) == ("asking", "refused")


def test_an_alarm_that_cannot_be_read_still_stops(dock: DockIn) -> None:
    """Whoever could damage it could else make the dock sign again."""
    begun(dock)
    folder = dock.root / "alarms" / "20260101T000000.000Z-00000000"
    folder.mkdir(parents=True)
    (folder / "alarm.json").write_text("{}")
    with running(dock) as core:
        assert (core.signing["state"], core.signing["why"]) == ("stopped", "alarm-unreadable")
        grow(core)
        assert core.signing["waiting"] == 1


def test_a_clock_that_is_not_synchronized_wants_a_newer_cosignature(dock: DockIn) -> None:
    """What an earlier life knew already proves nothing; what is newer does."""
    witness = Witness()
    begun(dock, witness)
    dock.clock.sync = "unsynchronized"
    dock.clock.utc_ms = 1_000_000
    with running(dock, witness) as core:
        assert core.vouched(witness, LONG_AGO_S) == "asking"
        assert core.vouched(witness, LONG_AGO_S + 1) == "granted"


def test_a_cosignature_from_the_future_is_not_fresh(dock: DockIn) -> None:
    """A witness whose clock runs ahead could else be replayed for years."""
    witness = Witness()
    begun(dock, witness)
    with running(dock, witness) as core:
        assert core.vouched(witness, NOW_S + 3600) == "asking"
        assert core.signing["cosigners"][0]["time_s"] == NOW_S + 3600


def test_a_mere_claim_can_be_dismissed(dock: DockIn) -> None:
    """In an entry that says so; the witnesses are asked anew, and the evidence stays."""
    witness = Witness()
    begun(dock, witness)
    with running(dock, witness) as core:
        core.tell("witness", name="central", answer="size", size=9)
    with running(dock, witness) as core:
        where = core.signing["alarm"]["where"]
        done = dismissal.dismiss(core.state, "王芳查过")
        assert done.alarms == (where,)
        assert core.signing["state"] == "asking"
        with pytest.raises(NoAlarmError):
            dismissal.dismiss(core.state, "again")
        assert core.vouched(witness) == "granted"
        grow(core)
    (told,) = [one for one in dock.parsed("recovery") if "alarms" in one.body]
    assert told.seq == done.seq
    assert told.body["alarms"] == [{"why": "claimed-longer", "size": 9}]
    assert json.loads((Path(where) / "resolved.json").read_bytes())["reason"] == "王芳查过"
    dock.assert_holds("王芳")


def test_a_proof_cannot_be_dismissed(dock: DockIn) -> None:
    """What bears our own signature is no mistake of a witness."""
    witness = Witness()
    with running(dock, witness) as core:
        core.tell("witness", name="central", answer="head", note=forged(dock, 9))
    with running(dock, witness) as core:
        with pytest.raises(AlarmProvedError):
            dismissal.dismiss(core.state, "no")
        assert core.signing["state"] == "stopped"
    assert [one for one in dock.parsed("recovery") if "alarms" in one.body] == []


def test_a_witness_whose_clock_once_ran_ahead_can_vouch_again(dock: DockIn) -> None:
    """Else nothing would be fresh before that day comes."""
    witness = Witness()
    with running(dock, witness) as core:
        grow(core)
        core.vouched(witness, NOW_S + 90_000)
    with running(dock, witness) as core:
        assert core.vouched(witness, NOW_S - 700) == "asking"
        assert core.vouched(witness, NOW_S) == "granted"


def test_a_retired_key_stops_nothing_beyond_its_time(dock: DockIn) -> None:
    """Whoever finds it later makes heads that are refused; over its own time it still proves."""
    witness = Witness()
    with running(dock, witness) as core:
        grow(core)
        old, state, at = key_of(dock), core.state, dock.clock.at()
        covered = core.shown.size
        for turn in (key_change.change, key_change.retire):
            state.sealer.ask(partial(turn, keys=state.keys, folder=dock.root / "key", at=at))
            grow(core)

        def by_old(size: int) -> str:
            text = Checkpoint(old.name, size, b"f" * 32).encode()
            return note.sign(text, [old]).decode()

        for size in (core.shown.size, core.shown.size + 90):
            core.tell("witness", name="central", answer="head", note=by_old(size))
            refused = core.tell("cosigned", note=by_old(size))["refused"]
            assert [one["why"] for one in refused] in (["not-ours"], ["unknown-size"])
        assert core.signing["state"] == "free"
        assert alarms.load(dock.root) == []
        core.tell("witness", name="central", answer="head", note=by_old(covered))
        assert (core.signing["state"], core.signing["why"]) == ("stopped", "fork")


def test_a_disk_that_refuses_an_alarm_is_asked_again_and_rings_once(dock: DockIn) -> None:
    """However often it is shown; once there is room it is kept, and once."""
    witness = Witness()
    with running(dock, witness) as core:
        (dock.root / "alarms").write_text("no folder")
        for _ in range(3):
            core.tell("witness", name="central", answer="size", size=9)
        told = core.state.signing.claims()
        assert [(one.theirs.size, one.where) for one in told] == [(9, "")]
        (dock.root / "alarms").unlink()
        for _ in range(2):
            core.tell("witness", name="central", answer="size", size=9)
        (kept,) = alarms.load(dock.root)
        assert core.state.signing.claims() == (kept,)


def test_a_proof_that_comes_in_during_a_dismissal_is_not_dismissed(dock: DockIn) -> None:
    """The entry names the claim, which is dismissed; what was proved meanwhile rings on."""
    witness = Witness()
    begun(dock, witness)
    with running(dock, witness) as core:
        state = core.state
        core.tell("witness", name="central", answer="size", size=9)
        claims = state.signing.claims()
        core.tell("witness", name="central", answer="head", note=forged(dock, 2))
        state.sealer.ask(lambda ledger: state.signing.dismiss(ledger, claims, "looked into"))
        assert (core.signing["state"], core.signing["why"]) == ("stopped", "fork")
        assert [one.why for one in alarms.load(dock.root)] == ["fork"]


def test_the_root_at_any_size_is_told_by_the_tiles(dock: DockIn) -> None:
    """No entry is read for it; where a tile is damaged the entries tell it all the same."""
    with running(dock) as core:
        state, at = core.state, dock.clock.at()
        state.sealer.ask(lambda ledger: ledger.append([NOTE] * 600, at))
        state.sealer.ask(lambda ledger: state.signing.publish(ledger, at))
        publisher = state.signing._publisher  # noqa: SLF001  nothing shows a root of a size that was never signed
        leaves = state.sealer.ask(lambda ledger: list(ledger.leaves(0, 600)))
        frontier, roots = Frontier(), {0: Frontier().root()}
        for size, leaf in enumerate(leaves, 1):
            frontier.append(leaf)
            roots[size] = frontier.root()
        sizes = [0, 1, 3, 255, 256, 257, 511, 512, 599, 600]
        nobody = cast("Any", None)
        assert [publisher.root_at(nobody, size) for size in sizes] == [roots[at] for at in sizes]
        (dock.root / "log" / "tile" / "0" / "000").write_bytes(bytes(256 * 32))
        assert state.sealer.ask(lambda ledger: publisher.root_at(ledger, 3)) == roots[3]
