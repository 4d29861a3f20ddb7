"""Places for docks in tests."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docks import DockIn

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
