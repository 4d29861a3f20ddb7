"""Each call by which a docking changes or reads its disk, struck: killed there, or refused.

As many as fit the time, each kind of call in each way first, in the order of a seed that is in
what fails; `script/torture kills` and `script/torture errors` strike them all. tests/power judges.
"""

import json
import subprocess
import sys

import pytest

from tests.faults.injected.campaign import ERRORS, Point
from tests.faults.injected.forker import ROOT
from tests.faults.injected.library import build
from tests.require import need

SECONDS = {"kills": 25, "errors": 40}


@pytest.mark.parametrize("mode", SECONDS)
def test_nothing_is_lost_wherever_it_is_struck(
    mode: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What was said is true, what was acknowledged is there, and the next docking is clean."""
    need(build(tmp_path_factory.mktemp("library")), "a C compiler")
    done = subprocess.run(
        [
            sys.executable, "-B", "-m", "tests.faults.injected", mode,
            "--seconds", str(SECONDS[mode]), "--json",
        ],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    *_, last = map(json.loads, done.stdout.splitlines())
    assert last["struck"] > 0
    assert last["wrong"] == 0


def test_a_point_is_named_so_that_it_can_be_struck_again() -> None:
    """What a point is called says everything about it."""
    for call, whats in ERRORS.items():
        for what in whats:
            point = Point("second", call, 7, what, "ever")
            assert Point.parse(str(point)) == point
