"""What the core answers on its socket, and what it lets itself be told there.

docs/control.md lists every question. Who asks is another process of this dock, and may have
been taken over through the network: so each request is checked to its last member, each
answer is bounded, and nothing that is told is believed without a signature.
"""

import os
import pwd
from collections.abc import Mapping
from itertools import islice
from typing import Annotated, Final, Literal, TypeAlias, cast

import msgspec

from dock_daemon.custody.desk import IssueDesk
from dock_daemon.custody.requests import TellIssue, TellReturn, TellTripBegin, TellTripEnd
from dock_daemon.evidence import questions
from dock_daemon.evidence.ledger import Ledger
from dock_daemon.evidence.pieces import Outcome, Piece
from dock_daemon.evidence.questions import Digest
from dock_daemon.evidence.scrub import Scrub
from dock_daemon.evidence.signing import Said
from dock_daemon.evidence.state import State
from dock_daemon.evidence.store import CLIPS
from dock_daemon.recorders import journal_book
from hashing.canonical import JSON
from hashing.checkpoint import MAX_SIZE
from hashing.errors import EvidenceError

_MOST_FILES: Final = 2000
_Size: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=MAX_SIZE)]
_Name: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
_Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=2000)]
_Note: TypeAlias = Annotated[str, msgspec.Meta(max_length=200_000)]
_Role: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern="^[a-z-]+\\Z")]


class _Ask(msgspec.Struct, tag_field="ask", forbid_unknown_fields=True, kw_only=True):
    """A question."""


class AskSigning(_Ask, tag="signing"):
    """How signing stands."""


class AskInventory(_Ask, tag="inventory"):
    """What the store holds, by name; `after` is the last name that is known."""

    after: Digest | Literal[""] = ""
    limit: Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)] = 0


class _Tell(msgspec.Struct, tag_field="tell", forbid_unknown_fields=True, kw_only=True):
    """Something that the core should know."""


class TellWitness(_Tell, tag="witness"):
    """What a witness said of our log."""

    name: _Name
    answer: Literal["head", "none", "unreachable", "refused", "size"]
    note: _Note | None = None
    size: _Size | None = None
    detail: _Text = ""


class TellCosigned(_Tell, tag="cosigned"):
    """A checkpoint of ours with lines by those who vouch for it."""

    note: _Note


class TellAccess(_Tell, tag="access"):
    """Somebody is about to be given a clip: it is written down first (R-ACCESS)."""

    sha256: Digest
    who: _Text
    fingerprint: Annotated[str, msgspec.Meta(max_length=128, pattern="^[0-9a-f]*\\Z")]
    roles: Annotated[tuple[_Role, ...], msgspec.Meta(max_length=8)]
    reason: _Text


class TellRecorderKey(_Tell, tag="recorder-key"):
    """The next key that a recorder tells is to be taken for its own: `by` says so."""

    recorder: _Name
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    by: Annotated[str, msgspec.Meta(max_length=120)] = ""


class TellCheck(_Tell, tag="check"):
    """What is in a bay, or in every one, is to be checked where it is."""

    bay: _Name | None = None


class TellScrub(_Tell, tag="scrub"):
    """The store is to be read again from now on, or not until then, or as it is due."""

    do: Literal["now", "pause", "resume"]
    until_ms: Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)] = 0


class TellOffer(_Tell, tag="offer"):
    """A copy of damaged content lies in STATE/sync/offers under its name."""

    sha256: Digest


Asked: TypeAlias = AskSigning | AskInventory
Told: TypeAlias = (
    TellWitness
    | TellCosigned
    | TellAccess
    | TellRecorderKey
    | TellIssue
    | TellReturn
    | TellTripBegin
    | TellTripEnd
    | TellScrub
    | TellOffer
)

_ASKED: Final = ("signing", "inventory")
_TELLERS: Final = {
    "witness": "sealdock-sync",
    "cosigned": "sealdock-sync",
    "offer": "sealdock-sync",
    "access": "sealdock-web",
}
"""What may be told → which process of the dock tells it, by its user.

What is told of recorders that are handed out comes from commands: from the core's own user or
root, and from nobody else.
"""


def may(request: Mapping[str, object], user: int) -> bool:
    """Tell whether a user, by number, may make this request.

    Whoever reaches the socket may ask. Telling is for the one process that has something to
    tell, for the core's own user and for root: a web face that was taken over can neither
    speak for a witness nor stop the dock from signing.
    """
    if "tell" not in request or user in {0, os.geteuid()}:
        return True
    teller = _TELLERS.get(str(request["tell"]))
    try:
        return teller is not None and pwd.getpwnam(teller).pw_uid == user
    except KeyError:  # there is no such user here
        return False


