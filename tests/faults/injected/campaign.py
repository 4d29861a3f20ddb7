"""One docking, one fault: every call by which it changes or reads its disk, struck in each way.

A *point* names scene, call, which one, what becomes of it, and whether for ever; its text is what
`script/torture kills --only POINT` takes:

    second/pwrite/17/EIO/once      first/fsync/3/KILL_AFTER/once

After each fault the checker of tests/power judges what lies there; then the dock is started again
on a healthy disk, the card docked once more, and judged again. Said must be what happened.
"""

import errno
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final, Self

from config.exit_codes import ExitCode
from tests.cards import Clip, make_exfat_card
from tests.docks import ORIGIN, sha256_of, some_bytes
from tests.faults.injected.forker import Forker, Ran
from tests.faults.injected.library import Fault, How
from tests.power.judge import Truth, judge_complete, judge_files, parse_head

OLD: Final = {f"DCIM/OLD{i}.MP4": some_bytes(f"old {i}", 9000 + i) for i in range(2)}
NEW: Final = {f"DCIM/NEW{i}.MP4": some_bytes(f"new {i}", 12_000 + i) for i in range(3)}
SETTINGS: Final = "[ingest]\ngroup_clips = 2\nchunk_bytes = 8192\n"
ENVIRONMENT: Final = {"SEALDOCK_DOCK_ORIGIN": ORIGIN, "SEALDOCK_LANG": "en"}

CHANGES: Final = (
    "open", "write", "pwrite", "fsync", "fdatasync", "syncfs", "link", "rename", "unlink",
    "ftruncate", "mkdir",
)  # fmt: skip
_FULL: Final = ("EIO", "ENOSPC", "EDQUOT", "EROFS", "EINTR")
ERRORS: Final[Mapping[str, Sequence[str]]] = {
    **dict.fromkeys(CHANGES, _FULL),
    "open": (*_FULL, "EMFILE"),
    "write": (*_FULL, "SHORT"),
    "pwrite": (*_FULL, "SHORT"),
    "pread": ("EIO", "EINTR"),
    "read": ("EIO", "EINTR"),
}
# What a docking that met a fault may end with; a signal, or any other code, is a bug.
_ENDS: Final = frozenset({ExitCode.OK, ExitCode.FAILED, ExitCode.PARTIAL})


@dataclass(frozen=True, slots=True)
class Point:
    """One fault at one call."""

    scene: str
    call: str
    nth: int
    what: str
    often: str = "once"

    def __str__(self) -> str:
        return f"{self.scene}/{self.call}/{self.nth}/{self.what}/{self.often}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` wrote; raise ValueError where it is none."""
        scene, call, nth, what, often = text.split("/")
        return cls(scene, call, int(nth), what, often)

    @property
    def kills(self) -> bool:
        """Whether the dock does not live through it."""
        return self.what.startswith("KILL")

    def fault(self, folder: Path) -> Fault:
        """Return it as the library takes it."""
        how = How.__members__.get(self.what, How.FAIL)
        return Fault(
            folder=str(folder),
            call=self.call,
            nth=self.nth,
            how=how,
            error=getattr(errno, self.what) if how is How.FAIL else 0,
            for_ever=self.often == "ever",
        )


@dataclass(frozen=True, slots=True)
class Struck:
    """What came of one point: how the docking ended, and what is wrong, if anything is."""

    point: Point
    code: int
    fault: str
    wrong: list[str]


