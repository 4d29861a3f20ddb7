"""`sealdock run` when evidence comes into doubt while it runs."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from config.exit_codes import ExitCode
from dock_daemon import control
from dock_daemon.commands.run import doubt_in
from dock_daemon.errors import LedgerDoubtError


def test_a_ledger_that_rots_ends_the_dock_with_its_own_fault(tmp_path: Path) -> None:
    """The daemon says what is in doubt and what to do, with the exit code of the table."""
    state = tmp_path / "state"
    environment = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
    command = [sys.executable, "-m", "dock_daemon.commands.root", "run", "--json"]
    running = subprocess.Popen(
        [*command, "--state", str(state), "--lang", "en"],
        env={**environment, "SEALDOCK_LOG_HEARTBEAT_S": "10"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    try:
        told = running.stderr
        assert told is not None
        while "0 bays" not in told.readline():
            assert running.poll() is None
        # Its first heartbeat is kept before anything can be asked; a byte of it rots.
        assert control.ask(state, {"ask": "signing"}) is not None
        with closing(sqlite3.connect(state / "ledger.db")) as rotten, rotten:
            rotten.execute("UPDATE entry SET bytes = x'7b7d' WHERE seq = 1")
        _, errors = running.communicate(timeout=120)
    finally:
        running.kill()
        running.wait()
    (fault,) = (json.loads(line) for line in errors.splitlines() if '"code"' in line)
    assert fault["code"] == "ledger-doubt"
    assert running.returncode == fault["exit_code"] == ExitCode.VERIFICATION_FAILED
    assert "Traceback" not in errors


def test_a_doubt_is_found_among_whatever_ended_the_dock() -> None:
    """One doubt, however deep, says why; what is none is left as it is."""
    doubt = LedgerDoubtError("rotten")
    deep = ExceptionGroup("all", [OSError(), ExceptionGroup("inner", [ValueError(), doubt])])
    assert doubt_in(deep) is doubt
    assert doubt_in(ExceptionGroup("all", [OSError(), ValueError()])) is None
