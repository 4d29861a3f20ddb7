"""The checklist of one docking: gathered, judged, written down and told."""

from datetime import UTC, datetime

from dock_daemon.docking import checklist, statements
from dock_daemon.docking.dates import end_of
from dock_daemon.docking.deadlines import local_of
from dock_daemon.docking.events import Checked
from dock_daemon.docking.work import Work


def check(work: Work) -> None:
    """Go through the checklist, write its outcome down and tell it."""
    rules = work.scene.rules
    ends = [
        local_of(end, rules.zone)
        for _, entries in work.source.volumes
        for entry in entries
        if not entry.deleted and not entry.directory and (end := end_of(entry)) is not None
    ]
    now = datetime.fromtimestamp(work.dates.docked_ms / 1000, UTC).astimezone(rules.zone)
    items, verdict = checklist.check(
        (volume for volume, _ in work.source.volumes),
        latest=max(ends, default=None),
        now=now.replace(tzinfo=None),
        wanted=rules.checklist.content,
        can=work.scene.profile.content.capabilities,
    )
    work.minutes.state(
        "checked",
        statements.checked(work.scene, items, verdict),
        None,
        {"kind": "checked", "recorder": work.scene.recorder.number},
    )
    work.report(Checked(verdict=verdict, items=tuple(items)))
