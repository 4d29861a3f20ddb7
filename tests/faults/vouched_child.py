"""A dock and its witness for a while, in a process that may be killed: `FOLDER ROUNDS`.

    FOLDER/state     the dock
    FOLDER/witness   the witness's memory: every head that it ever cosigned, the last in `last`
    FOLDER/stick     where the dock copies its head, if FOLDER lies on another medium

The witness is an honest one: it remembers before it answers, and cosigns only what grows.
"""

import sys
from pathlib import Path

from dock_daemon.evidence import durable
from hashing import checkpoint, cosignature, note, proofs
from hashing.checkpoint import Checkpoint
from tests.docks import DockIn
from tests.witnessed import NOW_S, Core, Witness, grow, running


class Refused(Exception):  # noqa: N818  it is the witness that speaks
    """The witness was shown a log that does not grow from what it knows."""


class Memory:
    """What the witness knows, on its own disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last = folder / "last"
        folder.mkdir(exist_ok=True)

    def head(self) -> Checkpoint | None:
        """Return the newest head that it cosigned."""
        if not self._last.exists():
            return None
        return checkpoint.parse(note.parse(self._last.read_bytes())[0])

    def answer(self) -> dict[str, object]:
        """Return what it says when it is asked about the log."""
        if not self._last.exists():
            return {"answer": "none"}
        return {"answer": "head", "note": self._last.read_text()}

    def _now_s(self) -> int:
        """Return a time that is later than the last: its clock goes on with each cosignature."""
        if not self._last.exists():
            return NOW_S
        return cosignature.time_of(note.parse(self._last.read_bytes())[1][-1]) + 1

    def add(self, signed: str, witness: Witness, log: Path) -> str:
        """Check that a head grows from the last one, remember it, and return it cosigned."""
        new, old = checkpoint.parse(note.parse(signed.encode())[0]), self.head()
        if old is not None:
            if new.size < old.size:
                raise Refused(f"{new.size} after {old.size}")
            proof = proofs.consistency(old.size, new.size, lambda path: (log / path).read_bytes())
            proofs.check_consistency(old.size, new.size, old.root, new.root, proof)
        cosigned = witness.cosign(signed, self._now_s())
        name = f"{new.size}-{new.root.hex()}"
        durable.replace(self._folder / name, cosigned.encode())
        durable.replace(self._last, cosigned.encode())
        return cosigned


def live(dock: DockIn, rounds: int) -> None:
    """Start, ask, and grow for some rounds; raise AssertionError where it signs unasked."""
    witness, memory = Witness(), Memory(dock.folder / "witness")
    settings = f'[log]\nhead_copy = "{dock.folder / "stick"}"\n'
    with running(dock, witness, settings=settings) as core:
        before = core.signing["signed"]
        if core.signing["state"] == "asking":
            grow(core)
            assert core.signing["signed"] == before, "signed before anybody was asked"
        told = core.tell("witness", name=witness.name, **memory.answer())
        assert told["state"] != "stopped", told
        if core.signing["head"] is not None:
            push(core, witness, memory)
        assert core.signing["state"] in {"free", "granted"}, core.signing
        for _ in range(rounds):
            grow(core)
            push(core, witness, memory)


def push(core: Core, witness: Witness, memory: Memory) -> None:
    """Bring the head to the witness, and its word back."""
    core.tell("cosigned", note=memory.add(core.head, witness, core.state.root / "log"))


if __name__ == "__main__":
    live(DockIn(Path(sys.argv[1])), int(sys.argv[2]))
