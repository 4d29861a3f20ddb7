"""Heads on their way to a witness: one that keeps to the protocol, and those that do not."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dock_daemon.sync.told import Code, Wait
from hashing.submission import SIZE_TYPE
from tests import sealed
from tests.cosigners import NOW_S, Reply, Served, Witness, always, reset, signer
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


@pytest.mark.parametrize("state", ["asking", "held"])
async def test_after_a_start_the_witness_is_asked_first(
    dock: Stage, witness: Served, state: str
) -> None:
    """What it knows is told to the core before anything is brought; then it vouches."""
    await dock.visit(dock.courier(witness.settings()))
    witness.asked.clear()
    dock.core.state = state
    courier = dock.courier(witness.settings())
    assert courier.due(dock.look())
    assert (await dock.visit(courier)).code is Code.COSIGNED
    assert witness.asked[0].endswith("/checkpoint")
    assert dock.core.heard() == [(witness.witness.key.name, "head")]
    assert dock.core.state == "granted"


async def test_a_core_that_waits_for_another_is_no_reason_to_ask_without_end(
    dock: Stage, witness: Served
) -> None:
    """A witness that has answered is asked again ever more rarely; then all is as usual."""
    courier = dock.courier(witness.settings())
    waits = []
    for _ in range(4):
        dock.core.state = "held"
        assert (await courier.visit(dock.look())).code is Code.COSIGNED
        waits.append(courier.record.pause.until_s - dock.now_s)
    assert waits == [0.5, 1.0, 2.0, 4.0]
    dock.core.state = "granted"
    dock.publish(more=1)
    assert (await dock.visit(courier)).code is Code.COSIGNED
    assert courier.record.pause.failures == 0


async def test_a_witness_that_knows_nothing_says_so(dock: Stage, witness: Served) -> None:
    """It serves no head, and takes ours as the first: only both are `none`, which comes first."""
    dock.core.state = "asking"
    assert (await dock.visit(dock.courier(witness.settings()))).code is Code.COSIGNED
    assert dock.core.heard() == [(witness.witness.key.name, "none")]
    assert [one["tell"] for one in dock.core.told] == ["witness", "cosigned"]


async def test_a_witness_that_lost_everything_meanwhile_says_so(
    dock: Stage, witness: Served
) -> None:
    """Also to a courier that remembers bringing it heads: the 409 names 0."""
    courier = dock.courier(witness.settings())
    await courier.visit(dock.look())
    witness.witness.latest.clear()
    dock.core.state = "asking"
    assert (await dock.visit(courier)).code is Code.COSIGNED
    assert dock.core.heard() == [(witness.witness.key.name, "none")]


@pytest.mark.parametrize("same_courier", [True, False])
async def test_a_404_of_who_remembers_is_not_taken_for_amnesia(
    dock: Stage, witness: Served, *, same_courier: bool
) -> None:
    """Behind a wrong monitoring address who goes on from its head has forgotten nothing."""
    courier = dock.courier(witness.settings())
    await courier.visit(dock.look())
    dock.publish(more=2)
    if not same_courier:
        await courier.party.close()
        courier = dock.courier(witness.settings())
    dock.core.state = "asking"
    witness.spoil = lambda path, reply: reply if "add" in path else Reply(404)
    assert (await dock.visit(courier)).code is Code.COSIGNED
    assert dock.core.heard() == []
    assert dock.core.state == "granted"


@pytest.mark.parametrize(
    ("reply", "code", "word"),
    [
        (Reply(404, b"unknown origin"), Code.UNKNOWN_LOG, "refused"),
        (Reply(403), Code.NOT_TRUSTED, "refused"),
        (Reply(200, b"hello"), Code.BAD_ANSWER, "refused"),
        (Reply(400), Code.BAD_ANSWER, "refused"),
        (Reply(503), Code.BUSY, "unreachable"),
        (Reply(422), Code.INCONSISTENT, "refused"),
        (conflict(40), Code.AHEAD, "size"),
    ],
)
async def test_a_404_alone_is_never_told_as_none(
    dock: Stage, witness: Served, reply: Reply, code: Code, word: str
) -> None:
    """Where the submission does not prove that nothing is remembered, its answer is told."""
    dock.core.state = "asking"
    witness.spoil = lambda path, _reply: reply if "add" in path else Reply(404)
    assert (await dock.visit(dock.courier(witness.settings()))).code is code
    assert dock.core.heard() == [(witness.witness.key.name, word)]


async def test_a_404_and_then_silence_is_silence(dock: Stage, witness: Served) -> None:
    """A witness that goes away between the two requests was out of reach."""
    dock.core.state = "asking"

    def gone(_path: str, reply: Reply) -> Reply:
        witness.rude = reset
        return reply

    witness.spoil = gone
    assert (await dock.visit(dock.courier(witness.settings()))).code is Code.UNREACHABLE
    assert dock.core.heard() == [(witness.witness.key.name, "unreachable")]


@pytest.mark.parametrize(("signed", "word"), [(0, "none"), (30, "refused")])
async def test_a_404_where_there_is_no_head_to_bring(
    dock: Stage, witness: Served, signed: int, word: str
) -> None:
    """It counts only where nothing was ever signed; what is signed and not published is unclear."""
    (dock.root / "log" / "checkpoint").unlink()
    dock.core.state, dock.core.signed = "asking", signed
    assert (await dock.visit(dock.courier(witness.settings()))).code is Code.NOTHING_YET
    assert dock.core.heard() == [(witness.witness.key.name, word)]


@pytest.mark.parametrize("state", ["asking", "held"])
async def test_while_nothing_may_be_signed_nobody_is_left_alone_for_long(
    dock: Stage, witness: Served, state: str
) -> None:
    """Whatever the pause has grown to, it ends after 30 s at the latest once the core waits."""
    courier = dock.courier(witness.settings())
    witness.spoil = always(Reply(500))
    for _ in range(12):
        await courier.visit(dock.look())
    await courier.party.close()
    assert courier.record.pause.until_s - dock.now_s == 300
    dock.core.state = state
    assert not courier.due(dock.look())
    dock.now_s += 30
    assert courier.due(dock.look())
    dock.core.state = "granted"
    assert not courier.due(dock.look())


async def test_who_asks_for_patience_has_it_from_a_core_that_waits_too(
    dock: Stage, witness: Served
) -> None:
    """Retry-After holds also while nothing may be signed."""
    witness.spoil = always(Reply(503, b"", {"Retry-After": "200"}))
    dock.core.state = "held"
    courier = dock.courier(witness.settings())
    await dock.visit(courier)
    dock.now_s += 199
    assert not courier.due(dock.look())
    dock.now_s += 31
    assert courier.due(dock.look())


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


async def test_silence_after_a_start_is_told_too(dock: Stage, witness: Served) -> None:
    """The core hears that a witness was out of reach: it decides what goes on then."""
    witness.rude = reset
    dock.core.state = "asking"
    assert (await dock.visit(dock.courier(witness.settings()))).code is Code.UNREACHABLE
    assert dock.core.heard() == [(witness.witness.key.name, "unreachable")]


@pytest.mark.parametrize(
    ("reply", "word"),
    [
        (Reply(503), "unreachable"),
        (Reply(403), "refused"),
        (Reply(200, b"nonsense"), "refused"),
        (Reply(200, sealed.small().checkpoint(3).replace(b"0001", b"0002")), "refused"),
    ],
)
async def test_an_answer_that_says_nothing_of_our_log(
    dock: Stage, witness: Served, reply: Reply, word: str
) -> None:
    """Trouble over there is silence; another log's head, or nonsense, is a refusal."""
    witness.spoil = lambda path, honest: honest if "add" in path else reply
    dock.core.state = "asking"
    await dock.visit(dock.courier(witness.settings()))
    assert dock.core.heard() == [(witness.witness.key.name, word)]


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
