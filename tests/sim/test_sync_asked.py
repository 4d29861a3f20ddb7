"""A witness is asked after a start of the core: what is told of its answers, and how soon."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from dock_daemon.sync.core import Core
from dock_daemon.sync.rounds import rounds_of
from dock_daemon.sync.standing import standing
from dock_daemon.sync.told import Code
from hashing.submission import SIZE_TYPE
from tests import sealed
from tests.cosigners import Reply, Served, Witness, always, reset, signer
from tests.docks import DockIn
from tests.syncing import Stage, stage


@pytest.fixture
def dock(tmp_path: Path) -> Iterator[Stage]:
    """Return a dock with 30 published entries."""
    (tmp_path / "state").mkdir()
    yield from stage(tmp_path / "state", 30, sizes=[10])


@pytest.fixture
def witness(dock: Stage) -> Iterator[Served]:
    """Return a witness that knows the dock's key."""
    with Served(Witness(signer("w"), {dock.log.origin: dock.log.key.verifier()})) as served:
        yield served


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
        (Reply(409, b"40\n", {"Content-Type": SIZE_TYPE}), Code.AHEAD, "size"),
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


async def test_how_signing_stands_is_never_old_news(dock: Stage) -> None:
    """The status says it at the next round, though nobody is due; and only where it changed."""
    seen: list[object] = []
    rounds = rounds_of(
        DockIn(dock.root.parent).settings("").settings,
        Core(dock.root, dock.core),
        changed=lambda now: seen.append(standing(now, 0)["signing"]),
    )
    for state, why in [("granted", ""), *[("stopped", "fork")] * 2, *[("stopped", "behind")] * 2]:
        dock.core.state, dock.core.why = state, why
        async with asyncio.TaskGroup() as group:
            await rounds.turn(group)
    await rounds.close()
    assert seen == [
        {"state": "granted", "why": ""},
        {"state": "stopped", "why": "fork"},
        {"state": "stopped", "why": "behind"},
    ]
