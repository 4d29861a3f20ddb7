"""A docking as it is told on a terminal, in a pipe, and to programs.

On a terminal rich draws a bar; else plain lines; with --json one object a line,
`message_type` first: status, clip, finding, error, summary.
"""

import dataclasses
import sys
import threading
import time
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import click

from config import text
from config.messages import say
from dock_daemon import wording
from dock_daemon.commands.printing import SCHEMA, json_line, unheeded
from dock_daemon.docking.events import (
    Checked,
    ClipKnown,
    ClipSealed,
    ClipUnread,
    Event,
    FindingMade,
    Identified,
    Planned,
    Progress,
    Released,
)

_JSON_EVERY_S: Final = 1.0
_PLAIN_EVERY_S: Final = 60.0
_DRAW_EVERY_S: Final = 0.1


class Teller(Protocol):
    """Hears a docking's events, on whatever thread they happen."""

    def hear(self, event: Event) -> None:
        """Tell one event."""

    def close(self) -> None:
        """Leave the terminal as it was."""


def teller(*, as_json: bool, lang: str, zone: ZoneInfo) -> Teller:
    """Return the teller that fits what listens on stdout; nobody has to go on listening."""
    if as_json:
        return _Unheeded(JsonTeller())
    # Python has no stdout where the shell closed it (`>&-`).
    if sys.stdout is not None and sys.stdout.isatty():
        return _Unheeded(TerminalTeller(lang, zone))
    return _Unheeded(PlainTeller(lang, zone))


class _Unheeded:
    """A teller that falls silent when stdout breaks, and never ends a docking by it."""

    def __init__(self, teller: Teller) -> None:
        self._hear = unheeded(teller.hear)
        self._close = unheeded(teller.close)

    def hear(self, event: Event) -> None:
        """Tell one event, if that can still be heard."""
        self._hear(event)

    def close(self) -> None:
        """Leave the terminal as it was, if there still is one."""
        self._close()


