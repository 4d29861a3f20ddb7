"""A dock that hands recorders out, in a folder: registered people, dockings, checklists."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dock_daemon.evidence.pieces import Outcome, Piece
from dock_daemon.evidence.records import DockingRow, FactRow, ReleaseRow
from dock_daemon.evidence.state import State
from hashing.canonical import JSON
from tests.commanded import Ended, command
from tests.docks import DockIn

ZHANG, ZHAO, WANG = "880317", "880318", "880002"
RECORDER = "ZFY-00317"
ROWS = (
    f"{RECORDER},{ZHANG},张䶮,执法一科",
    f"ZFY-00318,{ZHAO},赵某,执法二科",
    f"ZFY-00002,{WANG},王芳,执法一科",
)


@dataclass(slots=True)
class Office:
    """A dock whose recorders are registered."""

    dock: DockIn
    dockings: int = field(default=0)

    @classmethod
    def at(cls, folder: Path) -> "Office":
        """Open an office whose register holds ROWS."""
        office = cls(DockIn(folder))
        office.dock.register(*ROWS)
        office.dock.open().close()
        return office

    def now(self, *, ago_ms: int = 0) -> None:
        """Let the dock show the machine's time, which commands ask; or that of a while ago."""
        self.dock.clock.utc_ms = time.time_ns() // 1_000_000 - ago_ms

    def docked(
        self,
        recorder: str = RECORDER,
        *,
        verdict: str | None = "fit",
        quarantine: bool = False,
        ago_ms: int = 0,
    ) -> None:
        """Let a recorder have been docked, and checked with this verdict (None: not checked)."""
        self.now(ago_ms=ago_ms)
        with self.dock.open() as state:
            self.dockings = dock_once(
                state, recorder, number=self.dockings + 1, verdict=verdict, quarantine=quarantine
            )

    def run(self, *arguments: str) -> Ended:
        """Run a command on this dock."""
        return command(self.dock, *arguments)

    def json(self, *arguments: str) -> dict[str, Any]:
        """Run a command that ends well, and return its answer."""
        done = self.run(*arguments, "--json")
        assert done.code == 0, done.err
        return done.json

    def refused(self, *arguments: str) -> list[str]:
        """Run a command that is refused, and return the codes of what stands against it."""
        before = len(self.dock.entries())
        done = self.run(*arguments, "--json")
        assert (done.code, done.error["code"]) == (1, "refused"), (done.out, done.err)
        assert done.error["remedy"]
        assert len(self.dock.entries()) == before
        return [one["code"] for one in done.error["refused"]]


def dock_once(
    state: State, recorder: str, *, number: int, verdict: str | None, quarantine: bool = False
) -> int:
    """Enter a docking of a recorder, as taking over does; return its number."""
    row = DockingRow(
        number=number, bay="1", source="device", place="/dev/x", recorder=recorder,
        holder="", volumes=(), quarantine=quarantine,
    )  # fmt: skip
    of_it: dict[str, JSON] = {"docking": number}
    _enter(state, "docked", dict(of_it), row, number)
    if verdict is not None:
        items = (
            '[{"item":"battery","verdict":"fail","blocks":true}]' if verdict == "unfit" else "[]"
        )
        values = {"recorder": recorder, "profile": "test", "verdict": verdict, "items": items}
        fact = FactRow(table="check_result", values=values)
        _enter(state, "checked", {**of_it, "verdict": verdict}, fact, number)
    end = ReleaseRow(number=number, result="complete", clips=0, findings=0, unread=0)
    _enter(state, "released", dict(of_it), end, number, closes=True)
    return number


def _enter(  # noqa: PLR0913  each is a part of an entry
    state: State,
    kind: str,
    body: dict[str, JSON],
    row: DockingRow | FactRow | ReleaseRow,
    docking: int,
    *,
    closes: bool = False,
) -> None:
    def finish(_outcome: Outcome) -> tuple[dict[str, JSON], DockingRow | FactRow | ReleaseRow]:
        return body, row

    facts: dict[str, JSON] | None = None if closes else {"kind": kind}
    piece = Piece(kind=kind, docking=docking, finish=finish, facts=facts, closes=closes)
    state.sealer.submit(piece).result()
