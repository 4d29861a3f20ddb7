"""One table: what each error means to those who run the dock.

An error carries facts; here stand its fault code, its exit code, and whether trying again
can help. The sentence and the remedy stand in the messages, under `fault.<code>.what` and
`fault.<code>.remedy`, in each language. An error without a row of its own takes that of its
nearest base; a test asserts that every error finds one.
"""

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from config import text
from config.errors import ConfigError
from config.exit_codes import ExitCode
from config.messages import say, term
from dock_daemon import errors as dock
from firmware_bridge import errors as bridge
from hashing.errors import EvidenceError
from transport import errors as transport


@dataclass(frozen=True, slots=True)
class Fault:
    """What an error means: a stable code, how a command ends by it, and whether to retry."""

    code: str
    exit_code: ExitCode
    retry: bool = False
    sizes: tuple[str, ...] = ()
    """Facts that are numbers of bytes, to be shown as sizes."""


NOT_PERMITTED: Final = Fault("not-permitted", ExitCode.NOT_PERMITTED)
NO_SUCH_SOURCE: Final = Fault("source-not-found", ExitCode.NOT_FOUND)
NO_SUCH_CONFIG: Final = Fault("config", ExitCode.NOT_FOUND)

TABLE: Final[Mapping[type[Exception], Fault]] = {
    ConfigError: Fault("config", ExitCode.FAILED),
    EvidenceError: Fault("evidence", ExitCode.VERIFICATION_FAILED),
    bridge.BridgeError: Fault("recorder", ExitCode.FAILED, retry=True),
    bridge.MediumGoneError: Fault("medium-gone", ExitCode.PARTIAL, retry=True),
    bridge.MediumReadError: Fault("medium-read", ExitCode.PARTIAL, retry=True),
    bridge.UnknownFilesystemError: Fault("unknown-filesystem", ExitCode.FAILED),
    bridge.ReaderFailedError: Fault("reader-failed", ExitCode.FAILED, retry=True),
    bridge.NotOpenedError: Fault("not-opened", ExitCode.FAILED),
    transport.TransportError: Fault("transport", ExitCode.FAILED, retry=True),
    transport.ListenError: Fault("listen", ExitCode.FAILED),
    transport.TlsFileError: Fault("tls-file", ExitCode.FAILED),
    bridge.RecorderError: Fault("recorder-failed", ExitCode.FAILED, retry=True),
    bridge.ChannelLostError: Fault("channel-lost", ExitCode.FAILED, retry=True),
    bridge.ChannelNotOpenedError: Fault("channel-not-opened", ExitCode.NOT_FOUND),
    bridge.RecorderSilentError: Fault("recorder-silent", ExitCode.FAILED, retry=True),
    bridge.BadAnswerError: Fault("bad-answer", ExitCode.FAILED, retry=True),
    bridge.RefusedError: Fault("recorder-refused", ExitCode.FAILED),
    bridge.RecorderBusyError: Fault("recorder-busy", ExitCode.BUSY, retry=True),
    # Never retried by itself: recorders lock.
    bridge.WrongPasswordError: Fault("wrong-password", ExitCode.FAILED),
    bridge.NoPasswordError: Fault("no-password", ExitCode.FAILED),
    bridge.MissingCapabilityError: Fault("missing-capability", ExitCode.FAILED),
    bridge.NotThisRecorderError: Fault("not-this-recorder", ExitCode.NOT_FOUND),
    bridge.TextTooLongError: Fault("text-too-long", ExitCode.FAILED),
    bridge.UnwritableTextError: Fault("unwritable-text", ExitCode.FAILED),
    bridge.ControlFailedError: Fault("control-failed", ExitCode.FAILED, retry=True),
    dock.DockError: Fault("dock", ExitCode.FAILED),
    dock.ClipError: Fault("clip", ExitCode.PARTIAL, retry=True),
    dock.ReadBackError: Fault("read-back", ExitCode.FAILED),
    dock.ContentLengthError: Fault(
        "content-length", ExitCode.PARTIAL, retry=True, sizes=("expected", "copied")
    ),
    dock.UnsayableError: Fault("unsayable", ExitCode.PARTIAL),
    dock.SyncFailedError: Fault("sync-failed", ExitCode.FAILED),
    dock.DockFullError: Fault("dock-full", ExitCode.FAILED, sizes=("needed", "free")),
    dock.DockingError: Fault("docking", ExitCode.FAILED, retry=True),
    dock.StoppedError: Fault("stopped", ExitCode.INTERRUPTED, retry=True),
    dock.SourceNotFoundError: NO_SUCH_SOURCE,
    dock.StateError: Fault("state", ExitCode.FAILED),
    dock.StateBusyError: Fault("state-busy", ExitCode.BUSY, retry=True),
    dock.DismissBusyError: Fault("dismiss-busy", ExitCode.BUSY),
    dock.StateMissingError: Fault("state-missing", ExitCode.NOT_FOUND),
    dock.StateUnusableError: Fault("state-unusable", ExitCode.FAILED),
    dock.StateFullError: Fault("state-full", ExitCode.FAILED),
    dock.OriginDiffersError: Fault("origin-differs", ExitCode.FAILED),
    dock.DaemonUnreachableError: Fault(
        "daemon-unreachable", ExitCode.DAEMON_UNREACHABLE, retry=True
    ),
    dock.CoreAwayError: Fault("core-away", ExitCode.DAEMON_UNREACHABLE, retry=True),
    dock.SyncBusyError: Fault("sync-busy", ExitCode.BUSY, retry=True),
    dock.NothingPublishedError: Fault("nothing-published", ExitCode.NOT_FOUND, retry=True),
    dock.ReplicaError: Fault("replica", ExitCode.FAILED, retry=True),
    dock.ReplicaUnsetError: Fault("replica-unset", ExitCode.USAGE),
    dock.ReplicaTargetError: Fault("replica-target", ExitCode.FAILED, retry=True),
    dock.ReplicaFullError: Fault("replica-full", ExitCode.FAILED, retry=True),
    dock.ReplicaOtherError: Fault("replica-other", ExitCode.FAILED),
    # Either a state that was set back, or a copy that is another's: both want a person.
    dock.ReplicaAheadError: Fault("replica-ahead", ExitCode.VERIFICATION_FAILED),
    dock.RcloneMissingError: Fault("rclone-missing", ExitCode.NOT_FOUND),
    dock.CosignerKeyError: Fault("cosigner-key", ExitCode.FAILED),
    dock.SigningWaitsError: Fault("signing-waits", ExitCode.WARNINGS, retry=True),
    dock.SigningStoppedError: Fault("signing-stopped", ExitCode.WARNINGS),
    dock.KeyChangeOpenError: Fault("key-change-open", ExitCode.FAILED),
    dock.NoKeyChangeError: Fault("no-key-change", ExitCode.FAILED),
    dock.KeyChangeUnsignedError: Fault("key-change-unsigned", ExitCode.FAILED, retry=True),
    dock.DockingUnknownError: Fault("docking-unknown", ExitCode.NOT_FOUND),
    dock.DockingOpenError: Fault("docking-open", ExitCode.FAILED, retry=True),
    dock.DockingUnpublishedError: Fault("docking-unpublished", ExitCode.FAILED, retry=True),
    dock.ClipUnknownError: Fault("clip-unknown", ExitCode.NOT_FOUND),
    dock.EntryUnpublishedError: Fault("entry-unpublished", ExitCode.FAILED, retry=True),
    dock.OutputExistsError: Fault("output-exists", ExitCode.FAILED),
    dock.OutputError: Fault("output", ExitCode.FAILED),
    dock.NoAlarmError: Fault("no-alarm", ExitCode.NOT_FOUND),
    dock.AlarmProvedError: Fault("alarm-proved", ExitCode.FAILED),
    dock.UnpublishedError: Fault("unpublished", ExitCode.FAILED, retry=True),
    # Evidence in doubt is latched and shown, never retried and never repaired. Only where
    # the entries and the published log contradict each other is it a failed verification:
    # a wrong disk or a missing key says nothing about the evidence.
    dock.DoubtError: Fault("doubt", ExitCode.FAILED),
    dock.LedgerDoubtError: Fault("ledger-doubt", ExitCode.VERIFICATION_FAILED),
    dock.LedgerDiskError: Fault("ledger-disk", ExitCode.FAILED),
    dock.StoreDoubtError: Fault("store-doubt", ExitCode.FAILED),
    dock.HashDoubtError: Fault("hash-doubt", ExitCode.FAILED),
    dock.KeyDoubtError: Fault("key-doubt", ExitCode.FAILED),
}

