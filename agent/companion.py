"""The one place that builds the companion from its settings, and lets it run.

Order of a start: settings - key - journal (which recovers itself) - `start` written - the clips
gone through, the line opened. Of an end: the line closed - `stop` written.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from agent import journal_key, notify
from agent.answers import Recorder
from agent.clock import Clock, KeptClock, SystemClock
from agent.errors import KeyMissingError, StateUnusableError
from agent.faults import Known
from agent.holder import HolderFile
from agent.identity import Named, named
from agent.journal import Journal
from agent.line import Line, Lines, open_node, open_pty
from agent.loop import SIGNAL, Loop
from agent.settings import Settings
from agent.volume import OwnVolume, Volume
from agent.volume_helper import AskedVolume
from agent.watch import Wanted, Watch
from config.version import VERSION
from hashing.keys import SignerKey

KEY: Final = "recorder.key"
JOURNAL: Final = "journal"
OFFSET: Final = "clock.json"
SOFTWARE: Final = f"sealdock-agent {VERSION}"

_log: Final = logging.getLogger(__name__)


def run(settings: Settings, ready: Callable[[], None]) -> None:
    """Be the companion until a signal ends it; raise AgentError where it can't begin."""
    known, lines = Known(), Lines(lambda: _open_line(settings))
    try:
        while (why := _once(settings, known, lines, ready)) != SIGNAL:
            _log.info("starting again: %s", why)
    finally:
        lines.close()


def clock_of(settings: Settings) -> Clock:
    """Return the recorder's clock; raise StateUnusableError."""
    if settings.clock.kind == "kept":
        return KeptClock(settings.state / OFFSET)
    return SystemClock(Path(settings.clock.rtc) if settings.clock.rtc else None)


def volume_of(settings: Settings) -> Volume | None:
    """Return the clips' volume with its way out, None where it has none."""
    export = settings.export
    if export.mode == "none":
        return None
    if export.helper and export.lun:
        return AskedVolume(Path(export.helper), Path(export.lun))
    return OwnVolume(export, Path(settings.clips.folder))


def key_of(settings: Settings, who: Named) -> SignerKey:
    """Return the recorder's key, made at its very first start; raise AgentError."""
    path = settings.state / KEY
    try:
        return journal_key.load(path)
    except KeyMissingError:
        make_state(settings)
        return journal_key.make(path, who.number)


def make_state(settings: Settings) -> None:
    """Make the folder of key, journal and holder; raise StateUnusableError."""
    try:
        settings.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        path = str(settings.state)
        raise StateUnusableError(path=path, reason=error.strerror or "?") from error


@contextmanager
def opened(settings: Settings, known: Known) -> Iterator[Recorder]:
    """Yield the recorder with its journal begun; raise AgentError."""
    who = named(settings.recorder)
    key = key_of(settings, who)
    clock = clock_of(settings)
    journal = Journal.open(settings.state / JOURNAL, key, number=who.number, clock=clock)
    try:
        yield Recorder(
            settings=settings,
            named=who,
            vkey=str(key.verifier()),
            clock=clock,
            journal=journal,
            holder=HolderFile(settings.state),
            volume=volume_of(settings),
            watch=_watch(settings, journal, known),
            known=known,
            exported=_was_out(journal),
        )
    finally:
        journal.close()


def _was_out(journal: Journal) -> bool:
    """Tell whether the journal's last word on the volume is that it went out."""
    out = False
    for line in journal.lines():
        if b'"kind":"exported"' in line or b'"kind":"returned"' in line:
            out = b'"kind":"exported"' in line
    return out


def _watch(settings: Settings, journal: Journal, known: Known) -> Watch:
    """Return the clips' watch, which begins when the loop finds them there."""

    def trouble(what: str) -> None:
        known.remember("clip-unread", what, journal.now().utc_ms)

    wanted = Wanted(
        endings=settings.clips.watched,
        overwrites_below=settings.clips.overwrites_below_percent / 100,
    )
    return Watch(Path(settings.clips.folder), journal, wanted, trouble=trouble)


def _once(settings: Settings, known: Known, lines: Lines, ready: Callable[[], None]) -> str:
    with opened(settings, known) as recorder:
        recorder.journal.append(
            "start",
            {
                "alive_s": settings.journal.alive_s,
                "watched": list(settings.clips.watched),
                "software": SOFTWARE,
            },
        )
        known.forget("journal-failed")
        loop = Loop(recorder, lines)

        def begun() -> None:
            notify.tell("READY=1")
            ready()

        why = loop.run(begun)
        if why == SIGNAL:
            notify.tell("STOPPING=1")
        try:
            recorder.journal.append("stop", {"reason": why})
        except StateUnusableError as error:
            # The next start finds what is there; that there was no `stop` says it, too.
            _log.warning("%s", error)
    return why


def _open_line(settings: Settings) -> Line:
    if settings.serial.pty:
        return open_pty(Path(settings.serial.pty))
    return open_node(Path(settings.serial.node))
