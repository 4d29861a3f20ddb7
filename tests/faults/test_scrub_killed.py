"""kill -9 in the middle of healing: the lost clip is lost or whole, and told as what it is."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dock_daemon.control import OFFERS
from dock_daemon.evidence import scrub_book
from tests.docks import DockIn
from tests.faults.traced import CHANGES
from tests.require import need
from tests.scrubbing import FILES, filled, name_of, one_pass, scrubbed

ROOT = Path(__file__).resolve().parents[2]
NAME = name_of("DCIM/C.MP4")


@pytest.fixture(scope="module")
def lost(tmp_path_factory: pytest.TempPathFactory) -> DockIn:
    """Return a dock that knows that it lost a clip, with a good copy on offer."""
    folder = tmp_path_factory.mktemp("dock")
    dock = DockIn(folder)
    filled(dock, tmp_path_factory.mktemp("card"))
    dock.stored(NAME).unlink()
    with scrubbed(dock) as (_state, scrub):
        one_pass(dock, scrub)
    (dock.root / OFFERS).mkdir(parents=True)
    (dock.root / OFFERS / NAME).write_bytes(FILES["DCIM/C.MP4"])
    return dock


@pytest.mark.parametrize("call", CHANGES)
def test_killed_while_it_heals(lost: DockIn, tmp_path: Path, call: str) -> None:
    """At the last such call and those before it: afterwards it heals, once, and all holds."""
    need(shutil.which("strace") is not None, "strace")
    struck = 0
    for nth in (1, 2, 4, 8):
        folder = tmp_path / f"{call}-{nth}"
        shutil.copytree(lost.folder, folder)
        dock = DockIn(folder)
        done = subprocess.run(
            ["/usr/bin/env", "strace", "-f", "-o", "/dev/null", "-e", f"trace={call}",
             "-e", f"inject={call}:signal=KILL:when={nth}",
             sys.executable, "-m", "tests.faults.scrub_child", str(folder),
             str(lost.clock.utc_ms)],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
            capture_output=True, timeout=120,
        )  # fmt: skip
        struck += done.returncode != 0
        dock.clock.utc_ms = lost.clock.utc_ms
        with scrubbed(dock) as (state, scrub):
            while scrub.offered(NAME) == "taken":
                scrub.turn()
            assert state.sealer.ask(scrub_book.damages) == []
        assert dock.stored(NAME).read_bytes() == FILES["DCIM/C.MP4"]
        told = [one.body["recovered"] for one in dock.parsed("recovery")]
        assert told.count("content-replaced") == told.count("content-lost") == 1
        assert list((dock.root / "store" / "incoming").iterdir()) == []
        dock.assert_holds()
        shutil.rmtree(folder)
    assert struck > 0 or call not in {"fdatasync", "link"}
