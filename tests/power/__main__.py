"""`script/torture cuts`: power cuts by replay; its head says how it is called."""

import argparse
import json
import secrets
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from tests.power import inner, report
from tests.power.campaign import Figures, Wrong
from tests.power.recording import ROOT
from tests.power.saying import say
from tests.power.scene import LAYOUTS, Layout
from tests.power.teeth import WHERE, Bitten

_FOR_EVER_S: Final = 1e9
_MOST: Final = 400  # cuts for each planted mistake, where nobody says how many
# Who kills this process ends those inside as well, and so whatever is mounted there.
_UNSHARE: Final = (
    "/usr/bin/env", "setpriv", "--pdeathsig", "KILL",
    "unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--mount-proc",
    "--kill-child", sys.executable, "-B", "-m", "tests.power", "--inside",
)  # fmt: skip


class BrokenRunError(Exception):
    """A run came to no end; why stands on standard error."""


def main(arguments: Sequence[str]) -> int:
    """Run; return the exit code: 0 nothing was wrong, 1 something was, or a run broke."""
    options = _options(arguments)
    if options.inside:
        inner.run(options)
        return 0
    if not options.again:
        sys.stderr.write(f"seed {options.seed}\n")
        sys.stderr.flush()
    try:
        if options.again:
            again = ["--again", str(options.again.resolve()), "--only", str(options.only)]
            (line,) = _lines([again])
            say(json.dumps(line) if options.json else "\n".join([line["cut"], *line["wrong"]]))
            return 1 if line["wrong"] else 0
        sound = (options.plant and not options.report) or _cuts(options)
        bites = not (options.plant or options.report) or _teeth(options)
    except BrokenRunError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0 if sound and bites else 1


def _cuts(options: argparse.Namespace) -> bool:
    """Cut; tell what came of it, and whether all held."""
    common = ["--seed", str(options.seed), "--seconds", str(options.seconds)]
    common += ["--lie"] * options.lie
    common += [word for layout in options.layout for word in ("--layout", layout.name)]
    common += ["--keep", str(options.keep.resolve())] if options.keep else []
    share = -(-options.cuts // options.jobs)
    figures = merged(
        _lines(
            [
                [*common, "--cuts", str(share), "--job", f"{job}/{options.jobs}"]
                for job in range(options.jobs)
            ]
        )
    )
    wrong = [each for one in figures for each in one.wrong]
    for one in figures:
        say(json.dumps(one.as_json()) if options.json else _line(one))
    if not options.json:
        for layout in () if options.layout else LAYOUTS:
            if not layout.there():
                say(f"{layout.name:10} not on this machine")
        count = sum(one.cuts for one in figures)
        say(f"{count} cuts, {len(wrong)} wrong; again: --seed {options.seed}")
    if options.report:
        report.write(report.PAGE, "cuts", report.of_cuts(figures, options.seed))
    return not wrong


def _teeth(options: argparse.Namespace) -> bool:
    """Try the plants; tell what came of it, and whether each was caught."""
    plants = [word for plant in options.plant or ["all"] for word in ("--plant", plant)]
    most = options.cuts if options.plant else _MOST
    lines = _lines([[*plants, "--seed", str(options.seed), "--cuts", str(most)]])
    bitten = [Bitten(**line) for line in lines]
    for one in bitten:
        told = f"after {one.after} cuts: {one.what}" if one.after else f"MISSED in {one.cuts} cuts"
        line = f"{one.plant:28} {one.layout:10} {one.took_s:5.1f} s  {told}"
        say(json.dumps(one.as_json()) if options.json else line)
    if options.report:
        report.write(report.PAGE, "teeth", report.of_teeth(bitten, options.seed))
    return all(one.after for one in bitten)


def _lines(orders: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    """Run each order in a namespace of its own, all at once; return the lines that they say."""
    running = [
        subprocess.Popen([*_UNSHARE, *order], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for order in orders
    ]
    said = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        raise BrokenRunError("a run broke off: what it said stands above")
    return [json.loads(line) for text in said for line in text.splitlines()]


def merged(lines: Iterable[dict[str, Any]]) -> list[Figures]:
    """Return the figures of each layout, of all jobs together."""
    found: dict[str, Figures] = {}
    for line in lines:
        wrong = [Wrong(**one) for one in line.pop("wrong")]
        one = Figures(**line, wrong=wrong)
        found.setdefault(one.layout, Figures(one.layout)).add(one)
    return list(found.values())


def _line(one: Figures) -> str:
    each_s = one.took_s / max(1, one.cuts)
    tried = f"{one.layout:10} {one.cuts:7} cuts of {one.tapes:5} tapes, {one.deep:6} twice"
    return f"{tried}, {len(one.wrong)} wrong, {each_s:.2f} s each"


def _layout(text: str) -> Layout:
    found = next((one for one in LAYOUTS if one.name == text), None)
    if found is None:
        raise argparse.ArgumentTypeError(f"there are {', '.join(one.name for one in LAYOUTS)}")
    return found


def _job(text: str) -> tuple[int, int]:
    first, step = text.split("/")
    return int(first), int(step)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    options = argparse.ArgumentParser(
        prog="script/torture cuts", description="See the head of script/torture."
    )
    options.add_argument("--cuts", type=int, default=1000, help="how many cuts")
    options.add_argument("--seconds", type=float, default=_FOR_EVER_S, help="for how long at most")
    options.add_argument("--jobs", type=int, default=1, help="how many runs at once")
    options.add_argument("--seed", type=int, help="the run of this seed; without, one at random")
    options.add_argument(
        "--layout", action="append", type=_layout, default=[], help="on these disks alone"
    )
    options.add_argument("--plant", action="append", default=[], help="a planted mistake, or `all`")
    options.add_argument(
        "--keep", type=Path, metavar="DIR", help="where tapes go that something was wrong with"
    )
    options.add_argument("--lie", action="store_true", help="all disks lie, not one in three")
    options.add_argument("--again", type=Path, metavar="TAPE", help="a tape that was kept")
    options.add_argument("--only", type=int, default=0, help="with --again: this cut of it")
    options.add_argument("--report", action="store_true", help="write docs/durability.md's tables")
    options.add_argument("--json", action="store_true", help="the figures as JSON, one a line")
    options.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options.add_argument("--job", type=_job, default=(0, 1), help=argparse.SUPPRESS)
    found = options.parse_args(arguments)
    if unknown := set(found.plant) - {*WHERE, "all"}:
        options.error(f"no plant {', '.join(sorted(unknown))}; there are {', '.join(WHERE)}")
    if min(found.cuts, found.jobs) < 1 or min(found.seed or 0, found.only) < 0:
        options.error("cuts and jobs are counted from 1, seeds and numbers from 0")
    if found.seed is None:
        found.seed = secrets.randbelow(1 << 31)
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
