"""What this process asks the core and tells it, over the dock's own socket."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

import msgspec

from dock_daemon import control
from dock_daemon.errors import CoreAwayError, DaemonUnreachableError

State: TypeAlias = Literal["free", "asking", "granted", "held", "stopped"]
WitnessAnswer: TypeAlias = Literal["head", "none", "unreachable", "refused", "size"]

UNDECIDED: Final = frozenset({"asking", "held"})
"""The core does not sign until its witnesses have been heard."""

# The core reads one line of 256 KiB at most (docs/control.md); JSON writes a dash as six bytes.
MAX_TOLD_NOTE: Final = 40_000


class Signing(msgspec.Struct, frozen=True, kw_only=True):
    """How signing stands."""

    state: State
    why: str = ""
    origin: str = ""
    vkeys: tuple[str, ...] = ()
    entries: int = 0
    signed: int = 0
    published: int = 0
    alarm: dict[str, object] | None = None


class KeptLine(msgspec.Struct, frozen=True, kw_only=True):
    """A cosignature that the core has made a fact of its log."""

    name: str
    size: int = 0
    time_s: int = 0


class RefusedLine(msgspec.Struct, frozen=True, kw_only=True):
    """A cosignature that the core does not believe."""

    name: str
    why: str = ""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the cosignatures that were told."""

    kept: tuple[KeptLine, ...] = ()
    refused: tuple[RefusedLine, ...] = ()


class Damaged(msgspec.Struct, frozen=True, kw_only=True):
    """Content that the dock does not hold as it was sealed."""

    room: Literal["clips", "documents"]
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}\\Z")]


class _DamagedList(msgspec.Struct, frozen=True, kw_only=True):
    damaged: tuple[Damaged, ...]


class _Came(msgspec.Struct, frozen=True, kw_only=True):
    came: Literal["taken", "replaced", "not-damaged", "not-there", "differs", "failed"]


class _Stands(msgspec.Struct, frozen=True, kw_only=True):
    state: State


StructKind = TypeVar("StructKind", bound=msgspec.Struct)
Ask: TypeAlias = Callable[[Path, control.Request], object | None]


class Core:
    """The core that holds a state directory.

    Every method blocks until the core has answered, and raises CoreAwayError where none
    runs or may be asked, DaemonUnreachableError where one runs and does not answer well.
    """

    def __init__(self, state: Path, ask: Ask = control.ask) -> None:
        self._state = state
        self._ask = ask

    def signing(self) -> Signing:
        """Return how signing stands."""
        return self._converted(self._answer({"ask": "signing"}), Signing)

    def tell_witness(
        self,
        name: str,
        answer: WitnessAnswer,
        *,
        note: bytes | None = None,
        size: int | None = None,
        detail: str = "",
    ) -> State:
        """Tell what a cosigner said when it was asked about our log; return how signing stands."""
        text = None if note is None else note.decode("utf-8", "replace")
        told = {"tell": "witness", "name": name, "answer": answer, "note": text, "size": size}
        return self._converted(self._answer({**told, "detail": detail}), _Stands).state

    def tell_cosigned(self, note: bytes) -> Kept:
        """Tell of cosignatures: a checkpoint of ours with the lines of its cosigners."""
        told = {"tell": "cosigned", "note": note.decode("utf-8", "replace")}
        return self._converted(self._answer(told), Kept)

    def damaged(self) -> tuple[Damaged, ...]:
        """Return what the dock has lost, as far as one answer names it."""
        return self._converted(self._answer({"ask": "damaged"}), _DamagedList).damaged

    def offer(
        self, sha256: str
    ) -> Literal["taken", "replaced", "not-damaged", "not-there", "differs", "failed"]:
        """Tell that a copy lies ready; return what came of it, or `taken` while it is looked at."""
        told = {"tell": "offer", "sha256": sha256}
        return self._converted(self._answer(told), _Came).came

    def _answer(self, request: Mapping[str, object]) -> object:
        try:
            answer = self._ask(self._state, request)
        except PermissionError as error:
            raise CoreAwayError(self._state, error.strerror or str(error)) from error
        if answer is None:
            raise CoreAwayError(self._state, "nobody listens on its socket")
        return answer

    def _converted(self, answer: object, kind: type[StructKind]) -> StructKind:
        try:
            return msgspec.convert(answer, kind)
        except msgspec.ValidationError as error:
            raise DaemonUnreachableError(self._state / control.NAME, str(error)) from error
