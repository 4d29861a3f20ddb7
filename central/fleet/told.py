"""A dock as programs read it: one JSON object, the same on the command line and over HTTP."""

from central.fleet.lateness import Grade
from central.fleet.view import Counted, DockView, ForkView, ManifestView, Pulled

Told = dict[str, object]

_GRADES = {Grade.ALARM: "alarm", Grade.WARNING: "warning", Grade.FINE: "fine"}


def dock(view: DockView) -> Told:
    """Return all that is known of a dock."""
    said = view.said
    return {
        "origin": view.origin,
        "hash": view.hash,
        "name": view.name,
        "url": view.url or None,
        "vkeys": list(view.vkeys),
        "enrolled_ms": view.enrolled_ms,
        "state": _GRADES[view.grade],
        "late": [{"code": one.code, **one.facts} for one in view.late],
        "head": view.head,
        "witnessed": view.witnessed,
        "mirrored": view.mirrored,
        "lag": view.lag,
        "cosigned_s": view.cosigned_s,
        "heard_ms": view.heard_ms,
        "heartbeat_ms": said.heartbeat_ms,
        "interval_s": said.interval_s,
        "last_entry_ms": said.last_ms,
        "read": said.entries,
        "dockings": said.dockings,
        "open_dockings": [
            {"docking": number, "opened_ms": at_ms} for number, at_ms in said.open.items()
        ],
        "clips": said.clips,
        "clip_bytes": said.clip_bytes,
        "late_clips": said.late,
        "unread": said.unread,
        "findings": dict(said.findings),
        "broken": None if said.broken is None else {"seq": said.broken.seq, "why": said.broken.why},
        "forks": view.forks,
        "pulled": _pulled(view.pulled),
        "inventories": [_counted(one) for one in view.counted],
    }


def fork(view: ForkView) -> Told:
    """Return a piece of evidence of a fork, without its notes."""
    return {
        "id": view.number,
        "kind": view.kind,
        "role": view.role,
        "size": view.size,
        "seen_ms": view.seen_ms,
        "by": view.by,
        "explained_ms": view.explained_ms,
    }


def manifest(view: ManifestView) -> Told:
    """Return a docking that ended, and what is kept of its manifest."""
    docking = view.docking
    return {
        "docking": docking.docking,
        "seq": docking.seq,
        "opened_ms": docking.opened_ms,
        "closed_ms": docking.at_ms,
        "result": docking.result,
        "clips": docking.clips,
        "findings": docking.findings,
        "unread": docking.unread,
        "late": docking.late,
        "remaining": docking.remaining,
        "manifest": None
        if view.fetched_ms is None
        else {
            "sha256": view.sha256,
            "problem": view.problem or None,
            "fetched_ms": view.fetched_ms,
        },
    }


def _pulled(pulled: Pulled | None) -> Told | None:
    if pulled is None:
        return None
    return {
        "good_ms": pulled.good_ms,
        "failing_ms": pulled.failing_ms,
        "problem": pulled.problem or None,
        "detail": pulled.detail or None,
    }


def _counted(counted: Counted) -> Told:
    return {
        "taken_ms": counted.taken_ms,
        "source": counted.source,
        "holds": counted.holds,
        "missing": counted.missing,
    }
