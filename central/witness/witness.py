"""The witness: it cosigns a log's head if it grows from the one it cosigned before.

C2SP tlog-witness. It needs no entries, only proofs; what it signs it has made durable first.
"""

from central.cosigning.acceptance import Acceptance, Begins, Clock
from central.cosigning.cosigner import WITNESS, Cosigner
from central.cosigning.outcomes import Outcome, Sender
from central.database.database import Database
from central.register.docks import Register


class Witness:
    """One witness. Its methods may be called from many threads, and raise CentralError."""

    def __init__(
        self, database: Database, cosigner: Cosigner, *, clock: Clock, begins: Begins
    ) -> None:
        """Sign with `cosigner`; `begins` tells of the copy that a mirror beside it holds."""
        self.cosigner = cosigner
        self._register = Register(database)
        self._acceptance = Acceptance(
            WITNESS, database, clock=clock, cosigner=cosigner, begins=begins
        )

    def add_checkpoint(self, body: bytes, sender: Sender) -> Outcome:
        """Return what the body of an add-checkpoint deserves."""
        return self._acceptance.take(body, sender)

    def checkpoint(self, name: str) -> bytes | None:
        """Return the newest cosigned checkpoint of the log that paths call `name`."""
        dock = self._register.find(name)
        held = None if dock is None else self._acceptance.held(dock.origin)
        return None if held is None else held.note
