"""One power cut: the disks as they are then, the dock started on them, what the judge says."""

import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tests.power import cuts, judge, tape
from tests.power.cuts import Cut
from tests.power.devices import copy_sparse
from tests.power.judge import Truth
from tests.power.recording import Recording, state_on, taping
from tests.power.scene import Layout, chance
from tests.power.starter import Starter
from tests.power.tape import Record

NO_VERDICT: Final = "the file system:"
"""How it begins where it is not the judge who found something."""


@dataclass(frozen=True, slots=True)
class How:
    """What is done about a cut besides starting the dock and judging it."""

    deep: bool = False
    """The recovery is recorded and cut as well."""
    again: bool = False
    """The cards are docked once more."""
    twice: bool = False
    """The dock is started once more."""


@dataclass(slots=True)
class Bench:
    """Where cuts are tried: one mount point, one starter."""

    folder: Path
    starter: Starter
    slowest_s: float = 0.0
    """How long the slowest start took."""

    def judged(self, recording: Recording, cut: Cut, how: How) -> list[str]:
        """Return what is wrong after a cut; nothing, if all holds."""
        layout = recording.scene.layout
        disks = _after(recording.records, recording.images, layout, cut)
        try:
            if how.deep:
                disks = self._cut_again(recording, disks, cut)
            with state_on(disks, layout, self.folder / "mnt") as state:
                if cut.store_is_behind:
                    return self._told_and_healed(recording, state, cut)
                return self._held(recording, state, cut, how)
        except OSError as error:
            return [f"{NO_VERDICT} {error}"]
        finally:
            for disk in disks:
                os.close(disk)

    def _held(self, recording: Recording, state: Path, cut: Cut, how: How) -> list[str]:
        """Judge a dock whose disks kept all that they had promised: nothing may be lost."""
        truth = _truth(recording, cut.known)
        found = judge.judge_files(state)
        if error := self._start(recording, state):
            return [*found, f"the dock does not start: {error}"]
        found += judge.judge_state(state, truth)
        if not found and how.twice:
            before = judge.standing(state)
            if error := self._start(recording, state):
                return [f"the dock does not start again: {error}"]
            if judge.standing(state) != before:
                return ["I6: another start changed what the first had left"]
        if not found and how.again:
            found = self._dock_again(recording, state)
            found = found or judge.judge_complete(state, truth, _expected(recording))
        return found

    def _told_and_healed(self, recording: Recording, state: Path, cut: Cut) -> list[str]:
        """Judge a dock whose store lost what its disk had promised to keep.

        Nobody can hold such a dock to what it acknowledged. But its log must hold, what is lost
        must be told, and the cards, docked again with every byte compared, must bring it back.
        """
        truth = _truth(recording, cut.places[0])
        if error := self._start(recording, state):
            # A store that lost its very name is refused: nothing is done to it then.
            return [] if "StoreDoubtError" in error else [f"the dock does not start: {error}"]
        found = judge.judge_state(state, truth)
        if wrong := [one for one in found if not judge.is_loss(one)]:
            return wrong
        verified = self.starter.verify(state)
        if found and not verified:
            return [f"I8: the verifier does not tell of it: {one}" for one in found]
        if stuck := self._dock_again(recording, state, reread=True):
            return stuck
        return [one for one in judge.judge_state(state, truth) if judge.is_loss_of_a_clip(one)]

    def _start(self, recording: Recording, state: Path) -> str:
        began_s = time.monotonic()
        error = self.starter.start(state, recording.config)
        self.slowest_s = max(self.slowest_s, time.monotonic() - began_s)
        return error.strip().rpartition("\n")[2]

    def _dock_again(self, recording: Recording, state: Path, *, reread: bool = False) -> list[str]:
        cards = recording.cards if recording.scene.before else recording.cards[1:]
        for card in cards:
            if error := self.starter.pull(card, state, recording.config, reread=reread):
                return [f"I6: {card.name} cannot be docked again: {error[-300:]}"]
        return [f"I5: {name} was written to" for name in recording.altered()]

    def _cut_again(self, recording: Recording, disks: list[int], cut: Cut) -> list[int]:
        """Record the recovery, cut that as well, and return the disks after both."""
        folder = self.folder / "deep"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        images = [folder / f"disk{number}" for number in range(len(disks))]
        live = [folder / f"live{number}" for number in range(len(disks))]
        while disks:
            disk = disks.pop()
            for image in (images[len(disks)], live[len(disks)]):
                with image.open("wb", buffering=0) as file:
                    copy_sparse(disk, file.fileno())
            os.close(disk)
        layout = recording.scene.layout
        with (
            taping(live, folder / "tape", []) as served,
            state_on(served, layout, self.folder / "mnt") as state,
        ):
            self._start(recording, state)
        records = list(tape.play(folder / "tape"))
        seed = f"{cut.seed}/deep"
        place = chance(seed).randint(1, max(1, len(records)))
        second = replace(cut, places=(place,) * len(images), seed=seed)
        return _after(records, images, layout, second)


def _after(
    records: Sequence[Record], images: Sequence[Path], layout: Layout, cut: Cut
) -> list[int]:
    sectors = [kind.sector for kind in layout.disks]
    return list(cuts.disks_after(records, images, sectors, cut))


def _truth(recording: Recording, known: int) -> Truth:
    return Truth(recording.scene.clips, recording.acknowledged(known), recording.heads(known))


def _expected(recording: Recording) -> list[str]:
    scene = recording.scene
    return [path for card in (scene.before, *scene.cards) for path in card]
