"""Entries on their way to a mirror: in order, resumed exactly, and never too much at once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dock_daemon.sync.mirroring import Portion
from dock_daemon.sync.told import Code, Wait
from hashing.submission import MIRROR_INFO_TYPE, MirrorInfo
from tests.cosigners import NOW_S, Mirror, Reply, Served, always, reset, signer
from tests.syncing import Stage, stage


@pytest.fixture
def dock(tmp_path: Path) -> Iterator[Stage]:
    """Return a dock with 600 published entries: two full bundles and a partial one."""
    yield from stage(tmp_path, 600, sizes=[10, 300])


@pytest.fixture
def mirror(dock: Stage) -> Mirror:
    """Return a mirror that knows the dock's key."""
    return Mirror(signer("m"), {dock.log.origin: dock.log.key.verifier()})


@pytest.fixture
def served(mirror: Mirror) -> Iterator[Served]:
    """Return the mirror on its port."""
    with Served(mirror) as one:
        yield one


def spans(mirror: Mirror) -> list[tuple[int, int, bytes]]:
    """Return start, end and ticket of every upload so far, and forget them."""
    told = [(one.start, one.end, one.ticket) for one in mirror.uploads]
    mirror.uploads.clear()
    return told


def info(pending: int, next_entry: int, *, status: int = 409) -> Reply:
    """Return what a mirror answers when it wants something else."""
    body = MirrorInfo(pending, next_entry, b"t").encode()
    return Reply(status, body, {"Content-Type": MIRROR_INFO_TYPE})


async def test_a_mirror_takes_all_entries_and_vouches_for_them(
    dock: Stage, mirror: Mirror, served: Served
) -> None:
    """The mirror itself says where to begin; then all of it comes, and its cosignature is kept."""
    told = await dock.visit(dock.courier(served.settings()))
    assert (told.code, told.facts) == (Code.COSIGNED, {"size": 600})
    assert mirror.entries[dock.log.origin] == dock.log.entries
    assert spans(mirror) == [(600, 600, b""), (0, 600, b"a ticket")]
    assert dock.core.kept == [(mirror.key.name, 600, NOW_S)]


async def test_what_it_holds_is_not_sent_again(dock: Stage, mirror: Mirror, served: Served) -> None:
    """A later head needs its new entries only; the same head, none."""
    courier = dock.courier(served.settings())
    await courier.visit(dock.look())
    spans(mirror)
    dock.publish(more=200)
    assert (await courier.visit(dock.look())).code is Code.COSIGNED
    assert (await dock.visit(courier)).code is Code.COSIGNED
    assert spans(mirror) == [(600, 800, b""), (800, 800, b"")]
    assert mirror.entries[dock.log.origin] == dock.log.entries


async def test_an_upload_goes_on_where_it_stopped(
    dock: Stage, mirror: Mirror, served: Served
) -> None:
    """A mirror that takes one package at a time is brought one after the other, by its ticket."""
    mirror.most = 1
    assert (await dock.visit(dock.courier(served.settings()))).code is Code.COSIGNED
    assert spans(mirror) == [
        (600, 600, b""),
        (0, 600, b"a ticket"),
        (256, 600, b"a ticket"),
        (512, 600, b"a ticket"),
    ]


async def test_a_torn_upload_goes_on_from_what_was_committed(
    dock: Stage, mirror: Mirror, served: Served
) -> None:
    """After a broken line, a process that knows nothing asks, and sends only what is missing."""
    mirror.entries[dock.log.origin] = dock.log.entries[:300]
    await dock.visit(dock.courier(served.settings()))
    assert spans(mirror) == [(600, 600, b""), (300, 600, b"a ticket")]
    assert mirror.entries[dock.log.origin] == dock.log.entries