def bay_to_check(request: Mapping[str, object]) -> str | None:
    """Return which bay is to be checked, None for all; raise ValueError if it is nonsense."""
    try:
        return msgspec.convert(request, TellCheck).bay
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error


class Answering:
    """Answers for one opened state. Its methods block: call them off the loop."""

    def __init__(
        self, state: State, desk: IssueDesk | None = None, scrub: Scrub | None = None
    ) -> None:
        self._state = state
        self._desk = desk
        self._scrub = scrub

    def answer(self, request: Mapping[str, object]) -> object:
        """Answer one request; raise ValueError if it is nonsense, else DockError or OSError."""
        if not {"ask", "tell"} & request.keys():
            raise ValueError(f"it neither asks nor tells: {', '.join(sorted(request))}")
        try:
            # The type checker cannot tell that a union of types is one.
            if "tell" in request:
                return self._told(msgspec.convert(request, cast("type[Told]", Told)))
            if request.get("ask") in _ASKED:
                return self._asked(msgspec.convert(request, cast("type[Asked]", Asked)))
            return self._of_ledger(request)
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from error
        except EvidenceError as error:
            raise ValueError(f"it is no evidence: {error}") from error

    def status(self, request: Mapping[str, object]) -> object:
        """Answer how the dock stands: its ledger, and its signing."""
        told = cast("dict[str, object]", self.answer(request))
        return {**told, "signing": self.answer({"ask": "signing"})}

    def _asked(self, asked: Asked) -> object:
        match asked:
            case AskSigning():
                return self._state.sealer.ask(self._state.signing.told)
            case AskInventory(after=after, limit=limit):
                files = self._state.store.files(CLIPS, after=after)
                most = min(limit or _MOST_FILES, _MOST_FILES)
                return [{"sha256": name, "size": size} for name, size in islice(files, most)]

    def _told(self, told: Told) -> object:
        signing, sealer = self._state.signing, self._state.sealer
        match told:
            case TellWitness():
                said = Said(
                    name=told.name,
                    answer=told.answer,
                    note=told.note,
                    size=told.size,
                    detail=told.detail,
                )
                return sealer.ask(lambda ledger: signing.hear(ledger, said))
            case TellCosigned(note=note):
                return sealer.ask(lambda ledger: signing.cosigned(ledger, note))
            case TellAccess():
                return self._accessed(told)
            case TellRecorderKey(recorder=recorder, reason=reason, by=by):
                piece = journal_book.order(recorder, by_whom=by, reason=reason)
                return {"seq": sealer.submit(piece).result().seq}
            case TellScrub() | TellOffer():
                return self._told_scrub(told)
            case TellIssue() | TellReturn() | TellTripBegin() | TellTripEnd():
                if self._desk is None:
                    raise ValueError("no recorders are handed out here")
                return self._desk.take(told)

    def _told_scrub(self, told: TellScrub | TellOffer) -> object:
        if self._scrub is None:
            raise ValueError("the store is not read again here")
        match told:
            case TellOffer(sha256=sha256):
                return {"came": self._scrub.offered(sha256)}
            case TellScrub(do="now"):
                self._scrub.ask_all()
            case TellScrub(do=do, until_ms=until_ms):
                self._scrub.pause(until_ms if do == "pause" else 0)
        return {"done": told.do}

    def _of_ledger(self, request: Mapping[str, object]) -> object:
        def question(ledger: Ledger) -> object:
            published = self._state.signing.published
            return questions.answer(ledger, request, published=published)

        return self._state.sealer.ask(question)

    def _accessed(self, told: TellAccess) -> dict[str, object]:
        """Write an access down; from the return on it is kept for good."""
        sealed = self._of_ledger({"ask": "clip", "sha256": told.sha256})
        if sealed is None:
            raise ValueError("no entry seals this content")
        # Who it was and why are about people: they stand in the document.
        facts: dict[str, JSON] = {
            "who": told.who,
            "fingerprint": told.fingerprint,
            "reason": told.reason,
        }
        body: dict[str, JSON] = {"sha256": told.sha256, "roles": list[JSON](sorted(told.roles))}

        def finish(_outcome: Outcome) -> tuple[dict[str, JSON], None]:
            return body, None

        piece = Piece(kind="access", docking=None, finish=finish, facts=facts)
        return {"seq": self._state.sealer.submit(piece).result().seq}
