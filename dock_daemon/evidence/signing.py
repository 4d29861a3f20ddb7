"""When the log may be signed, and who has vouched for it. The sealer's thread alone calls it.

What is decided is decided in permission.py and heads.py; here it is carried out: what
witnesses say is judged and kept, a contradiction becomes an alarm before anything else,
and the publisher is let sign or not.
"""

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from dock_daemon.clock import Clock
from dock_daemon.evidence import alarms, heads, past, permission
from dock_daemon.evidence.alarms import Alarm, Head
from dock_daemon.evidence.bell import Bell
from dock_daemon.evidence.cosigning import Cosigning, Taken
from dock_daemon.evidence.head_copy import HeadCopy
from dock_daemon.evidence.heads import Verdict
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.log_key import LogKeys
from dock_daemon.evidence.permission import Before, Copy
from dock_daemon.evidence.publication import Publisher
from dock_daemon.evidence.roster import Roster
from dock_daemon.evidence.standing import vouching
from hashing import note as notes
from hashing.entry import At
from hashing.errors import EvidenceError

log = logging.getLogger(__name__)

Answer = Literal["head", "none", "unreachable", "refused", "size"]

_FORGOT: Final = "witnesses_forgot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a witness said when it was asked what it knows of our log."""

    name: str
    answer: Answer
    note: str | None = None
    size: int | None = None
    detail: str = ""


