"""The power cuts bite: a dock whose writes are in the wrong order is found out."""

import pytest

from tests.power import running

# Those whose window is wide: few cuts show them. `script/torture cuts --plant all` tries every one.
QUICK = (
    "no-file-sync", "no-sync", "acknowledged-before-commit", "synchronous-off",
    "synchronous-normal", "warm-read-back",
)  # fmt: skip


@pytest.mark.parametrize("plant", QUICK)
def test_a_planted_mistake_is_noticed(plant: str) -> None:
    """A dock that forgets, or hurries, is caught by a few cuts."""
    running.demand()
    ran = running.cuts("--plant", plant, "--cuts", "80")
    assert ran.code == 0, (ran.errors, ran.lines)
    assert ran.lines[0]["after"] > 0
