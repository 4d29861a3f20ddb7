"""Docks that are pulled over their own web face: honest, grown, rewritten, forged and dead."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from central.ca.office import Office
from central.ca.subjects import Subject
from central.cosigning.outcomes import Sender
from central.fleet.assembly import fleet_of
from central.fleet.records import Records
from central.fleet.stocktaking import CLIP, DOCUMENT
from central.pull.errors import PullError
from central.pull.inventory import ledger_of, of_replica
from central.pull.round import Round
from central.pull.source import Source
from hashing import note
from hashing.errors import EvidenceError
from hashing.keys import SignerKey
from hashing.tiles import entries_path, tile_path
from hashing.verify import verify_log
from tests.pulling import Pulling, Served, pulling
from tests.sealed import KEY, ORIGIN, Sealed, long
from tests.web_faces import ToldCore, faced
from tests.wire import serving
from transport import callers
from transport.asgi import App, Receive, Scope, Send
from transport.client import Link
from transport.tls import server_context


@pytest.fixture
async def centre(memory_path: Path) -> AsyncIterator[Pulling]:
    """Return a centre that pulls."""
    async with pulling(memory_path) as made:
        yield made


def log(entries: int = 300) -> Sealed:
    """Return a log that begins with three dockings of two clips each."""
    made = long(16)
    while len(made.entries) < entries:
        made.add("heartbeat", interval_s=900)
    return made


def other(entries: int, *, common: int = 0) -> Sealed:
    """Return another log of the same name and key; its first `common` entries are the same."""
    made = Sealed()
    made.entries = log(common).entries[:common]
    if not common:
        made.genesis()
    while len(made.entries) < entries:
        made.add("heartbeat", branch=1)
    return made


async def test_a_dock_is_pulled_whole(centre: Pulling) -> None:
    """Head cosigned as witness and mirror, every entry held, manifests judged and read."""
    async with centre.dock(log(300)) as dock:
        assert await centre.pull(ORIGIN) == ""
    assert centre.held(ORIGIN) == (300, 300)
    mirror = centre.centre.mirror
    assert mirror is not None
    report = verify_log(mirror.folder(ORIGIN), KEY.verifier())
    assert (report.ok, report.size) == (True, 300)
    opened = note.open_note(mirror.checkpoint(dock_hash(centre)) or b"", mirror.cosigner.keys)
    assert len(opened.signatures) == 1
    view = centre.view(ORIGIN)
    assert (view.said.entries, view.said.clips, view.said.dockings) == (300, 6, 3)
    assert view.said.broken is None
    assert dock.core.accesses == []


async def test_manifests_are_fetched_once_and_judged(centre: Pulling) -> None:
    """Each new manifest is kept with its digest, and shown beside its docking."""
    async with centre.dock(log(16)) as dock:
        await centre.pull(ORIGIN)
        dock.core.answers["manifest"] = lambda _request: None
        assert await centre.pull(ORIGIN) == ""
    pulled = centre.view(ORIGIN).pulled
    assert pulled is not None
    assert pulled.detail == ""
    loaded, database = centre.centre.loaded, centre.centre.database
    fleet = fleet_of(loaded, database, centre.clock)
    shown = fleet.manifests(ORIGIN, newest=9)
    assert [(one.docking.docking, one.problem) for one in shown] == [(3, ""), (2, ""), (1, "")]
    folder = loaded.state / "manifests" / dock_hash(centre)
    for one in shown:
        data = (folder / f"{one.docking.seq}.manifest").read_bytes()
        assert hashlib.sha256(data).hexdigest() == one.sha256


def dock_hash(centre: Pulling) -> str:
    """Return the dock's name in paths."""
    return centre.centre.register.dock(ORIGIN).hash


async def test_only_what_is_missing_is_fetched(centre: Pulling) -> None:
    """A log that grew is fetched from where the last round ended, and a still one not at all."""
    async with centre.dock(log(300)) as dock:
        await centre.pull(ORIGIN)
        # Whole bundles that are held are not asked for again: were they, these would be missed.
        (dock.root / "log" / entries_path(0)).unlink()
        dock.sealed.docking(4, [b"new clip"])
        dock.publish(old=300)
        (dock.root / "log" / entries_path(0)).unlink()
        assert await centre.pull(ORIGIN) == ""
    assert centre.held(ORIGIN) == (304, 304)