class JsonTeller:
    """One JSON object a line."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next_s = 0.0

    def hear(self, event: Event) -> None:
        """Print the event; progress at most once a second."""
        with self._lock:
            if isinstance(event, Progress):
                if time.monotonic() < self._next_s:
                    return
                self._next_s = time.monotonic() + _JSON_EVERY_S
            click.echo(json_line(as_json(event)))

    def close(self) -> None:
        """Do nothing: each line stands alone."""


class PlainTeller:
    """Lines for pipes, logs and people without a terminal."""

    def __init__(self, lang: str, zone: ZoneInfo) -> None:
        self._lang = lang
        self._zone = zone
        self._lock = threading.Lock()
        self._planned = Planned(clips=0, bytes=0, known=0, nearest_due_ms=None)
        self._next_s = time.monotonic() + _PLAIN_EVERY_S

    def hear(self, event: Event) -> None:
        """Print what people want to know of the event."""
        with self._lock:
            if isinstance(event, Planned):
                self._planned = event
            if isinstance(event, Progress):
                self._progress(event)
                return
            for line in self._lines(event):
                self._print(line)

    def close(self) -> None:
        """Do nothing: lines need no cleaning up."""

    def _print(self, line: str) -> None:
        click.echo(line)

    def _progress(self, event: Progress) -> None:
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + _PLAIN_EVERY_S
            self._print(self._bar(event))

    def _bar(self, event: Progress) -> str:
        share = event.bytes_copied * 100 // self._planned.bytes if self._planned.bytes else 100
        return say(
            "pull.progress",
            self._lang,
            percent=min(100, share),
            done=event.clips_sealed,
            total=self._planned.clips,
            size=text.size(event.bytes_copied),
        )

    def _lines(self, event: Event) -> list[str]:
        lang = self._lang
        match event:
            case Identified():
                return self._identified(event)
            case Checked():
                return self._checked(event)
            case Planned():
                return self._plan(event)
            case ClipSealed():
                return [self._sealed(event)]
            case ClipUnread():
                reason = wording.problem_words(event.reason, lang)
                return [say("pull.unread", lang, path=event.path, reason=reason)]
            case FindingMade():
                return self._finding(event)
            case Released():
                return self._released(event)
            case ClipKnown() | Progress():
                return []

    def _identified(self, event: Identified) -> list[str]:
        lines = [say("pull.folder", self._lang)] if event.source == "folder" else []
        if event.clock != "synchronized":
            lines.append(say(f"clock.{event.clock}", self._lang))
        if event.registered:
            key = "pull.identified"
        else:
            key = "pull.unregistered" if event.recorder else "pull.unidentified"
        facts = {"recorder": event.recorder, "holder": event.holder, "unit": event.unit}
        return [*lines, say(key, self._lang, **facts)]

    def _checked(self, event: Checked) -> list[str]:
        lines = [line for item in event.items for line in wording.check_lines(item, self._lang)]
        because = None if event.because is None else event.because.with_told()
        return [*lines, wording.check_because(event.verdict, because, self._lang)]

    def _plan(self, event: Planned) -> list[str]:
        if not event.clips:
            key = "pull.nothing" if event.known else "pull.empty"
            return [say(key, self._lang, known=event.known)]
        size = text.size(event.bytes)
        lines = [say("pull.planned", self._lang, clips=event.clips, size=size, known=event.known)]
        if event.nearest_due_ms is not None:
            key = "pull.overdue" if event.nearest_due_ms < time.time() * 1000 else "pull.due"
            due = text.local_time(event.nearest_due_ms, self._zone)
            lines.append(say(key, self._lang, due=due))
        return lines

    def _sealed(self, event: ClipSealed) -> str:
        size = text.size(event.size)
        if not event.late:
            return say("pull.sealed", self._lang, path=event.path, size=size)
        by = text.duration((event.done_ms - event.due_ms) // 1000, self._lang)
        return say("pull.late", self._lang, path=event.path, size=size, by=by)

    def _finding(self, event: FindingMade) -> list[str]:
        fact = wording.finding_fact(
            event.finding,
            volume=event.volume,
            path=event.path,
            facts=event.facts,
            lang=self._lang,
            zone=self._zone,
        )
        title = wording.finding_title(event.finding, self._lang)
        return [
            say("pull.finding", self._lang, title=title, fact=fact),
            f"  {wording.finding_causes(event.finding, self._lang)}",
        ]

    def _released(self, event: Released) -> list[str]:
        line = say(
            f"released.{event.result}",
            self._lang,
            clips=event.sealed,
            size=text.size(event.bytes),
            findings=event.findings,
            unread=event.unread,
            incomplete=event.incomplete,
            log_size=event.log_size,
            done=event.sealed,
            total=event.sealed + event.remaining,
        )
        if not event.unjudged:
            return [line]
        return [say("journal.unjudged", self._lang, clips=event.unjudged), line]


class TerminalTeller(PlainTeller):
    """The same lines, above a bar that moves."""

    def __init__(self, lang: str, zone: ZoneInfo) -> None:
        super().__init__(lang, zone)
        from rich.console import Console  # noqa: PLC0415  only a terminal pays for rich
        from rich.live import Live  # noqa: PLC0415

        self._console = Console(highlight=False, soft_wrap=True)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._live.start()

    def close(self) -> None:
        """Take the bar away."""
        self._live.stop()

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False)

    def _progress(self, event: Progress) -> None:
        if time.monotonic() >= self._next_s or event.bytes_copied >= self._planned.bytes:
            from rich.text import Text  # noqa: PLC0415

            self._next_s = time.monotonic() + _DRAW_EVERY_S
            self._live.update(Text(self._bar(event)), refresh=True)


def as_json(event: Event) -> dict[str, object]:
    """Return the event as programs read it; paths are the text shown to people."""
    facts = dataclasses.asdict(event)
    match event:
        case ClipSealed():
            facts["class"] = facts.pop("media_class")
            return _message("clip", state="sealed", **facts)
        case ClipKnown():
            return _message("clip", state="known", **facts)
        case ClipUnread():
            return _message("clip", state="unread", **facts)
        case FindingMade():
            return _message("finding", **facts)
        case Released():
            return _message("summary", **facts)
        case Checked():
            items = [item.with_told() for item in event.items]
            because = None if event.because is None else event.because.item
            facts = {"verdict": event.verdict, "because": because, "items": items}
            return _message("status", phase="checked", **facts)
        case Identified() | Planned() | Progress():
            return _message("status", phase=type(event).__name__.lower(), **facts)


def _message(message_type: str, **facts: object) -> dict[str, object]:
    return {"message_type": message_type, "schema": SCHEMA, **facts}
