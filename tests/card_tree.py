"""What a card is to hold, as a tree, and where its parts go. See tests/cards.py."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Protocol

SECTOR = 512
PARTITION_AT = 1 << 20
RECORDED = datetime(2026, 3, 14, 9, 26, 52)  # noqa: DTZ001  cards know no zone


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A file on a card: `size` bytes, of which the first are `data` and the rest zeros."""

    data: bytes = b""
    size: int | None = None
    valid_size: int | None = None  # exFAT: what was really written
    modified: datetime = RECORDED
    created: datetime | None = None  # None: as modified
    attributes: int = 0x20
    deleted: bool = False
    fragmented: bool = False  # every other cluster only
    # Power lost while recording: the chain is there, the record still says 0.
    size_lost: bool = False

    @property
    def length(self) -> int:
        """Return how many bytes the file holds."""
        return len(self.data) if self.size is None else self.size


@dataclass(slots=True)
class Node:
    """A file or folder on its way to a card."""

    name: str
    clip: Clip | None = None
    children: list["Node"] = field(default_factory=list)
    clusters: list[int] = field(default_factory=list)
    parent: "Node | None" = None

    def walk(self) -> Iterator["Node"]:
        """Yield this node and all below it, each folder before what it holds."""
        yield self
        for child in self.children:
            yield from child.walk()


def tree(files: Mapping[str, bytes | Clip]) -> Node:
    """Return the root folder of these paths; a path that ends in "/" is an empty folder."""
    root = Node("")
    folders = {"": root}
    for path, content in files.items():
        *parents, name = path.rstrip("/").split("/")
        if path.endswith("/"):
            parents.append(name)
        for depth in range(1, len(parents) + 1):
            key = "/".join(parents[:depth])
            if key not in folders:
                above = folders["/".join(parents[: depth - 1])]
                folders[key] = Node(parents[depth - 1], parent=above)
                above.children.append(folders[key])
        if not path.endswith("/"):
            clip = content if isinstance(content, Clip) else Clip(data=content)
            above = folders["/".join(parents)]
            above.children.append(Node(name, clip, parent=above))
    return root


def allocate(root: Node, cluster_size: int, start: int, folder_bytes: dict[int, int]) -> int:
    """Give every node its clusters from `start` on; return the first one left over."""
    at = start
    for node in root.walk():
        length = node.clip.length if node.clip else folder_bytes[id(node)]
        count = -(-length // cluster_size)
        step = 2 if node.clip and node.clip.fragmented else 1
        node.clusters = list(range(at, at + count * step, step))
        at += count * step
    return at


def mbr_sector(kind: int, offset: int, length: int) -> bytes:
    """Return a partition table with one partition."""
    slot = (
        bytes([0, 0xFE, 0xFF, 0xFF, kind, 0xFE, 0xFF, 0xFF])
        + (offset // SECTOR).to_bytes(4, "little")
        + (length // SECTOR).to_bytes(4, "little")
    )
    return bytes(440) + b"\xd0\xc5\x00\x01\0\0" + slot + bytes(48) + b"\x55\xaa"


class Placed(Protocol):
    """A volume whose clusters have places."""

    cluster_size: int

    def place(self, cluster: int) -> int:
        """Return where a cluster begins, from the start of the volume."""


def write_clusters(card: BinaryIO, offset: int, volume: Placed, node: Node, data: bytes) -> None:
    """Write `data` into the node's clusters; what is zero or past its end stays a hole."""
    for number, cluster in enumerate(node.clusters):
        start = number * volume.cluster_size
        if start >= len(data):
            return
        card.seek(offset + volume.place(cluster))
        card.write(data[start : start + volume.cluster_size])
