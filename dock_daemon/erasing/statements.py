"""The entries about erasing: bodies, the rows that index them, and their documents. Pure."""

from dock_daemon.erasing.gate import Policy, Vouched
from dock_daemon.erasing.words import Clip, Outcome, Step
from dock_daemon.evidence.records import FactRow
from hashing.canonical import JSON

Body = dict[str, JSON]


def intended(
    docking: int, clip: Clip, policy: Policy, vouched: tuple[Vouched, ...]
) -> tuple[Body, FactRow, Body]:
    """Say that a clip is about to be erased, and what that rests on: body, row, document."""
    body = _body(docking, clip, "intended", "")
    body["policy"] = {
        "mirrors": policy.mirrors,
        "cool_down_ms": policy.cool_down_ms,
        "reread_within_ms": policy.reread_within_ms,
        "synchronized": policy.synchronized,
    }
    body["vouched"] = [
        {"name": one.name, "role": one.role, "size": one.size, "time_s": one.time_s}
        for one in vouched
    ]
    return body, _row(clip, "intended", "", None), _document(clip)


def ended(docking: int, outcome: Outcome) -> tuple[Body, FactRow, Body]:
    """Say what came of an intention: body, row, document."""
    clip, seq = outcome.intent.clip, outcome.intent.seq
    body = _body(docking, clip, outcome.step, outcome.reason)
    body["intent"] = seq
    return body, _row(clip, outcome.step, outcome.reason, seq), _document(clip)


def _body(docking: int, clip: Clip, step: Step, reason: str) -> Body:
    return {
        "docking": docking,
        "clip": clip.seq,
        "sha256": clip.sha256,
        "size": clip.size,
        "step": step,
        "reason": reason,
    }


def _row(clip: Clip, step: Step, reason: str, intent: int | None) -> FactRow:
    return FactRow(
        table="erasing",
        values={
            "recorder": clip.recorder,
            "clip": clip.seq,
            "step": step,
            "reason": reason,
            "intent": intent,
            "sha256": clip.sha256,
            "size": clip.size,
            "volume": clip.volume,
            "path_key": clip.path_key,
            "path": clip.path,
        },
    )


def _document(clip: Clip) -> Body:
    return {
        "kind": "erased",
        "recorder": clip.recorder,
        "volume": clip.volume,
        "path": clip.path,
    }
