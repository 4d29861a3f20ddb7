"""What all tests share: places for docks, and no judging by the clock."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.docks import DockIn
from tests.postgres import database_url, postgresql

__all__ = ["database_url", "dock", "dock_on_disk", "memory_path", "postgresql"]

# How long one example takes is the machine's affair.
settings.register_profile("sealdock", deadline=None)
settings.load_profile("sealdock")

_MEMORY = Path("/dev/shm")  # noqa: S108  a place in memory is what is wanted


@pytest.fixture
def memory_path(tmp_path: Path) -> Iterator[Path]:
    """Return a folder in memory where there is one: what is tested here is not the disk."""
    if not os.access(_MEMORY, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=_MEMORY, prefix="sealdock-test-") as folder:
        yield Path(folder)


@pytest.fixture
def dock(memory_path: Path) -> DockIn:
    """Return a dock that has not been started yet; its store is in memory."""
    return DockIn(memory_path)


@pytest.fixture
def dock_on_disk(tmp_path: Path) -> DockIn:
    """Return a dock that has not been started yet; its store is on a disk."""
    return DockIn(tmp_path)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests recorded as `told`: a number or a seed that somebody may want to know."""
    for report in terminalreporter.getreports("passed"):
        for name, said in report.user_properties:
            if name == "told":
                terminalreporter.write_line(str(said))