async def test_a_backlog_comes_in_shares(centre: Pulling) -> None:
    """However small a round's share is, each brings something, and the last one all of it."""
    async with centre.dock(log(1000)) as dock:
        rounds = 0
        more = True
        while more:
            rounds += 1
            more = await small_round(centre, dock)
    assert rounds == 4
    assert centre.held(ORIGIN) == (1000, 1000)


async def small_round(centre: Pulling, dock: Served) -> bool:
    """Do one round that may fetch no more than it must."""
    known = centre.centre.register.dock(ORIGIN)
    keeping = centre.keeping
    async with Link(f"https://{dock.address}", keeping.puller.tls, 20) as link:
        return await Round(known, Source(link, budget=1), keeping.holders, keeping.call).run()


async def test_an_older_head_is_no_head(centre: Pulling) -> None:
    """A dock that shows yesterday's log is refused and named; nothing is signed for it."""
    async with centre.dock(log(300)) as dock:
        await centre.pull(ORIGIN)
        dock.put("checkpoint", dock.sealed.checkpoint(200))
        assert await centre.pull(ORIGIN) == "rollback"
    assert centre.held(ORIGIN) == (300, 300)
    assert centre.centre.evidence.all(ORIGIN) == ()
    assert [late.code for late in centre.view(ORIGIN).late] == ["refused"]


@pytest.mark.parametrize(
    ("size", "kind"), [(200, "rollback"), (300, "roots"), (310, "proof"), (700, "proof")]
)
async def test_a_rewritten_log_is_evidence(centre: Pulling, size: int, kind: str) -> None:
    """Whether shorter, as long or longer: a second history is refused, kept and shown."""
    async with centre.dock(log(300)) as dock:
        await centre.pull(ORIGIN)
        other(size, common=100).write(dock.root)
        assert await centre.pull(ORIGIN) == "fork"
    assert centre.held(ORIGIN) == (300, 300)
    (fork,) = centre.centre.evidence.all(ORIGIN)
    assert (fork.kind, fork.size) == (kind, size)
    assert [late.code for late in centre.view(ORIGIN).late] == ["forked", "refused"]


FLIPPED: dict[str, Callable[[Served], None]] = {
    "tile": lambda dock: spoil(dock, tile_path(0, 0)),
    "edge": lambda dock: spoil(dock, tile_path(0, 1, 44)),
    "above": lambda dock: spoil(dock, tile_path(1, 0, 1)),
    "bundle": lambda dock: spoil(dock, entries_path(0)),
    "torn": lambda dock: dock.put(entries_path(1, 44), b"\x00"),
}


def spoil(dock: Served, path: str) -> None:
    """Change one bit of a file."""
    target = dock.root / "log" / path
    data = bytearray(target.read_bytes())
    data[20] ^= 1
    target.write_bytes(data)


@pytest.mark.parametrize("name", FLIPPED)
async def test_what_the_root_does_not_vouch_for_is_not_kept(centre: Pulling, name: str) -> None:
    """One bit in any tile or bundle: the mirror cosigns nothing, and the next round may heal."""
    async with centre.dock(log(300)) as dock:
        FLIPPED[name](dock)
        assert await centre.pull(ORIGIN) == "tile"
        assert centre.held(ORIGIN)[1] == 0
        dock.sealed.write(dock.root)
        assert await centre.pull(ORIGIN) == ""
    assert centre.held(ORIGIN) == (300, 300)


async def test_another_key_is_not_this_dock(centre: Pulling) -> None:
    """A head by a key that was not enrolled is no head of this dock."""
    async with centre.dock(log(30)) as dock:
        stranger = Sealed(key=SignerKey.generate(ORIGIN, bytes(range(32))))
        stranger.entries = dock.sealed.entries
        dock.put("checkpoint", stranger.checkpoint(30))
        assert await centre.pull(ORIGIN) == "signature"
    assert centre.held(ORIGIN) == (None, 0)


async def test_another_log_is_not_this_one(centre: Pulling) -> None:
    """A head that the key signed under another name is refused."""
    async with centre.dock(log(30)) as dock:
        text = note.parse(dock.sealed.checkpoint(30))[0].replace("0001", "0002")
        dock.put("checkpoint", note.sign(text, [KEY]))
        assert await centre.pull(ORIGIN) == "other-log"


