"""Taking stock: what the mirrored log says must exist, held against a store or a copy of it."""

import asyncio
from pathlib import Path
from typing import Final

from central.errors import NotMirroredError
from central.fleet.index import Entries
from central.fleet.replica import FOLDERS, listed
from central.fleet.reports import Report
from central.fleet.stocktaking import CLIP, DOCUMENT, Ledger, compare
from central.fleet.view import REPLICA, STORE
from central.pull import stock
from central.pull.round import Call
from central.register.docks import Dock
from transport.client import Link

LIST_S: Final = 900.0
"""What a dock may take to tell all that it holds: some thousand pages."""

_A_STEP: Final = 8192  # entries that are read before another thread may have its turn


def ledger_of(entries: Entries, origin: str, size: int) -> Ledger:
    """Return what the first `size` mirrored entries say must exist; raise NotMirroredError."""
    if size == 0:
        raise NotMirroredError(origin)
    ledger = Ledger()
    for start in range(0, size, _A_STEP):
        leaves = entries(origin, start, min(start + _A_STEP, size))
        for seq, leaf in enumerate(leaves, start=start):
            ledger.take(seq, leaf)
    return ledger


async def of_store(
    dock: Dock,
    link: Link,
    ledger: Ledger,
    *,
    size: int,
    samples: int,
    within_s: float,
    now_ms: int,
    call: Call,
) -> Report:
    """Return what the dock says that it holds, and what some of it turned out to be.

    `ledger` is of the first `size` entries. It takes `within_s` at most. Raises PullError.
    The dock lists clips; its documents name people and are not listed.
    """
    must = ledger.must(CLIP)
    ends_s = asyncio.get_running_loop().time() + within_s
    there = await stock.told(link, must, within_s=min(within_s, LIST_S))
    found = await call(compare, must, there, disposed=ledger.disposed)
    sampled = await stock.samples(link, must, there, count=samples, ends_s=ends_s)
    return Report(
        origin=dock.origin,
        taken_ms=now_ms,
        source=STORE,
        place=dock.url,
        log_size=size,
        stocks={CLIP: found},
        sampled=tuple(sampled),
    )


def of_replica(
    origin: str, root: Path, ledger: Ledger, *, size: int, hashed: bool, now_ms: int
) -> Report:
    """Return what lies in a copy of a store; raise OSError where it cannot be listed.

    `root` is the copy of the store, or of a whole dock with its store in it.
    """
    place = root / "store" if (root / "store").is_dir() else root
    if not any((place / folder).is_dir() for folder in FOLDERS.values()):
        raise FileNotFoundError(2, "neither clips nor documents lie there", str(root))
    stocks = {
        what: compare(
            ledger.must(what), listed(place, what, hashed=hashed), disposed=ledger.disposed
        )
        for what in (CLIP, DOCUMENT)
    }
    return Report(
        origin=origin, taken_ms=now_ms, source=REPLICA, place=str(root), log_size=size,
        stocks=stocks,
    )  # fmt: skip
