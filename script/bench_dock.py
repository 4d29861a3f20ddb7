"""What script/bench ingest runs as this dock: `bench_dock.py STATE SOURCE...`, a bay for each.

It is what `sealdock pull` does, with a thread for each source as the daemon has one for each bay:
the state opened, each docking run from its listing to its release, all sealed and published, the
state closed. When it ends, everything is durable. The last line of stdout says what it cost.
"""

import json
import sys
import tempfile
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # python -I does not

from config.loader import load
from dock_daemon import collector
from dock_daemon.clock import SystemClock
from dock_daemon.docking.events import Event, Released
from dock_daemon.docking.rules import Rules
from dock_daemon.docking.take_over import Parts
from dock_daemon.evidence.state import open_state
from dock_daemon.turn import Desk, Place


def take_over(state_folder: str, sources: list[str]) -> list[Released]:
    """Take over every source at once; return how each docking ended."""
    overrides = {"storage.state": state_folder, "dock.origin": "bench.example/0001"}
    with tempfile.TemporaryDirectory() as nothing:  # what is shipped is in force, and no more
        loaded = load(Path(nothing), env={}, overrides=overrides)
    clock, rules, stop = SystemClock(), Rules.of(loaded), threading.Event()
    ends: list[Released] = []
    with open_state(loaded, clock, can_ask=False) as state:
        desk = Desk(Parts(state.store, state.sealer, clock, rules), loaded.settings.reader)

        def bay(number: int, source: str) -> None:
            opened = desk.open(Place(path=source), stop)
            ends.append(desk.take_over(opened, bay=str(number), report=heard, stop=stop))

        bays = [
            threading.Thread(target=bay, args=(number, source), name=f"bay-{number}")
            for number, source in enumerate(sources, start=1)
        ]
        for one in bays:
            one.start()
        for one in bays:
            one.join()
    return ends


def heard(_event: Event) -> None:
    """Hear an event, as a screen that nobody looks at does."""


def main() -> None:
    """Take over, and say what it cost."""
    state, *sources = sys.argv[1:]
    collector.calm()
    ends = take_over(state, sources)
    whole = len(ends) == len(sources) and all(end.result == "complete" for end in ends)
    print(json.dumps({"whole": whole, "clips": sum(end.sealed for end in ends)}))
    sys.exit(0 if whole else 1)


if __name__ == "__main__":
    main()
