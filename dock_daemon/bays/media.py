"""What a source of hot-plug news tells: a medium is there, or it has left."""

from collections.abc import Mapping
from dataclasses import dataclass, field


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
    properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def ports(self) -> tuple[str, ...]:
        """The names of the port, the exact one first: the first that is a bay's decides."""
        return (self.exact_port, self.port) if self.exact_port else (self.port,)


@dataclass(frozen=True, slots=True)
class MediumGone:
    """The disk, or the medium in it, has left."""

    sys_path: str
