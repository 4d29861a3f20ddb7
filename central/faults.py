"""One table: what each error means to those who run the centre.

An error carries facts; here stand its fault code, its exit code, and whether trying again
can help. The sentence and the remedy stand in the messages, under `central-fault.<code>.what`
and `.remedy`, in each language. An error without a row of its own takes that of its nearest
base; a test asserts that every error finds one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from central import errors as centre
from central.ca import errors as ca
from config.errors import ConfigError
from config.exit_codes import ExitCode
from config.messages import say
from hashing.errors import EvidenceError
from transport import errors as transport


@dataclass(frozen=True, slots=True)
class Fault:
    """What an error means: a stable code, how a command ends by it, and whether to retry."""

    code: str
    exit_code: ExitCode
    retry: bool = False


NO_SUCH_CONFIG: Final = Fault("config", ExitCode.NOT_FOUND)

TABLE: Final[Mapping[type[Exception], Fault]] = {
    ConfigError: Fault("config", ExitCode.FAILED),
    EvidenceError: Fault("evidence", ExitCode.VERIFICATION_FAILED),
    transport.TransportError: Fault("transport", ExitCode.FAILED, retry=True),
    transport.ListenError: Fault("listen", ExitCode.FAILED),
    transport.TlsFileError: Fault("tls-file", ExitCode.FAILED),
    transport.LinkError: Fault("link", ExitCode.FAILED, retry=True),
    centre.CentralError: Fault("central", ExitCode.FAILED),
    centre.StateUnusableError: Fault("state-unusable", ExitCode.FAILED),
    centre.DatabaseError: Fault("database", ExitCode.FAILED, retry=True),
    centre.DatabaseUnreachableError: Fault("database-unreachable", ExitCode.FAILED, retry=True),
    centre.DatabaseForeignError: Fault("database-foreign", ExitCode.FAILED),
    centre.ContendedError: Fault("contended", ExitCode.BUSY, retry=True),
    centre.DockUnknownError: Fault("dock-unknown", ExitCode.NOT_FOUND),
    centre.DockKnownError: Fault("dock-known", ExitCode.FAILED),
    centre.DockKeyError: Fault("dock-key", ExitCode.FAILED),
    centre.DockUrlError: Fault("dock-url", ExitCode.USAGE),
    centre.CosignerKeyError: Fault("cosigner-key", ExitCode.FAILED),
    centre.AmnesiaError: Fault("amnesia", ExitCode.FAILED),
    # What lies here is not what was put here: the evidence itself is in doubt.
    centre.MirrorDoubtError: Fault("mirror-doubt", ExitCode.VERIFICATION_FAILED),
    centre.NotMirroredError: Fault("not-mirrored", ExitCode.NOT_FOUND),
    centre.NoAddressError: Fault("no-address", ExitCode.NOT_FOUND),
    centre.FirstUseError: Fault("first-use", ExitCode.FAILED, retry=True),
    ca.CaError: Fault("ca", ExitCode.FAILED),
    ca.CaMissingError: Fault("ca-missing", ExitCode.NOT_FOUND),
    ca.CaExistsError: Fault("ca-exists", ExitCode.FAILED),
    ca.CaDamagedError: Fault("ca-damaged", ExitCode.FAILED),
    ca.CaNameError: Fault("ca-name", ExitCode.USAGE),
    ca.CaSerialError: Fault("ca-serial", ExitCode.NOT_FOUND),
    ca.CaRevokedError: Fault("ca-revoked", ExitCode.NOT_PERMITTED),
    ca.CaSubjectError: Fault("ca-subject", ExitCode.USAGE),
    ca.CaTooLongError: Fault("ca-too-long", ExitCode.FAILED),
    ca.CaRequestError: Fault("ca-request", ExitCode.FAILED),
}

EXPECTED: Final = (
    ConfigError,
    EvidenceError,
    transport.TransportError,
    centre.CentralError,
    ca.CaError,
)
"""What a command may end with; anything else is a bug, and shown as one."""


def fault_of(error: Exception) -> Fault:
    """Return the row of an error: its own, else its nearest base's; LookupError if none."""
    if isinstance(error, ConfigError) and error.problem == "no-directory":
        return NO_SUCH_CONFIG
    for kind in type(error).__mro__:
        if issubclass(kind, Exception) and kind in TABLE:
            return TABLE[kind]
    raise LookupError(type(error).__name__)


def sentence(error: Exception, lang: str) -> str:
    """Return what happened, as a sentence of facts."""
    return say(f"central-fault.{fault_of(error).code}.what", lang, **_facts(error, lang))


def remedy(error: Exception, lang: str) -> str:
    """Return what to do about it."""
    if isinstance(error, ConfigError):
        return say(f"config-problem.{error.problem}.remedy", lang, **error.facts)
    return say(f"central-fault.{fault_of(error).code}.remedy", lang, **_facts(error, lang))


def _facts(error: Exception, lang: str) -> dict[str, object]:
    if isinstance(error, ConfigError):
        problem = say(f"config-problem.{error.problem}.what", lang, **error.facts)
        place = f"{error.source}: {error.where}" if error.where else error.source
        return {"place": place, "problem": problem}
    facts: dict[str, object] = {"detail": str(error), **vars(error)}
    if isinstance(error, centre.DockKeyError):
        facts["problem"] = say(f"dock-key-problem.{error.problem}", lang)
    if isinstance(error, ca.CaSubjectError):
        facts["problem"] = say(f"ca-subject-problem.{error.problem}", lang)
    return facts
