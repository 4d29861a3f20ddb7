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

from tests.power.campaign import Campaign, Figures
from tests.power.recording import ROOT
from tests.power.saying import say
from tests.power.scene import LAYOUTS, Layout
from tests.power.teeth import WHERE, bite

_FOR_EVER_S: Final = 1e9
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
            if options.plant:
                return _teeth(Path(folder), options)
            return _cuts(Path(folder), options)
        finally:
            ctypes.CDLL(None).umount2(folder.encode(), 2)


def _cuts(folder: Path, options: argparse.Namespace) -> int:
    campaign = Campaign(folder, options.seed, options.layout or LAYOUTS, options.keep)
    sys.stderr.write(f"seed {options.seed}\n")
    for _ in campaign.run(cuts_wanted=options.cuts, seconds=options.seconds):
        pass
    for figures in campaign.figures.values():
        say(json.dumps(asdict(figures)) if options.json else _line(figures))
    wrong = [one for figures in campaign.figures.values() for one in figures.wrong]
    if not options.json:
        for one in wrong:
            say(f"{one.layout} {one.tape}: {one.cut}: {'; '.join(one.what)}")
        count = sum(figures.cuts for figures in campaign.figures.values())
        say(f"{count} cuts, {len(wrong)} wrong; again: --seed {options.seed}")
    return 1 if wrong else 0


def _teeth(folder: Path, options: argparse.Namespace) -> int:
    missed = 0
    plants = list(WHERE) if "all" in options.plant else options.plant
    for one in bite(folder, plants, options.seed, most=options.cuts):
        missed += not one.after
        told = f"after {one.after} cuts: {one.what}" if one.after else f"MISSED in {one.cuts} cuts"
        line = f"{one.plant:28} {one.layout:10} {one.took_s:5.1f} s  {told}"
        say(json.dumps(asdict(one)) if options.json else line)
    return 1 if missed else 0


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
    options.add_argument("--plant", action="append", help="a planted mistake, or `all`")
    options.add_argument("--keep", type=Path, help="where tapes go that something was wrong with")
    options.add_argument("--json", action="store_true", help="the figures as JSON, one a line")
    options.add_argument(_INSIDE, action="store_true", help=argparse.SUPPRESS)
    found = options.parse_args(arguments)
    if found.seed is None:
        found.seed = secrets.randbelow(1 << 31)
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
