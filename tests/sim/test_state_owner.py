"""Whose state it is."""

import os

import pytest

from dock_daemon.errors import StateUnusableError
from tests.docks import DockIn

NOBODY = 65534


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_root_leaves_another_users_state_alone(dock: DockIn) -> None:
    """What root wrote there, the daemon could neither read nor replace: nothing is written."""
    dock.root.mkdir()
    os.chown(dock.root, NOBODY, NOBODY)
    with pytest.raises(StateUnusableError, match="kept by the user"):
        dock.open()
    assert list(dock.root.iterdir()) == []
    os.chown(dock.root, 0, 0)
    dock.open().close()
