"""A dock that heals one lost clip, in a process that can be killed: python -m … FOLDER MS."""

import sys
from pathlib import Path

from tests.docks import DockIn
from tests.scrubbing import name_of, scrubbed


def main() -> None:
    """Take what is offered, turn after turn, until it came to an end."""
    dock = DockIn(Path(sys.argv[1]))
    dock.clock.utc_ms = int(sys.argv[2])
    with scrubbed(dock) as (_state, scrub):
        name = name_of("DCIM/C.MP4")
        while scrub.offered(name) == "taken":
            scrub.turn()


if __name__ == "__main__":
    main()
