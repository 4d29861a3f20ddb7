"""One line on standard output, at once."""

import sys


def say(line: str) -> None:
    """Say it: whoever reads it has it before anything else happens."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
