"""What people read about clips, findings and checks, in their language."""

from collections.abc import Mapping

from config import text
from config.messages import say, term
from dock_daemon.docking.checklist import Item

_SIZES = ("size", "found_size", "sealed_size")


def finding_title(finding: str, lang: str) -> str:
    """Return the finding's short name."""
    return say(f"finding.{finding}", lang)


def finding_fact(
    finding: str, *, volume: str, path: str, facts: Mapping[str, object], lang: str
) -> str:
    """Return the finding as one sentence of facts."""
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
        elif name == "reason":
            shown[name] = problem_words(str(value), lang)
        else:
            shown[name] = value if value not in {"", None} else "-"
    sentence = say(f"finding-fact.{finding}", lang, **shown)
    if finding not in {"deleted", "deleted-unseen"}:
        return sentence
    state = {True: "free", False: "reused"}.get(facts.get("unallocated"), "unknown")  # type: ignore[call-overload]  # any JSON value may be asked for
    return text.sentences(sentence, say(f"clusters.{state}", lang), lang)


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


def check_line(item: Item, lang: str) -> str:
    """Return one line of the checklist."""
    facts = item.facts
    state = say(f"check-state.{item.verdict}", lang)
    if "ahead_at_least_s" in facts:
        by = text.duration(int(str(facts["ahead_at_least_s"])), lang)
        state = f"{state} · {say('check.clock-ahead', lang, by=by)}"
    if "free_bytes" in facts and "total_bytes" in facts:
        free, total = int(str(facts["free_bytes"])), int(str(facts["total_bytes"]))
        share = say("check.storage", lang, percent=free * 100 // total, free=text.size(free))
        state = f"{state} · {share}"
    if facts.get("not_cleanly_closed"):
        state = f"{state} · {say('check.not-cleanly-closed', lang)}"
    return say("check.line", lang, item=say(f"check-item.{item.item}", lang), state=state)
