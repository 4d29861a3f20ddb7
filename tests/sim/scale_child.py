"""Take one card over in a process of its own and say what that cost, as one JSON line.

python -m tests.sim.scale_child STATE-FOLDER CARD
"""

import json
import re
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
                # The reader is another process, with a bound of its own.
                "peak_bytes": peak_bytes(),
            }
        )
    )


def peak_bytes() -> int:
    """Return the most memory that this program has had; rusage would count its parent's, too."""
    status = Path("/proc/self/status").read_text("ascii")
    (kilobytes,) = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(kilobytes) * 1024


if __name__ == "__main__":
    main()
