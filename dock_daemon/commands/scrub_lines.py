"""How the store stands, in words: what is lost first, then how far it was read, and the disk."""

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

from config import text
from config.exit_codes import ExitCode
from config.messages import say, term

Row = Mapping[str, Any]  # what the dock answers is JSON

_NAMED = 8


def damage_lines(store: Row, lang: str, zone: tzinfo) -> list[str]:
    """Return what must not be overlooked: content that this dock no longer holds."""
    if not store["damaged_count"]:
        return []
    lines = [say("scrub.alarm", lang, count=store["damaged_count"])]
    for one in store["damaged"]:
        entries = [str(seq) for seq in one["entries"][:_NAMED]]
        lines.append(
            say(
                "scrub.damaged",
                lang,
                room=say(f"scrub-room.{one['room']}", lang),
                sha256=one["sha256"],
                how=term("scrub-how", one["how"], lang),
                entries=text.listed(entries, lang) or "-",
                since=text.local_time(one["since_ms"], zone),
            )
        )
    return [*lines, say("scrub.remedy", lang)]


def scrub_lines(told: Row, lang: str, zone: tzinfo) -> list[str]:
    """Return how far the store was read again. `told` is an answer of `status`."""
    store, scrub = told["store"], told.get("scrub")
    lines: list[str] = []
    if store["replaced"]:
        lines.append(say("scrub.replaced", lang, count=store["replaced"]))
    if scrub is None:
        return lines
    doing = "waiting" if scrub["waiting"] else scrub["doing"]
    until = text.local_time(scrub["paused_until_ms"], zone) if scrub["paused_until_ms"] else "-"
    lines.append(say(f"scrub-doing.{doing}", lang, until=until, detail=scrub["detail"]))
    if scrub["new_waiting"]:
        lines.append(say("scrub.new", lang, count=scrub["new_waiting"]))
    if scrub["wavering"]:
        lines.append(say("scrub.wavering", lang, count=scrub["wavering"]))
    if scrub["unread"]:
        lines.append(say("scrub.unread", lang, count=scrub["unread"]))
    if scrub["outlook"] is not None:
        lines += _outlook_lines(scrub["outlook"], lang)
    return lines


def disk_line(disk: Row, lang: str) -> str:
    """Return when the disk will be full, and by what that is reckoned."""
    if disk["full_in_days"] is None:
        return say(f"disk-full.{disk['why']}", lang)
    return say(
        "disk-full.days",
        lang,
        days=disk["full_in_days"],
        rate=text.size(disk["bytes_per_day"]),
        over=disk["over_days"],
    )


def full_soon(told: Row, within_days: int) -> int | None:
    """Return in how many days the disk is full, where that is no more than `within_days`."""
    days: int | None = told.get("disk", {}).get("full_in_days")
    return days if days is not None and days <= within_days else None


def exit_code(told: Row) -> ExitCode:
    """Return how a command ends that shows this: 6 where content is lost, 5 where one must look."""
    if told["store"]["damaged_count"]:
        return ExitCode.VERIFICATION_FAILED
    scrub = told.get("scrub")
    if scrub is None:
        return ExitCode.OK
    outlook = scrub["outlook"]
    late = outlook is not None and (outlook["behind"] or not outlook["keeps"])
    trouble = scrub["doing"] in {"blocked", "failed"} or scrub["unread"] or scrub["wavering"]
    return ExitCode.WARNINGS if late or trouble else ExitCode.OK


def _outlook_lines(outlook: Row, lang: str) -> list[str]:
    oldest = text.duration(outlook["oldest_ms"] // 1000, lang)
    takes = text.duration(outlook["pass_ms"] // 1000, lang)
    lines = [say("scrub.oldest", lang, oldest=oldest, takes=takes)]
    if not outlook["keeps"]:
        lines.append(say("scrub.too-slow", lang, needed=outlook["needed"]))
    elif outlook["behind"]:
        lines.append(say("scrub.behind", lang))
    return lines
