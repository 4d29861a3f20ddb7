"""The content-addressed store: clips and documents, each under its own SHA-256.

    store/id                     ties this store to its ledger
    store/incoming/              half-made files; swept at every start
    store/clips/<aa>/<sha256>    what recorders held, byte for byte (R-NOCOMP)
    store/documents/<aa>/<sha256>
    store/damaged/               files that stopped matching their names

A file under its final name is whole, durable and never written again.
"""

import contextlib
import itertools
import os
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dock_daemon.errors import DockFullError, ReadBackError, StoreDoubtError
from dock_daemon.evidence import durable
from dock_daemon.evidence.durable import Reread

CLIPS: Final = "clips"
DOCUMENTS: Final = "documents"
_READERS: Final = 8
FANS: Final = tuple(f"{number:02x}" for number in range(256))


@dataclass(frozen=True, slots=True)
class Staged:
    """A file in `incoming`, written and hashed, not yet durable."""

    temp: Path
    room: str  # CLIPS or DOCUMENTS
    sha256: str
    size: int


class Store:
    """All that the dock keeps besides its ledger. One process owns it."""

    def __init__(self, root: Path, *, reserve_bytes: int) -> None:
        self.root = root
        self._incoming = root / "incoming"
        self._folders = {
            (room, fan): root / room / fan for room in (CLIPS, DOCUMENTS) for fan in FANS
        }
        # Names that nothing has: another beginning in each life, and a number.
        self._life, self._temps = secrets.token_hex(8), itertools.count()
        self._reserve_bytes = reserve_bytes
        self._settler = durable.Settler(root)
        # Small clips come in hundreds, and reading one cold is mostly waiting.
        self._readers = ThreadPoolExecutor(max_workers=_READERS, thread_name_prefix="read-back")

    @classmethod
    def open(cls, root: Path, *, identity: str | None, reserve_bytes: int) -> tuple["Store", str]:
        """Open or make the store; return it with its identity (32 hex digits).

        `identity` is what the ledger remembers; None on the very first start.
        Raises StoreDoubtError when the two do not belong together: a data disk
        that was not mounted looks like an empty store.
        """
        id_file = root / "id"
        found = id_file.read_text("ascii").strip() if id_file.is_file() else None
        if identity is not None and found != identity:
            raise StoreDoubtError(f"{id_file} says {found}, the ledger {identity}")
        rooms = [root / room / fan for room in (CLIPS, DOCUMENTS) for fan in FANS]
        fresh = not all(room.is_dir() for room in rooms)
        for folder in (root / "incoming", root / "damaged", *rooms):
            folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        store = cls(root, reserve_bytes=reserve_bytes)
        if fresh:
            store._settler.settle([*rooms, root / CLIPS, root / DOCUMENTS, root, root.parent])
        if found is None:
            found = secrets.token_hex(16)
            durable.replace(id_file, f"{found}\n".encode("ascii"))
        return store, found

    def recover(self) -> int:
        """Sync what an earlier life wrote and sweep its half-made files; return how many."""
        self._settler.settle_all()
        left = list((self.root / "incoming").iterdir())
        for temp in left:
            temp.unlink()
        return len(left)

    def close(self) -> None:
        """Let go of the store."""
        self._readers.shutdown()
        self._settler.close()

    def free_bytes(self) -> int:
        """Return how many bytes may still be written, the reserve kept aside."""
        room = os.statvfs(self.root)
        return max(0, room.f_bavail * room.f_frsize - self._reserve_bytes)

    def make_room(self, needed: int) -> None:
        """Raise DockFullError unless `needed` more bytes fit beside the reserve."""
        free = self.free_bytes()
        if needed > free:
            raise DockFullError(needed=needed, free=free)

    def new_temp(self) -> Path:
        """Return a name in `incoming` that nothing has."""
        return self._incoming / f"{self._life}{next(self._temps):08x}"

    def path_of(self, room: str, sha256: str) -> Path:
        """Return where content with this digest lies, or would lie."""
        return self._folders[room, sha256[:2]] / sha256

    def files(self, room: str, *, after: str = "") -> Iterator[tuple[str, int]]:
        """Yield name and size of what lies in a room, in the order of names, past `after`.

        Nothing is read but directories; any thread may ask.
        """
        for fan in FANS:
            if fan < after[:2]:
                continue
            with os.scandir(self.root / room / fan) as entries:
                names = sorted(entry.name for entry in entries if entry.name > after)
            for name in names:
                with contextlib.suppress(FileNotFoundError):  # set aside since
                    yield name, (self.root / room / fan / name).lstat().st_size

    def of_fan(self, room: str, fan: str, *, after: str = "") -> list[tuple[str, int]]:
        """Return name and size of what lies in one directory of a room, past `after`, in order."""
        with os.scandir(self.root / room / fan) as entries:
            found = [entry for entry in entries if entry.name > after]
        files: list[tuple[str, int]] = []
        for entry in sorted(found, key=lambda one: one.name):
            with contextlib.suppress(FileNotFoundError):  # set aside since
                files.append((entry.name, entry.stat(follow_symlinks=False).st_size))
        return files

    def set_aside(self, room: str, sha256: str) -> bool:
        """Move what lies under a name into `damaged`, for good; return False if nothing does.

        The sealer's thread alone may: it gives names, and so it alone takes them.
        """
        final = self.path_of(room, sha256)
        aside = self.root / "damaged"
        try:
            final.rename(aside / f"{sha256}.{secrets.token_hex(4)}")
        except FileNotFoundError:
            return False
        durable.sync_path(aside)
        durable.sync_path(final.parent)
        return True

    def stage_document(self, content: bytes, sha256: str) -> Staged:
        """Write a document to `incoming`."""
        temp = self.new_temp()
        durable.write_new(temp, content)
        return Staged(temp, DOCUMENTS, sha256, len(content))

    def settle(self, group: list[Staged]) -> None:
        """Make the group's temp files durable; raise OSError if any may not be."""
        self._settler.settle([staged.temp for staged in group])

    def check_all(self, group: list[Staged]) -> list[Reread | ReadBackError | OSError]:
        """Read settled files back cold, several at a time; say of each how it went."""
        found: dict[int, Reread | ReadBackError | OSError] = {}
        waiting = iter(enumerate(group))

        def read() -> None:
            for at, staged in waiting:
                found[at] = self._checked(staged)

        hands = [self._readers.submit(read) for _ in group[:_READERS]]
        for hand in hands:
            hand.result()
        return [found[at] for at in range(len(group))]

    def _checked(self, staged: Staged) -> Reread | ReadBackError | OSError:
        try:
            return self.check(staged)
        except (ReadBackError, OSError) as error:
            return error

    def check(self, staged: Staged) -> Reread:
        """Read a settled file back cold; raise ReadBackError if it is not what came in."""
        found, size, how = durable.reread(staged.temp)
        if (found, size) != (staged.sha256, staged.size):
            raise ReadBackError(expected=staged.sha256, found=found)
        return how

    def admit(self, group: list[Staged]) -> list[str]:
        """Give checked files their final names and make those durable.

        A name that is taken is read back before it is relied on: the same
        content arriving twice is stored once. Content that rotted since is set
        aside in `damaged` and replaced by the good copy; its digests are returned.
        Raises OSError when a name may not last; then the group's new names are gone, or,
        where the disk refuses that too, StoreDoubtError.
        """
        rotten: list[str] = []
        linked: list[Path] = []
        fans = {(staged.room, staged.sha256[:2]) for staged in group}
        folders = [self._folders[fan] for fan in sorted(fans)]
        try:
            for staged in group:
                final = self.path_of(staged.room, staged.sha256)
                if self._link(staged, final, rotten):
                    linked.append(final)
            if rotten:
                folders.append(self.root / "damaged")
            self._settler.settle(folders)
        except OSError as error:
            # Left in place, they would be found by the next attempt, which would sync
            # directories that the kernel calls clean and take that for a proof.
            try:
                for final in linked:
                    final.unlink(missing_ok=True)
            except OSError as stuck:
                raise StoreDoubtError(f"{stuck.filename}: {stuck.strerror}") from error
            raise
        return rotten

    def _link(self, staged: Staged, final: Path, rotten: list[str]) -> bool:
        """Link one file; return False if the same content lies there already."""
        while not durable.link(staged.temp, final):
            if self._whole(final, staged):
                staged.temp.unlink()
                return False
            rotten.append(staged.sha256)
            final.rename(self.root / "damaged" / f"{staged.sha256}.{secrets.token_hex(4)}")
        return True

    def drop(self, group: list[Staged]) -> None:
        """Forget temp files that will not be admitted; those that stay are swept at a start."""
        for staged in group:
            with contextlib.suppress(OSError):
                staged.temp.unlink()

    def _whole(self, final: Path, staged: Staged) -> bool:
        try:
            found, size, _ = durable.reread(final)
        except OSError:
            return False
        return (found, size) == (staged.sha256, staged.size)
