"""When the clips of one docking ended, and until when each must be stored (R-24H)."""

from collections.abc import Iterable
from datetime import date, datetime

from dock_daemon.docking.deadlines import Deadline, day_ends, deadline_of, local_of
from dock_daemon.docking.rules import Rules
from firmware_bridge.volume.listing import Entry


class Dates:
    """The days' ends so far; each volume's files are noted before their deadlines are asked."""

    def __init__(self, rules: Rules, *, docked_ms: int) -> None:
        self.docked_ms = docked_ms
        self._rules = rules
        self._day_ends: dict[date, datetime] = {}

    def note(self, files: Iterable[Entry]) -> None:
        """Hear of files: the last of a day decides for all of it."""
        for day, end in day_ends((end_of(entry) for entry in files), self._rules.zone).items():
            self._day_ends[day] = max(self._day_ends.get(day, end), end)

    def deadline(self, entry: Entry) -> Deadline:
        """Return until when a clip must be stored."""
        rules = self._rules
        end = end_of(entry)
        day = None if end is None else self._day_ends.get(local_of(end, rules.zone).date())
        return deadline_of(
            end,
            day,
            docked_at_utc_ms=self.docked_ms,
            returned_utc_ms=None,
            preset=rules.preset.content,
            tz=rules.zone,
        )


def end_of(entry: Entry) -> datetime | None:
    """Return when a clip ended: a recorder writes its record last when it closes the file."""
    return None if entry.modified is None else entry.modified.local()
