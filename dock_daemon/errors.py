"""What can go wrong inside the dock. Each error carries facts, never advice.

Three rings: a clip fails (`ClipError`), a docking fails (`DockingError`), or the
evidence itself is in doubt (`DoubtError`), and then the whole dock stops.
"""

from pathlib import Path


class DockError(Exception):
    """Something in the dock went wrong."""


class ClipError(DockError):
    """One clip could not be sealed; the others go on."""


class ReadBackError(ClipError):
    """What the disk gives back is not what was written to it."""

    def __init__(self, *, expected: str, found: str) -> None:
        super().__init__(f"read back {found[:16]}… where {expected[:16]}… was written")
        self.expected = expected
        self.found = found


class ContentLengthError(ClipError):
    """The medium gave another number of bytes than its directory promised."""

    def __init__(self, *, expected: int, copied: int) -> None:
        super().__init__(f"{copied} bytes came over where {expected} were listed")
        self.expected = expected
        self.copied = copied


class UnsayableError(ClipError):
    """What is known of a file has no form in which it could be written down."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"it cannot be written down: {reason}")
        self.reason = reason


class SyncFailedError(ClipError):
    """The disk refused to make a group of files durable; none of them counts."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the store could not be made durable: {reason}")
        self.reason = reason


class DockFullError(ClipError):
    """The store has no room for what should come next."""

    def __init__(self, *, needed: int, free: int) -> None:
        super().__init__(f"{needed} bytes are needed and {free} are free")
        self.needed = needed
        self.free = free


class DockingError(DockError):
    """A docking cannot go on."""


class StoppedError(DockingError):
    """We were told to let go of the recorder."""


class SourceNotFoundError(DockingError):
    """There is no such device, card image or folder."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} does not exist")
        self.path = path


class StateError(DockError):
    """The state directory cannot be used as it is."""


class StateBusyError(StateError):
    """Another process holds the state directory."""

    def __init__(self, path: Path, holder: str) -> None:
        super().__init__(f"{path} is held by {holder}")
        self.path = path
        self.holder = holder


class DismissBusyError(StateBusyError):
    """An alarm is to be dismissed while the dock runs."""


class StateMissingError(StateError):
    """There is no dock state at this place yet."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} holds no dock state")
        self.path = path


class StateUnusableError(StateError):
    """The state directory cannot be made or opened."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class StateFullError(StateError):
    """The disk of the state directory has no room, not even to start."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"the disk of {path} is full")
        self.path = path


class OriginDiffersError(StateError):
    """The settings name another dock than the one whose state this is."""

    def __init__(self, *, found: str, wanted: str) -> None:
        super().__init__(f"the state is that of {found}, the settings say {wanted}")
        self.found = found
        self.wanted = wanted


class DaemonUnreachableError(StateError):
    """The dock's daemon holds the state but does not answer on its socket."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class CoreAwayError(StateError):
    """No core runs on this state, or it may not be asked by us."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class SyncBusyError(StateError):
    """Another process brings this dock's log out already."""

    def __init__(self, path: Path, holder: str) -> None:
        super().__init__(f"{path} is held by {holder}")
        self.path = path
        self.holder = holder


class NothingPublishedError(StateError):
    """The dock has not published anything yet."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} holds no checkpoint")
        self.path = path


class ReplicaError(DockError):
    """Store and log could not be copied to where they should go."""


class ReplicaUnsetError(ReplicaError):
    """Nobody has said where the copy should go."""


class ReplicaTargetError(ReplicaError):
    """The place for the copy cannot be used, or is no longer there."""

    def __init__(self, target: str, reason: str) -> None:
        super().__init__(f"{target}: {reason}")
        self.target = target
        self.reason = reason


class ReplicaFullError(ReplicaError):
    """The place for the copy has no room for more."""

    def __init__(self, target: str) -> None:
        super().__init__(f"{target} is full")
        self.target = target


class ReplicaOtherError(ReplicaError):
    """Another dock's copy lies where ours should go."""

    def __init__(self, target: str, *, found: str, wanted: str) -> None:
        super().__init__(f"{target} holds the log of {found}, this is {wanted}")
        self.target = target
        self.found = found
        self.wanted = wanted


class ReplicaAheadError(ReplicaError):
    """The copy holds more of the log than the dock, or another log of the same length."""

    def __init__(self, target: str, *, held: int, ours: int) -> None:
        super().__init__(f"{target} holds {held} entries, the dock {ours}")
        self.target = target
        self.held = held
        self.ours = ours


class RcloneMissingError(ReplicaError):
    """The copy should go to an rclone remote, and there is no rclone."""

    def __init__(self, target: str) -> None:
        super().__init__(f"{target} needs rclone")
        self.target = target


