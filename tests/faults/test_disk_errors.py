"""The dock's own disk refuses: nothing half is acknowledged, and doubt stops everything."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cards import make_exfat_card, make_fat_card
from tests.docks import DockIn, some_bytes
from tests.faults.traced import Call, Pulled, pull

FILES = {f"DCIM/{name}.MP4": some_bytes(name, 20_000) for name in ("A", "B", "C", "D")}
SETTINGS = "[ingest]\ngroup_clips = 64\n"


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """Return a card with four clips."""
    return make_exfat_card(tmp_path / "card", FILES, 4 << 20)


@pytest.fixture
def started(dock: DockIn) -> DockIn:
    """Return a dock that has been started before."""
    dock.open(SETTINGS).close()
    return dock


def failing(dock: DockIn, card: Path, call: str, error: str, when: str) -> Pulled:
    """Pull while the dock's calls of one name fail as told."""
    return pull(
        dock, card, "-o", "/dev/null", "-e", f"trace={call}",
        "-e", f"inject={call}:error={error}:when={when}",
    )  # fmt: skip


def codes(pulled: Pulled) -> list[str]:
    """Return the fault codes that were told on stderr."""
    told = [json.loads(line) for line in pulled.errors.splitlines() if line[:1] == "{"]
    return [line["code"] for line in told if line["message_type"] == "error"]


def assert_true_so_far(dock: DockIn, pulled: Pulled) -> None:
    """Assert that what was acknowledged is in the store, and that the log verifies."""
    for clip in pulled.sealed():
        assert dock.stored(clip["sha256"]).read_bytes() == FILES[clip["path"]]
    assert dock.verify().problems == ()


def assert_recovers(dock: DockIn, card: Path) -> None:
    """Assert that a healthy disk finishes what a sick one began."""
    told = dock.take_over(card, settings=SETTINGS)
    assert told.end.result == "complete"
    assert told.end.sealed + told.end.known == len(FILES)
    assert len({str(one.body["sha256"]) for one in dock.parsed("clip")}) == len(FILES)
    dock.assert_holds()


@pytest.mark.parametrize("call", ["fsync", "syncfs", "fdatasync"])
@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5, 6])
def test_a_sync_that_fails_once(started: DockIn, card: Path, call: str, nth: int) -> None:
    """Wherever it fails, no clip counts that it was about; the next docking finishes."""
    pulled = failing(started, card, call, "EIO", str(nth))
    assert_true_so_far(started, pulled)
    assert pulled.code in {0, 1, 4, 6}, pulled.errors
    if pulled.code == 0:
        assert len(pulled.sealed()) == len(FILES)
    assert "Traceback" not in pulled.errors
    assert_recovers(started, card)


def test_a_group_that_could_not_be_synced_is_copied_again(started: DockIn, card: Path) -> None:
    """One failed data sync costs a second copy, and nothing else."""
    # The store's first sync at the start is the first, a group's data sync the second.
    pulled = failing(started, card, "syncfs", "EIO", "2")
    (summary,) = [line for line in pulled.lines if line["message_type"] == "summary"]
    assert (summary["result"], summary["sealed"]) == ("complete", len(FILES))
    assert summary["bytes"] > sum(map(len, FILES.values())), "some bytes were copied twice"
    assert_true_so_far(started, pulled)
    assert_recovers(started, card)


def test_a_disk_that_keeps_failing_stops_the_dock(started: DockIn, card: Path) -> None:
    """Two failed syncs in a row put the store in doubt: the dock stops and says so."""
    # Two syncs publish the log at the start; from then on none succeeds.
    pulled = failing(started, card, "fsync", "EIO", "3+")
    assert (pulled.code, codes(pulled)) == (1, ["store-doubt"])
    assert [line for line in pulled.lines if line["message_type"] == "summary"] == []
    assert_true_so_far(started, pulled)
    assert_recovers(started, card)


def test_a_ledger_that_cannot_be_synced_stops_the_dock(dock: DockIn, card: Path) -> None:
    """What was not committed for good is not acknowledged."""
    dock.open("[ingest]\ngroup_clips = 1\n").close()  # a commit for each clip
    pulled = failing(dock, card, "fdatasync", "EIO", "4+")
    assert len(pulled.sealed()) < len(FILES)
    assert codes(pulled)[-1:] == ["ledger-disk"]
    assert_true_so_far(dock, pulled)
    assert_recovers(dock, card)


