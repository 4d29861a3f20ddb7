"""Take one card over in a process of its own and say what that cost, as one JSON line.

python -m tests.sim.scale_child STATE-FOLDER CARD
"""

import json
import resource
import sys
import time
from pathlib import Path

from tests.docks import DockIn


def main() -> None:
    """Run the docking; print result, seconds, and the core's own peak of memory in bytes."""
    dock, card = DockIn(Path(sys.argv[1])), Path(sys.argv[2])
    before = time.monotonic()
    told = dock.take_over(card)
    told_s = time.monotonic() - before
    print(  # noqa: T201  this is its result
        json.dumps(
            {
                "result": told.end.result,
                "sealed": told.end.sealed,
                "seconds": round(told_s, 1),
                # RUSAGE_SELF: the reader is another process, with a bound of its own.
                "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
