"""Whether the dock sets a recorder's clock, and why not (R-CLOCK). Pure.

A wrong clock that was measured does less harm than one that was set wrong: so a recorder is set
only by a dock that is synchronised and sure enough itself, and only if its clock is known to be
off, or cannot be read at all.
"""

from typing import Final, Literal

from config.checklists import ClockCheck
from dock_daemon.recorders.clock_measured import ClockMeasured

NotSet = Literal["", "forbidden", "dock-unsynchronized", "dock-unsure", "not-needed"]
SET: Final[NotSet] = ""


def not_set(
    before: ClockMeasured | None,
    *,
    sync: str,
    uncertainty_us: int | None,
    allowed: bool,
    wanted: ClockCheck,
) -> NotSet:
    """Return why a recorder's clock is left alone; empty if it is to be set.

    `before` is what was measured, None where the clock cannot be read. `sync` (one of
    hashing.entry.SYNC) and `uncertainty_us` are the dock's own, `allowed` is clocks.set.
    """
    if not allowed:
        return "forbidden"
    if sync != "synchronized":
        return "dock-unsynchronized"
    if uncertainty_us is None or uncertainty_us > wanted.dock_within_ms * 1000:
        return "dock-unsure"
    if before is not None and before.least_off_us <= wanted.set_over_ms * 1000:
        return "not-needed"
    return SET
