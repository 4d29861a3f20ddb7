"""What can go wrong on the recorder. Errors carry facts, never advice."""


class AgentError(Exception):
    """The companion can't do what it was started, or asked, for."""


class StateUnusableError(AgentError):
    """What the recorder keeps for itself can't be read or written."""

    def __init__(self, *, path: str, reason: str) -> None:
        super().__init__(f"{path} can't be used: {reason}")
        self.path = path
        self.reason = reason


class RecorderKeyError(AgentError):
    """The recorder's own key is malformed, or others can read it."""

    def __init__(self, *, path: str, reason: str) -> None:
        super().__init__(f"the key {path} can't be used: {reason}")
        self.path = path
        self.reason = reason


class KeyMissingError(AgentError):
    """There is no key yet."""

    def __init__(self, *, path: str) -> None:
        super().__init__(f"there is no key {path}")
        self.path = path


class NumberUnknownError(AgentError):
    """Neither the settings nor the computer say which recorder this is."""

    def __init__(self) -> None:
        super().__init__("this recorder has no number")


class LineNotOpenedError(AgentError):
    """The end of the wire to the dock can't be opened."""

    def __init__(self, *, place: str, reason: str) -> None:
        super().__init__(f"{place} can't be opened: {reason}")
        self.place = place
        self.reason = reason


class GadgetError(AgentError):
    """The kernel did not take a part of the gadget."""

    def __init__(self, *, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class ClockNotSetError(AgentError):
    """The time could not be set, or not be kept."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the clock was not set: {reason}")
        self.reason = reason


class ClockNotKeptError(ClockNotSetError):
    """The time was set, and will be lost with the power."""


class VolumeBusyError(AgentError):
    """The clips' volume could not change hands: somebody uses it."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the clips' volume stays where it is: {reason}")
        self.reason = reason


class RefusedError(AgentError):
    """A request is answered with no; `rc` is the reason on the wire (docs/formats/smp.md)."""

    def __init__(self, rc: int, why: str) -> None:
        super().__init__(f"refused with {rc}: {why}")
        self.rc = rc
        self.why = why
