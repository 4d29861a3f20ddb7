"""kill -9 while the key is changed: either key is never lost, and no head lacks its signatures."""

import shutil
from pathlib import Path

import pytest

from dock_daemon.evidence import key_change
from hashing import note
from tests.docks import DockIn
from tests.faults.traced import CHANGES, Pulled, moments, run
from tests.sim.test_key_change import assert_holds, files, known, turn

LAST = 16  # calls that make up a change
STEPS = 8  # of which so many are struck


def key(dock: DockIn, what: str, *strace: str) -> Pulled:
    """Run `sealdock key` on the dock's state under strace with these options."""
    command = [
        "dock_daemon.commands.root", "key", what, "--state", str(dock.root),
        "--config", str(dock.config), "--json",
    ]  # fmt: skip
    return run(dock.folder, command, *strace)


def begun(folder: Path, what: str) -> DockIn:
    """Return a dock whose key is about to be changed, or retired."""
    dock = DockIn(folder)
    dock.settings()
    dock.open().close()
    if what == "retire":
        turn(dock, key_change.change)
    return dock


@pytest.fixture(scope="module")
def when(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[str, int]]]:
    """Return, for each step, the calls of an undisturbed run that touch keys or ledger."""
    chosen: dict[str, list[tuple[str, int]]] = {}
    for what in ("change", "retire"):
        dock = begun(tmp_path_factory.mktemp(what), what)
        trace = key(dock, what, "-y", "-e", f"trace={','.join(CHANGES)}")
        assert trace.code == 0, trace.errors
        # Up to the last touch of a key: what comes after it only closes the ledger, and of what
        # comes before it, the last calls are the change itself.
        last = max(at for at, it in enumerate(trace.calls) if "/key" in it.text)
        ours = [it for it in trace.calls[: last + 1] if "/key" in it.text or "-wal" in it.text]
        struck = moments(trace.calls, dock.root)
        found = [(it.name, it.nth) for it in ours if it.nth in struck.get(it.name, [])]
        chosen[what] = list(dict.fromkeys(found))[-LAST:]
    return chosen


@pytest.mark.parametrize("step", range(STEPS))
@pytest.mark.parametrize("what", ["change", "retire"])
def test_killed_while_it_is_changed(
    when: dict[str, list[tuple[str, int]]], tmp_path: Path, what: str, step: int
) -> None:
    """Whatever the disk holds then, the next start completes it or undoes it."""
    dock = begun(tmp_path, what)
    calls = when[what]
    call, nth = calls[step * (len(calls) - 1) // (STEPS - 1)]
    before = (dock.root / "log" / "checkpoint").read_bytes()
    done = key(
        dock, what, "-o", "/dev/null", "-e", f"trace={call}",
        "-e", f"inject={call}:signal=KILL:when={nth}",
    )  # fmt: skip
    assert done.code in {-9, 137}, done.errors
    told = (dock.root / "log" / "checkpoint").read_bytes()

    dock.open().close()
    after = (dock.root / "log" / "checkpoint").read_bytes()
    heads = {note.parse(data)[0] for data in (before, told, after)}
    assert len({head.split("\n")[1] for head in heads}) == len(heads)  # one head of each size
    entered = [one.kind for one in dock.parsed() if one.kind.startswith("key-")]
    both = entered == ["key-change"]
    assert set(files(dock)) == ({"log.key", "outgoing.key"} if both else {"log.key"})
    assert files(dock)["log.key"] == known(dock)[-1]
    assert_holds(dock)

    if not entered:
        turn(dock, key_change.change)
    if len(files(dock)) == 2:
        turn(dock, key_change.retire)
    assert files(dock) == {"log.key": known(dock)[-1]}
    assert_holds(dock)
    shutil.rmtree(dock.root)
