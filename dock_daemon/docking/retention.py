"""How long a clip is kept at the least, as far as the agency's rules say it of every clip. Pure.

A longer class (evidence, grounds for long keeping) or a shorter one (an inspection that is none)
is told by a clip's label, never by the dock: so this is where a clip begins, and no leave to
take it away.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final

from config.presets import RulePreset
from hashing.canonical import JSON

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """By which rule, and its article, a clip is kept until when (ms UTC)."""

    rule: str
    article: str
    until_ms: int

    def as_json(self) -> dict[str, JSON]:
        """Return it as the clip's entry states it."""
        return {
            "kept": "every",
            "rule": self.rule,
            "article": self.article,
            "until_ms": self.until_ms,
        }


def kept(done_ms: int, preset: RulePreset, tz: tzinfo) -> Kept | None:
    """Return how long whatever is recorded is kept; None where the agency's text names nothing.

    The time runs from the day on which the clip was stored (`done_ms`, ms UTC), which is the
    later of the days that a text can mean, to the end (24:00 local) of its last day.
    """
    for rule in preset.retention:
        if rule.kept == "every" and (months := (rule.years or 0) * 12 + (rule.months or 0)):
            until_ms = _months_after(done_ms, months, tz)
            return Kept(rule=rule.rule, article=rule.article, until_ms=until_ms)
    return None


def _months_after(at_ms: int, months: int, tz: tzinfo) -> int:
    day = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(tz).date()
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    last = day.replace(year=year, month=month, day=min(day.day, monthrange(year, month)[1]))
    midnight = datetime.combine(last + timedelta(days=1), time(), tz)
    return (midnight - _EPOCH) // timedelta(milliseconds=1)