@pytest.mark.parametrize("nth", [2, 5, 12])
@pytest.mark.parametrize("call", ["write", "pwrite64", "linkat", "rename"])
@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_a_disk_that_takes_no_more(
    started: DockIn, card: Path, call: str, error: str, nth: int
) -> None:
    """Full or broken from some call on: what was acknowledged stays, the rest comes later."""
    pulled = failing(started, card, call, error, f"{nth}+")
    assert "Traceback" not in pulled.errors, pulled.errors
    assert_true_so_far(started, pulled)
    assert_recovers(started, card)


def test_a_name_that_is_taken_by_the_same_content(
    started: DockIn, card: Path, tmp_path: Path
) -> None:
    """A link that finds its name taken means that the content is there already."""
    started.take_over(card, settings=SETTINGS)
    other = make_fat_card(tmp_path / "other", FILES, volume_serial=7)
    told = started.take_over(other, settings=SETTINGS)
    assert told.end.sealed == len(FILES)
    started.assert_holds()


def test_the_write_order(dock_on_disk: DockIn, card: Path) -> None:
    """Each clip: new file, data sync, cold read, link, directory sync, commit, and only then said.

    Then tiles, and last the checkpoint. Proved by the system calls themselves.
    """
    started = dock_on_disk
    started.open(SETTINGS).close()
    pulled = pull(
        started, card, "-y", "-e",
        "trace=openat,read,preadv,preadv2,write,pwrite64,fsync,fdatasync,syncfs,linkat,rename",
    )  # fmt: skip
    assert pulled.code == 0
    assert len(pulled.sealed()) == len(FILES)
    for clip in pulled.sealed():
        assert_order(pulled.calls, clip["sha256"], started.root)
    last = max(
        at for at, call in enumerate(pulled.calls) if call.name == "write" and "sealed" in call.text
    )
    tiles = [at for at, call in enumerate(pulled.calls) if is_rename_to(call, "/log/tile/")]
    heads = [at for at, call in enumerate(pulled.calls) if is_rename_to(call, "/log/checkpoint")]
    # The lock's start-up publication has its own checkpoint; the last one seals this docking.
    assert max(tiles) < max(heads)
    assert max(heads) > last
    assert any(is_sync(call) for call in pulled.calls[max(tiles) : max(heads)])


def assert_order(calls: list[Call], sha256: str, state: Path) -> None:
    """Assert the order of everything that happened to one clip."""
    linked = first(calls, lambda call: call.name == "linkat" and sha256 in call.text)
    temp = calls[linked].text.split('"')[1]
    opened = first(calls, lambda call: call.name == "openat" and temp in call.text)
    assert "O_EXCL" in calls[opened].text
    assert "O_CREAT" in calls[opened].text
    written = [at for at, call in enumerate(calls) if call.name == "write" and temp in call.text]
    cold = first(
        calls,
        lambda call: call.name == "openat" and temp in call.text and "O_DIRECT" in call.text,
    )
    read = first(calls, lambda call: call.name in {"preadv", "preadv2"} and temp in call.text)
    folder = f"{state}/store/clips/{sha256[:2]}"
    said = first(
        calls, lambda call: call.name == "write" and "sealed" in call.text and sha256 in call.text
    )
    assert opened < min(written)
    assert max(written) < cold < read < linked < said
    assert any(is_sync(call) for call in calls[max(written) : cold]), "data sync before the read"
    named = [
        at
        for at in range(linked, said)
        if calls[at].name == "syncfs" or (calls[at].name == "fsync" and folder in calls[at].text)
    ]
    assert named, "the directory is synced before the ledger speaks of it"
    committed = [
        at
        for at in range(named[0], said)
        if calls[at].name in {"fdatasync", "fsync"} and "ledger.db-wal" in calls[at].text
    ]
    assert committed, "the ledger is synced before the clip is acknowledged"


def first(calls: list[Call], wanted: Callable[[Call], bool]) -> int:
    """Return where the first such call is."""
    return next(at for at, call in enumerate(calls) if wanted(call))


def is_sync(call: Call) -> bool:
    """Tell whether a call makes something durable."""
    return call.name in {"syncfs", "fsync", "fdatasync"}


def is_rename_to(call: Call, place: str) -> bool:
    """Tell whether a call gives a file its name below `place`."""
    return call.name == "rename" and place in call.text.split('", "')[-1]