@pytest.mark.parametrize("data", [b"", b"garbage", b"\xff" * 100, b"x\n\ny\n"])
async def test_garbage_is_no_head(centre: Pulling, data: bytes) -> None:
    """Whatever is served in place of a checkpoint, it is told as such."""
    async with centre.dock(log(30)) as dock:
        dock.put("checkpoint", data)
        assert await centre.pull(ORIGIN) == "no-checkpoint"


async def test_who_is_not_there_is_told(centre: Pulling) -> None:
    """A dock that nobody answers for fails alone, and is said to be out of reach in time."""
    centre.enrol(log(30), "https://127.0.0.1:1")
    assert await centre.pull(ORIGIN) == "unreachable"
    centre.clock.now_ms += 2_701_000
    late = [late.code for late in centre.view(ORIGIN).late]
    assert late == ["never-seen", "unreachable"]


async def test_a_dock_that_trusts_another_authority(centre: Pulling, tmp_path: Path) -> None:
    """A certificate that the dock does not accept is told as that."""
    async with centre.dock(log(30)) as dock, pulling(tmp_path) as stranger:
        stranger.enrol(dock.sealed, f"https://{dock.address}")
        assert await stranger.pull(ORIGIN) == "tls"


async def test_docks_do_not_wait_for_one_another(centre: Pulling) -> None:
    """Among docks that are dead or talk nonsense, the honest ones are pulled all the same."""
    async with (
        centre.dock(log(300)) as good,
        centre.dock(named(2)) as liar,
        centre.dock(named(3)) as last,
    ):
        centre.enrol(named(4), "https://127.0.0.1:1")
        liar.put("checkpoint", b"nonsense")
        await centre.keeping.puller.once()
        await centre.keeping.reading.look()
        for dock in (good, last):
            assert centre.held(dock.sealed.origin) == (300, 300)
    assert centre.held(liar.sealed.origin) == (None, 0)


def named(number: int) -> Sealed:
    """Return a log of another dock."""
    origin = f"dock.example/{number:04d}"
    made = Sealed(origin=origin, key=SignerKey.generate(origin, bytes([number]) * 32))
    made.genesis()
    while len(made.entries) < 300:
        made.add("heartbeat")
    return made


async def test_pulling_and_pushing_at_once(centre: Pulling) -> None:
    """A dock that submits its head while it is pulled is cosigned once more, and never wrongly."""
    async with centre.dock(log(300)) as dock:
        witness = centre.centre.witness
        assert witness is not None
        body = b"old 0\n\n" + dock.sealed.checkpoint(300)
        await asyncio.gather(
            centre.pull(ORIGIN),
            *(centre.centre.call(witness.add_checkpoint, body, Sender("x")) for _ in range(4)),
        )
    assert centre.held(ORIGIN) == (300, 300)
    assert centre.centre.evidence.all() == ()


MANIFESTS: dict[str, object] = {
    "null": None,
    "text": "x",
    "backwards": [{"seq": 10, "docking": 2}, {"seq": 5, "docking": 1}],
    "a word": [{"seq": "5", "docking": 1}],
    "a path": [{"seq": 5, "docking": "../../x"}],
}


@pytest.mark.parametrize("name", MANIFESTS)
async def test_nonsense_of_manifests_does_not_hold_up_the_log(centre: Pulling, name: str) -> None:
    """Where the list of manifests makes no sense, the log is pulled, and that is told beside."""
    async with centre.dock(log(300)) as dock:
        dock.core.answers["manifests"] = lambda _request: MANIFESTS[name]
        assert await centre.pull(ORIGIN) == ""
    assert centre.held(ORIGIN) == (300, 300)
    pulled = centre.view(ORIGIN).pulled
    assert pulled is not None
    assert pulled.detail.startswith("manifests: ")


async def test_a_manifest_that_does_not_hold_is_kept_and_named(centre: Pulling) -> None:
    """A sound manifest that is another docking's is kept, with what is wrong about it."""
    async with centre.dock(log(16)) as dock:
        first = dock.core._manifest({"docking": 1})  # noqa: SLF001  what the test's core says
        dock.core.answers["manifest"] = lambda _request: first
        await centre.pull(ORIGIN)
    kept = Records(centre.centre.database).manifests(ORIGIN, 0, 15)
    assert {seq: one.problem for seq, one in kept.items()} == {
        5: "",
        10: "manifest-other-docking",
        15: "manifest-other-docking",
    }


