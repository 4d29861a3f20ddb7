"""What can go wrong with certificates. Each error carries facts, never advice."""

from pathlib import Path


class CaError(Exception):
    """The certificate authority cannot do what was asked."""


class CaMissingError(CaError):
    """There is no certificate authority in this directory."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} holds no certificate authority")
        self.path = path


class CaExistsError(CaError):
    """A file that would be written is there already."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} exists")
        self.path = path


class CaDamagedError(CaError):
    """A file of the authority is not what it was when it was written."""

    def __init__(self, *, path: Path, detail: str) -> None:
        super().__init__(f"{path}: {detail}")
        self.path = path
        self.detail = detail


class CaNameError(CaError):
    """A name, role, origin or host cannot stand in a certificate."""

    def __init__(self, *, field: str, text: str) -> None:
        super().__init__(f"{field} cannot be {text!r}")
        self.field = field
        self.text = text


class CaSubjectError(CaError):
    """What a certificate is to say does not go with its roles."""

    def __init__(self, *, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")
        self.name = name
        self.problem = problem


class CaSerialError(CaError):
    """No certificate of this serial number was issued here."""

    def __init__(self, serial: str) -> None:
        super().__init__(f"no certificate has the serial number {serial}")
        self.serial = serial


class CaRevokedError(CaError):
    """A certificate that was taken back is not renewed."""

    def __init__(self, *, serial: str, name: str) -> None:
        super().__init__(f"the certificate {serial} of {name} is revoked")
        self.serial = serial
        self.name = name


class CaTooLongError(CaError):
    """A certificate would outlive the authority that vouches for it."""

    def __init__(self, *, days: int, left: int) -> None:
        super().__init__(f"{days} days are asked for and the authority ends in {left}")
        self.days = days
        self.left = left


class CaRequestError(CaError):
    """A certificate request cannot be used."""

    def __init__(self, *, path: Path, detail: str) -> None:
        super().__init__(f"{path}: {detail}")
        self.path = path
        self.detail = detail
