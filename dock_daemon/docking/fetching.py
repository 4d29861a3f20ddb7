"""The copying of one docking: each clip read once, handed to the sealer, heard of again.

Step (5) of a docking (take_over.py). A copy that does not survive its way to the disk is read
from the recorder once more; so is one that the recorder did not give whole, when all others are
safe, and then as far as it can be (salvage.py).
"""

import logging
from collections.abc import Sequence
from typing import Final

from dock_daemon.docking import plan
from dock_daemon.docking.copying import copy
from dock_daemon.docking.dates import Span
from dock_daemon.docking.plan import Keep, Take
from dock_daemon.docking.salvage import Salvage
from dock_daemon.docking.statements import ClipStatement
from dock_daemon.docking.work import Work
from dock_daemon.errors import ClipError, ContentLengthError, DockFullError, SyncFailedError
from dock_daemon.evidence.holes import Holes, gained, missing
from dock_daemon.evidence.records import Known
from dock_daemon.evidence.store import CLIPS, Staged
from firmware_bridge.errors import MediumReadError

log = logging.getLogger(__name__)

_ATTEMPTS: Final = 2


class Fetching:
    """What is to be copied, and how far that is."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._most_open = most_open(work.parts.rules.ingest.group_clips)
        self._again: list[tuple[Take, str]] = []  # and why
        self.remaining = 0

    def run(self, takes: Sequence[Take]) -> None:
        """Copy and seal everything; raise MediumGoneError, StoppedError and DoubtError."""
        source, entries = self._work.source, [step.entry for step in takes]
        before = source.records(entries, again=False)
        self._copy_all(takes)
        after = source.records(entries, again=True)
        for step, then, now in zip(takes, before, after, strict=True):
            if then is not None and now is not None and then != now:
                self._work.minutes.still_written(step.volume, step.entry)

    def _copy_all(self, takes: Sequence[Take]) -> None:
        self.remaining = len(takes)
        for attempt in range(1, _ATTEMPTS + 1):
            for step in takes:
                self._take(step, last=attempt == _ATTEMPTS)
                self.remaining -= 1
            self._work.handover.drain(to=0)
            takes, self._again = [step for step, _ in self._again], []
            self.remaining += len(takes)

    def end(self) -> None:
        """Hear of all that was handed over, and write down what could not be copied again."""
        work = self._work
        work.handover.drain(to=0)
        for step, reason in self._again:  # pulled out before it could be copied a second time
            work.minutes.unread(step.volume, step.entry, reason)
        self._again = []
        work.handover.drain(to=0)

    def _take(self, step: Take, *, last: bool) -> None:
        copied = self._copied(step, last=last)
        if copied is None:
            return
        staged, holes = copied
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
            holes=holes,
        )

        def lost(error: ClipError) -> None:
            log.warning("a copy did not survive its way to the disk: %s", error)
            if last or isinstance(error, DockFullError):
                reason = "dock-full" if isinstance(error, DockFullError) else "not-durable"
                work.minutes.unread(step.volume, step.entry, reason)
            else:
                self._again.append((step, "not-durable"))

        work.minutes.clip(statement, lost)
        work.handover.drain(to=self._most_open)

    def _outside(self, step: Take, media_class: str) -> Span | None:
        work = self._work
        if media_class != "media" or not work.scene.recorder.number:
            return None
        return work.dates.outside(step.entry, required=work.parts.rules.custody_required)

    def _copied(self, step: Take, *, last: bool) -> tuple[Staged, Holes] | None:
        """Copy a clip; write down why not, and return None, if it cannot be."""
        work = self._work
        salvage = Salvage(work.source, chunk_bytes=work.parts.rules.ingest.chunk_bytes)
        try:
            work.parts.store.make_room(plan.content_size(step.entry))
            staged = copy(
                salvage if last else work.source,
                step.entry,
                work.parts.store,
                stop=work.stop,
                told=self._on_chunk,
            )
        except MediumReadError as error:
            log.warning("a clip could not be read: %s", error)
            self._again.append((step, f"read-error at {error.offset}"))
            return None
        except DockFullError:
            reason = "dock-full"
        except SyncFailedError:
            reason = "not-durable"
        except ContentLengthError:
            reason = "length-differs"
        else:
            if not salvage.holes or self._is_news(step, salvage):
                return staged, salvage.holes
            work.parts.store.drop([staged])
            return None
        work.minutes.unread(step.volume, step.entry, reason)
        return None

    def _is_news(self, step: Take, salvage: Salvage) -> bool:
        """Tell whether a clip that was read in part is to be kept; write down why if it is not."""
        minutes, known = self._work.minutes, step.known
        if missing(salvage.holes) == plan.valid_size(step.entry):
            minutes.unread(step.volume, step.entry, salvage.reason)
            return False
        if known is None or not step.as_sealed or step.store or not self._is_held(known):
            return True
        if not known.holes:  # what was sealed whole is never superseded by a part
            minutes.unread(step.volume, step.entry, salvage.reason)
            return False
        if gained(salvage.holes, known.holes):
            return True
        minutes.recognised(Keep(step.volume, step.entry, known))
        return False

    def _is_held(self, known: Known) -> bool:
        try:
            held = self._work.parts.store.path_of(CLIPS, known.sha256).stat().st_size
        except OSError:
            return False
        return held == known.size

    def _on_chunk(self, count: int) -> None:
        self._work.minutes.copied(count)
        self._work.handover.hear()


def most_open(group_clips: int) -> int:
    """Return how many pieces may wait to be sealed while more is read."""
    return 2 * group_clips
