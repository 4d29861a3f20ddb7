"""One cosigner's courier: when it goes, what it asks, and what the core hears of it."""

import asyncio
import logging
import math
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final, ParamSpec, TypeVar

from dock_daemon.errors import DockError
from dock_daemon.sync import answers
from dock_daemon.sync.answers import Absent, Shown
from dock_daemon.sync.carrier import Brought, Carrier
from dock_daemon.sync.core import MAX_TOLD_NOTE, UNDECIDED, Core, Signing, State, WitnessAnswer
from dock_daemon.sync.mirroring import Mirroring, Portion
from dock_daemon.sync.party import Party, told_of
from dock_daemon.sync.published import Head, PublishedLog
from dock_daemon.sync.told import ALARMS, Code, Told, Wait
from hashing import note
from hashing.cosignature import time_of
from hashing.errors import EvidenceError
from hashing.note import SignatureLine
from transport import backoff
from transport.backoff import Bounds, Pause
from transport.errors import LinkError

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

_SILENT: Final = frozenset({Code.BUSY, Code.FAILED})
_NO_HEAD: Final = "404: it serves no head of this log"
# While nothing may be signed, nobody is left alone for longer: who is back shall be heard.
# docs/sync.md section 3.
_WAITED_FOR_S: Final = 30.0


class Aside:
    """One thread of its own for what blocks: the core is asked one question at a time."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="core")

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what `work` returns, without holding up the loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, partial(work, *args, **kwargs))

    def close(self) -> None:
        """Let go of the thread, whether or not it has an answer yet."""
        self._thread.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How things stood when a round began."""

    signing: Signing
    head: Head | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every courier shares."""

    log: PublishedLog
    core: Core
    aside: Aside
    bounds: Bounds
    refresh_s: float
    """After so long a head is brought again: its cosignature's time says that we still live."""
    now_s: Callable[[], float]
    utc_s: Callable[[], float]
    random: Callable[[], float]
    portion: Portion = Portion()  # noqa: RUF009  it is frozen


@dataclass(slots=True)
class Record:
    """What is remembered of one cosigner, for as long as this process runs."""

    told: Told | None = None
    told_utc_s: float = 0.0
    size: int | None = None
    """Of the newest head that bears its cosignature, and when that was signed."""
    cosigned_s: int | None = None
    pause: Pause = backoff.NONE


