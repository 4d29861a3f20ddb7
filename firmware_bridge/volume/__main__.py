"""For a technician: print what the reader finds on a card, one JSON object a line.

    python -m firmware_bridge.volume CARD

CARD is a block device or a card image. It is read by the same worker, in the same
confinement, as in a docking. Exit codes: 0 listed, 1 not, 2 wrong usage.
"""

import argparse
import json
import sys
import threading

from firmware_bridge.errors import BridgeError
from firmware_bridge.volume import codec
from firmware_bridge.volume.client import Reading, open_medium


def main(arguments: list[str] | None = None) -> int:
    """List one card; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m firmware_bridge.volume",
        description="List a card, live and deleted entries, without mounting or writing it.",
    )
    parser.add_argument("card", help="block device or card image")
    card = parser.parse_args(arguments).card
    try:
        with open_medium(card, stop=threading.Event()) as reading:
            _print(reading)
    except BridgeError as error:
        print(error, file=sys.stderr)  # noqa: T201  a command's way to say what failed
        return 1
    return 0


def _print(reading: Reading) -> None:
    lines = [{"medium": codec.medium_to(reading.medium), "present": reading.present}]
    for volume, entries in reading.volumes:
        lines.append({"volume": codec.volume_to(volume)})
        lines += [{"text": entry.text, "entry": codec.entry_to(entry)} for entry in entries]
    for line in lines:
        sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    sys.exit(main())