async def test_a_month_comes_in_order_and_in_portions(
    dock: Stage, mirror: Mirror, served: Served
) -> None:
    """A round brings so much and no more; the next one goes on, until all is there."""
    mirror.most = 1
    courier = dock.courier(served.settings(), portion=Portion(requests=2))
    told = [await courier.visit(dock.look())]
    assert (told[0].code, told[0].facts) == (Code.BEHIND, {"held": 256, "size": 600})
    assert courier.due(dock.look())
    told.append(await courier.visit(dock.look()))
    await courier.party.close()
    assert told[1].code is Code.COSIGNED
    assert spans(mirror)[-2:] == [(256, 600, b""), (512, 600, b"a ticket")]
    assert mirror.entries[dock.log.origin] == dock.log.entries


async def test_a_request_holds_some_mebibytes_at_the_most(
    dock: Stage, mirror: Mirror, served: Served
) -> None:
    """Large entries are spread over requests; one package goes whatever its size."""
    courier = dock.courier(served.settings(), portion=Portion(request_bytes=1))
    assert (await dock.visit(courier)).code is Code.COSIGNED
    assert [span[0] for span in spans(mirror)] == [600, 0, 256, 512]


async def test_a_mirror_that_lost_its_entries_gets_them_again(
    dock: Stage, mirror: Mirror, served: Served
) -> None:
    """What was remembered of it gives way to what it says."""
    courier = dock.courier(served.settings())
    await courier.visit(dock.look())
    mirror.entries.clear()
    dock.publish(more=1)
    assert (await dock.visit(courier)).code is Code.COSIGNED
    assert mirror.entries[dock.log.origin] == dock.log.entries


async def test_a_mirror_that_lost_its_pending_head_gets_it_again(
    dock: Stage, mirror: Mirror, served: Served
) -> None:
    """A refresh finds it gone, and begins anew within the same visit."""
    courier = dock.courier(served.settings())
    await courier.visit(dock.look())
    mirror.pending.clear()
    mirror.entries.clear()
    assert (await dock.visit(courier)).code is Code.COSIGNED
    assert mirror.entries[dock.log.origin] == dock.log.entries
    assert dock.core.heard() == []


async def test_a_mirror_that_refuses_sound_entries_is_told_of(dock: Stage, served: Served) -> None:
    """A 422 right after the head was taken is no lost memory: the core hears of it."""
    served.spoil = lambda path, reply: Reply(422) if "entries" in path else reply
    told = await dock.visit(dock.courier(served.settings()))
    assert (told.code, told.wait) == (Code.INCONSISTENT, Wait.REST)
    assert dock.core.heard() == [(served.witness.key.name, "refused")]


async def test_somebody_elses_newer_head_is_caught_up_with(dock: Stage, served: Served) -> None:
    """Where entries are taken up to a newer head only, that one is read and brought."""
    old = dock.look()
    courier = dock.courier(served.settings())
    dock.publish(more=7)
    await dock.visit(dock.courier(served.settings()))
    told = await courier.visit(old)
    await courier.party.close()
    assert (told.code, told.facts) == (Code.COSIGNED, {"size": 607})


async def test_a_mirror_that_waits_for_more_than_there_is_is_an_alarm(
    dock: Stage, served: Served
) -> None:
    """It holds a pending head that we never published."""
    served.spoil = lambda path, reply: info(900, 0) if "entries" in path else reply
    told = await dock.visit(dock.courier(served.settings()))
    assert (told.code, told.facts) == (Code.AHEAD, {"size": 900, "ours": 600})
    assert dock.core.state == "stopped"


async def test_a_mirror_that_never_gets_on_is_left_alone(
    dock: Stage, mirror: Mirror, served: Served
) -> None:
    """The same next entry again and again ends the visit."""
    served.spoil = lambda path, reply: info(600, 0, status=202) if "entries" in path else reply
    told = await dock.visit(dock.courier(served.settings()))
    assert (told.code, told.wait) == (Code.BAD_ANSWER, Wait.RETRY)
    assert len(spans(mirror)) == 4


