"""Heads on their way to a witness: one that keeps to the protocol, and those that do not."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dock_daemon.sync.told import Code, Wait
from hashing.submission import SIZE_TYPE
from tests import sealed
from tests.cosigners import NOW_S, Reply, Served, Witness, always, signer
from tests.syncing import REFRESH_S, Stage, quiet, stage


@pytest.fixture
def dock(tmp_path: Path) -> Iterator[Stage]:
    """Return a dock with 30 published entries."""
    yield from stage(tmp_path, 30, sizes=[10])


@pytest.fixture
def witness(dock: Stage) -> Iterator[Served]:
    """Return a witness that knows the dock's key."""
    with Served(Witness(signer("w"), {dock.log.origin: dock.log.key.verifier()})) as served:
        yield served


def size_of(served: Served) -> int:
    """Return the size of the head that a witness has cosigned last."""
    return served.witness.latest[sealed.ORIGIN][0].size


def conflict(size: int) -> Reply:
    """Return the answer that names a size."""
    return Reply(409, b"%d\n" % size, {"Content-Type": SIZE_TYPE})


async def test_a_head_is_cosigned_and_the_core_keeps_it(dock: Stage, witness: Served) -> None:
    """The first contact needs one request, and its cosignature becomes a fact of the log."""
    courier = dock.courier(witness.settings())
    told = await dock.visit(courier)
    assert (told.code, told.facts) == (Code.COSIGNED, {"size": 30})
    assert dock.core.kept == [(witness.witness.key.name, 30, NOW_S)]
    assert (courier.record.size, courier.record.cosigned_s) == (30, NOW_S)
    assert witness.asked == ["/add-checkpoint"]


async def test_the_next_head_is_proved_from_the_last(dock: Stage, witness: Served) -> None:
    """What was cosigned before is remembered: no 409 on the way."""
    courier = dock.courier(witness.settings())
    for more in (0, 1, 300):
        dock.publish(more=more)
        assert (await courier.visit(dock.look())).code is Code.COSIGNED
    await courier.party.close()
    assert witness.asked == ["/add-checkpoint"] * 3
    assert size_of(witness) == 331


async def test_who_has_forgotten_the_size_is_told(dock: Stage, witness: Served) -> None:
    """A new process sends 0, reads the 409, and proves from there."""
    await dock.visit(dock.courier(witness.settings()))
    dock.publish(more=5)
    assert (await dock.visit(dock.courier(witness.settings()))).code is Code.COSIGNED
    assert witness.asked == ["/add-checkpoint"] * 3


async def test_nothing_new_is_not_brought_until_it_has_been_long(
    dock: Stage, witness: Served
) -> None:
    """The same head goes again only to keep the newest cosignature's time fresh."""
    courier = dock.courier(witness.settings())
    assert courier.due(dock.look())
    await courier.visit(dock.look())
    assert not courier.due(dock.look())
    dock.now_s += REFRESH_S
    assert courier.due(dock.look())
    assert (await dock.visit(courier)).code is Code.COSIGNED


async def test_an_old_state_is_found_before_anything_is_signed(
    dock: Stage, witness: Served, tmp_path: Path
) -> None:
    """A witness that knows more than the dock stops it, and nothing is brought any more."""
    longer = quiet(40)
    longer.write(tmp_path / "before")
    newer = Stage(tmp_path / "before", longer, dock.core)
    await newer.visit(newer.courier(witness.settings()))
    newer.aside.close()
    dock.core.state = "asking"
    witness.asked.clear()
    assert (await dock.visit(dock.courier(witness.settings()))).code is Code.STOPPED
    assert dock.core.heard() == [(witness.witness.key.name, "head")]
    assert "/add-checkpoint" not in witness.asked
    assert not dock.courier(witness.settings()).due(dock.look())


