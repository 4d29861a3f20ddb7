"""What can go wrong between the dock and a recorder. Errors carry facts, never advice."""


class BridgeError(Exception):
    """The recorder, or its medium, could not be asked or did not answer sensibly."""


class MediumGoneError(BridgeError):
    """The medium stopped answering: pulled out, or its image became shorter."""

    def __init__(self, *, offset: int, wanted: int, got: int) -> None:
        super().__init__(f"the medium is gone: {got} of {wanted} bytes at offset {offset}")
        self.offset = offset
        self.wanted = wanted
        self.got = got


class MediumReadError(BridgeError):
    """The medium is there, but a range of it cannot be read."""

    def __init__(self, *, offset: int, length: int, reason: str) -> None:
        super().__init__(f"{length} bytes at offset {offset} cannot be read: {reason}")
        self.offset = offset
        self.length = length
        self.reason = reason


class UnknownFilesystemError(BridgeError):
    """The medium holds no file system that the reader walks."""

    def __init__(self, *, found: str) -> None:
        super().__init__(f"file system {found} is not read by this dock")
        self.found = found


class ReaderFailedError(BridgeError):
    """The reader worker died, ran out of its bounds, or broke its protocol."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the volume reader failed: {reason}")
        self.reason = reason


class NotOpenedError(BridgeError):
    """The device or card image could not be opened for reading."""

    def __init__(self, *, path: str, reason: str) -> None:
        super().__init__(f"{path} cannot be opened: {reason}")
        self.path = path
        self.reason = reason


class RecorderError(BridgeError):
    """A recorder could not be asked over its control channel, or its answer is of no use.

    `code` names the kind of trouble in entries, messages and on the control wire.
    """

    code = "recorder-failed"


class ChannelLostError(RecorderError):
    """The way to the recorder is gone: unplugged, or switched off."""

    code = "channel-lost"

    def __init__(self, reason: str) -> None:
        super().__init__(f"the recorder is gone: {reason}")
        self.reason = reason


class ChannelNotOpenedError(RecorderError):
    """The way to the recorder could not be opened: no right to it, held by another, not there."""

    code = "channel-not-opened"

    def __init__(self, *, place: str, reason: str) -> None:
        super().__init__(f"{place} cannot be opened: {reason}")
        self.place = place
        self.reason = reason


class RecorderSilentError(RecorderError):
    """The recorder did not answer in its time."""

    code = "recorder-silent"

    def __init__(self, *, command: str, waited_ms: int) -> None:
        super().__init__(f"no answer to {command} within {waited_ms} ms")
        self.command = command
        self.waited_ms = waited_ms


class BadAnswerError(RecorderError):
    """The recorder answered with something that is no answer."""

    code = "bad-answer"

    def __init__(self, *, command: str, reason: str) -> None:
        super().__init__(f"the answer to {command} is none: {reason}")
        self.command = command
        self.reason = reason


class WireError(BadAnswerError):
    """Bytes are no frame, or no message, of the format they should be in.

    Parsers raise it on either side of the wire; `command` is what was being read.
    """


class RefusedError(RecorderError):
    """The recorder understood, and said no. `status` is its own code for it."""

    code = "recorder-refused"

    def __init__(self, *, command: str, status: int) -> None:
        super().__init__(f"{command} was refused with status {status}")
        self.command = command
        self.status = status


class RecorderBusyError(RecorderError):
    """The recorder cannot do it now: it is recording, or still answering somebody."""

    code = "recorder-busy"

    def __init__(self, *, command: str) -> None:
        super().__init__(f"{command} was put off: the recorder is busy")
        self.command = command


class WrongPasswordError(RecorderError):
    """The recorder refused the password. It is tried once, never again: recorders lock."""

    code = "wrong-password"

    def __init__(self) -> None:
        super().__init__("the recorder refused the password")


class NoPasswordError(RecorderError):
    """The recorder wants a password, and there is none that may be tried."""

    code = "no-password"

    def __init__(self, reason: str) -> None:
        super().__init__(f"there is no password to try: {reason}")
        self.reason = reason


class MissingCapabilityError(RecorderError):
    """What was asked is beyond the model."""

    code = "missing-capability"

    def __init__(self, capability: str) -> None:
        super().__init__(f"this model has no {capability}")
        self.capability = capability


class NotThisRecorderError(RecorderError):
    """The probe found something else than the driver is for."""

    code = "not-this-recorder"

    def __init__(self, reason: str) -> None:
        super().__init__(f"it is not a recorder of this kind: {reason}")
        self.reason = reason


class TextTooLongError(RecorderError):
    """What is to be written does not fit into a field of the recorder's. Nothing was sent."""

    code = "text-too-long"

    def __init__(self, *, field: str, limit: int, got: int) -> None:
        super().__init__(f"{field} takes {limit} bytes, not {got}")
        self.field = field
        self.limit = limit
        self.got = got


class UnwritableTextError(RecorderError):
    """What is to be written would not be read back as itself. Nothing was sent."""

    code = "unwritable-text"

    def __init__(self, field: str) -> None:
        super().__init__(f"{field} holds what the recorder cannot keep as it is")
        self.field = field


class ControlFailedError(RecorderError):
    """The control worker died, ran out of its bounds, or broke its protocol."""

    code = "control-failed"

    def __init__(self, reason: str) -> None:
        super().__init__(f"the control worker failed: {reason}")
        self.reason = reason
