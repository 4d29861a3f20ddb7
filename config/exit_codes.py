"""The exit codes of every command: scripts rely on them, so they never change meaning."""

import enum


@enum.unique
class ExitCode(enum.IntEnum):
    """How a command ended. A caller treats any other non-zero code as FAILED."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    PARTIAL = 4
    """The work was done but not all of it: some clips were not read."""
    WARNINGS = 5
    VERIFICATION_FAILED = 6
    """Evidence does not match its log, or lacks what was demanded of it; never anything else."""
    BUSY = 7
    NOT_PERMITTED = 8
    DAEMON_UNREACHABLE = 9
    INTERRUPTED = 130
    """Stopped by the operator (128 + SIGINT)."""
