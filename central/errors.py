"""What can go wrong at the centre. Each error carries facts, never advice."""

from pathlib import Path


class CentralError(Exception):
    """Something at the centre went wrong."""


class StateUnusableError(CentralError):
    """A file or directory of the centre cannot be read or written."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class DatabaseError(CentralError):
    """The centre's memory cannot be used."""


class DatabaseUnreachableError(DatabaseError):
    """The database does not answer, or refuses us. The address holds no password."""

    def __init__(self, *, address: str, reason: str) -> None:
        super().__init__(f"{address}: {reason}")
        self.address = address
        self.reason = reason


class DatabaseForeignError(DatabaseError):
    """The database holds tables of another version, or of something else."""

    def __init__(self, *, found: str, known: int) -> None:
        super().__init__(f"the database says version {found}, this program knows {known}")
        self.found = found
        self.known = known


class ContendedError(DatabaseError):
    """Others kept changing the same row before us, again and again."""

    def __init__(self, attempts: int) -> None:
        super().__init__(f"no turn in {attempts} attempts")
        self.attempts = attempts


class DockUnknownError(CentralError):
    """No dock of this origin is enrolled."""

    def __init__(self, origin: str) -> None:
        super().__init__(f"{origin} is not enrolled")
        self.origin = origin


class DockKnownError(CentralError):
    """A dock of this origin is enrolled already."""

    def __init__(self, origin: str) -> None:
        super().__init__(f"{origin} is enrolled already")
        self.origin = origin


class DockKeyError(CentralError):
    """A key cannot be one of this dock's. `problem` is a stable word."""

    def __init__(self, *, origin: str, problem: str, detail: str) -> None:
        super().__init__(f"{origin}: {problem}: {detail}")
        self.origin = origin
        self.problem = problem
        self.detail = detail


class CosignerKeyError(CentralError):
    """A cosigner's key file is missing, open to others, malformed, or of another name."""

    def __init__(self, *, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class AmnesiaError(CentralError):
    """The database knows less than a cosigner's key has signed: the key must not sign again.

    `role` is witness or mirror, `signed` what the mark beside the key says, `known` what the
    database says; None: it knows nothing of the key at all.
    """

    def __init__(self, *, role: str, signed: int, known: int | None) -> None:
        super().__init__(f"the {role} has signed {signed} times, the database knows of {known}")
        self.role = role
        self.signed = signed
        self.known = known


class MirrorDoubtError(CentralError):
    """What lies in a mirrored log is not what was put there."""

    def __init__(self, *, origin: str, detail: str) -> None:
        super().__init__(f"the mirrored log of {origin}: {detail}")
        self.origin = origin
        self.detail = detail


class NotMirroredError(CentralError):
    """Nothing of this dock's log is held here."""

    def __init__(self, origin: str) -> None:
        super().__init__(f"nothing of {origin} is mirrored")
        self.origin = origin


class NoAddressError(CentralError):
    """A dock that is to be asked has no address."""

    def __init__(self, origin: str) -> None:
        super().__init__(f"{origin} has no address")
        self.origin = origin


class DockUrlError(CentralError):
    """A dock cannot be served at such an address."""

    def __init__(self, url: str) -> None:
        super().__init__(f"{url!r} is no address of a dock")
        self.url = url


class FirstUseError(CentralError):
    """A dock could not be enrolled by what it serves. `reason` says why."""

    def __init__(self, *, url: str, reason: str) -> None:
        super().__init__(f"{url}: {reason}")
        self.url = url
        self.reason = reason
