"""`script/torture cuts`: power cuts by replay, in a mount namespace of their own.

Whatever is mounted and attached in there goes with it, however it ends.
"""

import argparse
import ctypes
import json
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from tests.power import recording as recordings
from tests.power import report
from tests.power.campaign import Campaign, Figures, drawn_cut
from tests.power.recording import ROOT
from tests.power.saying import say
from tests.power.scene import LAYOUTS, Layout
from tests.power.starter import Starter
from tests.power.teeth import WHERE, bite
from tests.power.trial import Bench

_FOR_EVER_S: Final = 1e9
_MOST: Final = 400  # cuts for each planted mistake, where nobody says how many
_INSIDE: Final = "--inside"
_UNSHARE: Final = (
    "/usr/bin/env", "unshare", "--mount", "--propagation", "private", "--pid", "--fork",
    "--mount-proc", "--kill-child",
)  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    """Run; return the exit code: 0 nothing was wrong, 1 something was."""
    options = _options(arguments)
    if not options.inside:
        seed = [] if "--seed" in arguments else ["--seed", str(options.seed)]
        command = [*_UNSHARE, sys.executable, "-B", "-m", "tests.power", *arguments, *seed, _INSIDE]
        return subprocess.run(command, cwd=ROOT, check=False).returncode
    with tempfile.TemporaryDirectory(prefix="sealdock-cuts-") as folder:
        # In memory, and gone with the namespace.
        if ctypes.CDLL(None).mount(b"cuts", folder.encode(), b"tmpfs", 0, b"size=3g") != 0:
            raise SystemExit("no permission to mount")
        try:
            return _inside(Path(folder), options)
        finally:
            ctypes.CDLL(None).umount2(folder.encode(), 2)


def _inside(folder: Path, options: argparse.Namespace) -> int:
    if options.again:
        return _again(folder, options)
    code = 0
    if options.report or not options.plant:
        code |= _cuts(folder, options)
    if options.report or options.plant:
        code |= _teeth(folder, options)
    return code


def _cuts(folder: Path, options: argparse.Namespace) -> int:
    layouts = options.layout or [layout for layout in LAYOUTS if layout.there()]
    campaign = Campaign(folder, options.seed, layouts, options.keep, lying=1 if options.lie else 5)
    sys.stderr.write(f"seed {options.seed}\n")
    for _ in campaign.run(cuts_wanted=options.cuts, seconds=options.seconds):
        sys.stderr.flush()
    figures = list(campaign.figures.values())
    for one in figures:
        say(json.dumps(asdict(one)) if options.json else _line(one))
    wrong = [each for one in figures for each in one.wrong]
    if not options.json:
        for each in wrong:
            say(f"{each.layout} {each.tape}: {each.cut}: {'; '.join(each.what)}")
        for layout in set(LAYOUTS) - set(layouts) if not options.layout else ():
            say(f"{layout.name}: not on this machine")
        count = sum(one.cuts for one in figures)
        say(f"{count} cuts, {len(wrong)} wrong; again: --seed {options.seed}")
    if options.report:
        report.write(report.PAGE, "cuts", report.of_cuts(figures, options.seed))
    return 1 if wrong else 0


def _teeth(folder: Path, options: argparse.Namespace) -> int:
    plants = list(WHERE) if options.report or "all" in options.plant else options.plant
    bitten = []
    for one in bite(folder, plants, options.seed, most=_MOST if options.report else options.cuts):
        bitten.append(one)
        told = f"after {one.after} cuts: {one.what}" if one.after else f"MISSED in {one.cuts} cuts"
        line = f"{one.plant:28} {one.layout:10} {one.took_s:5.1f} s  {told}"
        say(json.dumps(asdict(one)) if options.json else line)
    if options.report:
        report.write(report.PAGE, "teeth", report.of_teeth(bitten, options.seed))
    return 0 if all(one.after for one in bitten) else 1


def _again(folder: Path, options: argparse.Namespace) -> int:
    """Try one cut of a tape that was kept."""
    recording = recordings.load(options.again)
    seed = (options.again / "seed").read_text("ascii")
    with Starter(ROOT) as starter:
        cut, how = drawn_cut(recording, options.only, seed)
        found = Bench(folder, starter).judged(recording, cut, how)
    for line in (str(cut), str(how), *found):
        say(line)
    return 1 if found else 0


def _line(one: Figures) -> str:
    each_s = one.took_s / max(1, one.cuts)
    tried = f"{one.layout:10} {one.cuts:7} cuts of {one.tapes:5} tapes, {one.deep:6} twice"
    return f"{tried}, {len(one.wrong)} wrong, {each_s:.2f} s each"


def _layout(text: str) -> Layout:
    found = next((one for one in LAYOUTS if one.name == text), None)
    if found is None:
        raise argparse.ArgumentTypeError(f"there are {', '.join(one.name for one in LAYOUTS)}")
    return found


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    options = argparse.ArgumentParser(
        prog="script/torture cuts", description="See the head of script/torture."
    )
    options.add_argument("--cuts", type=int, default=1000, help="how many cuts")
    options.add_argument("--seconds", type=float, default=_FOR_EVER_S, help="for how long at most")
    options.add_argument("--seed", type=int, help="the run of this seed; without, one at random")
    options.add_argument("--layout", action="append", type=_layout, help="on these disks alone")
    options.add_argument("--plant", action="append", default=[], help="a planted mistake, or `all`")
    options.add_argument(
        "--keep", type=Path, metavar="DIR", help="where tapes go that something was wrong with"
    )
    options.add_argument("--lie", action="store_true", help="all disks lie, not one in five")
    options.add_argument("--again", type=Path, metavar="TAPE", help="a tape that was kept")
    options.add_argument("--only", type=int, default=0, help="with --again: this cut of it")
    options.add_argument("--report", action="store_true", help="write docs/durability.md's tables")
    options.add_argument("--json", action="store_true", help="the figures as JSON, one a line")
    options.add_argument(_INSIDE, action="store_true", help=argparse.SUPPRESS)
    found = options.parse_args(arguments)
    if unknown := set(found.plant) - {*WHERE, "all"}:
        options.error(f"no plant {', '.join(sorted(unknown))}; there are {', '.join(WHERE)}")
    if found.cuts < 1 or (found.seed or 0) < 0:
        options.error("cuts are counted from 1, seeds from 0")
    if found.seed is None:
        found.seed = secrets.randbelow(1 << 31)
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
