"""script/bench ingest: every part of it runs, and says what it measured, or why it did not."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = 8


def test_each_part_runs_or_says_why_not(tmp_path: Path) -> None:
    """On tiny sizes; how long anything took is nobody's business here."""
    program = [sys.executable, "-I", str(ROOT / "script" / "bench_ingest.py")]
    done = subprocess.run(
        [*program, "--tiny", "--rounds", "1", "--json", "--folder", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(told["results"]) + len(told["not_measured"]) == PARTS
    for result in told["results"]:
        assert result["costs"]
        assert all(cost["wall_s"] > 0 for cost in result["costs"].values())
    assert all(told["not_measured"].values())
    assert list(tmp_path.iterdir()) == []