async def test_manifests_that_do_not_hold_do_not_fill_the_disk(centre: Pulling) -> None:
    """Of a dock that gives many of them the first are kept whole, of the others what they were."""
    async with centre.dock(log(30)) as dock:
        rows = [{"seq": seq, "docking": seq} for seq in range(1, 31)]
        dock.core.answers["manifests"] = lambda asked: [
            row for row in rows if row["seq"] > int(str(asked["after"]))
        ][: int(str(asked["limit"]))]
        first = dock.core._manifest({"docking": 1})  # noqa: SLF001  what the test's core says
        dock.core.answers["manifest"] = lambda _request: first
        assert await centre.pull(ORIGIN) == ""
    kept = Records(centre.centre.database).manifests(ORIGIN, 0, 99)
    bad = [one for one in kept.values() if one.problem]
    assert len(kept) == 30
    assert len(bad) == 29
    assert len({one.sha256 for one in bad}) == 1
    folder = centre.centre.loaded.state / "manifests" / dock_hash(centre)
    assert len(list(folder.iterdir())) == 1 + 16


async def test_all_that_is_sealed_is_there(centre: Pulling) -> None:
    """A dock whose store holds what its log names passes, and samples are what they must be."""
    async with centre.dock(log(300)) as dock:
        await centre.pull(ORIGIN)
        known = centre.centre.register.dock(ORIGIN)
        report = await centre.keeping.take_stock(known, samples=3)
    assert report.missing == 0
    assert (report.stocks[CLIP].expected, report.stocks[CLIP].present) == (6, 6)
    assert [one.good for one in report.sampled] == [True, True, True]
    assert len(dock.core.accesses) == 3
    (counted,) = centre.view(ORIGIN).counted
    assert counted.holds


