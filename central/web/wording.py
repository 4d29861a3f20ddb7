"""What is said of docks, on pages and on a terminal alike."""

from datetime import tzinfo
from typing import Final

from central.fleet.lateness import Grade, Late
from config import text
from config.messages import say, term

ICONS: Final = {Grade.ALARM: "✖", Grade.WARNING: "!", Grade.FINE: "✔"}
_NAMES: Final = {Grade.ALARM: "alarm", Grade.WARNING: "warning", Grade.FINE: "fine"}


def grade_name(grade: Grade) -> str:
    """Return the stable word for how bad something is."""
    return _NAMES[grade]


def grade_words(grade: Grade, lang: str) -> str:
    """Return how bad it is, in the reader's language."""
    return say(f"fleet-grade.{_NAMES[grade]}", lang)


def late_sentence(late: Late, lang: str, zone: tzinfo, now_ms: int) -> str:
    """Return what is late as one line of facts."""
    facts = dict(late.facts)
    for name, value in late.facts.items():
        if name == "since_ms":
            facts["ago"] = age(int(str(value)), now_ms, lang)
        elif name in {"ends_ms", "last_ms"}:
            facts["at"] = text.local_time(int(str(value)), zone)
        elif name == "allowed_s":
            facts["allowed"] = text.duration(int(str(value)), lang)
    if late.code == "broken":
        facts["why"] = term("broken", str(facts["why"]), lang)
    elif late.code == "refused":
        facts["why"] = term("pull-problem", str(facts["why"]), lang)
    return say(f"fleet-late.{late.code}", lang, **facts)


def age(since_ms: int, now_ms: int, lang: str) -> str:
    """Return how long ago something was; a time in the future, by a wrong clock, is now."""
    return text.duration(max(now_ms - since_ms, 0) // 1000, lang)


def ago(since_ms: int | None, now_ms: int, lang: str) -> str:
    """Return how long ago something was, or that it never was."""
    if since_ms is None:
        return say("overview.none", lang)
    return say("overview.ago", lang, ago=age(since_ms, now_ms, lang))


def count(number: int | None, lang: str) -> str:
    """Return a number, or that there is none."""
    return say("overview.none", lang) if number is None else f"{number:,}"
