"""Python's garbage collector, for a process that holds much that lives long.

A card of thousands of clips is hundreds of thousands of objects that are in use until the docking
ends, and that the collector would go through again and again in vain: a seventh of the time that
small clips take. Reference counts free nearly everything of ours; cycles can wait a little.
"""

import gc
from typing import Final

_NEW_OBJECTS: Final = 50_000
_ROUNDS: Final = 20


def calm() -> None:
    """Leave alone what is there by now, and look at what is new less often."""
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, _ROUNDS, _ROUNDS)
