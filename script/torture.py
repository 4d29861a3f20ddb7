"""What script/torture runs: one seed, many frames, every parser, and what came out of each.

`cuts` goes to tests/power, `erase` to tests/erasing_runs.py, `kills` and `errors` to
tests/faults/injected.
"""

import argparse
import faulthandler
import json
import secrets
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]  # python -I puts it there by no means of its own

from tests import erasing_runs as erasing  # noqa: E402  the path above comes first
from tests.faults.injected import __main__ as struck  # noqa: E402
from tests.power import __main__ as power  # noqa: E402  the path above comes first
from tests.recorders.fuzzing import Parser, Run, Shot  # noqa: E402
from tests.recorders.parsers import PARSERS  # noqa: E402

FRAMES: Final = 1_000_000
SLOW_S: Final = 1.0
STUCK_S: Final = 60
SHOWN: Final = 20  # findings that are printed whole; the others are counted
_BATCH: Final = 1_000


@dataclass(slots=True)
class Figures:
    """How it went with one parser. Times are of the processor, in microseconds."""

    parser: str
    frames: int = 0
    found: int = 0
    took_us: int = 0
    slowest_us: int = 0
    slowest_number: int = 0

    def add(self, shot: Shot, took_us: int, *, found: bool) -> None:
        """Count one frame."""
        self.frames += 1
        self.found += found
        self.took_us += took_us
        if took_us > self.slowest_us:
            self.slowest_us, self.slowest_number = took_us, shot.number


def main(arguments: Sequence[str]) -> int:
    """Run; return the exit code."""
    options = _options(arguments)
    parsers = _chosen(options.parser)
    run = Run(parsers, options.seed)
    if options.only is not None:
        return _show(run.shot(options.only))
    if not options.json:
        print(f"seed {options.seed}, {options.frames} frames, {len(parsers)} parsers", flush=True)
    figures = _fire(run, options.frames, parsers)
    for each in figures:
        print(json.dumps(asdict(each)) if options.json else _line(each))
    found = sum(each.found for each in figures)
    if not options.json:
        print(f"{options.frames} frames, {found} found; again: --seed {options.seed}")
    return 1 if found else 0


def _fire(run: Run, frames: int, parsers: Sequence[Parser]) -> list[Figures]:
    figures = {parser.name: Figures(parser.name) for parser in parsers}
    shown = 0
    for first in range(0, frames, _BATCH):
        faulthandler.dump_traceback_later(STUCK_S, exit=True)
        for shot in run.shots(first, min(_BATCH, frames - first)):
            began_ns = time.process_time_ns()
            error = shot.fire()
            took_us = (time.process_time_ns() - began_ns) // 1000
            slow = took_us > SLOW_S * 1_000_000
            figures[shot.parser.name].add(shot, took_us, found=bool(error) or slow)
            if (error or slow) and shown < SHOWN:
                shown += 1
                _tell(shot, error, took_us)
    faulthandler.cancel_dump_traceback_later()
    return list(figures.values())


def _tell(shot: Shot, error: Exception | None, took_us: int) -> None:
    lines = [
        f"{shot.parser.name}: seed {shot.seed}, frame {shot.number}, {took_us} us",
        f"  {shot.frame.hex()}",
        *(traceback.format_exception(error) if error else ()),
    ]
    print("\n".join(lines), file=sys.stderr, flush=True)


def _show(shot: Shot) -> int:
    began_ns = time.process_time_ns()
    error = shot.fire()
    _tell(shot, error, (time.process_time_ns() - began_ns) // 1000)
    return 1 if error else 0


def _line(each: Figures) -> str:
    mean_us = each.took_us / max(1, each.frames)
    slowest = f"slowest {each.slowest_us / 1000:.1f} ms (frame {each.slowest_number})"
    told = f"{each.parser:20} {each.frames:8} frames {mean_us:8.0f} us each"
    return f"{told}, {slowest}, {each.found} found"


def _chosen(names: Sequence[str]) -> Sequence[Parser]:
    unknown = set(names) - {parser.name for parser in PARSERS}
    if unknown:
        known = ", ".join(parser.name for parser in PARSERS)
        raise SystemExit(f"no parser {', '.join(sorted(unknown))}; there are {known}")
    return [parser for parser in PARSERS if not names or parser.name in names]


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    options = argparse.ArgumentParser(
        prog="script/torture", description="See the head of script/torture."
    )
    options.add_argument("--frames", type=int, default=FRAMES, help="how many frames")
    options.add_argument("--seed", type=int, help="the run of this seed; without, one at random")
    options.add_argument("--only", type=int, metavar="NUMBER", help="this one frame of the run")
    options.add_argument("--parser", action="append", default=[], help="this parser alone")
    options.add_argument("--json", action="store_true", help="the figures as JSON, one a line")
    found = options.parse_args(arguments)
    if found.frames < 1 or (found.seed or 0) < 0 or (found.only or 0) < 0:
        options.error("frames are counted from 1, seeds and numbers from 0")
    if found.seed is None:
        found.seed = secrets.randbelow(1 << 31)
    return found


if __name__ == "__main__":
    told = sys.argv[1:]
    modes = {"cuts": power.main, "erase": erasing.main}
    if told and told[0] in struck.MODES:
        sys.exit(struck.main(told))
    sys.exit(modes[told[0]](told[1:]) if told and told[0] in modes else main(told))
