"""kill -9 of a dock while it erases: what came of it is found out from the recorder, once."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agents import ROOT, AgentIn
from tests.docks import DockIn
from tests.sim.test_erasing_dock import CLIPS, MIRROR, bench, settings, steps
from tests.witnessed import NOW_S, Core

SETTLED = ("gone", "settled-later")
NOTHING = ("kept", "not-carried-out")


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[AgentIn]:
    """Return a recorder with two clips, whose companion outlives the dock."""
    found = AgentIn(tmp_path / "recorder")
    for name, data in CLIPS.items():
        (found.clips / name).write_bytes(data)
    assert found.run("key", "make").returncode == 0
    found.start()
    yield found
    found.close()


def killed_at(folder: Path, step: int) -> None:
    """Let a dock live until it kills itself at a step."""
    child = [sys.executable, "-m", "tests.faults.erasing_child", str(folder), str(step)]
    done = subprocess.run(child, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr


# After which step, counted as the child does; what is found of the first clip; its outcome.
@pytest.mark.parametrize(
    ("at", "left", "outcome"),
    [
        (4, 2, NOTHING),  # it was, and the recorder heard of nothing
        (6, 2, NOTHING),  # the recorder has its storage back
        (8, 1, SETTLED),  # it has erased, and nobody knows
        (12, 1, SETTLED),  # and it was listed
    ],
)
async def test_killed_while_it_erases(
    agent: AgentIn, tmp_path: Path, at: int, left: int, outcome: tuple[str, str]
) -> None:
    """Started anew, the dock settles what it had begun, misses nothing, and goes on from there."""
    killed_at(tmp_path, at)
    assert len(list(agent.clips.iterdir())) == left
    dock = DockIn(tmp_path)
    before = steps(dock)
    async with bench(dock, agent, tmp_path / "card", settings(MIRROR)) as here:
        await here.taken_over()
        assert here.running.bay("1").findings == 0
        core = Core(here.running.state)
        core.tell("cosigned", note=MIRROR.cosign(core.head, NOW_S + 60))
        await here.erase()
        await here.running.until(lambda: not list(agent.clips.iterdir()))
        await here.running.until_shown("1", "done")
    after = steps(dock)[len(before) :]
    assert after == [outcome, *[("intended", ""), ("done", "")] * left]
    assert dock.parsed("finding") == []
    assert agent.kinds().count("erased") == len(CLIPS)
    dock.assert_holds("A.MP4", "B.MP4")
