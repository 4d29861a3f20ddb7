"""The torture of the parsers as a script: what it prints, and how it ends."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "script" / "torture.py"


def torture(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it in a process of its own."""
    command = [sys.executable, "-I", str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_one_seed_runs_every_parser_and_ends_well() -> None:
    """Each parser has its row, all frames are counted, and what is right ends with 0."""
    done = torture("--seed", "7", "--frames", "1500", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert sum(row["frames"] for row in rows) == 1500
    assert {"smp-lines", "journal", "zzx-lines", "volume"} <= {row["parser"] for row in rows}
    assert not any(row["found"] for row in rows)


def test_seed_is_told_so_that_a_run_can_be_had_again() -> None:
    """Without a seed it takes one at random, and prints it first and last."""
    done = torture("--frames", "10", "--parser", "cbor")
    first, *_, last = done.stdout.splitlines()
    assert last.endswith(f"again: --seed {first.split()[1].rstrip(',')}")


def test_one_frame_of_a_run_is_shown() -> None:
    """A frame that was found can be looked at alone: its parser, its bytes, what came out."""
    done = torture("--seed", "7", "--only", "3", "--parser", "cbor")
    assert done.returncode == 0
    assert done.stderr.startswith("cbor: seed 7, frame 3, ")


def test_parser_that_is_none_is_named() -> None:
    """A misspelt parser is refused with those that there are."""
    done = torture("--parser", "cbr")
    assert done.returncode == 1
    assert "no parser cbr; there are smp, cbor," in done.stderr
