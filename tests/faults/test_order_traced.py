"""The write order, read off a real docking's system calls: for each clip, document and head."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.cards import make_exfat_card
from tests.docks import DockIn, some_bytes
from tests.faults.traced import Call, Pulled, pull

FILES = {f"DCIM/{name}.MP4": some_bytes(name, 20_000) for name in ("A", "B", "C", "D", "E")}
TRACE = (
    "openat", "read", "preadv", "preadv2", "write", "pwrite64", "fsync", "fdatasync", "syncfs",
    "linkat", "rename", "renameat2", "unlink",
)  # fmt: skip


@pytest.fixture(params=[1, 2, 64], ids=lambda clips: f"groups of {clips}")
def docked(dock_on_disk: DockIn, tmp_path: Path, request: pytest.FixtureRequest) -> Pulled:
    """Return a docking of five clips, every call of it traced, in groups of this size."""
    dock_on_disk.open(f"[ingest]\ngroup_clips = {request.param}\n").close()
    card = make_exfat_card(tmp_path / "card", FILES, 4 << 20)
    pulled = pull(dock_on_disk, card, "-y", "-e", f"trace={','.join(TRACE)}")
    assert pulled.code == 0, pulled.errors
    assert len(pulled.sealed()) == len(FILES)
    return pulled


def test_each_clip_takes_every_step_before_the_next(docked: Pulled, dock_on_disk: DockIn) -> None:
    """New file, written, synced, read cold, linked, directory synced, committed; then said."""
    for clip in docked.sealed():
        linked = assert_made(docked.calls, "clips", clip["sha256"], dock_on_disk.root)
        committed = commit_after(docked.calls, linked)
        assert committed < said(docked.calls, clip["sha256"])


def test_each_document_is_there_before_an_entry_names_it(
    docked: Pulled, dock_on_disk: DockIn
) -> None:
    """A document takes the same way, and its entry's commit comes after it."""
    entries = {one.seq: one for one in dock_on_disk.parsed()}
    clips = {clip["seq"]: clip["sha256"] for clip in docked.sealed()}
    documents = {seq: str(entries[seq].body["document"]) for seq in clips}
    assert len(set(documents.values())) == len(clips)
    for seq, document in documents.items():
        linked = assert_made(docked.calls, "documents", document, dock_on_disk.root)
        assert commit_after(docked.calls, linked) < said(docked.calls, clips[seq])


def test_tiles_come_before_the_head_and_the_head_before_its_file(
    docked: Pulled, dock_on_disk: DockIn
) -> None:
    """Between the last tile and each head lie a sync of the tiles and a commit of the head."""
    calls, log = docked.calls, f"{dock_on_disk.root}/log"
    heads = where(calls, lambda call: renamed_to(call, f"{log}/checkpoint"))
    tiles = where(calls, lambda call: renamed_to(call, f"{log}/tile/"))
    sealed = max(said(calls, clip["sha256"]) for clip in docked.sealed())
    assert heads
    assert heads[-1] > sealed
    last = max(at for at in tiles if at < heads[-1])
    between = calls[last : heads[-1]]
    assert any(is_sync(call) for call in between)
    assert any(is_commit(call) for call in between), "the head is in the ledger first"
    after = calls[heads[-1] :]
    assert any(call.name in {"fsync", "syncfs"} and log in call.text for call in after)


def test_nothing_is_written_under_a_final_name(docked: Pulled, dock_on_disk: DockIn) -> None:
    """What has its name in the store is only ever read."""
    rooms = [f"{dock_on_disk.root}/store/{room}/" for room in ("clips", "documents")]
    for call in docked.calls:
        if call.name == "openat" and any(room in call.text for room in rooms):
            assert "O_WRONLY" not in call.text
            assert "O_RDWR" not in call.text


def assert_made(calls: Sequence[Call], room: str, sha256: str, state: Path) -> int:
    """Assert the order of one file up to its directory's sync; return where that is."""
    final = f"{state}/store/{room}/{sha256[:2]}"
    linked = first(calls, lambda call: call.name == "linkat" and f"{final}/{sha256}" in call.text)
    temp = calls[linked].text.split('"')[1]
    mine = [at for at in range(linked) if temp in calls[at].text]
    opened = next(at for at in mine if calls[at].name == "openat")
    assert "O_EXCL" in calls[opened].text
    assert "O_CREAT" in calls[opened].text
    written = [at for at in mine if calls[at].name in {"write", "pwrite64"}]
    cold = [at for at in mine if calls[at].name == "openat" and "O_DIRECT" in calls[at].text]
    read = [at for at in mine if calls[at].name in {"preadv", "preadv2"}]
    assert opened < min(written)
    assert max(written) < cold[-1] < max(read) < linked
    assert any(is_sync(call) for call in calls[max(written) : cold[-1]]), "synced, then read"
    return next(
        at
        for at in range(linked, len(calls))
        if calls[at].name == "syncfs" or (calls[at].name == "fsync" and final in calls[at].text)
    )


def commit_after(calls: Sequence[Call], start: int) -> int:
    """Return where the ledger is next made durable."""
    return next(at for at in range(start, len(calls)) if is_commit(calls[at]))


def said(calls: Sequence[Call], sha256: str) -> int:
    """Return where a clip is acknowledged."""
    return first(
        calls, lambda call: call.name == "write" and "sealed" in call.text and sha256 in call.text
    )


def first(calls: Sequence[Call], wanted: Callable[[Call], bool]) -> int:
    """Return where the first such call is."""
    return next(at for at, call in enumerate(calls) if wanted(call))


def where(calls: Sequence[Call], wanted: Callable[[Call], bool]) -> list[int]:
    """Return where such calls are."""
    return [at for at, call in enumerate(calls) if wanted(call)]


def is_sync(call: Call) -> bool:
    """Tell whether a call makes something durable."""
    return call.name in {"syncfs", "fsync", "fdatasync"}


def is_commit(call: Call) -> bool:
    """Tell whether a call makes a transaction of the ledger durable."""
    return call.name in {"fsync", "fdatasync"} and "ledger.db-wal" in call.text


def renamed_to(call: Call, place: str) -> bool:
    """Tell whether a call gives a file its name at or below `place`."""
    return call.name.startswith("rename") and place in call.text.split('", ')[-1]