class Courier:
    """Goes to one cosigner, one visit at a time."""

    def __init__(self, party: Party, around: Surroundings) -> None:
        self.party = party
        self.record = Record()
        self._around = around
        self._way: Carrier | Mirroring = (
            Mirroring(party, around.log, around.utc_s, around.portion)
            if party.role == "mirror"
            else Carrier(party, around.log, around.utc_s)
        )
        self._done = ""
        self._done_at_s = 0.0
        self._final = ""
        self._awaited_s = -math.inf

    def due(self, look: Look) -> bool:
        """Tell whether a visit makes sense now."""
        now_s = self._around.now_s()
        if look.signing.state in UNDECIDED:
            return now_s >= min(self._awaited_s, self.record.pause.until_s)
        if not self.record.pause.over(now_s):
            return False
        if look.head is None or look.signing.state == "stopped" or look.head.text == self._final:
            return False
        return look.head.text != self._done or now_s - self._done_at_s >= self._around.refresh_s

    async def visit(self, look: Look) -> Told:
        """Go there, once; never raises but for being cancelled."""
        try:
            told = await self._go(look)
        except LinkError as error:
            told = told_of(error)
        except (EvidenceError, OSError) as error:
            told = Told(Code.LOG_UNREADABLE, {"detail": str(error)})
        except DockError as error:
            told = Told(Code.CORE_AWAY, {"detail": str(error)})
        self._remember(told, look)
        return told

    async def _go(self, look: Look) -> Told:
        state, absent = look.signing.state, False
        if state in UNDECIDED:
            asked = await self._ask(look.signing.origin)
            absent = isinstance(asked, Absent)
            state = state if isinstance(asked, Absent) else asked
        if state == "stopped":
            return Told(Code.STOPPED)
        if look.head is None:
            if absent:
                await self._without_head(look.signing)
            return Told(Code.NOTHING_YET)
        try:
            outcome = await self._way.bring(look.head)
        except LinkError as error:
            if absent:
                await self._tell("unreachable", detail=str(error))
            raise
        if absent:
            await self._tell_absent(outcome)
        if isinstance(outcome, Brought):
            return await self._keep(outcome)
        if outcome.code in ALARMS:
            await self._alarm(outcome, look.head.origin)
        return outcome

    async def _keep(self, brought: Brought) -> Told:
        """Have the core make the cosignatures facts of the log."""
        around, head = self._around, brought.head
        signed = note.with_lines(head.note, brought.lines)
        kept = await around.aside.run(around.core.tell_cosigned, signed)
        if kept.refused and not kept.kept:
            why = kept.refused[0].why
            return Told(Code.NOT_KEPT, {"size": head.size, "detail": why})
        self.record.size = head.size
        self.record.cosigned_s = max(map(time_of, brought.lines))
        self._done, self._done_at_s = head.text, around.now_s()
        return Told(Code.COSIGNED, {"size": head.size})

    async def _without_head(self, signing: Signing) -> None:
        """Tell the core of a 404 where there is no head that could be brought.

        Where none was ever signed, that is all that can be asked, and nothing needs vouching.
        """
        if signing.signed:
            await self._tell("refused", detail=f"{_NO_HEAD}, and none is published here")
        else:
            await self._tell("none")

    async def _tell_absent(self, outcome: Brought | Told) -> None:
        """Tell the core what a 404 for the head meant, now that ours was brought.

        That they remember nothing is certain only if they took it as the first of its log. Who
        took it as grown from another remembers, whatever he serves: nothing is told but his
        cosignature. An alarm is told by itself.
        """
        if isinstance(outcome, Brought) or outcome.code is Code.BEHIND:
            if self._way.grown_from == 0:
                await self._tell("none")
        elif outcome.code not in ALARMS:
            word: WitnessAnswer = "unreachable" if outcome.code in _SILENT else "refused"
            await self._tell(word, detail=str(outcome.facts.get("detail", "")))

    async def _ask(self, origin: str) -> State | Absent:
        """Ask what they know of our log; tell the core, and return how signing stands.

        That no head is served is returned untold: alone it proves nothing.
        """
        try:
            answer = answers.of_monitoring(
                await self.party.head(origin), origin=origin, utc_s=self._around.utc_s()
            )
        except LinkError as error:
            await self._tell("unreachable", detail=str(error))
            raise
        match answer:
            case Shown(data):
                return await self._tell("head", shown=self._for_core(data, origin))
            case Absent():
                return answer
            case Told(code, facts):
                word: WitnessAnswer = "unreachable" if code in _SILENT else "refused"
                return await self._tell(word, detail=str(facts.get("detail", "")))

    async def _alarm(self, told: Told, origin: str) -> None:
        """Bring the core what it can judge: the head that they know, else what they claim."""
        detail = str(told.facts.get("detail", ""))
        try:
            answer = answers.of_monitoring(
                await self.party.head(origin), origin=origin, utc_s=self._around.utc_s()
            )
        except LinkError as error:
            log.warning("%s: its head could not be fetched: %s", self.party.name, error)
            answer = Absent()
        if isinstance(answer, Shown):
            shown = self._for_core(answer.note, origin)
            if await self._tell("head", shown=shown, detail=detail) == "stopped":
                return
        if told.code is Code.AHEAD:
            await self._tell("size", size=int(str(told.facts["size"])))
        elif not isinstance(answer, Shown):
            await self._tell("refused", detail=detail)

    async def _tell(
        self,
        answer: WitnessAnswer,
        *,
        shown: bytes | None = None,
        size: int | None = None,
        detail: str = "",
    ) -> State:
        core = self._around.core
        return await self._around.aside.run(
            core.tell_witness, self.party.name, answer, note=shown, size=size, detail=detail
        )

    def _for_core(self, data: bytes, origin: str) -> bytes:
        """Return a fetched head with the lines that are evidence: the log's and this cosigner's."""
        text, lines = note.parse(data)
        known = {(key.name, key.key_id) for key in self.party.keys}
        ours = [line for line in lines if line.name == origin]
        theirs = [line for line in lines if (line.name, line.key_id) in known]
        whole = _spelled(text, ours + theirs)
        return whole if len(whole) <= MAX_TOLD_NOTE else _spelled(text, ours[:1])

    def _remember(self, told: Told, look: Look) -> None:
        around = self._around
        now_s = around.now_s()
        if told != self.record.told:
            level = logging.INFO if told.wait in {Wait.NEWS, Wait.SOON} else logging.WARNING
            log.log(level, "%s: %s %s", self.party.name, told.code, dict(told.facts))
        self.record.told, self.record.told_utc_s = told, around.utc_s()
        # Heard, and the core still waits for somebody else: no reason to ask without end.
        waits_on = told.wait is Wait.NEWS and look.signing.state in UNDECIDED
        match Wait.RETRY if waits_on else told.wait:
            case Wait.NEWS | Wait.SOON:
                self.record.pause = backoff.NONE
            case Wait.RETRY:
                self.record.pause = backoff.failed(
                    self.record.pause,
                    now_s,
                    around.bounds,
                    around.random,
                    at_least_s=told.at_least_s,
                )
            case Wait.REST:
                self.record.pause = backoff.rest(
                    self.record.pause, now_s, around.bounds, around.random
                )
        patience_s = told.at_least_s + _WAITED_FOR_S * (1 + around.random()) / 2
        self._awaited_s = now_s + patience_s
        if told.code is Code.CONFLICT and look.head is not None:
            self._final = look.head.text


def _spelled(text: str, lines: Iterable[SignatureLine]) -> bytes:
    return "\n".join([text, *map(str, lines), ""]).encode()
