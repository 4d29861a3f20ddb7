"""Witnesses that lie, loop, flood and fall silent: each costs one visit, and convinces nobody."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dock_daemon.sync.told import REACHED, Code, Wait
from hashing.submission import SIZE_TYPE
from tests import sealed
from tests.cosigners import NOW_S, Reply, Served, Witness, always, reset, signer
from tests.syncing import Stage, stage


@pytest.fixture
def dock(tmp_path: Path) -> Iterator[Stage]:
    """Return a dock with 30 published entries."""
    yield from stage(tmp_path, 30, sizes=[10])


@pytest.fixture
def witness(dock: Stage) -> Iterator[Served]:
    """Return a witness that knows the dock's key."""
    with Served(Witness(signer("w"), {dock.log.origin: dock.log.key.verifier()})) as served:
        yield served


def other_key(served: Served) -> Reply:
    """Return the line of a key that nobody knows, over the right text."""
    head = served.witness.latest[sealed.ORIGIN][0]
    stranger = signer("stranger").cosign(head.encode(), NOW_S)
    return Reply(200, f"{stranger}\n".encode())


def time_zero(served: Served) -> Reply:
    """Return a line whose time is zero."""
    line = served.witness.line(served.witness.latest[sealed.ORIGIN][0])
    return Reply(
        200, f"{type(line)(line.name, line.key_id, bytes(8) + line.signature[8:])}\n".encode()
    )


def flipped(served: Served) -> Reply:
    """Return a line with one bit changed."""
    line = served.witness.line(served.witness.latest[sealed.ORIGIN][0])
    spoilt = line.signature[:-1] + bytes([line.signature[-1] ^ 1])
    return Reply(200, f"{type(line)(line.name, line.key_id, spoilt)}\n".encode())


def old_head(served: Served) -> Reply:
    """Return a genuine line over another head."""
    head = served.witness.latest[sealed.ORIGIN][0]
    text = head.encode().replace(str(head.size), str(head.size - 1))
    return Reply(200, f"{served.witness.key.cosign(text, NOW_S)}\n".encode())


def twice(served: Served) -> Reply:
    """Return the line two times."""
    line = served.witness.line(served.witness.latest[sealed.ORIGIN][0])
    return Reply(200, f"{line}\n{line}\n".encode())


@pytest.mark.parametrize("lie", [other_key, time_zero, flipped, old_head, twice])
async def test_a_cosignature_that_is_none_is_never_told_as_one(
    dock: Stage, witness: Served, lie: Callable[[Served], Reply]
) -> None:
    """A line that is not by a configured key over this very head convinces nobody."""
    witness.spoil = lambda _path, _reply: lie(witness)
    courier = dock.courier(witness.settings())
    told = await dock.visit(courier)
    assert told.code is Code.BAD_SIGNATURE
    assert dock.core.told == []
    assert courier.record.size is None


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b""),
        Reply(200, b"nonsense"),
        Reply(200, b"\xff\xfe"),
        Reply(204),
        Reply(301, b"", {"Location": "http://127.0.0.1:1/"}),
        Reply(400, b"malformed"),
        Reply(409, b"030\n", {"Content-Type": SIZE_TYPE}),
        Reply(409, b"-1\n", {"Content-Type": SIZE_TYPE}),
        Reply(409, b"9" * 19 + b"\n", {"Content-Type": SIZE_TYPE}),
        Reply(200, bytes(1 << 20)),
    ],
    ids=lambda reply: f"{reply.status}-{reply.body[:6]!r}",
)
async def test_nonsense_is_told_as_nonsense(dock: Stage, witness: Served, reply: Reply) -> None:
    """Whatever else comes back is a bad answer, and is tried again later."""
    witness.spoil = always(reply)
    told = await dock.visit(dock.courier(witness.settings()))
    assert (told.code, told.wait) == (Code.BAD_ANSWER, Wait.RETRY)
    assert dock.core.told == []


def silent(link: socket.socket) -> None:
    """Say nothing until the other hangs up."""
    link.recv(1)


def endless(link: socket.socket) -> None:
    """Send a body without end."""
    link.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
    try:
        while True:
            link.sendall(bytes(1 << 16))
    except OSError:
        return


@pytest.mark.parametrize(
    ("rude", "code"),
    [
        (reset, Code.UNREACHABLE),
        (silent, Code.TIMED_OUT),
        (endless, Code.BAD_ANSWER),
        (lambda link: link.sendall(b"\x00\r\n\r\n"), Code.BAD_ANSWER),
    ],
    ids=["reset", "silent", "endless", "garbage"],
)
async def test_a_rude_witness_costs_one_visit(
    dock: Stage, witness: Served, rude: Callable[[socket.socket], None], code: Code
) -> None:
    """A torn line, silence and floods end the visit, and nothing else."""
    witness.rude = rude
    slow_s = 0.2 if code is Code.TIMED_OUT else 20
    told = await dock.visit(dock.courier(witness.settings(), timeout_s=slow_s))
    assert (told.code, told.wait) == (code, Wait.RETRY)
    assert told.facts["host"] == witness.url.removeprefix("http://")
    witness.rude = None
    assert (await dock.visit(dock.courier(witness.settings()))).code is Code.COSIGNED


async def test_one_slow_witness_holds_up_no_other(dock: Stage, witness: Served) -> None:
    """Couriers go side by side."""
    with Served(Witness(signer("slow"), witness.witness.logs)) as slow:
        slow.rude = silent
        couriers = [
            dock.courier(slow.settings(), timeout_s=1.0),
            dock.courier(witness.settings()),
        ]
        waiting = [asyncio.create_task(dock.visit(courier)) for courier in couriers]
        first, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result().code for task in first] == [Code.COSIGNED]
        told = await asyncio.gather(*waiting)
    assert [one.code in REACHED for one in told] == [False, True]
