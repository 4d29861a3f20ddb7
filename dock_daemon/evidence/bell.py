"""The alarm of one log: rung once, kept for good, and silenced only for a reason."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from dock_daemon.errors import AlarmProvedError, NoAlarmError
from dock_daemon.evidence import alarms
from dock_daemon.evidence.alarms import Alarm, Head
from hashing.checkpoint import Checkpoint

log = logging.getLogger(__name__)


class Bell:
    """Whether it rings, and why. The sealer's thread alone calls it."""

    def __init__(self, state: Path, origin: str) -> None:
        self._state = state
        self._origin = origin
        self._ringing: list[Alarm] = []

    @property
    def alarm(self) -> Alarm | None:
        """The first alarm that stands."""
        return self._ringing[0] if self._ringing else None

    def take_up(self, is_over: Callable[[Alarm], bool], at_ms: int) -> None:
        """Ring on where an earlier life rang, unless the reason is gone by now.

        Raises OSError or ValueError where it cannot be read why it rang.
        """
        for alarm in alarms.load(self._state):
            if alarm in self._ringing:
                continue
            if is_over(alarm):
                log.warning("%s: our log holds what it lacked then", alarm.where)
                alarms.resolve(alarm, "the log holds this head", at_ms)
            else:
                self._ringing.append(alarm)

    def ring(self, alarm: Alarm, ours: Checkpoint | None, notes: dict[str, bytes]) -> None:
        """Say it loudly, then keep what shows it; a disk that refuses keeps nothing quiet."""
        standing = self._like(alarm)
        if standing is None:
            # From here on it rings in this life, whatever the disk says.
            self._ringing.append(alarm)
            log.critical(
                "SIGNING HAS STOPPED (%s, shown by %s): ours is %s, theirs is %s",
                alarm.why,
                alarm.witness or "a note",
                _spell(None if ours is None else Head(size=ours.size, root=ours.root.hex())),
                _spell(alarm.theirs),
            )
        elif standing.where:
            return
        else:  # the disk refused it before: it is tried again
            alarm = standing
        try:
            kept = alarms.keep(self._state, self._origin, alarm, notes)
        except (OSError, ValueError) as error:
            log.critical("what shows it could not be kept: %s", error)
            return
        self._ringing.remove(alarm)
        if kept not in self._ringing:
            self._ringing.append(kept)

    def demand_claims(self) -> tuple[Alarm, ...]:
        """Return the alarms that stand, each of which is somebody's word alone.

        Raises NoAlarmError where none stands, AlarmProvedError where one is proved.
        """
        if not self._ringing:
            raise NoAlarmError
        for alarm in self._ringing:
            if alarm.proved:
                raise AlarmProvedError(alarm.where)
        return tuple(self._ringing)

    def silence(self, claims: Sequence[Alarm], reason: str, at_ms: int) -> None:
        """Take these alarms for false, and no other that rings by now; raise OSError."""
        for claim in claims:
            alarm = self._like(claim)
            if alarm is None or alarm.proved:
                continue
            if alarm.where:
                alarms.resolve(alarm, reason, at_ms)
            self._ringing.remove(alarm)

    def _like(self, alarm: Alarm) -> Alarm | None:
        """Return the alarm that rings already and says the same, kept or not."""
        said = (alarm.why, alarm.theirs, alarm.ours)
        same = (one for one in self._ringing if (one.why, one.theirs, one.ours) == said)
        return next(same, None)


def _spell(head: Head | None) -> str:
    return "nothing" if head is None else f"{head.size} entries, root {head.root or 'not told'}"