async def test_pending_heads_in_a_circle_end(dock: Stage, served: Served) -> None:
    """A mirror that wants another size each time is not followed for ever."""
    served.spoil = lambda path, reply: info(10, 0) if "entries" in path else reply
    assert (await dock.visit(dock.courier(served.settings()))).code is Code.CONFLICT


@pytest.mark.parametrize(
    "reply",
    [
        Reply(202, b"600\n0\n\n"),
        Reply(202, b"600\n0\n", {"Content-Type": MIRROR_INFO_TYPE}),
        Reply(409, b"600\n00\n\n", {"Content-Type": MIRROR_INFO_TYPE}),
        Reply(200, b""),
        Reply(400),
        Reply(413),
    ],
    ids=lambda reply: f"{reply.status}-{reply.body!r}",
)
async def test_nonsense_of_a_mirror_is_told_as_nonsense(
    dock: Stage, served: Served, reply: Reply
) -> None:
    """What no mirror says is a bad answer, and is tried again later."""
    served.spoil = lambda path, honest: reply if "entries" in path else honest
    assert (await dock.visit(dock.courier(served.settings()))).code is Code.BAD_ANSWER
    assert dock.core.told == []


async def test_a_cosignature_before_it_holds_everything_is_none(
    dock: Stage, mirror: Mirror, served: Served
) -> None:
    """A mirror's own key over another head does not pass."""
    text = dock.look().head
    assert text is not None
    line = mirror.key.cosign(text.text.replace("600", "599"), NOW_S)
    served.spoil = lambda path, reply: (
        Reply(200, f"{line}\n".encode()) if "entries" in path else reply
    )
    assert (await dock.visit(dock.courier(served.settings()))).code is Code.BAD_SIGNATURE


@pytest.mark.parametrize(("status", "code"), [(404, Code.UNKNOWN_LOG), (500, Code.FAILED)])
async def test_refusals_are_those_of_a_witness(
    dock: Stage, served: Served, status: int, code: Code
) -> None:
    """The pending head is refused by the same codes."""
    served.spoil = always(Reply(status))
    assert (await dock.visit(dock.courier(served.settings()))).code is code


async def test_a_line_that_breaks_during_an_upload_is_out_of_reach(
    dock: Stage, mirror: Mirror, served: Served
) -> None:
    """And the next visit goes on."""
    served.rude = reset
    assert (await dock.visit(dock.courier(served.settings()))).code is Code.UNREACHABLE
    served.rude = None
    assert (await dock.visit(dock.courier(served.settings()))).code is Code.COSIGNED
    assert mirror.entries[dock.log.origin] == dock.log.entries


@pytest.mark.parametrize("path", ["tile/0/001", "tile/entries/001", "tile/entries/002.p/88"])
async def test_what_rotted_here_is_not_sent(
    dock: Stage, mirror: Mirror, served: Served, path: str
) -> None:
    """A damaged tile or bundle is our own trouble; the mirror keeps what came before it."""
    place = dock.root / "log" / path
    data = bytearray(place.read_bytes())
    data[-1] ^= 1
    place.write_bytes(data)
    told = await dock.visit(dock.courier(served.settings()))
    assert (told.code, path in str(told.facts["detail"])) == (Code.LOG_UNREADABLE, True)
    assert dock.core.told == []
    held = mirror.entries.get(dock.log.origin, [])
    assert held == dock.log.entries[: len(held)]


async def test_partial_files_that_were_swept_are_read_from_full_ones(
    dock: Stage, mirror: Mirror, served: Served
) -> None:
    """The core may publish on, and sweep, while an older head is being brought."""
    old = dock.look()
    dock.publish(more=400)
    for folder in ("0", "entries"):
        for partial in (dock.root / "log" / "tile" / folder / "002.p").iterdir():
            partial.unlink()
    courier = dock.courier(served.settings())
    told = await courier.visit(old)
    await courier.party.close()
    assert (told.code, told.facts) == (Code.COSIGNED, {"size": 600})
    assert mirror.entries[dock.log.origin] == dock.log.entries[:600]
