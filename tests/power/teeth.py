"""Whether the harness bites: docks with a planted mistake, each of which a cut must show."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tests.power import cuts
from tests.power.recording import ROOT, Recorder
from tests.power.scene import Layout, chance, drawn, lie_in
from tests.power.starter import Starter
from tests.power.trial import NO_VERDICT, Bench, How

_ONE: Final = Layout("ext4")
_TWO: Final = Layout("ext4", "ext4")
# On one ext4 the sync of a directory rides along with the ledger's: what is missing shows on two.
WHERE: Final = {
    "no-file-sync": _ONE,
    "no-directory-sync": _TWO,
    "no-sync": _TWO,
    "acknowledged-before-commit": _ONE,
    "committed-before-sync": _TWO,
    "linked-before-sync": _ONE,
    "synchronous-off": _TWO,
    "synchronous-normal": _ONE,
    "warm-read-back": _ONE,
    "published-before-tiles": _ONE,
    "published-before-commit": _TWO,
}
# The disk keeps other bytes of one clip than it was given; only a cold read-back can tell.
LYING: Final = frozenset({"warm-read-back"})
# These are open for so short that cuts are placed about where a head was seen.
SHORT: Final = frozenset({"published-before-tiles", "published-before-commit"})
_TAPES: Final = 4


@dataclass(frozen=True, slots=True)
class Bitten:
    """How many cuts it took until a plant was noticed; `after` is 0 where it never was."""

    plant: str
    layout: str
    after: int
    cuts: int
    what: str
    took_s: float

    def as_json(self) -> dict[str, object]:
        """Return it as an object of JSON."""
        return asdict(self)


def bite(folder: Path, plants: list[str], seed: int, *, most: int) -> Iterator[Bitten]:
    """Try each plant with at most so many cuts; stop at the first that shows it."""
    with Starter(ROOT) as starter:
        recorder, bench = Recorder(folder, starter), Bench(folder, starter)
        for plant in plants:
            yield _bitten(recorder, bench, plant, seed, most)


def _bitten(recorder: Recorder, bench: Bench, plant: str, seed: int, most: int) -> Bitten:
    began_s = time.monotonic()
    layout, tried = WHERE[plant], 0
    for tape in range(_TAPES):
        own = f"{seed}/{plant}/{tape}"
        scene = drawn(layout, chance(own))
        name = f"{plant}-{tape}"
        recording = recorder.record(
            name, scene, plant=plant, lie=lie_in(scene) if plant in LYING else b""
        )
        for number in range(most // _TAPES):
            tried += 1
            cut = cuts.draw(recording, number, own, near_heads=plant in SHORT)
            found = bench.judged(recording, cut, How())
            # A file system that can't be mounted is no mistake of the dock's.
            if found and not found[0].startswith(NO_VERDICT):
                took_s = time.monotonic() - began_s
                return Bitten(plant, layout.name, tried, tried, found[0], took_s)
    return Bitten(plant, layout.name, 0, tried, "", time.monotonic() - began_s)
