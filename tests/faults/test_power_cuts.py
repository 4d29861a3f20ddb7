"""Power cuts of recorded dockings: what was acknowledged is there, whatever the disks had kept.

As many cuts as fit the time, on every layout that this machine has; `script/torture cuts` goes on
for as long as one likes. The number and the seed stand at the end of the test run:
`script/torture cuts --layout L --seed N` runs them again.
"""

from collections.abc import Callable

import pytest

from tests.power import running
from tests.power.scene import LAYOUTS, Layout
from tests.require import need

SECONDS = 100 / len(LAYOUTS)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_nothing_is_lost(layout: Layout, record_property: Callable[[str, object], None]) -> None:
    """However power goes, each acknowledged clip is there whole and no entry lacks its bytes."""
    running.demand()
    need(layout.there(), f"a kernel and a mkfs for {layout.name}")
    ran = running.cuts("--layout", layout.name, "--seconds", str(SECONDS), "--cuts", "100000")
    assert ran.code == 0, (ran.errors, ran.lines)
    (figures,) = ran.lines
    assert figures["cuts"] > 0
    record_property("told", f"{figures['cuts']} power cuts on {layout.name}, {ran.errors.strip()}")


def test_a_disk_that_lies_is_found_out() -> None:
    """A disk that keeps other bytes of a clip than it was given does not make it count."""
    running.demand()
    ran = running.cuts("--layout", "ext4", "--lie", "--cuts", "20")
    assert ran.code == 0, (ran.errors, ran.lines)
    assert ran.lines[0]["lying"] == ran.lines[0]["tapes"] == 1
