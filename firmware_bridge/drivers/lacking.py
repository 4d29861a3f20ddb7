"""What a model cannot do it says: every method of a driver, refused by its capability's name.

A driver inherits these and overrides what its model can do, so that nothing is left out by
forgetting, and nothing is answered by guessing.
"""

from typing import NoReturn

from firmware_bridge.capabilities import (
    Battery,
    Capability,
    ClockExchange,
    ClockSetting,
    Fault,
    Holder,
    Identity,
    JournalPiece,
    Storage,
)
from firmware_bridge.errors import MissingCapabilityError


class Lacking:
    """A model that can do nothing at all."""

    def identity(self) -> Identity:
        """Refuse: the model does not say who it is."""
        lack(Capability.IDENTITY)

    def holder(self) -> Holder:
        """Refuse: the model names no holder."""
        lack(Capability.HOLDER)

    def write_holder(self, holder: Holder) -> None:  # noqa: ARG002  the port's own arguments
        """Refuse: the model cannot be told its holder."""
        lack(Capability.WRITE_HOLDER)

    def battery(self) -> Battery:
        """Refuse: the model does not tell its battery."""
        lack(Capability.BATTERY)

    def read_clock(self) -> ClockExchange:
        """Refuse: the model does not tell its time."""
        lack(Capability.READ_CLOCK)

    def set_clock(self) -> ClockSetting:
        """Refuse: the model cannot be told the time."""
        lack(Capability.SET_CLOCK)

    def storage(self) -> Storage:
        """Refuse: the model does not tell its room."""
        lack(Capability.STORAGE)

    def faults(self) -> tuple[Fault, ...]:
        """Refuse: the model reports no faults."""
        lack(Capability.FAULTS)

    def switch_to_storage(self) -> None:
        """Refuse: the model cannot be told to show its storage."""
        lack(Capability.SWITCH_TO_STORAGE)

    def take_storage_back(self) -> None:
        """Refuse: the model cannot be told to take its storage back."""
        lack(Capability.SWITCH_TO_STORAGE)

    def journal(self, first: int) -> JournalPiece:  # noqa: ARG002  the port's own arguments
        """Refuse: the model keeps no journal."""
        lack(Capability.JOURNAL)

    def erase(self, path: str, sha256: str, size: int) -> None:  # noqa: ARG002  the port's own
        """Refuse: the model erases nothing by command."""
        lack(Capability.ERASE)

    def reset(self) -> None:
        """Refuse: the model cannot be started again by command."""
        lack(Capability.RESET)


def lack(capability: Capability) -> NoReturn:
    """Raise MissingCapabilityError for `capability`."""
    raise MissingCapabilityError(capability.value)
