"""What is docked, and on what disks: all that a seed decides about a run before it begins."""

import json
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from tests.cards import make_exfat_card
from tests.power.devices import FILE_SYSTEMS, FileSystem

ORIGIN: Final = "dock.example/0001"
_CARD: Final = 8 << 20


@dataclass(frozen=True, slots=True)
class Layout:
    """Which file systems the state lies on; with `store` the store has a disk of its own."""

    state: str
    store: str = ""

    @property
    def name(self) -> str:
        """Return it as it is spelled on the command line: `ext4`, `ext4+xfs`."""
        return f"{self.state}+{self.store}" if self.store else self.state

    @property
    def disks(self) -> tuple[FileSystem, ...]:
        """Return the file system of each disk."""
        return tuple(FILE_SYSTEMS[name] for name in (self.state, self.store) if name)

    def there(self) -> bool:
        """Tell whether this machine has all of it."""
        return all(disk.there() for disk in self.disks)


LAYOUTS: Final = tuple(
    Layout(*pair)
    for pair in (
        ("ext4", ""), ("ext4", "ext4"), ("xfs", ""), ("ext4", "xfs"), ("btrfs", ""),
        ("xfs", "btrfs"),
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scene:
    """A dock, what lies behind it, and the cards that are docked while the tape runs."""

    layout: Layout
    before: dict[str, bytes]
    """Clips that were docked before; without any it is the dock's first start of all."""
    cards: tuple[dict[str, bytes], ...]
    group_clips: int

    @property
    def settings(self) -> str:
        """Return the configuration file."""
        return (
            f'[dock]\norigin = "{ORIGIN}"\n'
            f"[ingest]\ngroup_clips = {self.group_clips}\nchunk_bytes = 65536\n"
        )

    @property
    def clips(self) -> dict[str, bytes]:
        """Return every clip there is, by path."""
        return {path: data for card in (self.before, *self.cards) for path, data in card.items()}

    def write_cards(self, folder: Path) -> list[Path]:
        """Write all cards, that of before first; return their paths."""
        return [
            make_exfat_card(folder / f"card{number}.img", card, _CARD, volume_serial=number + 1)
            for number, card in enumerate((self.before, *self.cards))
        ]

    def save(self, path: Path) -> None:
        """Write down what `load` needs."""
        kept = {
            "layout": [self.layout.state, self.layout.store],
            "group_clips": self.group_clips,
            "cards": [
                {name: data.hex() for name, data in card.items()}
                for card in (self.before, *self.cards)
            ],
        }
        path.write_text(json.dumps(kept), "ascii")


def load(path: Path) -> Scene:
    """Return a scene that was saved."""
    kept = json.loads(path.read_text("ascii"))
    before, *cards = (
        {name: bytes.fromhex(data) for name, data in card.items()} for card in kept["cards"]
    )
    return Scene(Layout(*kept["layout"]), before, tuple(cards), kept["group_clips"])


def chance(seed: str) -> Random:
    """Return chance that is the same again for the same seed."""
    return Random(seed)  # noqa: S311  nothing is kept secret by it


def drawn(layout: Layout, rng: Random) -> Scene:
    """Return a scene by chance: few clips or many, small ones and large, some content twice."""
    first = rng.random() < 0.2
    before = {} if first else _clips("OLD", rng.randint(1, 4), rng)
    cards = [_clips(f"NEW{number}", rng.randint(4, 24), rng) for number in range(2)]
    for number, card in enumerate(cards):
        if rng.random() < 0.5:
            _, data = rng.choice(list((before or card).items()))
            card[f"DCIM/TWIN{number}.MP4"] = data
    return Scene(layout, before, tuple(cards), rng.choice((1, 2, 4, 256)))


def lie_in(scene: Scene) -> bytes:
    """Return bytes in the middle of the largest clip of the first card: a disk may spoil them."""
    clip = max(scene.cards[0].values(), key=len)
    return clip[len(clip) // 2 :][:32]


def _clips(name: str, count: int, rng: Random) -> dict[str, bytes]:
    return {
        f"DCIM/{name}{number:02}.MP4": rng.randbytes(int(2 ** rng.uniform(6, 17.5)))
        for number in range(count)
    }
