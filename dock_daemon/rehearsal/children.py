"""Processes that the demo starts: they end with it, however it ends."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from typing import IO


def start(
    command: list[str], *, errors: IO[bytes] | int, env: Mapping[str, str]
) -> "subprocess.Popen[bytes]":
    """Start a process that says in one line that it is ready; its errors go to `errors`.

    Where util-linux has it, the kernel ends the process when this one is killed.
    """
    setpriv = shutil.which("setpriv")
    bound = [] if setpriv is None else [setpriv, "--pdeathsig", "TERM", "--"]
    return subprocess.Popen(
        [*bound, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
        env=dict(env),
    )


def end(process: "subprocess.Popen[bytes]", *, within_s: float) -> None:
    """End a process and wait until it is gone; raise TimeoutExpired if it will not go."""
    process.terminate()
    if process.stdout is not None:
        process.stdout.close()
    process.wait(within_s)


def environment() -> dict[str, str]:
    """Return our environment without what is played here: udev is for this process alone."""
    return {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