class CosignerKeyError(StateError):
    """The settings name a cosigner's key that is none, or cannot be used here."""

    def __init__(self, cosigner: str, reason: str) -> None:
        super().__init__(f"a key of the cosigner {cosigner}: {reason}")
        self.cosigner = cosigner
        self.reason = reason


class SigningWaitsError(DockError):
    """Clips are sealed and safe; publishing them waits for a witness, or an operator."""

    def __init__(self, count: int, why: str) -> None:
        super().__init__(f"{count} entries wait to be signed ({why})")
        self.count = count
        self.why = why


class SigningStoppedError(DockError):
    """Somebody knows another log under our name: nothing is signed any more."""

    def __init__(self, count: int, why: str) -> None:
        super().__init__(f"signing has stopped ({why}); {count} entries wait")
        self.count = count
        self.why = why


class KeyChangeOpenError(StateError):
    """The log's key is to be changed, and its last change has not ended."""

    def __init__(self, old: str, new: str) -> None:
        super().__init__(f"{old} is not retired yet; {new} has joined it")
        self.old = old
        self.new = new


class NoKeyChangeError(StateError):
    """A key is to be retired, and no newer one has joined it."""

    def __init__(self, vkey: str) -> None:
        super().__init__(f"{vkey} signs this log alone")
        self.vkey = vkey


class KeyChangeUnsignedError(StateError):
    """A key is to be retired, and no checkpoint bears both signatures yet."""

    def __init__(self, seq: int) -> None:
        super().__init__(f"no checkpoint covers entry {seq}, which changed the key")
        self.seq = seq


class DockingUnknownError(DockError):
    """There is no docking of this number."""

    def __init__(self, docking: int) -> None:
        super().__init__(f"there is no docking {docking}")
        self.docking = docking


class DockingOpenError(DockError):
    """What is asked for exists once a docking has ended, and it has not."""

    def __init__(self, docking: int) -> None:
        super().__init__(f"docking {docking} has not ended")
        self.docking = docking


class DockingUnpublishedError(DockError):
    """A docking has ended, and no published checkpoint covers it yet."""

    def __init__(self, docking: int, seq: int) -> None:
        super().__init__(f"entry {seq}, which ends docking {docking}, is not published")
        self.docking = docking
        self.seq = seq


class ClipUnknownError(DockError):
    """No entry of this log seals this content, or there is no such entry."""

    def __init__(self, what: str) -> None:
        super().__init__(f"no entry seals {what}")
        self.what = what


class EntryUnpublishedError(DockError):
    """An entry is kept, and no published checkpoint covers it yet."""

    def __init__(self, seq: int, size: int) -> None:
        super().__init__(f"entry {seq} is not among the {size} published ones")
        self.seq = seq
        self.size = size


class OutputExistsError(DockError):
    """A file that is to be written is there already."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is there already")
        self.path = path


class OutputError(DockError):
    """A file cannot be written where it was asked for."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class NoAlarmError(DockError):
    """No alarm stands that could be dismissed."""

    def __init__(self) -> None:
        super().__init__("no alarm stands")


class AlarmProvedError(DockError):
    """An alarm rests on a signature, not on somebody's word: nobody can dismiss it."""

    def __init__(self, where: str) -> None:
        super().__init__(f"{where} holds the proof")
        self.where = where


class UnpublishedError(DockError):
    """Clips are sealed and safe, but the published log does not show them yet."""

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} entries are not published")
        self.count = count


class DoubtError(DockError):
    """Evidence is in doubt: the dock stops, and nothing is repaired by itself."""


class LedgerDoubtError(DoubtError):
    """The ledger does not hold together, or contradicts the published log."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the ledger is in doubt: {reason}")
        self.reason = reason


class LedgerDiskError(DoubtError):
    """The ledger's disk refuses: nothing can be committed; nothing says that entries changed."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the ledger's disk fails: {reason}")
        self.reason = reason


class StoreDoubtError(DoubtError):
    """The store is not the one the ledger speaks of, or its disk cannot be trusted."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the store is in doubt: {reason}")
        self.reason = reason


class HashDoubtError(DoubtError):
    """The processor computes SHA-256 wrongly; `core` is None where it is not known which one."""

    def __init__(self, *, core: int | None, expected: str, found: str) -> None:
        super().__init__(f"core {core}: SHA-256 gives {found}, and it is {expected}")
        self.core = "?" if core is None else str(core)
        self.expected = expected
        self.found = found


class KeyDoubtError(DoubtError):
    """The log's key is missing, unreadable, or not the one in the genesis entry."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the log key is in doubt: {reason}")
        self.reason = reason
