"""What people read about clips, findings and checks, in their language."""

from collections.abc import Mapping
from datetime import tzinfo
from typing import Final

from config import text
from config.messages import catalogue, say, term
from dock_daemon.fitness.checklist import Item
from hashing.canonical import JSON

_MINUTE_MS = 60_000
_SIZES = ("size", "found_size", "sealed_size", "missing_bytes", "true_size")
_DIGESTS = ("sha256", "found_sha256")
_SHORT: Final = 16  # digits of a digest that a sentence shows; all of them are in the facts


def finding_title(finding: str, lang: str) -> str:
    """Return the finding's short name."""
    return say(f"finding.{finding}", lang)


def finding_fact(
    finding: str,
    *,
    volume: str,
    path: str,
    facts: Mapping[str, object],
    lang: str,
    zone: tzinfo,
) -> str:
    """Return the finding as one sentence of facts, its times local to `zone`."""
    shown: dict[str, object] = {
        "path": path,
        "volume": volume,
        "modified": "-",
        "problems": "-",
        "reason": "-",
        "size": "-",
    }
    for name, value in facts.items():
        if name in _SIZES:
            shown[name] = text.size(int(str(value)))
        elif name == "differs" and isinstance(value, list):
            shown[name] = text.listed((term("differs", str(part), lang) for part in value), lang)
        elif isinstance(value, list):
            shown[name] = (
                text.listed((problem_words(str(part), lang) for part in value), lang) or "-"
            )
        elif name == "reason" and finding == "journal-absent":
            shown[name] = _why_not(str(value), lang)
        elif name == "reason":
            shown[name] = problem_words(str(value), lang)
        else:
            shown[name] = _fact(name, value, lang, zone)
    sentence = say(f"finding-fact.{finding}", lang, **shown)
    if finding in {"journal-missing", "journal-unclosed"}:
        seen = "seen" if facts.get("removed_ms") is not None else "unseen"
        more = say(f"journal-gone.{seen}", lang, removed_ms=shown["removed_ms"])
        return text.sentences(sentence, more, lang)
    if finding == "journal-broken" and facts.get("record"):
        return text.sentences(sentence, say("journal-held.before", lang), lang)
    if finding not in {"deleted", "deleted-unseen"}:
        return sentence
    state = {True: "free", False: "reused"}.get(facts.get("unallocated"), "unknown")  # type: ignore[call-overload]  # any JSON value may be asked for
    return text.sentences(sentence, say(f"clusters.{state}", lang), lang)


def _fact(name: str, value: object, lang: str, zone: tzinfo) -> object:
    """Return one fact as a sentence shows it; what is not told is a dash."""
    if value is None or value == "":
        return "-"
    if name in _DIGESTS:
        return str(value)[:_SHORT]
    if name == "lasted_ms":
        return text.duration(int(str(value)) // 1000, lang)
    if name.endswith("_ms"):
        return text.local_time(int(str(value)), zone)
    return term("journal-code", str(value), lang) if name == "code" else value


def _why_not(reason: str, lang: str) -> str:
    """Return why a recorder told nothing: a word of the dock's, or an error's code."""
    words = problem_words(reason, lang)
    return term("check-error", reason, lang) if words == reason else words


def problem_words(problem: str, lang: str) -> str:
    """Return a problem in words: "chain-loop", or a code and its detail, "bound: depth"."""
    code, colon, detail = problem.partition(": ")
    words = term("problem", code, lang)
    if words == code:  # no code at all: a sentence, said as it is
        return problem
    return f"{words} ({detail})" if colon else words


def finding_causes(finding: str, lang: str) -> str:
    """Return the innocent causes, which come first to mind of nobody who looks for guilt."""
    return say(f"finding-causes.{finding}", lang)


def check_lines(item: Item, lang: str) -> list[str]:
    """Return an item of the checklist as lines: what was seen, then what to do about it."""
    line = say(
        "check.line",
        lang,
        item=say(f"check-item.{item.item}", lang),
        verdict=say(f"check-verdict.{item.verdict}", lang),
        said=check_said(item, lang),
        rule=item.rule,
    )
    if item.verdict == "pass":
        return [line]
    advice = say(f"check-do.{item.item}.{item.reason}", lang)
    return [line, say("check.do", lang, advice=advice)]


def check_said(item: Item, lang: str) -> str:
    """Return what was seen of an item, in one sentence."""
    said = _said(item.as_json(), item.told, lang)
    not_set = item.facts.get("not_set")
    if item.item == "clock" and not_set and item.verdict != "pass":
        return text.clauses(said, say(f"check-clock-not-set.{not_set}", lang), lang)
    return said


def check_told(told: Mapping[str, JSON], lang: str) -> str:
    """Return one line for an item as it stands in an entry, of this version or another."""
    item, verdict = str(told.get("item")), str(told.get("verdict"))
    names = {
        "item": term("check-item", item, lang),
        "verdict": term("check-verdict", verdict, lang),
        "rule": str(told.get("rule", "-")),
    }
    if f"check-said.{item}.{told.get('reason')}" not in catalogue(lang):
        return say("check.line", lang, said="-", **names)
    return say("check.line", lang, said=_said(told, {}, lang), **names)


def _said(item: Mapping[str, JSON], told: Mapping[str, JSON], lang: str) -> str:
    """Return the sentence of an item; what is not told is a dash."""
    facts = item.get("facts")
    facts = facts if isinstance(facts, dict) else {}
    shown: dict[str, object] = {
        name: "-" if told.get(name) is None else told[name]
        for name in ("firmware", "minimum", "told", "expected")
    }
    value, unit = _number(item.get("value")), str(item.get("unit"))
    shown["value"] = _measure(value, unit, lang)
    shown["limit"] = _measure(_number(item.get("limit")), unit, lang)
    shown["direction"] = say(f"check-clock.{'behind' if (value or 0) < 0 else 'ahead'}", lang)
    shown["uncertainty"] = _measure(_number(facts.get("uncertainty_ms")), "ms", lang)
    shown["free"] = text.size(_number(facts.get("free_bytes")) or 0)
    shown["error"] = term("check-error", str(facts.get("error", "-")), lang)
    shown["codes"] = text.listed(_codes(told.get("faults")), lang) or "-"
    return say(f"check-said.{item.get('item')}.{item.get('reason')}", lang, **shown)


def _codes(faults: JSON) -> list[str]:
    listed = faults if isinstance(faults, list) else []
    return [str(one.get("code")) for one in listed if isinstance(one, dict)]


def check_because(verdict: str, because: Mapping[str, JSON] | None, lang: str) -> str:
    """Return the checklist's outcome, and the one thing that matters most, in one sentence.

    `because` is an item with all that is known of it, as a bay's view holds it.
    """
    whole = say(f"verdict.{verdict}", lang)
    if because is None:
        return whole
    told = because.get("told")
    said = _said(because, told if isinstance(told, dict) else {}, lang)
    return say("check.because", lang, verdict=whole, said=said)


def _measure(value: int | None, unit: str, lang: str) -> str:
    if value is None:
        return "-"
    match unit:
        case "percent":
            return say("check-unit.percent", lang, n=value)
        case "minutes":
            return text.duration(value * 60, lang)
        case "ms" if abs(value) < _MINUTE_MS:
            return say(
                "check-unit.seconds", lang, n=f"{abs(value) / 1000:.3f}".rstrip("0").rstrip(".")
            )
        case "ms":
            return text.duration(value // 1000, lang)
        case _:
            return str(value)


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None
