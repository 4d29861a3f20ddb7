"""Looks at recorders at rest: may anything be erased by now? And answers who asks the same.

A clip is sealed while its recorder is docked; what must hold before it is erased comes hours
or days later. So whoever rests in a bay is looked at again and again (`erasing.look_every_s`).
"""

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import asdict
from typing import Final

from dock_daemon.bays.bay_runner import AtRest, BayRunner
from dock_daemon.bays.bay_states import Again
from dock_daemon.erasing.overview import is_worth_a_turn, weigh
from dock_daemon.erasure import OCCASION, Erasure
from dock_daemon.errors import DockError

log = logging.getLogger(__name__)

_MOST_TOLD: Final = 2000


class ErasingWatch:
    """The erasing of one running dock: when turns begin, and what there is to say."""

    def __init__(self, bays: Mapping[str, BayRunner], erasure: Erasure) -> None:
        self._bays = bays
        self._erasure = erasure

    async def run(self, executor: Executor) -> None:
        """Look again and again until cancelled; `executor` is where waiting is allowed."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._erasure.settings.look_every_s)
            for bay in self._bays.values():
                rest = bay.at_rest()
                if rest is None:
                    continue
                try:
                    if await loop.run_in_executor(executor, self._is_worth_it, rest):
                        bay.post(Again(OCCASION))
                except DockError as error:  # doubt, which stops the dock elsewhere
                    log.warning("what may be erased was not looked for: %s", error)

    def begin(self, bay: str | None) -> list[dict[str, object]]:
        """Let turns begin at once, in a bay or in each; return what came of it. On the loop."""
        return [self._begin(name) for name in ([bay] if bay is not None else self._bays)]

    def resting(self, bay: str | None) -> list[tuple[str, AtRest | None, str]]:
        """Return each bay asked for: its name, who rests there, else why nobody. On the loop."""
        names = [bay] if bay is not None else list(self._bays)
        return [
            (name, None, "unknown")
            if (runner := self._bays.get(name)) is None
            else (name, runner.at_rest(), runner.readiness())
            for name in names
        ]

    def told(self, resting: list[tuple[str, AtRest | None, str]]) -> dict[str, object]:
        """Return what may be erased, and what keeps the rest; it asks the ledger, and blocks."""
        return {
            "policy": asdict(self._erasure.policy),
            "bays": [self._told(name, rest, ready) for name, rest, ready in resting],
        }

    def _begin(self, name: str) -> dict[str, object]:
        runner = self._bays.get(name)
        turn = 0 if runner is None else runner.view.turn
        if runner is None:
            return {"bay": name, "erase": "unknown", "turn": turn}
        rest, ready = runner.at_rest(), runner.readiness()
        if rest is None:
            word = "no-channel" if ready == "ready" else ready
        elif not rest.channel:
            word = "no-channel"
        elif not self._erasure.docked_can(rest):
            word = "no-command"
        else:
            runner.post(Again(OCCASION))
            word = "started"
        return {"bay": name, "erase": word, "turn": turn}

    def _is_worth_it(self, rest: AtRest) -> bool:
        erasure = self._erasure
        return is_worth_a_turn(erasure.ask, erasure.docked(rest), erasure.policy)

    def _told(self, name: str, rest: AtRest | None, ready: str) -> dict[str, object]:
        if rest is None:
            return {"bay": name, "rests": ready, "recorder": "", "clips": []}
        erasure = self._erasure
        docked = erasure.docked(rest)
        clips: list[dict[str, object]] = []
        for one in weigh(erasure.ask, docked, erasure.policy):
            clips.append(
                {
                    "seq": one.clip.seq,
                    "path": one.clip.path,
                    "sha256": one.clip.sha256,
                    "size": one.clip.size,
                    "may": not one.reasons,
                    "reasons": [str(reason) for reason in one.reasons],
                }
            )
            if len(clips) == _MOST_TOLD:
                break
        return {
            "bay": name,
            "rests": "rests",
            "recorder": docked.recorder,
            "can_erase": docked.can_erase,
            "unsettled": len(erasure.ask.unsettled(docked.recorder)),
            "clips": clips,
        }
