"""The dock with one thing wrong: `python -m tests.power.planted NAME pull CARD …`.

Each plant changes the order or the omissions of its writes in this process alone, as a mistake in
the product would. The harness must notice each; what it does not notice it does not test.
"""

import contextlib
import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from dock_daemon.commands.root import main as sealdock
from dock_daemon.evidence import durable
from dock_daemon.evidence.durable import Reread, Settler
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.publication import Publisher
from dock_daemon.evidence.store import Staged, Store


def no_file_sync() -> None:
    """Sync no clip and no document, and read them back as the page cache has them."""
    _patch(Store, "settle", lambda _self, _group: None)
    _patch(durable, "reread", _reread_warm)
    _patch(Settler, "settle", _settle_one_by_one)


def no_directory_sync() -> None:
    """Give files their names, and do nothing to make the names last."""
    _patch(Store, "admit", _admit_unsynced)


def no_sync() -> None:
    """Sync neither files nor directories of the store."""
    _patch(Store, "settle", lambda _self, _group: None)
    _patch(Store, "admit", _admit_unsynced)
    _patch(durable, "reread", _reread_warm)


def acknowledged_before_commit() -> None:
    """Acknowledge a clip when its rows are written; the next transaction commits them."""
    _patch(Ledger, "_transaction", _commit_later)
    close = Ledger.close

    def closed(self: Ledger) -> None:
        _commit(self)
        close(self)

    _patch(Ledger, "close", closed)


def committed_before_sync() -> None:
    """Let the ledger name clips that are synced only afterwards."""
    waiting: list[Path] = []
    append = Ledger.append

    def settled(self: Store, group: list[Staged]) -> None:
        waiting.extend(self.path_of(one.room, one.sha256) for one in group)

    def admitted(self: Store, group: list[Staged]) -> list[str]:
        rotten = _admit_unsynced(self, group)
        waiting.extend(self.path_of(one.room, one.sha256).parent for one in group)
        return rotten

    def appended(self: Ledger, *arguments: Any) -> Any:
        done = append(self, *arguments)
        for late in waiting:
            durable.sync_path(late)
        waiting.clear()
        return done

    _patch(Store, "settle", settled)
    _patch(Store, "admit", admitted)
    _patch(durable, "reread", _reread_warm)
    _patch(Ledger, "append", appended)


def linked_before_sync() -> None:
    """Give clips their final names first, and sync them one after the other then."""

    def settled(self: Store, group: list[Staged]) -> None:
        for one in group:
            with contextlib.suppress(FileExistsError):
                os.link(one.temp, self.path_of(one.room, one.sha256))
        for one in group:
            durable.sync_path(one.temp)

    _patch(Store, "settle", settled)


def synchronous_off() -> None:
    """Let the ledger's database not wait for its disk at all."""
    _patch(Ledger, "open", classmethod(_opened_with("OFF", Ledger.open)))


def synchronous_normal() -> None:
    """Let the ledger's database sync its write-ahead log only now and then."""
    _patch(Ledger, "open", classmethod(_opened_with("NORMAL", Ledger.open)))


def warm_read_back() -> None:
    """Read clips back as the page cache has them."""
    _patch(durable, "reread", _reread_warm)


def published_before_tiles() -> None:
    """Put the checkpoint into the log before its tiles are synced."""

    def put(self: Publisher, files: Mapping[str, bytes]) -> None:
        log: Path = self._log
        for name, data in files.items():
            (log / name).parent.mkdir(parents=True, exist_ok=True)
            temp = self._aside / hashlib.sha256(name.encode()).hexdigest()
            durable.write_new(temp, data, mode=0o644)
            temp.replace(log / name)

    _patch(Publisher, "_put", put)


def published_before_commit() -> None:
    """Show first what was signed, and keep it in the ledger afterwards."""
    keep, show = Ledger.keep_checkpoint, Publisher.show
    late: list[Callable[[], None]] = []
    _patch(
        Ledger,
        "keep_checkpoint",
        lambda self, *arguments: late.append(lambda: keep(self, *arguments)),
    )

    def shown(self: Publisher, ledger: Ledger) -> None:
        show(self, ledger)
        while late:
            late.pop()()

    _patch(Publisher, "show", shown)


PLANTS: Final[Mapping[str, Callable[[], None]]] = {
    "no-file-sync": no_file_sync,
    "no-directory-sync": no_directory_sync,
    "no-sync": no_sync,
    "acknowledged-before-commit": acknowledged_before_commit,
    "committed-before-sync": committed_before_sync,
    "linked-before-sync": linked_before_sync,
    "synchronous-off": synchronous_off,
    "synchronous-normal": synchronous_normal,
    "warm-read-back": warm_read_back,
    "published-before-tiles": published_before_tiles,
    "published-before-commit": published_before_commit,
}


def _patch(owner: object, name: str, value: object) -> None:
    """Plant it; raise AttributeError where the product has no such thing any more."""
    getattr(owner, name)
    setattr(owner, name, value)


def _reread_warm(path: Path, **_more: object) -> tuple[str, int, Reread]:
    data = path.read_bytes()
    return hashlib.sha256(data).hexdigest(), len(data), Reread.DIRECT


def _settle_one_by_one(_self: Settler, paths: Sequence[Path]) -> None:
    for path in list(paths):
        durable.sync_path(path)


def _admit_unsynced(self: Store, group: list[Staged]) -> list[str]:
    rotten: list[str] = []
    for one in group:
        self._link(one, self.path_of(one.room, one.sha256), rotten)
    return rotten


@contextlib.contextmanager
def _commit_later(self: Ledger) -> Iterator[None]:
    _commit(self)
    self._db.execute("BEGIN IMMEDIATE")
    yield


def _commit(ledger: Ledger) -> None:
    database = ledger._db  # noqa: SLF001  a plant goes where a mistake would be
    if database.in_transaction:
        database.execute("COMMIT")


def _opened_with(synchronous: str, opened: Callable[[Path], Ledger]) -> Callable[..., Ledger]:
    def open_(_class: type[Ledger], path: Path) -> Ledger:
        ledger = opened(path)
        database = ledger._db  # noqa: SLF001  a plant goes where a mistake would be
        database.execute(f"PRAGMA synchronous={synchronous}")
        return ledger

    return open_


if __name__ == "__main__":
    PLANTS[sys.argv.pop(1)]()
    sealdock()
