"""When the clips of one docking were recorded, and until when each must be stored (R-24H, R-CLOCK).

A recorder stores local times by its own clock. Where the dock has measured that clock, they are
corrected by what was measured; what is stored is never changed, nor one time mended from another.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

from dock_daemon.custody.standing import Standing
from dock_daemon.docking.deadlines import (
    Deadline,
    day_ends,
    deadline_of,
    local_of,
    return_of,
    usable_ms,
)
from dock_daemon.docking.rules import Rules
from dock_daemon.recorders.clock_measured import ClockMeasured
from firmware_bridge.volume.listing import Entry, Stamp
from hashing.canonical import JSON

_STEP_MS: Final = 2000  # a directory record tells the time of its last change in steps of 2 s


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """By what stored times are corrected: the recorder's clock as measured at this docking.

    `since_ms` is when the dock had set it before, None if it never did: what was recorded
    earlier was recorded by a clock that is not known.
    """

    clock: ClockMeasured
    since_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From when to when a clip was recorded (ms UTC), give or take `slack_ms`."""

    start_ms: int
    end_ms: int
    slack_ms: int
    zone: tzinfo

    def facts(self) -> dict[str, JSON]:
        """Return it as a finding tells it: in ms UTC, and in local time for people."""
        return {
            "start": self._local(self.start_ms),
            "end": self._local(self.end_ms),
            "start_ms": self.start_ms,
            "end_ms": self.end_ms,
            "slack_ms": self.slack_ms,
        }

    def _local(self, at_ms: int) -> str:
        at = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(self.zone)
        return at.strftime("%Y-%m-%d %H:%M:%S")


class Dates:
    """The days' ends so far; each volume's files are noted before their deadlines are asked."""

    def __init__(
        self,
        rules: Rules,
        *,
        docked_ms: int,
        correction: Correction | None,
        standing: Standing,
    ) -> None:
        self.docked_ms = docked_ms
        self._rules = rules
        self._correction = correction
        self._standing = standing
        self._day_ends: dict[date, datetime] = {}
        # Nothing but the end of a clip decides, and each is asked for twice.
        self._deadlines: dict[Stamp | None, Deadline] = {}

    def note(self, files: Iterable[Entry]) -> None:
        """Hear of files: the last of a day decides for all of it."""
        ends = day_ends((self._end(entry)[0] for entry in files), self._rules.zone)
        for day, end in ends.items():
            self._day_ends[day] = max(self._day_ends.get(day, end), end)
        self._deadlines.clear()

    def deadline(self, entry: Entry) -> Deadline:
        """Return until when a clip must be stored."""
        if entry.modified not in self._deadlines:
            self._deadlines[entry.modified] = self._deadline(entry)
        return self._deadlines[entry.modified]

    def _deadline(self, entry: Entry) -> Deadline:
        rules, preset = self._rules, self._rules.preset.content
        end, corrected = self._end(entry)
        day = None if end is None else self._day_ends.get(local_of(end, rules.zone).date())
        end_ms = usable_ms(end, preset, rules.zone)
        return deadline_of(
            end,
            day,
            corrected=corrected,
            docked_at_utc_ms=self.docked_ms,
            returned_utc_ms=return_of(end_ms, self._standing, preset, rules.zone),
            preset=preset,
            tz=rules.zone,
            days=rules.days,
        )

    def span(self, entry: Entry) -> Span | None:
        """Return when a clip was recorded; None where no usable time says when it ended.

        Where the clock was not measured, the slack is what the checklist lets a clock be off.
        """
        preset, zone = self._rules.preset.content, self._rules.zone
        end, corrected = self._end(entry)
        end_ms = usable_ms(end, preset, zone)
        if end_ms is None:
            return None
        start, _ = self._corrected(_local(entry.created))
        start_ms = usable_ms(start, preset, zone)
        slack_ms = self._rules.checklist.content.clock.tolerance_s * 1000
        if corrected and self._correction is not None:
            slack_ms = self._correction.clock.uncertainty_ms
        return Span(
            start_ms=end_ms if start_ms is None else min(start_ms, end_ms),
            end_ms=end_ms,
            slack_ms=slack_ms + _STEP_MS,
            zone=zone,
        )

    def outside(self, entry: Entry, *, required: bool) -> Span | None:
        """Return when a clip was recorded if that lies outside of every issue (R-WORKONLY)."""
        if not self._standing.applies(required):
            return None
        span = self.span(entry)
        if span is None or not self._standing.outside(span.start_ms, span.end_ms, span.slack_ms):
            return None
        return span

    def corrected(self, entry: Entry) -> dict[str, JSON]:
        """Return the corrected times as a document tells them; where none, why."""
        told: dict[str, JSON] = {"created": None, "modified": None, "by": None, "reason": ""}
        if self._correction is None:
            return {**told, "reason": "clock-not-measured"}
        clock, since_ms = self._correction.clock, self._correction.since_ms
        told["by"] = {
            "offset_us": clock.offset_us,
            "uncertainty_us": clock.uncertainty_us,
            "dock_uncertainty_us": clock.dock_uncertainty_us,
            "clock_set_ms": since_ms,
        }
        for name, stamp in (("created", entry.created), ("modified", entry.modified)):
            at, sure = self._corrected(_local(stamp))
            at_ms = usable_ms(at, self._rules.preset.content, self._rules.zone)
            if at_ms is None:
                told["reason"] = "no-usable-time"
            elif not sure:
                told["reason"] = "clock-set-since"
            else:
                told[name] = at_ms
        return told

    def _end(self, entry: Entry) -> tuple[datetime | None, bool]:
        return self._corrected(end_of(entry))

    def _corrected(self, stored: datetime | None) -> tuple[datetime | None, bool]:
        """Return a stored time by the dock's clock if that can be said, and whether it could."""
        if stored is None or self._correction is None:
            return stored, False
        try:
            local = local_of(stored, self._rules.zone)
            at = local - timedelta(microseconds=self._correction.clock.offset_us)
        except OverflowError:
            return stored, False
        since_ms = self._correction.since_ms
        if since_ms is not None and _ms(at, self._rules.zone) < since_ms:
            return stored, False
        return at, True


def end_of(entry: Entry) -> datetime | None:
    """Return when a clip ended, as stored: a recorder writes its record last, at the end."""
    return _local(entry.modified)


def _local(stamp: Stamp | None) -> datetime | None:
    return None if stamp is None else stamp.local()


def _ms(local: datetime, tz: tzinfo) -> int:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return (local.replace(tzinfo=tz, fold=0) - epoch) // timedelta(milliseconds=1)
