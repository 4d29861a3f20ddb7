"""Cuts the power of recorded dockings, starts the dock on what is left, lets the judge decide."""

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from tests.power import cuts, judge, tape
from tests.power.cuts import Cut
from tests.power.devices import copy_sparse
from tests.power.judge import Truth
from tests.power.recording import ROOT, Recorder, Recording, state_on, taping
from tests.power.scene import Layout, chance, drawn
from tests.power.starter import Starter

_PER_TAPE: Final = 50  # cuts
_AGAIN_EVERY: Final = 10  # after each tenth cut the cards are docked once more
_DEEP_EVERY: Final = 12  # at each twelfth the recovery is cut as well
_TWICE_EVERY: Final = 3  # after each third the dock is started twice


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
    cuts: int = 0
    deep: int = 0
    again: int = 0
    acknowledged: int = 0
    took_s: float = 0.0
    records: int = 0
    wrong: list[Wrong] = field(default_factory=list)

    def count(self, _cut: Cut, how: "How", acknowledged: int) -> None:
        """Count one cut."""
        self.cuts += 1
        self.deep += how.deep
        self.again += how.again
        self.acknowledged += acknowledged


@dataclass(frozen=True, slots=True)
class How:
    """What is done about a cut besides starting the dock and judging it."""

    deep: bool = False
    again: bool = False
    twice: bool = False

    @classmethod
    def of(cls, number: int) -> "How":
        """Return what is done about the cut of this number."""
        return cls(
            deep=number % _DEEP_EVERY == _DEEP_EVERY - 1,
            again=number % _AGAIN_EVERY == _AGAIN_EVERY - 1,
            twice=number % _TWICE_EVERY == _TWICE_EVERY - 1,
        )


@dataclass(slots=True)
class Bench:
    """Where cuts are tried: one mount point, one starter."""

    folder: Path
    starter: Starter

    def judged(self, recording: Recording, cut: Cut, how: How) -> list[str]:
        """Return what is wrong after a cut; nothing, if all holds."""
        kinds = recording.scene.layout.disks
        disks = list(
            cuts.disks_after(
                recording.records, recording.images, [kind.sector for kind in kinds], cut
            )
        )
        truth = Truth(
            recording.scene.clips, recording.acknowledged(cut.known), recording.heads(cut.known)
        )
        try:
            if how.deep:
                disks = self._cut_again(recording, disks, cut)
            with state_on(disks, recording.scene.layout, self.folder / "mnt") as state:
                found = self._recovered(recording, state, truth, twice=how.twice)
                if how.again and not found:
                    found = self._docked_again(recording, state, truth)
        except OSError as error:
            found = [f"the file system: {error}"]
        finally:
            for disk in disks:
                os.close(disk)
        return found

    def _recovered(
        self, recording: Recording, state: Path, truth: Truth, *, twice: bool
    ) -> list[str]:
        found = judge.judge_files(state)
        if error := self.starter.start(state, recording.config):
            return [*found, f"the dock does not start: {error[-300:]}"]
        found += judge.judge_state(state, truth)
        if found or not twice:
            return found
        before = judge.standing(state)
        if error := self.starter.start(state, recording.config):
            return [f"the dock does not start again: {error[-300:]}"]
        if judge.standing(state) != before:
            return ["I6: another start changed what the first had left"]
        return []

    def _docked_again(self, recording: Recording, state: Path, truth: Truth) -> list[str]:
        expected: list[str] = []
        for path, card in zip(recording.cards[1:], recording.scene.cards, strict=True):
            if error := self.starter.pull(path, state, recording.config):
                return [f"I6: the card cannot be docked again: {error[-300:]}"]
            expected += card
        expected += recording.scene.before
        return judge.judge_complete(state, truth, expected)

    def _cut_again(self, recording: Recording, disks: list[int], cut: Cut) -> list[int]:
        """Record the recovery, cut that as well, and return the disks after both."""
        folder = self.folder / "deep"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        images = [folder / f"disk{number}" for number in range(len(disks))]
        for image, disk in zip(images, disks, strict=True):
            with image.open("wb", buffering=0) as file:
                copy_sparse(disk, file.fileno())
        live = [image.with_name(f"live{number}") for number, image in enumerate(images)]
        for image, disk in zip(live, disks, strict=True):
            with image.open("wb", buffering=0) as file:
                copy_sparse(disk, file.fileno())
            os.close(disk)
        disks.clear()
        layout = recording.scene.layout
        with (
            taping(live, folder / "tape", []) as served,
            state_on(served, layout, self.folder / "mnt") as state,
        ):
            self.starter.start(state, recording.config)
        records = list(tape.play(folder / "tape"))
        seed = f"{cut.seed}/deep"
        place = chance(seed).randint(1, max(1, len(records)))
        second = replace(cut, places=(place,) * len(images), seed=seed)
        return list(
            cuts.disks_after(records, images, [kind.sector for kind in layout.disks], second)
        )


@dataclass(slots=True)
class Campaign:
    """Many cuts of many tapes. All that is drawn comes from `seed`."""

    folder: Path
    seed: int
    layouts: Sequence[Layout]
    keep: Path | None = None
    """Where tapes go after which something was wrong."""
    figures: dict[str, Figures] = field(default_factory=dict)

    def run(self, *, cuts_wanted: int, seconds: float) -> Iterator[Figures]:
        """Try cuts until there were enough or the time is up; yield the figures after each tape."""
        began_s = time.monotonic()
        with Starter(ROOT) as starter:
            recorder, bench = Recorder(self.folder, starter), Bench(self.folder, starter)
            number = done = 0
            while done < cuts_wanted and time.monotonic() - began_s < seconds:
                layout = self.layouts[number % len(self.layouts)]
                figures = self.figures.setdefault(layout.name, Figures(layout.name))
                for _ in self._tape(number, layout, recorder, bench, figures):
                    done += 1
                    if done >= cuts_wanted or time.monotonic() - began_s >= seconds:
                        break
                number += 1
                yield figures

    def _tape(
        self, number: int, layout: Layout, recorder: Recorder, bench: Bench, figures: Figures
    ) -> Iterator[None]:
        began_s = time.monotonic()
        seed = f"{self.seed}/{number}"
        recording = recorder.record(f"tape{number}", drawn(layout, chance(seed)))
        figures.tapes += 1
        figures.records += len(recording.records)
        kept = False
        try:
            for cut_number in range(_PER_TAPE):
                cut, how = cuts.draw(recording, cut_number, seed), How.of(cut_number)
                found = bench.judged(recording, cut, how)
                figures.count(cut, how, len(recording.acknowledged(cut.known)))
                if found:
                    kept = True
                    wrong = Wrong(layout.name, recording.folder.name, str(cut), tuple(found))
                    figures.wrong.append(wrong)
                yield
        finally:
            figures.took_s += time.monotonic() - began_s
            if kept and self.keep is not None:
                self.keep.mkdir(exist_ok=True)
                target = self.keep / f"seed{self.seed}-{recording.folder.name}"
                shutil.copytree(recording.folder, target, dirs_exist_ok=True)
            shutil.rmtree(recording.folder)
