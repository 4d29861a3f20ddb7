"""What a source of hot-plug news tells: a medium or a control channel is there, or has left."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from dock_daemon.recorders.matching import Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class MediumAppeared:
    """A disk with a medium in it is at a port. `node` is its name for now, not its identity."""

    sys_path: str
    node: str
    port: str
    major: int
    minor: int
    size_bytes: int
    # The port with the side of its controller, e.g. pci-0000:00:14.0-usbv3-0:3; empty
    # where that can't be told.
    exact_port: str = ""
    # The kernel's count of media: it tells two apart that follow one another at one
    # place. Empty before Linux 5.15.
    sequence: str = ""
    # What the port shows of the device, for matching; None where nobody looked.
    seen: Seen | None = None
    # Whether a control channel of the same recorder should appear at any moment.
    expects_channel: bool = False
    # Whether it was there when the dock began to look: nobody saw it being put in.
    at_start: bool = False
    properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def ports(self) -> tuple[str, ...]:
        """The names of the port, the exact one first: the first that is a bay's decides."""
        return (self.exact_port, self.port) if self.exact_port else (self.port,)


@dataclass(frozen=True, slots=True)
class MediumGone:
    """The disk, or the medium in it, has left."""

    sys_path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelAppeared:
    """Something at a port that can be spoken to, perhaps: a tty, an sg node, a USB device."""

    sys_path: str
    node: str
    port: str
    seen: Seen
    exact_port: str = ""
    at_start: bool = False  # as a medium's
    properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def ports(self) -> tuple[str, ...]:
        """The names of the port, as a medium's."""
        return (self.exact_port, self.port) if self.exact_port else (self.port,)


@dataclass(frozen=True, slots=True)
class ChannelGone:
    """It has left; or the recorder comes back as something else."""

    sys_path: str


Appeared: TypeAlias = MediumAppeared | ChannelAppeared
Gone: TypeAlias = MediumGone | ChannelGone
