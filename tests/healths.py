"""Recorders that are docked again and again, with what their checklists saw, in a real ledger."""

from dataclasses import dataclass, field

from dock_daemon.evidence.pieces import Outcome, Piece
from dock_daemon.evidence.records import DockingRow, FactRow, FindingRow, ReleaseRow, Row
from dock_daemon.evidence.state import State
from hashing.canonical import JSON
from tests.docks import DockIn

DAY_MS = 86_400_000


@dataclass(slots=True)
class Fleet:
    """Enters dockings at times that go forward."""

    dock: DockIn
    state: State
    number: int = field(default=0)

    def docked(  # noqa: PLR0913  each is something that a docking may show
        self,
        recorder: str,
        at_ms: int,
        *,
        verdict: str = "fit",
        because: str = "",
        occasion: str = "plugged",
        result: str = "complete",
        set_to: tuple[int, int] | None = None,
        finding: str = "",
        why: str = "",
        sync: str = "synchronized",
        **seen: int | str | None,
    ) -> None:
        """Enter a docking; `seen` are columns of check_result, `set_to` what a setting left."""
        self.dock.clock.utc_ms, self.dock.clock.sync = at_ms, sync
        self.number += 1
        number = self.number
        row = DockingRow(
            number=number, bay="1", source="device", place="/dev/x", recorder=recorder,
            holder="", volumes=(), quarantine=False,
        )  # fmt: skip
        self._enter("docked", row)
        if set_to is not None:
            fact = {
                "recorder": recorder, "before_ms": seen.get("offset_ms"),
                "before_uncertainty_ms": seen.get("uncertainty_ms"), "after_ms": set_to[0],
                "after_uncertainty_ms": set_to[1],
            }  # fmt: skip
            self._enter("clock-set", FactRow(table="clock_set", values=fact))
        if finding:
            found = FindingRow(
                finding=finding, key=f"{finding}|{number}", volume="", path="", clip=None,
                facts={"reason": why} if why else {}, found_ms=at_ms,
            )  # fmt: skip
            self._enter("finding", found)
        values = {
            "recorder": recorder, "profile": "cammpro", "occasion": occasion, "verdict": verdict,
            "because": because, "items": "[]", **seen,
        }  # fmt: skip
        self._enter("checked", FactRow(table="check_result", values=values))
        end = ReleaseRow(number=number, result=result, clips=0, findings=0, unread=0)
        self._enter("released", end)

    def _enter(self, kind: str, row: Row) -> None:
        closes = kind == "released"
        body: dict[str, JSON] = {"docking": self.number}

        def finish(_outcome: Outcome) -> tuple[dict[str, JSON], Row]:
            return body, row

        facts: dict[str, JSON] | None = None if closes else {"kind": kind}
        piece = Piece(kind=kind, docking=self.number, finish=finish, facts=facts, closes=closes)
        self.state.sealer.submit(piece).result()
