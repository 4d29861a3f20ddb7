"""Records a real docking: its disks below real file systems, its words, and what the world saw."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from config.exit_codes import ExitCode
from tests.docks import sha256_of
from tests.power import scene as scenes
from tests.power import tape
from tests.power.devices import copy_sparse, mounted
from tests.power.scene import Layout, Scene
from tests.power.starter import Starter
from tests.power.tape import Kind, Record

ROOT: Final = Path(__file__).resolve().parents[2]
_LONG_S: Final = 120


class RecordingError(Exception):
    """The run that was to be recorded did not go as it should."""


@dataclass(frozen=True)
class Recording:
    """A recorded run, in a folder: tape, the disks as they were before it, cards, settings."""

    folder: Path
    scene: Scene

    @property
    def images(self) -> list[Path]:
        """Return the disks before the run."""
        return [self.folder / f"disk{number}" for number in range(len(self.scene.layout.disks))]

    @property
    def cards(self) -> list[Path]:
        """Return the cards; the first was docked before the run, if it holds anything."""
        return [self.folder / f"card{number}.img" for number in range(len(self.scene.cards) + 1)]

    @property
    def config(self) -> Path:
        """Return the configuration directory."""
        return self.folder / "etc"

    @cached_property
    def records(self) -> list[Record]:
        """Return the tape."""
        return list(tape.play(self.folder / "tape"))

    @cached_property
    def told(self) -> list[tuple[int, dict[str, Any]]]:
        """Return what was told, and at which place of the tape."""
        lines = ((at, one.data) for at, one in enumerate(self.records) if one.kind is Kind.TOLD)
        return [(at, json.loads(line)) for at, line in lines if line]

    def altered(self) -> list[str]:
        """Return the cards that are not what they were made as."""
        made = (self.folder / "cards.sha256").read_text("ascii").split()
        return [
            card.name
            for card, digest in zip(self.cards, made, strict=True)
            if sha256_of(card) != digest
        ]

    def acknowledged(self, at: int) -> list[dict[str, Any]]:
        """Return the clips that had been said to be sealed."""
        return [told for when, told in self.told if when < at and told.get("state") == "sealed"]

    def heads(self, at: int) -> list[tuple[int, str]]:
        """Return size and root of the heads that had been seen."""
        return [tuple(told["head"]) for when, told in self.told if when < at and "head" in told]


def load(folder: Path) -> Recording:
    """Return a recording that was kept."""
    return Recording(folder, scenes.load(folder / "scene.json"))


@dataclass(slots=True)
class Recorder:
    """Makes recordings in a folder; disks as they are before a run are made once and copied."""

    folder: Path
    starter: Starter
    _fresh: dict[str, Path] = field(default_factory=dict)

    def record(self, name: str, scene: Scene, *, plant: str = "", lie: bytes = b"") -> Recording:
        """Record the docking of all cards; raise RecordingError where it fails.

        `plant` names what is wrong with the dock (planted.py), `lie` are bytes that the disks
        will keep otherwise than they were written.
        """
        made = Recording(self.folder / name, scene)
        made.folder.mkdir()
        made.config.mkdir()
        (made.config / "sealdock.toml").write_text(scene.settings, "utf-8")
        scene.save(made.folder / "scene.json")
        digests = [sha256_of(card) for card in scene.write_cards(made.folder)]
        (made.folder / "cards.sha256").write_text("\n".join(digests), "ascii")
        self._before(made)
        live = [made.folder / f"live{number}" for number in range(len(made.images))]
        for image, copy in zip(made.images, live, strict=True):
            _copy(image, copy)
        ears = [os.pipe() for _ in range(2)]
        with taping(live, made.folder / "tape", [inward for inward, _ in ears], lie) as served:
            os.close(ears[0][0])
            os.close(ears[1][0])
            with state_on(served, scene.layout, self.folder / "mnt") as state:
                self._dock(made, state, ears[0][1], ears[1][1], plant)
        for copy in live:
            copy.unlink()
        if altered := made.altered():
            raise RecordingError(f"I5: the dock has written to {', '.join(altered)}")
        return made

    def _before(self, made: Recording) -> None:
        """Make the disks as they are before the run."""
        for image, kind in zip(made.images, made.scene.layout.disks, strict=True):
            if kind.name not in self._fresh:
                self._fresh[kind.name] = self.folder / f"fresh-{kind.name}"
                kind.fresh(self._fresh[kind.name])
            _copy(self._fresh[kind.name], image)
        with state_on(made.images, made.scene.layout, self.folder / "mnt") as state:
            if made.scene.before and (
                error := self.starter.pull(made.cards[0], state, made.config)
            ):
                raise RecordingError(error)

    def _dock(self, made: Recording, state: Path, said: int, seen: int, plant: str) -> None:
        """Run the dock itself; its words go to `said`, what the world sees to `seen`."""
        world = subprocess.Popen(
            [sys.executable, "-B", "-m", "tests.power.observer", str(state)],
            cwd=ROOT, stdout=seen, env={"PATH": os.environ["PATH"]},
        )  # fmt: skip
        os.close(seen)
        try:
            for card in made.cards[1:]:
                module = ["tests.power.planted", plant] if plant else ["dock_daemon.commands.root"]
                done = subprocess.run(
                    [
                        sys.executable, "-B", "-m", *module, "pull", str(card),
                        "--state", str(state), "--config", str(made.config), "--json",
                    ],
                    cwd=ROOT, stdout=said, stderr=subprocess.PIPE, text=True, check=False,
                    env={"PATH": os.environ["PATH"], "SEALDOCK_LANG": "en"}, timeout=_LONG_S,
                )  # fmt: skip
                # A disk that lies may be found out: then a clip is not taken over.
                if done.returncode not in {0, int(ExitCode.PARTIAL)} and not plant:
                    raise RecordingError(f"pull ended with {done.returncode}: {done.stderr}")
        finally:
            os.close(said)
            world.terminate()
            world.wait()


@contextlib.contextmanager
def state_on(images: list[Path] | list[int], layout: Layout, at: Path) -> Iterator[Path]:
    """Mount the disks of a layout while the block runs; give the state directory."""
    at.mkdir(exist_ok=True)
    state = at / "state"
    with contextlib.ExitStack() as stack:
        stack.enter_context(mounted(images[0], at, layout.disks[0]))
        state.mkdir(mode=0o750, exist_ok=True)
        if layout.store:
            store = state / "store"
            store.mkdir(mode=0o750, exist_ok=True)
            stack.enter_context(mounted(images[1], store, layout.disks[1]))
        yield state


@contextlib.contextmanager
def taping(
    images: list[Path], tape_at: Path, told: list[int], lie: bytes = b""
) -> Iterator[list[Path]]:
    """Serve images while the block runs, all that is done to them going to the tape.

    Gives the paths under which they are served. `told` are read ends of pipes; they stay the
    caller's to close.
    """
    served = [image.with_name(f"{image.name}.served") for image in images]
    for path in served:
        path.touch()
    wanted = {
        "disks": [
            {"image": str(image), "at": str(at)} for image, at in zip(images, served, strict=True)
        ],
        "tape": str(tape_at),
        "told": told,
        "lie": lie.hex(),
    }
    process = subprocess.Popen(
        [sys.executable, "-B", "-m", "tests.power.medium", json.dumps(wanted)],
        cwd=ROOT, env={"PATH": os.environ["PATH"]}, pass_fds=told, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        if process.stdout.readline() != "ready\n":
            raise RecordingError("the disks are not served")
        yield served
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()
        for path in served:
            path.unlink()


def _copy(source: Path, target: Path) -> None:
    with source.open("rb", buffering=0) as old, target.open("wb", buffering=0) as new:
        copy_sparse(old.fileno(), new.fileno())