EXPECTED: Final = (
    ConfigError,
    EvidenceError,
    bridge.BridgeError,
    dock.DockError,
    transport.TransportError,
)
"""What a command may end with; anything else is a bug, and shown as one."""

_REFUSED: Final = frozenset({os.strerror(errno.EACCES), os.strerror(errno.EPERM)})


def fault_of(error: Exception) -> Fault:
    """Return the row of an error: its own, else its nearest base's; LookupError if none."""
    # The reader tells in words why it could not open: it may be another process, and user.
    if isinstance(error, bridge.NotOpenedError | dock.StateUnusableError):
        if error.reason in _REFUSED:
            return NOT_PERMITTED
        if isinstance(error, bridge.NotOpenedError) and error.reason == os.strerror(errno.ENOENT):
            return NO_SUCH_SOURCE
    if isinstance(error, ConfigError) and error.problem == "no-directory":
        return NO_SUCH_CONFIG
    for kind in type(error).__mro__:
        if issubclass(kind, Exception) and kind in TABLE:
            return TABLE[kind]
    raise LookupError(type(error).__name__)


def sentence(error: Exception, lang: str) -> str:
    """Return what happened, as a sentence of facts."""
    return say(f"fault.{fault_of(error).code}.what", lang, **_facts(error, lang))


def remedy(error: Exception, lang: str) -> str:
    """Return what to do about it."""
    if isinstance(error, ConfigError):
        return say(f"config-problem.{error.problem}.remedy", lang, **error.facts)
    return say(f"fault.{fault_of(error).code}.remedy", lang, **_facts(error, lang))


def _facts(error: Exception, lang: str) -> dict[str, object]:
    if isinstance(error, ConfigError):
        problem = say(f"config-problem.{error.problem}.what", lang, **error.facts)
        place = f"{error.source}: {error.where}" if error.where else error.source
        return {"place": place, "problem": problem}
    facts: dict[str, object] = {"detail": str(error), **vars(error)}
    if isinstance(error, bridge.NotOpenedError):
        facts["reason"] = term("not-opened", error.reason, lang)
    if isinstance(error, transport.TlsFileError):
        facts["problem"] = term("tls-problem", error.problem, lang)
    if isinstance(error, transport.ListenError):
        facts["problem"] = term("listen-problem", error.problem, lang)
    for name in fault_of(error).sizes:
        facts[name] = text.size(int(str(facts[name])))
    return facts
