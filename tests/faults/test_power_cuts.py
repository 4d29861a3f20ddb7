"""Power cuts of recorded dockings: what was acknowledged is there, whatever the disks had kept.

As many cuts as fit the time, on every layout that this machine has; `script/torture cuts` goes on
for as long as one likes. The seed is in what fails: `script/torture cuts --seed N` runs it again.
"""

import pytest

from tests.power import running
from tests.power.scene import LAYOUTS, Layout
from tests.require import need

SECONDS = 100 / len(LAYOUTS)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_nothing_is_lost(layout: Layout) -> None:
    """However power goes, each acknowledged clip is there whole and no entry lacks its bytes."""
    running.demand()
    need(layout.there(), f"the means to make {layout.name}")
    ran = running.cuts("--layout", layout.name, "--seconds", str(SECONDS), "--cuts", "100000")
    assert ran.code == 0, (ran.errors, ran.lines)
    (figures,) = ran.lines
    assert figures["cuts"] > 0
