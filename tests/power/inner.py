"""What runs inside a mount and process namespace of its own, and says what came of it as JSON.

Whatever is mounted and attached in there goes with it, however it ends.
"""

import argparse
import ctypes
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

from tests.power import recording as recordings
from tests.power.campaign import Campaign, drawn_cut
from tests.power.recording import ROOT
from tests.power.saying import say
from tests.power.scene import LAYOUTS
from tests.power.starter import Starter
from tests.power.teeth import WHERE, bite
from tests.power.trial import Bench

_DETACH: Final = 2
_LIBC: Final = ctypes.CDLL(None)


def run(options: argparse.Namespace) -> None:
    """Do what was asked; say each layout's figures, or each plant's, as a line of JSON."""
    with _memory() as folder:
        if options.again:
            _again(folder, options)
        elif options.plant:
            plants = list(WHERE) if "all" in options.plant else options.plant
            for one in bite(folder, plants, options.seed, most=options.cuts):
                say(json.dumps(asdict(one)))
        else:
            _cuts(folder, options)


@contextmanager
def _memory() -> Iterator[Path]:
    """Give a folder in memory, which goes with the namespace."""
    with tempfile.TemporaryDirectory(prefix="sealdock-cuts-") as folder:
        if _LIBC.mount(b"cuts", folder.encode(), b"tmpfs", 0, b"size=3g") != 0:
            raise SystemExit("no permission to mount")
        try:
            yield Path(folder)
        finally:
            _LIBC.umount2(folder.encode(), _DETACH)


def _cuts(folder: Path, options: argparse.Namespace) -> None:
    layouts = options.layout or [layout for layout in LAYOUTS if layout.there()]
    campaign = Campaign(folder, options.seed, layouts, options.keep)
    campaign.lying = 1 if options.lie else campaign.lying
    first, step = options.job
    told: set[int] = set()
    for figures in campaign.run(
        cuts_wanted=options.cuts, seconds=options.seconds, first=first, step=step
    ):
        for wrong in [one for one in figures.wrong if id(one) not in told]:
            told.add(id(wrong))
            sys.stderr.write(f"{wrong.layout} {wrong.tape}: {wrong.cut}: {'; '.join(wrong.what)}\n")
            sys.stderr.flush()
    for figures in campaign.figures.values():
        say(json.dumps(asdict(figures)))


def _again(folder: Path, options: argparse.Namespace) -> None:
    """Try one cut of a tape that was kept."""
    recording = recordings.load(options.again)
    seed = (options.again / "seed").read_text("ascii")
    with Starter(ROOT) as starter:
        cut, how = drawn_cut(recording, options.only, seed)
        found = Bench(folder, starter).judged(recording, cut, how)
    say(json.dumps({"cut": str(cut), "how": str(how), "wrong": found}))
