"""A dock with witnesses, and the witnesses: honest ones that remember, for tests to mislead."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, cast

from dock_daemon.answering import Answering
from dock_daemon.evidence.records import Record
from dock_daemon.evidence.state import State
from hashing import checkpoint, note
from hashing.checkpoint import Checkpoint
from hashing.cosignature import CosignerSigner
from hashing.keys import SignerKey
from tests.docks import NOW_MS, DockIn, StandingClock

NOW_S = NOW_MS // 1000
LONG_AGO_S = NOW_S - 4000


@dataclass(slots=True)
class Witness:
    """One that cosigns whatever it is given, and remembers the last."""

    name: str = "central"
    role: str = "witness"
    last: bytes = b""
    key: CosignerSigner = field(init=False)

    def __post_init__(self) -> None:
        seed = sha256(f"seed of {self.name}".encode()).digest()
        self.key = CosignerSigner.generate(f"{self.name}.example/{self.role}", seed)

    def settings(self) -> str:
        """Return what a configuration says of it."""
        return (
            f'[[cosigners]]\nname = "{self.name}"\nrole = "{self.role}"\n'
            f'keys = ["{self.key.verifier()}"]\nurl = "https://{self.name}.example/{self.role}"\n'
        )

    def cosign(self, signed: str, time_s: int = NOW_S) -> str:
        """Return the note with its line, and remember it."""
        text, _ = note.parse(signed.encode())
        self.last = note.with_lines(signed.encode(), [self.key.cosign(text, time_s)])
        return self.last.decode()


@dataclass(frozen=True, slots=True)
class Core:
    """An opened state, spoken to as over its socket."""

    state: State

    def ask(self, what: str, **members: object) -> Any:
        """Ask a question; the answer is JSON."""
        return Answering(self.state).answer({"ask": what, **members})

    def tell(self, what: str, **members: object) -> dict[str, Any]:
        """Tell something."""
        return cast("dict[str, Any]", Answering(self.state).answer({"tell": what, **members}))

    @property
    def signing(self) -> dict[str, Any]:
        """How signing stands."""
        return cast("dict[str, Any]", self.ask("signing"))

    @property
    def head(self) -> str:
        """The note of the newest head."""
        return str(self.signing["head"]["note"])

    @property
    def shown(self) -> Checkpoint:
        """The checkpoint in the log directory."""
        return checkpoint.parse(
            note.parse((self.state.root / "log" / "checkpoint").read_bytes())[0]
        )

    def vouched(self, witness: Witness, time_s: int = NOW_S) -> str:
        """Let a witness cosign the head; return the state that follows."""
        self.tell("cosigned", note=witness.cosign(self.head, time_s))
        return str(self.signing["state"])


NOTE = Record(kind="recovery", docking=None, body={"recovered": "restart"})


@contextmanager
def running(dock: DockIn, *witnesses: Witness, settings: str = "") -> Iterator[Core]:
    """Open a dock that has these witnesses."""
    parts = [settings, *(witness.settings() for witness in witnesses)]
    with dock.open("\n".join(parts)) as state:
        yield Core(state)


def grow(core: Core) -> None:
    """Append an entry, and give the sealer its moment to publish."""
    state, at = core.state, StandingClock().at()
    state.sealer.ask(lambda ledger: ledger.append([NOTE], at))
    state.sealer.ask(lambda ledger: state.signing.publish(ledger, at))


def begun(dock: DockIn, *witnesses: Witness) -> None:
    """Let a dock live once, long ago, with these witnesses."""
    with running(dock, *witnesses) as core:
        grow(core)
        for witness in witnesses:
            assert core.vouched(witness, LONG_AGO_S) == "free"


def key_of(dock: DockIn) -> SignerKey:
    """Return the dock's own signing key, as a thief has it."""
    return SignerKey.parse((dock.root / "key" / "log.key").read_text("ascii").strip())


def forged(dock: DockIn, size: int, root: bytes = b"f" * 32) -> str:
    """Return a head of our log that our log never had, with our signature."""
    key = key_of(dock)
    return note.sign(Checkpoint(key.name, size, root).encode(), [key]).decode()
