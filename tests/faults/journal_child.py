"""A recorder's companion that journals until it is killed, saying each record once it is kept."""

import sys
from pathlib import Path

from agent.journal import Journal
from agent.segments import Segments
from hashing import journal
from tests.journals import KEY, NUMBER, ToldClock

RECORDS = 8
SEGMENT_BYTES = 900  # two records or three: most of what can break breaks at a new segment


def opened(folder: Path) -> Journal:
    """Return the journal in a folder, of small segments."""
    kept = Journal(Segments(folder, segment_bytes=SEGMENT_BYTES), KEY, ToldClock())
    if kept.size == 0:
        kept.append(journal.BEGUN, {"number": NUMBER, "vkey": str(KEY.verifier())})
    return kept


def main() -> None:
    """Append records, and say the number of each."""
    kept = opened(Path(sys.argv[1]))
    for _ in range(RECORDS):
        number = kept.append("alive", {})
        sys.stdout.write(f'{{"kept": {number}}}\n')
        sys.stdout.flush()
    kept.close()


if __name__ == "__main__":
    main()