async def test_a_witness_that_is_ahead_is_an_alarm_with_its_head(
    dock: Stage, witness: Served, tmp_path: Path
) -> None:
    """Also later on: the 409 names more than was published, and its head is handed over."""
    longer = quiet(40)
    longer.write(tmp_path / "before")
    newer = Stage(tmp_path / "before", longer, dock.core)
    await newer.visit(newer.courier(witness.settings()))
    newer.aside.close()
    told = await dock.visit(dock.courier(witness.settings()))
    assert (told.code, told.facts) == (Code.AHEAD, {"size": 40, "ours": 30})
    assert dock.core.heard() == [(witness.witness.key.name, "head")]
    assert "\n40\n" in dock.core.told[-1]["note"]
    assert dock.core.state == "stopped"


async def test_a_claim_without_a_head_is_told_as_a_claim(dock: Stage, witness: Served) -> None:
    """Where the head cannot be had, the core hears the size."""
    witness.spoil = lambda path, _reply: conflict(40) if "add" in path else Reply(404)
    assert (await dock.visit(dock.courier(witness.settings()))).code is Code.AHEAD
    assert dock.core.heard() == [(witness.witness.key.name, "size")]


async def test_a_size_that_was_published_meanwhile_is_no_alarm(
    dock: Stage, witness: Served
) -> None:
    """Somebody else brought a newer head of ours: it is read, and proved from there."""
    old = dock.look()
    dock.publish(more=7)
    await dock.visit(dock.courier(witness.settings()))
    courier = dock.courier(witness.settings())
    told = await courier.visit(old)
    await courier.party.close()
    assert (told.code, told.facts) == (Code.COSIGNED, {"size": 37})


async def test_two_histories_are_told_with_both_heads(
    dock: Stage, witness: Served, tmp_path: Path
) -> None:
    """A 422 brings the witness's head to the core, which knows both then."""
    other = quiet(25)
    other.add("heartbeat", forked=1)
    other.write(tmp_path / "other")
    fork = Stage(tmp_path / "other", other, dock.core)
    await fork.visit(fork.courier(witness.settings()))
    fork.aside.close()
    told = await dock.visit(dock.courier(witness.settings()))
    assert told.code is Code.INCONSISTENT
    assert told.wait is Wait.REST
    assert dock.core.heard() == [(witness.witness.key.name, "head")]
    assert "\n26\n" in dock.core.told[-1]["note"]
    assert dock.core.state == "stopped"


@pytest.mark.parametrize("honest_type", [True, False])
async def test_a_409_that_leads_nowhere_is_final_for_this_head(
    dock: Stage, witness: Served, *, honest_type: bool
) -> None:
    """A bare 409, or one that names the very size sent, is not asked again until a newer head."""
    reply = conflict(0) if honest_type else Reply(409, b"conflict")
    witness.spoil = always(reply)
    courier = dock.courier(witness.settings())
    assert (await courier.visit(dock.look())).code is Code.CONFLICT
    dock.now_s += 1e6
    assert not courier.due(dock.look())
    dock.publish(more=1)
    assert courier.due(dock.look())
    await courier.party.close()


async def test_sizes_in_a_circle_end(dock: Stage, witness: Served) -> None:
    """A witness that names another size each time is not followed for ever."""
    sizes = iter(range(1, 30))
    witness.spoil = lambda path, reply: conflict(next(sizes)) if "add" in path else reply
    assert (await dock.visit(dock.courier(witness.settings()))).code is Code.CONFLICT
    assert witness.asked.count("/add-checkpoint") == 4


@pytest.mark.parametrize(
    ("status", "code"), [(404, Code.UNKNOWN_LOG), (403, Code.NOT_TRUSTED), (422, Code.INCONSISTENT)]
)
async def test_what_a_person_must_change_is_tried_rarely(
    dock: Stage, witness: Served, status: int, code: Code
) -> None:
    """A refusal is told by its own word, and rests at once."""
    witness.spoil = always(Reply(status, b"no"))
    courier = dock.courier(witness.settings())
    told = await dock.visit(courier)
    assert (told.code, told.facts["detail"]) == (code, f"{status} no")
    assert not courier.due(dock.look())
    dock.now_s += 599
    assert courier.due(dock.look())


