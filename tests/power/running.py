"""Runs `script/torture cuts` for a test, where this machine lets it."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from tests.power.recording import ROOT
from tests.power.scene import LAYOUTS
from tests.require import need


@dataclass(frozen=True, slots=True)
class Ran:
    """How it ended: its lines, and what it said on standard error."""

    code: int
    lines: list[dict[str, Any]]
    errors: str


def demand() -> None:
    """Skip unless the power can be cut here: root, loop devices, FUSE, a namespace."""
    need(os.geteuid() == 0, "root, to mount file systems")
    for device in ("/dev/fuse", "/dev/loop-control"):
        need(os.access(device, os.R_OK | os.W_OK), device)
    tried = subprocess.run(
        [
            "/usr/bin/env", "setpriv", "--pdeathsig", "KILL",
            "unshare", "--mount", "--pid", "--fork", "--mount-proc", "true",
        ],
        capture_output=True, check=False,
    )  # fmt: skip
    need(tried.returncode == 0, "permission to unshare mounts and processes")
    need(LAYOUTS[0].there(), "a kernel and a mkfs for ext4")


def cuts(*arguments: str) -> Ran:
    """Run it and return how it went."""
    done = subprocess.run(
        [sys.executable, "-B", "-m", "tests.power", "--json", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return Ran(done.returncode, lines, done.stderr)
