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
    # The kernel's count of media: it tells two apart that follow one another at one
    # place. Empty before Linux 5.15.
    sequence: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MediumGone:
    """The disk, or the medium in it, has left."""

    sys_path: str