async def test_exactly_these_clips_are_gone(centre: Pulling) -> None:
    """Clips that the dock no longer lists are named with their entries, and an alarm stands."""
    async with centre.dock(log(300)) as dock:
        await centre.pull(ORIGIN)
        gone = sorted(dock.sealed.clips)[:2]
        for sha256 in gone:
            del dock.sealed.clips[sha256]
        known = centre.centre.register.dock(ORIGIN)
        report = await centre.keeping.take_stock(known, samples=0)
    assert sorted(one.sha256 for one in report.stocks[CLIP].gone) == gone
    assert all(one.docking == (one.seq - 1) // 5 + 1 for one in report.stocks[CLIP].gone)
    assert [late.code for late in centre.view(ORIGIN).late] == ["gone"]
    (kept,) = Records(centre.centre.database).inventories(ORIGIN)
    told = json.loads(kept)["stocks"]["clip"]["gone"]
    assert sorted(one["sha256"] for one in told) == gone


async def test_a_docks_word_is_not_the_clip(centre: Pulling) -> None:
    """A clip that was overwritten in the store is listed as ever, and found by fetching it."""
    async with centre.dock(log(16)) as dock:
        await centre.pull(ORIGIN)
        for sha256, content in dock.sealed.clips.items():
            path = dock.root / "store" / "clips" / sha256[:2] / sha256
            path.write_bytes(b"x" * len(content))
        known = centre.centre.register.dock(ORIGIN)
        report = await centre.keeping.take_stock(known, samples=2)
    assert report.stocks[CLIP].holds
    assert [one.good for one in report.sampled] == [False, False]
    assert report.missing == 2


async def test_a_replica_is_hashed(centre: Pulling) -> None:
    """In a copy of the store what is gone, short or changed is named; more is no harm."""
    async with centre.dock(log(300)) as dock:
        await centre.pull(ORIGIN)
        first, second, third = sorted(dock.sealed.clips)[:3]
        store = dock.root / "store" / "clips"
        (store / first[:2] / first).unlink()
        (store / second[:2] / second).write_bytes(b"short")
        data = (store / third[:2] / third).read_bytes()
        (store / third[:2] / third).write_bytes(b"X" + data[1:])
        (store / "ab").mkdir(exist_ok=True)
        (store / "ab" / ("ab" * 32)).write_bytes(b"more")
    mirror = centre.centre.mirror
    assert mirror is not None
    ledger = ledger_of(mirror.entries, ORIGIN, 300)
    looked = of_replica(ORIGIN, dock.root, ledger, size=300, hashed=False, now_ms=1)
    hashed = of_replica(ORIGIN, dock.root / "store", ledger, size=300, hashed=True, now_ms=1)
    assert [one.sha256 for one in looked.stocks[CLIP].gone] == [first]
    assert [one.sha256 for one in looked.stocks[CLIP].damaged] == [second]
    assert {one.sha256 for one in hashed.stocks[CLIP].damaged} == {second, third}
    assert hashed.stocks[CLIP].extra == ("ab" * 32,)
    assert hashed.stocks[DOCUMENT].holds
    assert hashed.missing == 3


INVENTORIES: dict[str, object] = {
    "null": None,
    "text": "x",
    "backwards": [{"sha256": "b" * 64, "size": 1}, {"sha256": "a" * 64, "size": 1}],
    "no digest": [{"sha256": "x", "size": 1}],
    "no size": [{"sha256": "a" * 64, "size": -1}],
    "for ever": [{"sha256": f"{n:064x}", "size": 1} for n in range(1000)],
}


@pytest.mark.parametrize("name", INVENTORIES)
async def test_nonsense_of_a_store_accuses_nobody(centre: Pulling, name: str) -> None:
    """A list that makes no sense, or has no end, is told as that, and no clip is called gone."""
    async with centre.dock(log(30)) as dock:
        await centre.pull(ORIGIN)
        dock.core.answers["inventory"] = lambda _request: INVENTORIES[name]
        known = centre.centre.register.dock(ORIGIN)
        with pytest.raises((PullError, EvidenceError)):
            await centre.keeping.take_stock(known, samples=0)
    assert centre.view(ORIGIN).counted == ()


async def never(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Answer nothing, for ever."""
    await asyncio.Event().wait()


async def flood(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer with more than any checkpoint is."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(64):
        await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})


async def teapot(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer what makes no sense here."""
    await send({"type": "http.response.start", "status": 418, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.mark.parametrize(
    ("face", "problem"), [(never, "timeout"), (flood, "too-much"), (teapot, "bad-answer")]
)
async def test_a_face_that_is_none(memory_path: Path, face: App, problem: str) -> None:
    """A server that hangs, floods or talks of something else is left, and told as that."""
    async with pulling(memory_path, pull__timeout_s="1") as made, serving(face) as address:
        made.enrol(log(16), f"http://{address}")
        assert await made.pull(ORIGIN) == problem


async def test_our_own_authority_lets_them_speak(memory_path: Path) -> None:
    """With certificates of `ca`, a centre pulls a dock until its certificate is taken back."""
    office = Office(memory_path / "ca", lambda: datetime.now(UTC).replace(microsecond=0))
    office.init("a site", days=30, list_days=30)
    root, crl = str(office.path / "ca.crt"), str(office.path / "ca.crl")
    host = ("127.0.0.1",)
    dock = Subject(name="dock-1", roles=("dock",), origins=(ORIGIN,), hosts=host)
    theirs = office.issue(dock, days=9, into=memory_path)
    ours = office.issue(Subject(name="centre", roles=("central",)), days=9, into=memory_path)
    assert theirs.issued.subject == dock
    seen = callers.read(theirs.issued.certificate)
    assert (seen.name, seen.roles, seen.origin) == ("dock-1", frozenset({"dock"}), ORIGIN)
    sealed, state = log(16), memory_path / "dock"
    sealed.write(state)
    given = {"pull__ca": root, "pull__cert": str(ours.certificate), "pull__key": str(ours.key)}
    problems: list[str] = []
    async with pulling(memory_path, **given) as made:
        for number in range(2):
            face = server_context(
                cert=str(theirs.certificate), key=str(theirs.key), client_ca=root, crl=crl
            )
            async with faced(state, ToldCore(sealed), tls=face) as address:
                if number:
                    made.centre.register.remove(ORIGIN)
                made.enrol(sealed, f"https://{address}")
                problems.append(await made.pull(ORIGIN))
            office.revoke(ours.issued.serial, list_days=30)
        assert made.held(ORIGIN) == (16, 16)
    assert problems == ["", "tls"]
