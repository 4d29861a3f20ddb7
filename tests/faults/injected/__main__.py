"""Strikes dockings, point after point: `python -m tests.faults.injected kills|errors`.

    --seed N        the order of that seed, once more
    --seconds S     stop after so long; without, every point there is
    --share K/N     the K-th of N shares of the points, for as many processors
    --only POINT    this point alone
    --json          a line for each kind of call, as JSON

The exit code is 1 when something was wrong; what, is said at once, with the point.
"""

import argparse
import json
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.faults.injected.campaign import ENVIRONMENT, Campaign, Point, Struck, chosen
from tests.faults.injected.forker import Forker
from tests.faults.injected.library import build
from tests.power.saying import say

MODES = ("kills", "errors")


def main(arguments: Sequence[str]) -> int:
    """Strike; return the exit code."""
    options = _options(arguments)
    memory = Path("/dev/shm")  # noqa: S108  a place in memory is what is wanted
    with (
        tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder,
        Forker(build(Path(folder)), ENVIRONMENT) as forker,
    ):
        campaign = Campaign(Path(folder), forker)
        points = campaign.kills() if options.mode == "kills" else campaign.errors()
        if options.only:
            mine = [Point.parse(options.only)]
        else:
            number, shares = map(int, options.share.split("/"))
            mine = chosen(points, options.seed)[number - 1 :: shares]
        return _strike(campaign, mine, len(points), options)


def _strike(
    campaign: Campaign, mine: Iterable[Point], there_are: int, options: argparse.Namespace
) -> int:
    until = time.monotonic() + options.seconds
    struck: list[Struck] = []
    for point in mine:
        if time.monotonic() > until:
            break
        struck.append(campaign.strike(point))
        for wrong in struck[-1].wrong:
            sys.stderr.write(f"{point}: {wrong}\n")
            sys.stderr.flush()
    bad = sum(bool(one.wrong) for one in struck)
    table = Counter((one.point.call, one.point.what, one.point.often) for one in struck)
    if options.json:
        for (call, what, often), count in sorted(table.items()):
            told = {"call": call, "what": what, "often": often, "points": count}
            ends = Counter(
                f"{one.code} {one.fault}".strip()
                for one in struck
                if (one.point.call, one.point.what, one.point.often) == (call, what, often)
            )
            say(json.dumps(told | {"ends": dict(sorted(ends.items()))}))
    again = f"again: script/torture {options.mode} --seed {options.seed}"
    line = f"{len(struck)} of {there_are} points struck, {bad} wrong; {again}"
    say(json.dumps({"struck": len(struck), "wrong": bad}) if options.json else line)
    return 1 if bad else 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="script/torture", description="See its head.")
    options.add_argument("mode", choices=MODES)
    options.add_argument("--seed", type=int, default=secrets.randbelow(1 << 31))
    options.add_argument("--seconds", type=float, default=float("inf"))
    options.add_argument("--share", default="1/1", metavar="K/N")
    options.add_argument("--only", default="", metavar="POINT")
    options.add_argument("--json", action="store_true")
    return options.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