class Campaign:
    """Docks in `folder` (in memory, best), each a fresh copy, struck one after the other."""

    def __init__(self, folder: Path, forker: Forker) -> None:
        self._folder = folder
        self._forker = forker
        self._config = folder / "etc"
        self._config.mkdir()
        (self._config / "sealdock.toml").write_text(SETTINGS, encoding="utf-8")
        self._state = folder / "state"
        self._begun = folder / "begun"
        self._card = make_exfat_card(folder / "old.img", OLD, 4 << 20)
        self._run()
        self._state.rename(self._begun)
        deleted: dict[str, bytes | Clip] = {"DCIM/GONE.MP4": Clip(data=b"gone", deleted=True)}
        self._card = make_exfat_card(folder / "card.img", {**OLD, **NEW, **deleted}, 4 << 20)
        self._sha256 = sha256_of(self._card)
        self._points = {name: self._trial(name) for name in ("second", "first")}

    def kills(self) -> list[Point]:
        """Return every call that changes the disk: killed before it, and right after it."""
        return [
            Point(scene, call, nth, what)
            for scene, counts in self._points.items()
            for call in CHANGES
            for nth in range(1, counts[call] + 1)
            for what in ("KILL_BEFORE", "KILL_AFTER")
        ]

    def errors(self) -> list[Point]:
        """Return every call, failing in each way, once and from then on for ever."""
        return [
            Point(scene, call, nth, what, often)
            for scene, counts in self._points.items()
            for call, whats in ERRORS.items()
            for nth in range(1, counts[call] + 1)
            for what in whats
            # A call that is interrupted for ever is no fault that a kernel has.
            for often in (("once",) if what == "EINTR" else ("once", "ever"))
        ]

    def strike(self, point: Point) -> Struck:
        """Let a docking suffer, and judge."""
        self._begin(point.scene)
        ran = self._run(point.fault(self._state))
        wrong = [*self._judge_end(point, ran), *self._judge_disk()]
        heads = self._heads()
        if point.kills and ran.code >= 0:  # how clips gather is for the threads to settle
            wrong = [one for one in wrong if not one.startswith("end")]
        again = self._run()
        if again.code != 0:
            wrong.append(f"I6: the next docking ended with {again.code}: {again.errors[-600:]}")
        else:
            truth = Truth({**OLD, **NEW}, [*ran.sealed(), *again.sealed()], heads)
            try:
                wrong += judge_complete(self._state, truth, [*OLD, *NEW])
            except (OSError, ValueError, KeyError) as error:
                wrong.append(f"I4: what is left cannot be judged: {error}")
        if sha256_of(self._card) != self._sha256:
            wrong.append("I5: the card was written to")
        return Struck(point, ran.code, _code_of(ran), wrong)

    def _begin(self, scene: str) -> None:
        shutil.rmtree(self._state, ignore_errors=True)
        if scene == "second":
            shutil.copytree(self._begun, self._state)

    def _trial(self, scene: str) -> Counter[str]:
        """Count the calls of a docking that nobody disturbs."""
        self._begin(scene)
        ran = self._run(Fault(folder=str(self._state)))
        if ran.code != 0:
            raise RuntimeError(f"an undisturbed docking ended with {ran.code}: {ran.errors}")
        return Counter(line.split(" ", 1)[0] for line in ran.calls)

    def _run(self, fault: Fault | None = None) -> Ran:
        return self._forker.run(
            "pull", str(self._card), "--state", str(self._state), "--config", str(self._config),
            "--json", fault=fault,
        )  # fmt: skip

    def _judge_end(self, point: Point, ran: Ran) -> Iterator[str]:
        """Judge what was said, and how it ended."""
        if point.kills:
            if ran.code != -9:
                yield f"end: {ran.code} where it was killed"
            return
        if ran.code not in _ENDS:
            yield f"end: {ran.code}: {ran.errors[-600:]}"
        if "Traceback" in ran.errors:
            yield f"end: a traceback: {ran.errors[-1500:]}"
        wanted = {hashlib.sha256(data).hexdigest() for data in NEW.values()}
        if ran.code == 0 and not wanted <= {clip["sha256"] for clip in ran.sealed()}:
            yield "end: 0 although not all was taken over"
        if ran.code == ExitCode.FAILED and not _code_of(ran):
            yield f"end: 1 without a word why: {ran.errors[-600:]}"

    def _judge_disk(self) -> list[str]:
        return judge_files(self._state) if (self._state / "store").is_dir() else []

    def _heads(self) -> list[tuple[int, str]]:
        path = self._state / "log" / "checkpoint"
        return [parse_head(path.read_text("utf-8"))] if path.exists() else []


def _code_of(ran: Ran) -> str:
    """Return the fault code that was told last; one without message and remedy is none."""
    told = [json.loads(line) for line in ran.errors.splitlines() if line[:1] == "{"]
    errors = [line for line in told if line.get("message_type") == "error"]
    whole = [line for line in errors if line.get("message") and line.get("remedy")]
    return str(whole[-1]["code"]) if whole else ""


def chosen(points: Sequence[Point], seed: int) -> list[Point]:
    """Return the points in the order of a seed: each kind of call first once, then the rest."""
    rng = Random(seed)  # noqa: S311  a seed is what is wanted
    shuffled = list(points)
    rng.shuffle(shuffled)
    taken: Counter[tuple[str, str, str]] = Counter()
    ranked: list[tuple[int, int, Point]] = []
    for point in shuffled:
        kind = (point.call, point.what, point.often)
        ranked.append((taken[kind], len(ranked), point))
        taken[kind] += 1
    return [point for _, _, point in sorted(ranked)]