class Signing:
    """Permission, cosignatures and alarms of one log. `begin` comes first."""

    def __init__(
        self,
        state: Path,
        *,
        keys: LogKeys,
        roster: Roster,
        clock: Clock,
        head_copy: Path | None,
        ask_within_s: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state = state
        self._keys = keys
        self._origin = keys.origin
        self._roster = roster
        self._clock = clock
        self._cosigning = Cosigning(keys, roster, clock)
        self._ask_within_s = ask_within_s
        self._monotonic = monotonic
        self._copy = None if head_copy is None else HeadCopy(head_copy, state, self._origin)
        put = (lambda _head: None) if self._copy is None else self._copy.put
        self._publisher = Publisher(state, keys, copy=put)
        self._standing: permission.State = permission.Free("no-witness")
        self._bell = Bell(state, self._origin)

    @property
    def published(self) -> int:
        """How many entries the published checkpoint covers."""
        return self._publisher.published

    @property
    def standing(self) -> permission.State:
        """Whether anything may be signed."""
        return self._standing

    @property
    def roster(self) -> Roster:
        """Who may vouch for this log."""
        return self._roster

    @property
    def alarm(self) -> Alarm | None:
        """Why signing has stopped, or None."""
        return self._bell.alarm

    def begin(self, ledger: Ledger) -> None:
        """Take up the log, and find out what has to be asked before it grows.

        Raises LedgerDoubtError where log and ledger differ, OSError or sqlite3.Error.
        """
        self._publisher.start(ledger)
        self._cosigning.begin(ledger)
        self._ask_anew(ledger)
        self._take_up_alarms(ledger)
        self._tell("signing")

    def publish(self, ledger: Ledger, at: At) -> None:
        """Sign and publish what waits, if that is permitted; raise as Publisher.publish does."""
        self._step(ledger, permission.TimePassed(self._monotonic()))
        if self._copy is not None and (found := self._copy.news()) is not None:
            self._doubt_if(ledger, self._judge_copy(ledger, self._copy, found))
        if permission.may_sign(self._standing):
            self._publisher.publish(ledger, at)
        else:
            self._publisher.show(ledger)

    def hear(self, ledger: Ledger, said: Said) -> dict[str, object]:
        """Take in what a witness said of our log; return the state that follows.

        Raises ValueError if it is no configured witness, or says nothing that could be judged.
        """
        if said.name not in self._roster:
            raise ValueError(f"{said.name} is no configured cosigner")
        match said.answer:
            case "head":
                self._hear_head(ledger, said)
            case "size" if said.size is None:
                raise ValueError("a size is a number")
            case "size" if said.size:
                self._hear_size(ledger, said.name, said.size)
            case "none" | "size":
                self._step(ledger, permission.KnowsNothing(said.name))
            case "unreachable" | "refused":
                log.info("%s: %s %s", said.name, said.answer, said.detail)
                self._step(ledger, permission.Answered(said.name, said.answer))
        return {"state": permission.name_of(self._standing), **self._reason()}

    def cosigned(self, ledger: Ledger, text: str) -> dict[str, object]:
        """Keep the cosignatures of a checkpoint of ours; return which, and why not the others.

        Raises NoteError or CheckpointError if `text` is no checkpoint's note.
        """
        data = text.encode("utf-8", "surrogatepass")
        head = self._judged(ledger, data, shown_by="")
        stated = notes.parse(data)[0]
        size = heads.stated(data).size
        ours = past.text_of(ledger, size)
        if ours != stated:
            why = "unknown-size" if ours is None else "not-ours"
            return {"kept": [], "refused": [{"name": "", "why": why}]}
        if head not in {Verdict.SAME, Verdict.BEHIND}:
            return {"kept": [], "refused": [{"name": "", "why": "unknown-key"}]}
        taken = self._take_lines(ledger, data, size)
        return {"kept": list(taken.kept), "refused": list(taken.refused)}

    def claims(self) -> tuple[Alarm, ...]:
        """Return the alarms that an operator may take for false.

        Raises NoAlarmError where none stands, AlarmProvedError where our own signature, or
        a cosigner's, proves one.
        """
        return self._bell.demand_claims()

    def dismiss(self, ledger: Ledger, claims: Sequence[Alarm], reason: str) -> dict[str, object]:
        """Take these claims for false, and ask anew unless another alarm stands by now.

        Raises OSError.
        """
        self._bell.silence(claims, reason, self._clock.at().utc_ms)
        if self.alarm is None:
            self._standing = permission.Free("no-witness")
            self._ask_anew(ledger)
        else:
            self._standing = permission.Stopped(self.alarm.why)
        self._tell("signing")
        return {"state": permission.name_of(self._standing), **self._reason()}

    def told(self, ledger: Ledger) -> dict[str, object]:
        """Return how signing stands, as the control socket tells it."""
        self._step(ledger, permission.TimePassed(self._monotonic()))
        signed = self._publisher.signed
        size = 0 if signed is None else signed.size
        state = self._standing
        heard = {} if isinstance(state, permission.Free | permission.Stopped) else state.asked.heard
        return {
            "state": permission.name_of(state),
            **self._reason(),
            "origin": self._origin,
            "vkeys": self._keys.vkeys(),
            "entries": ledger.size,
            "signed": size,
            "published": self.published,
            "waiting": ledger.waiting(self.published),
            "head": {"size": size, "note": self._publisher.shown.decode()} if size else None,
            **vouching(ledger, self._roster, heard),
            "alarm": None if self.alarm is None else alarms.as_json(self.alarm),
        }

    # -- the start -----------------------------------------------------------

    def _ask_anew(self, ledger: Ledger) -> None:
        """Begin where nobody has agreed yet; the copy is looked at first."""
        copy = self._look_at_copy(ledger)
        if self.alarm is not None:
            return
        if self._roster.cosigners:
            self._standing = self._first(ledger, copy)
        elif copy in {Copy.ABSENT, Copy.SAME_MEDIUM} and self._publisher.signed is not None:
            self._standing = permission.Free("copy-absent")
        self._doubt_if(ledger, copy)

    def _first(self, ledger: Ledger, copy: Copy) -> permission.State:
        if self._keys.fresh and self._publisher.signed is None:
            return permission.Free("new-log")
        forgot = json.loads(ledger.meta(_FORGOT) or "[]")
        until_s = self._monotonic() + self._ask_within_s
        return permission.begin(self._before(copy), until_s, forgot=frozenset(forgot))

    def _before(self, copy: Copy) -> Before:
        return Before(
            witnesses=frozenset(one.name for one in self._roster.cosigners),
            acquainted=self._cosigning.acquainted,
            nothing_signed=self._publisher.signed is None,
            copy=copy,
        )

    def _doubt_if(self, ledger: Ledger, copy: Copy) -> None:
        if copy is Copy.UNKNOWN_KEY:
            self._step(ledger, permission.Doubted(self._before(copy)))

    def _look_at_copy(self, ledger: Ledger) -> Copy:
        """Compare the copy on another medium with our head; one that knows more is an alarm."""
        if self._copy is None:
            return Copy.NONE
        try:
            if not self._copy.elsewhere:
                log.warning("log.head_copy lies on the disk of the state: it proves nothing")
                return Copy.SAME_MEDIUM
            data = self._copy.read()
        except OSError as error:
            log.warning("the copy of the head cannot be read: %s", error)
            return Copy.ABSENT
        return Copy.ABSENT if data is None else self._judge_copy(ledger, self._copy, data)

    def _judge_copy(self, ledger: Ledger, copy: HeadCopy, data: bytes) -> Copy:
        """Judge what lies on the other medium, before anything is written over it."""
        verdict = self._judged(ledger, data, shown_by=permission.BY_COPY)
        if verdict is Verdict.SAME:
            return Copy.AGREES
        if verdict is Verdict.BEHIND:
            size = heads.stated(data).size
            if past.only_unshown_after(ledger, self._publisher, size):
                return Copy.AGREES
        if verdict is None:
            copy.leave()
            return Copy.UNKNOWN_KEY if self._may_be_later(data) else Copy.ABSENT
        return Copy.OLDER

    def _may_be_later(self, data: bytes) -> bool:
        """Tell whether a head that is not known for ours may be, by a key that we forgot."""
        try:
            theirs, said = heads.stated(data), self._says_of_us(data)
        except EvidenceError:
            return False
        signed = self._publisher.signed
        longer = theirs.size > (0 if signed is None else signed.size)
        return theirs.origin == self._origin and longer and said != "retired"

    def _take_up_alarms(self, ledger: Ledger) -> None:
        """Go on where an earlier life stopped, unless our log holds by now what it lacked then."""
        try:
            self._bell.take_up(lambda alarm: self._is_over(ledger, alarm), self._clock.at().utc_ms)
        except (OSError, ValueError) as error:
            log.critical("%s cannot be read: %s", self._state / alarms.FOLDER, error)
            self._step(ledger, permission.Contradicted("alarm-unreadable"))
        if self.alarm is not None:
            self._step(ledger, permission.Contradicted(self.alarm.why))

    def _is_over(self, ledger: Ledger, alarm: Alarm) -> bool:
        data = alarms.theirs(alarm)
        if data is None:
            signed = self._publisher.signed
            return signed is not None and signed.size >= alarm.theirs.size
        try:
            return past.verdict(ledger, self._publisher, data) in {Verdict.SAME, Verdict.BEHIND}
        except EvidenceError:
            return False

    # -- what others say -------------------------------------------------------

    def _hear_head(self, ledger: Ledger, said: Said) -> None:
        if said.note is None:
            raise ValueError("a head is a note")
        data = said.note.encode("utf-8", "surrogatepass")
        verdict = self._judged(ledger, data, shown_by=said.name)
        if verdict is None:
            self._step(ledger, permission.Answered(said.name, "refused"))
        elif verdict in {Verdict.SAME, Verdict.BEHIND}:
            size = heads.stated(data).size
            known = None if past.text_of(ledger, size) is None else size
            if said.name not in self._take_lines(ledger, data, known).fresh:
                self._step(ledger, permission.Answered(said.name, "stale"))

    def _hear_size(self, ledger: Ledger, name: str, size: int) -> None:
        signed = self._publisher.signed
        if signed is not None and size <= signed.size:
            self._step(ledger, permission.Answered(name, "size"))
            return
        self._raise(ledger, "claimed-longer", name, Head(size=size, root=None), None)

    def _take_lines(self, ledger: Ledger, data: bytes, size: int | None) -> Taken:
        taken = self._cosigning.take(ledger, data, size)
        for name in sorted(taken.fresh):
            self._step(ledger, permission.Vouched(name))
        self._publisher.show(ledger)
        return taken

    # -- contradictions ----------------------------------------------------------

    def _says_of_us(self, data: bytes) -> str:
        """Return who says that a head is ours: `signed`, `cosigned`, or nobody that counts.

        `retired` is a key of ours that does not sign at this size: it counts for nothing, so
        whoever finds it later can stop no dock with it. Raises EvidenceError if it is no head,
        or a line claims to be ours and is not.
        """
        theirs = heads.stated(data)
        if theirs.origin != self._origin:
            return ""
        second = [] if self._keys.mldsa is None else [self._keys.mldsa.verifier()]
        if heads.is_signed(data, [*self._keys.succession.keys_at(theirs.size), *second]):
            return "signed"
        if self._cosigning.knows(data):
            return "cosigned"
        return "retired" if heads.is_signed(data, self._keys.verifiers()) else ""

    def _judged(self, ledger: Ledger, data: bytes, *, shown_by: str) -> Verdict | None:
        """Return how a note stands to our log, None if it is not ours; raise the alarm."""
        try:
            ours = self._says_of_us(data)
            counts = ours in {"signed", "cosigned"}
            verdict = past.verdict(ledger, self._publisher, data) if counts else None
        except EvidenceError as error:
            log.warning("%s shows what is no head: %s", shown_by or "somebody", error)
            return None
        if verdict is None:
            told = (
                "%s shows a head by a key of ours that does not sign at its size: it is refused"
                if ours == "retired"
                else "%s shows a head that is not ours"
            )
            log.warning(told, shown_by or "somebody")
        if verdict in {Verdict.AHEAD, Verdict.FORK}:
            theirs = heads.stated(data)
            head = Head(size=theirs.size, root=theirs.root.hex())
            why = verdict.value if ours == "signed" else "cosigned-other"
            self._raise(ledger, why, shown_by, head, data)
        return verdict

    def _raise(
        self, ledger: Ledger, why: str, shown_by: str, theirs: Head, data: bytes | None
    ) -> None:
        """Stop signing, loudly; then keep what shows why."""
        signed = self._publisher.signed
        alarm = Alarm(
            why=why,
            witness=shown_by,
            ours=None if signed is None else Head(size=signed.size, root=signed.root.hex()),
            theirs=theirs,
            seen_ms=self._clock.at().utc_ms,
            where="",
        )
        # From here on nothing is signed in this life, whatever the disk says.
        self._step(ledger, permission.Contradicted(why))
        notes = {"ours.note": self._publisher.shown}
        self._bell.ring(alarm, signed, notes if data is None else {**notes, "theirs.note": data})

    def _step(self, ledger: Ledger, event: permission.Event) -> None:
        before = self._standing
        self._standing = permission.step(before, event)
        forgot = permission.forgot(self._standing)
        if forgot != permission.forgot(before):
            ledger.remember(_FORGOT, json.dumps(sorted(forgot)))
        if type(before) is not type(self._standing):
            self._tell("signing")

    def _tell(self, what: str) -> None:
        state = self._standing
        level = logging.INFO if permission.may_sign(state) else logging.WARNING
        log.log(level, "%s: %s (%s)", what, permission.name_of(state), permission.why(state))

    def _reason(self) -> dict[str, object]:
        return {"why": permission.why(self._standing)}
