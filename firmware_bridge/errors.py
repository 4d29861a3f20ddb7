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
