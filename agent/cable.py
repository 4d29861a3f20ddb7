"""Whether the cable to the dock is in, as the device side's controller knows.

/sys/class/udc/<name>/state (Documentation/ABI/stable/sysfs-class-udc): "configured" is a host
that took us; "suspended" is what some controllers say of a cable that was pulled.
"""

from pathlib import Path
from typing import Final

from agent import durable

_IN: Final = "configured"


def is_in(controllers: Path) -> bool | None:
    """Tell whether a host is there; None where no controller tells."""
    try:
        told = [durable.read_text(each / "state") for each in controllers.iterdir()]
    except OSError:
        return None
    states = [state for state in told if state is not None]
    return _IN in states if states else None
