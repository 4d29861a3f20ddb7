"""The witness: it cosigns a log's head if it grows from the one it cosigned before.

C2SP tlog-witness. It needs no entries, only proofs; what it signs it has made durable first.
"""

from sqlalchemy import select

from central.cosigning.acceptance import Acceptance, Begins, Clock
from central.cosigning.cosigner import WITNESS, Cosigner
from central.cosigning.outcomes import Outcome, Sender
from central.database.database import Database
from central.database.tables import DOCKS, HEADS
from central.register.docks import Register
from hashing.submission import origin_hash


class Witness:
    """One witness. Its methods may be called from many threads, and raise CentralError."""

    def __init__(
        self, database: Database, cosigner: Cosigner, *, clock: Clock, begins: Begins
    ) -> None:
        """Sign with `cosigner`; `begins` tells of the copy that a mirror beside it holds."""
        self.cosigner = cosigner
        self._database = database
        self._register = Register(database)
        self._acceptance = Acceptance(
            WITNESS, database, clock=clock, cosigner=cosigner, begins=begins
        )

    def add_checkpoint(self, body: bytes, sender: Sender) -> Outcome:
        """Return what the body of an add-checkpoint deserves."""
        return self._acceptance.take(body, sender)

    def checkpoint(self, name: str) -> bytes | None:
        """Return the newest cosigned checkpoint of the log that paths call `name`.

        None only if there never was one (tlog-witness): a dock that is taken out of the
        register, and asks, must not hear that nothing is remembered.
        """
        dock = self._register.find(name)
        origin = self._former(name) if dock is None else dock.origin
        held = None if origin is None else self._acceptance.held(origin)
        return None if held is None else held.note

    def _former(self, name: str) -> str | None:
        """Return the origin of a log that was cosigned, and whose dock is not enrolled."""
        former = select(HEADS.c.origin).where(
            HEADS.c.role == WITNESS, HEADS.c.origin.not_in(select(DOCKS.c.origin))
        )
        with self._database.reading() as connection:
            origins = connection.scalars(former).all()
        return next((origin for origin in origins if origin_hash(origin) == name), None)
