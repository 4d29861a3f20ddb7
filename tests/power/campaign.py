"""Many power cuts of many recorded dockings, on every layout of disks."""

import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from tests.power import cuts
from tests.power.cuts import Cut
from tests.power.recording import ROOT, Recorder, Recording
from tests.power.scene import Layout, chance, drawn, lie_in
from tests.power.starter import Starter
from tests.power.trial import Bench, How

_PER_TAPE: Final = 50  # cuts
_COUNTS: Final = (
    "tapes", "lying", "records", "cuts", "deep", "apart", "behind", "again", "acknowledged",
    "took_s",
)  # fmt: skip
# Of so many cuts one is such a one.
_AGAIN, _DEEP, _TWICE, _APART = 10, 12, 3, 7


@dataclass(frozen=True, slots=True)
class Wrong:
    """A cut after which something was not as it must be."""

    layout: str
    tape: str
    cut: str
    what: tuple[str, ...]


@dataclass(slots=True)
class Figures:
    """How it went on one layout."""

    layout: str
    tapes: int = 0
    lying: int = 0
    records: int = 0
    cuts: int = 0
    deep: int = 0
    apart: int = 0
    behind: int = 0
    again: int = 0
    acknowledged: int = 0
    took_s: float = 0.0
    slowest_start_s: float = 0.0
    wrong: list[Wrong] = field(default_factory=list)

    def count(self, cut: Cut, how: How, acknowledged: int) -> None:
        """Count one cut, after which so many acknowledged clips had to be there."""
        self.cuts += 1
        self.deep += how.deep
        self.again += how.again
        self.apart += len(set(cut.places)) > 1
        self.behind += cut.store_is_behind
        self.acknowledged += acknowledged

    def add(self, other: "Figures") -> None:
        """Add what another run did on this layout."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.slowest_start_s = max(self.slowest_start_s, other.slowest_start_s)
        self.wrong += other.wrong

    def as_json(self) -> dict[str, object]:
        """Return it as an object of JSON."""
        return asdict(self)


@dataclass(slots=True)
class Campaign:
    """Many cuts of many tapes. All that is drawn comes from `seed`."""

    folder: Path
    seed: int
    layouts: Sequence[Layout]
    keep: Path | None = None
    """Where tapes go after which something was wrong."""
    lying: int = 3
    """Of so many tapes of a layout one is of disks that lie: they keep one clip otherwise."""
    figures: dict[str, Figures] = field(default_factory=dict)

    def run(
        self, *, cuts_wanted: int, seconds: float, first: int = 0, step: int = 1
    ) -> Iterator[Figures]:
        """Try cuts until there were enough or the time is up; yield the figures after each tape.

        Tapes are numbered; with `first` and `step` several runs share them out among them.
        """
        until_s = time.monotonic() + seconds
        with Starter(ROOT) as starter:
            recorder, bench = Recorder(self.folder, starter), Bench(self.folder, starter)
            number, done = first, 0
            while done < cuts_wanted and time.monotonic() < until_s:
                layout = self.layouts[number % len(self.layouts)]
                figures = self.figures.setdefault(layout.name, Figures(layout.name))
                for _ in self._tape(number, layout, recorder, bench):
                    done += 1
                    if done >= cuts_wanted or time.monotonic() >= until_s:
                        break
                number += step
                figures.slowest_start_s = max(figures.slowest_start_s, bench.slowest_s)
                bench.slowest_s = 0.0
                yield figures

    def _tape(
        self, number: int, layout: Layout, recorder: Recorder, bench: Bench
    ) -> Iterator[list[str]]:
        """Record a docking and cut it; yield what is wrong after each cut."""
        began_s = time.monotonic()
        figures, seed = self.figures[layout.name], f"{self.seed}/{number}"
        scene = drawn(layout, chance(seed))
        lies = number // len(self.layouts) % self.lying == self.lying - 1
        lie = lie_in(scene) if lies else b""
        recording = recorder.record(f"tape{number}", scene, lie=lie)
        figures.tapes += 1
        figures.lying += lies
        figures.records += len(recording.records)
        before = len(figures.wrong)
        try:
            for at in range(_PER_TAPE):
                cut, how = drawn_cut(recording, at, seed)
                found = bench.judged(recording, cut, how)
                figures.count(cut, how, len(recording.acknowledged(cut.known)))
                if found:
                    figures.wrong.append(
                        Wrong(layout.name, recording.folder.name, str(cut), tuple(found))
                    )
                yield found
        finally:
            figures.took_s += time.monotonic() - began_s
            if len(figures.wrong) > before and self.keep is not None:
                self._kept(recording, seed)
            shutil.rmtree(recording.folder)

    def _kept(self, recording: Recording, seed: str) -> None:
        assert self.keep is not None
        self.keep.mkdir(exist_ok=True)
        (recording.folder / "seed").write_text(seed, "ascii")
        target = self.keep / f"seed{self.seed}-{recording.folder.name}"
        shutil.copytree(recording.folder, target, dirs_exist_ok=True)


def drawn_cut(recording: Recording, number: int, seed: str) -> tuple[Cut, How]:
    """Return the cut of this number of a tape, and what is done about it."""
    apart = len(recording.images) > 1 and number % _APART == _APART - 1
    cut = cuts.draw(recording, number, seed, apart=apart)
    how = How(
        deep=number % _DEEP == _DEEP - 1 and not apart,
        again=number % _AGAIN == _AGAIN - 1 and not apart,
        twice=number % _TWICE == _TWICE - 1,
    )
    return cut, how
