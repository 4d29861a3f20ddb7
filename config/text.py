"""How sizes, durations and times are written for people, the same on every face."""

from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from typing import Final

from config.messages import say

_KILO: Final = 1000
_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_DAY_S: Final = 86_400


def size(count: int) -> str:
    """Return a number of bytes as officers see it on their own screens: "18.4 GB" (10^9)."""
    if count < _KILO:
        return f"{count} B"
    value, unit = float(count), "B"
    for bigger in ("kB", "MB", "GB", "TB"):
        if round(value, 1) < _KILO:
            break
        value, unit = value / _KILO, bigger
    return f"{value:.1f} {unit}"


def duration(seconds: int, lang: str) -> str:
    """Return a duration of whole seconds in its two largest units: "3分12秒", "3 min 12 s"."""
    whole = abs(seconds)
    for unit_s, larger, next_s, smaller in (
        (_DAY_S, "days", _HOUR_S, "hours"),
        (_HOUR_S, "hours", _MINUTE_S, "minutes"),
        (_MINUTE_S, "minutes", 1, "seconds"),
    ):
        if whole >= unit_s:
            first = say(f"duration.{larger}", lang, n=whole // unit_s)
            rest = whole % unit_s // next_s
            second = say(f"duration.{smaller}", lang, n=rest)
            return say("duration.both", lang, first=first, second=second) if rest else first
    return say("duration.seconds", lang, n=whole)


def listed(words: Iterable[str], lang: str) -> str:
    """Return words as a list in a sentence: "大小、内容", "size, content"."""
    return say("text.list", lang).join(words)


def sentences(first: str, second: str, lang: str) -> str:
    """Return two sentences that stand one behind the other."""
    return say("text.sentences", lang, first=first, second=second)


def clauses(first: str, second: str, lang: str) -> str:
    """Return two clauses of one sentence."""
    return say("text.clauses", lang, first=first, second=second)


def local_time(utc_ms: int, zone: tzinfo) -> str:
    """Return an instant (ms since 1970, UTC) as local "2026-11-21 19:02"."""
    return datetime.fromtimestamp(utc_ms / 1000, UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M")
