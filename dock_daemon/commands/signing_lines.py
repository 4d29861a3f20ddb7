"""How signing stands, in words: an alarm first, then who vouches, and for how much."""

from typing import Any

from config import text
from config.messages import say, term

Row = dict[str, Any]  # what the dock answers is JSON


def alarm_lines(signing: Row, lang: str) -> list[str]:
    """Return what must not be overlooked; nothing where all is well."""
    if signing["state"] != "stopped":
        return []
    lines = [say("signing.alarm", lang, why=term("signing-why", signing["why"], lang))]
    alarm = signing["alarm"]
    if alarm is None or "theirs" not in alarm:
        return lines
    if alarm["ours"] is not None:
        lines.append(
            say(
                "signing.alarm-ours",
                lang,
                size=alarm["ours"]["size"],
                root=alarm["ours"]["root"],
            )
        )
    return [
        *lines,
        say(
            "signing.alarm-theirs",
            lang,
            witness=_shown_by(alarm["witness"], lang),
            size=alarm["theirs"]["size"],
            root=alarm["theirs"]["root"] or say("signing.unknown-root", lang),
        ),
        say("signing.alarm-evidence", lang, where=alarm["where"]),
    ]


def signing_lines(signing: Row, lang: str, now_s: float) -> list[str]:
    """Return who vouches for the log; nothing where nobody is asked to, and all is well."""
    cosigners = signing.get("cosigners")
    remedies = _remedies(signing["why"], lang)
    if not cosigners and not remedies:
        return []
    state = say(f"signing-state.{signing['state']}", lang)
    lines = [say("signing.line", lang, state=state, why=term("signing-why", signing["why"], lang))]
    lines += remedies
    if not cosigners:
        return lines
    lines += [_cosigner(one, lang, now_s) for one in cosigners]
    return [*lines, say("signing.window", lang, count=signing["window"])]


def _remedies(why: str, lang: str) -> list[str]:
    match why:
        case "copy-unknown-key":
            return [say("signing.remedy-copy-unknown-key", lang)]
        case "copy-absent":
            return [say("signing.remedy-copy-absent", lang)]
        case _:
            return []


def _cosigner(one: Row, lang: str, now_s: float) -> str:
    role = say(f"signing-role.{one['role']}", lang)
    if not one["time_s"]:
        return say("signing.cosigner-never", lang, role=role, name=one["name"])
    age = text.duration(max(0, int(now_s) - one["time_s"]), lang)
    return say("signing.cosigner", lang, role=role, name=one["name"], size=one["size"], age=age)


def _shown_by(witness: str, lang: str) -> str:
    if witness == "head-copy":
        return say("signing.head-copy", lang)
    return witness or say("signing.a-note", lang)
