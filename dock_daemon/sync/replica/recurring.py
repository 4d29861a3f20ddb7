"""The copy of store and log, made again and again, and the news of how it went.

STATE/sync/replica.json holds the last attempt; `expect` in it remembers that a place has
held a copy, so that a disk which is not mounted is not taken for an empty one.
"""

import asyncio
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from config.settings import Settings
from dock_daemon.errors import (
    DockError,
    ReplicaTargetError,
    ReplicaUnsetError,
    StateUnusableError,
    StoppedError,
)
from dock_daemon.faults import fault_of
from dock_daemon.sync import holding
from dock_daemon.sync.core import Core
from dock_daemon.sync.replica.directory import Directory
from dock_daemon.sync.replica.mending import mend
from dock_daemon.sync.replica.rclone import Rclone
from dock_daemon.sync.replica.replication import Report, Step, replicate
from dock_daemon.sync.replica.source import Source
from dock_daemon.sync.replica.target import Target
from hashing.errors import EvidenceError

log = logging.getLogger(__name__)

LOCK: Final = "replica.lock"
_ASK_AGAIN_S: Final = 1.0
# rclone's own syntax of a remote: a name, a colon, a path. No name begins with a dash.
_REMOTE: Final = re.compile(r":?[\w.+@][\w.+@ -]*(,[^:]*)?:.*", re.ASCII)


class Stop(Protocol):
    """Something that can be set to end a copy."""

    def is_set(self) -> bool:
        """Tell whether it is time."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is copied, where to, and how thoroughly."""

    state: Path
    target: str
    rclone_config: str = ""
    check: bool = False
    anew: bool = False
    """The place may be empty although a copy was there."""


def target_of(text: str, source: Source, *, rclone_config: str = "") -> Target:
    """Return the place that a setting names.

    Raises ReplicaUnsetError, or ReplicaTargetError where it is neither an absolute path nor
    a remote.
    """
    if not text:
        raise ReplicaUnsetError("no place is set")
    if text.startswith("/"):
        return Directory(Path(text), source)
    if _REMOTE.fullmatch(text):
        return Rclone(text, source, config=rclone_config)
    raise ReplicaTargetError(text, "neither an absolute path nor an rclone remote")


def run(job: Job, stop: Stop, tell: Callable[[Step], None] = lambda _step: None) -> Report:
    """Make one copy, alone, and leave word of it.

    Raises what `replicate` raises, SyncBusyError, or StateUnusableError where the dock's own
    disk is in trouble.
    """
    source = Source(job.state)
    target = target_of(job.target, source, rclone_config=job.rclone_config)
    with holding.alone(job.state, LOCK):
        before = holding.read(job.state, holding.REPLICA) or {}
        expect = not job.anew and job.target in before.get("expect", [])
        news: dict[str, object] = {"schema": 1, "target": job.target, "check": job.check}
        try:
            with _told(job.state):
                report = replicate(
                    source, target, check=job.check, expect=expect, stop=stop, tell=tell
                )
        except (DockError, EvidenceError) as error:
            fault = {"code": fault_of(error).code, "detail": str(error)}
            _leave_word(job, {**before, **news, "report": None, "error": fault})
            raise
        known = sorted({*before.get("expect", []), job.target})
        _leave_word(job, {**news, "report": report.as_json(), "error": None, "expect": known})
        return report


@contextmanager
def _told(state: Path) -> Iterator[None]:
    """Tell trouble with the dock's own disk, which is what is left when the place has told its."""
    try:
        yield
    except OSError as error:
        where = Path(error.filename) if error.filename else state
        raise StateUnusableError(where, error.strerror or str(error)) from error


def _leave_word(job: Job, news: dict[str, object]) -> None:
    try:
        holding.write(job.state, holding.REPLICA, {**news, "at_s": int(time.time())})
    except OSError as error:
        log.warning("%s: %s", holding.REPLICA, error)


class Recurring:
    """The copy as `sealdock sync` makes it: in a thread of its own, until it is told to stop."""

    def __init__(self, settings: Settings, stop: asyncio.Event) -> None:
        self._job = Job(
            state=Path(settings.storage.state),
            target=settings.replica.target,
            rclone_config=settings.replica.rclone_config,
        )
        self._interval_s = settings.replica.interval_s
        self._stop = stop
        self._stopped = threading.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="replica")

    async def run(self) -> None:
        """Copy, wait, and copy again, until told to stop."""
        if not self._job.target:
            return
        loop = asyncio.get_running_loop()
        stopped = asyncio.ensure_future(self._stop.wait())
        try:
            while not self._stop.is_set():
                copying = loop.run_in_executor(self._thread, self._once)
                both: set[asyncio.Future[Any]] = {copying, stopped}
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                if copying.done():
                    await asyncio.wait({stopped}, timeout=self._interval_s)
        finally:
            stopped.cancel()
            self._stopped.set()

    def close(self) -> None:
        """Have a copy that is under way end at its next file, and wait for that."""
        self._stopped.set()
        self._thread.shutdown(wait=True)

    def _once(self) -> None:
        self._mend()
        try:
            report = run(self._job, self._stopped)
        except StoppedError:
            return
        except (DockError, EvidenceError) as error:
            log.warning("copy to %s: %s", self._job.target, error)
            return
        level = logging.INFO if report.complete and not report.spoilt else logging.ERROR
        log.log(level, "copy to %s: %s", self._job.target, report.as_json())

    def _mend(self) -> None:
        """Bring back what the dock has lost, if the copy holds it."""
        job = self._job
        try:
            target = target_of(job.target, Source(job.state), rclone_config=job.rclone_config)
            mend(
                job.state,
                target,
                Core(job.state),
                stop=self._stopped,
                pause=lambda: self._stopped.wait(_ASK_AGAIN_S),
            )
        except StoppedError:
            return
        except (DockError, EvidenceError, OSError) as error:
            log.warning("nothing could be brought back from %s: %s", job.target, error)
