"""The copying of one docking: each clip read once, handed to the sealer, heard of again.

Step (5) of a docking (take_over.py). A copy that does not survive its way to the disk is read
from the recorder once more.
"""

import logging
from collections.abc import Sequence
from typing import Final

from dock_daemon.docking import plan
from dock_daemon.docking.copying import copy
from dock_daemon.docking.dates import Span
from dock_daemon.docking.plan import Take
from dock_daemon.docking.statements import ClipStatement
from dock_daemon.docking.work import Work
from dock_daemon.errors import ClipError, ContentLengthError, DockFullError, SyncFailedError
from dock_daemon.evidence.store import Staged
from firmware_bridge.errors import MediumReadError

log = logging.getLogger(__name__)

_ATTEMPTS: Final = 2


class Fetching:
    """What is to be copied, and how far that is."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._most_open = most_open(work.parts.rules.ingest.group_clips)
        self._again: list[Take] = []
        self.remaining = 0

    def run(self, takes: Sequence[Take]) -> None:
        """Copy and seal everything; raise MediumGoneError, StoppedError and DoubtError."""
        self.remaining = len(takes)
        for attempt in range(1, _ATTEMPTS + 1):
            for step in takes:
                self._take(step, last=attempt == _ATTEMPTS)
                self.remaining -= 1
            self._work.handover.drain(to=0)
            takes, self._again = self._again, []
            self.remaining += len(takes)

    def end(self) -> None:
        """Hear of all that was handed over, and write down what could not be copied again."""
        work = self._work
        work.handover.drain(to=0)
        for step in self._again:  # pulled out before it could be copied a second time
            work.minutes.unread(step.volume, step.entry, "not-durable")
        self._again = []
        work.handover.drain(to=0)

    def _take(self, step: Take, *, last: bool) -> None:
        staged = self._staged(step)
        if staged is None:
            return
        work = self._work
        media_class = work.scene.class_of(step.entry)
        statement = ClipStatement(
            scene=work.scene,
            step=step,
            staged=staged,
            media_class=media_class,
            deadline=work.dates.deadline(step.entry),
            corrected=work.dates.corrected(step.entry),
            outside=self._outside(step, media_class),
        )

        def lost(error: ClipError) -> None:
            log.warning("a copy did not survive its way to the disk: %s", error)
            if last or isinstance(error, DockFullError):
                reason = "dock-full" if isinstance(error, DockFullError) else "not-durable"
                work.minutes.unread(step.volume, step.entry, reason)
            else:
                self._again.append(step)

        work.minutes.clip(statement, lost)
        work.handover.drain(to=self._most_open)

    def _outside(self, step: Take, media_class: str) -> Span | None:
        work = self._work
        if media_class != "media" or not work.scene.recorder.number:
            return None
        return work.dates.outside(step.entry, required=work.parts.rules.custody_required)

    def _staged(self, step: Take) -> Staged | None:
        """Copy a clip; write down why not, and return None, if it cannot be."""
        work = self._work
        try:
            work.parts.store.make_room(plan.content_size(step.entry))
            return copy(
                work.source, step.entry, work.parts.store, stop=work.stop, told=self._on_chunk
            )
        except MediumReadError as error:
            reason = f"read-error at {error.offset}"
        except DockFullError:
            reason = "dock-full"
        except SyncFailedError:
            reason = "not-durable"
        except ContentLengthError:
            reason = "length-differs"
        work.minutes.unread(step.volume, step.entry, reason)
        return None

    def _on_chunk(self, count: int) -> None:
        self._work.minutes.copied(count)
        self._work.handover.hear()


def most_open(group_clips: int) -> int:
    """Return how many pieces may wait to be sealed while more is read."""
    return 2 * group_clips