@pytest.mark.parametrize(
    ("document", "code", "said"),
    [
        (b'{"code": "no-dock", "title": "no dock"}', Code.NOT_ADMITTED, "403 no dock"),
        (b'{"code": "unsigned", "title": "by nobody"}', Code.NOT_TRUSTED, "403 by nobody"),
        (b'{"code": 7, "title": 8}', Code.NOT_TRUSTED, '403 {"code": 7, "title": 8}'),
        (b"[" * 100_000, Code.BAD_ANSWER, None),
        (b"[" * 50_000, Code.NOT_TRUSTED, "403 " + "[" * 200),
    ],
    ids=["certificate", "key", "odd", "long", "deep"],
)
async def test_a_centre_says_whether_it_is_the_key_or_the_certificate(
    dock: Stage, witness: Served, document: bytes, code: Code, said: str | None
) -> None:
    """A problem document is read for its code and title, and never trusted to be one."""
    witness.spoil = always(Reply(403, document, {"Content-Type": "application/problem+json"}))
    told = await dock.visit(dock.courier(witness.settings()))
    assert told.code is code
    assert said in {None, told.facts["detail"]}


async def test_patience_is_kept_as_long_as_it_is_asked_for(dock: Stage, witness: Served) -> None:
    """Retry-After holds, up to the longest wait."""
    for asked, wait in ((b"30", 30.5), (b"999999", 600)):
        witness.spoil = always(Reply(503, b"", {"Retry-After": asked.decode()}))
        courier = dock.courier(witness.settings())
        start = dock.now_s
        assert (await dock.visit(courier)).code is Code.BUSY
        dock.now_s = start + wait - 0.01
        assert not courier.due(dock.look())
        dock.now_s = start + wait
        assert courier.due(dock.look())


async def test_trouble_is_retried_ever_more_rarely_and_then_forgotten(
    dock: Stage, witness: Served
) -> None:
    """Waits double with jitter; one success, and the next failure waits as the first."""
    courier = dock.courier(witness.settings())
    witness.spoil = always(Reply(500))
    waits = []
    for _ in range(3):
        assert (await courier.visit(dock.look())).code is Code.FAILED
        waits.append(courier.record.pause.until_s - dock.now_s)
    assert waits == [0.5, 1.0, 2.0]
    witness.spoil = lambda _path, reply: reply
    assert (await courier.visit(dock.look())).code is Code.COSIGNED
    assert courier.record.pause.failures == 0
    await courier.party.close()


async def test_a_core_that_went_away_loses_nothing(dock: Stage, witness: Served) -> None:
    """A cosignature that nobody could keep is asked for again."""
    courier = dock.courier(witness.settings())
    look = dock.look()
    dock.core.running = False
    assert (await courier.visit(look)).code is Code.CORE_AWAY
    dock.core.running = True
    dock.now_s += 1
    assert courier.due(dock.look())
    assert (await dock.visit(courier)).code is Code.COSIGNED
    assert len(dock.core.kept) == 1


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: b"?" + data[1:]])
async def test_a_damaged_log_is_our_own_trouble(
    dock: Stage, witness: Served, damage: Callable[[bytes], bytes]
) -> None:
    """A tile that rotted here is told as ours: over there it would look like a second history."""
    await dock.visit(dock.courier(witness.settings()))
    dock.publish(more=1)
    tile = dock.root / "log" / "tile" / "0" / "000.p" / "31"
    tile.write_bytes(damage(tile.read_bytes()))
    told = await dock.visit(dock.courier(witness.settings()))
    assert (told.code, told.wait) == (Code.LOG_UNREADABLE, Wait.RETRY)
    assert size_of(witness) == 30


async def test_a_dock_without_a_head_brings_nothing(dock: Stage, witness: Served) -> None:
    """Before the first publication the witness is asked if need be, and that is all."""
    (dock.root / "log" / "checkpoint").unlink()
    assert not dock.courier(witness.settings()).due(dock.look())
    assert (await dock.visit(dock.courier(witness.settings()))).code is Code.NOTHING_YET
    assert witness.asked == []
