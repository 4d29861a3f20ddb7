"""Who the recorder is: what its settings say, else what the computer says of itself."""

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent import durable, settings
from agent.errors import NumberUnknownError
from config.version import VERSION

TREE: Final = Path("/proc/device-tree")
"""What the firmware told the kernel: `serial-number` and `model` on a Raspberry Pi."""

_LONGEST: Final = 64  # bytes of UTF-8, as docs/formats/smp.md, section 5, has them


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The names that are told to the dock."""

    number: str
    model: str
    firmware: str


def named(recorder: settings.Recorder, tree: Path = TREE) -> Named:
    """Return who this is; raise NumberUnknownError where nobody says."""
    number = plain(recorder.number or durable.read_text(tree / "serial-number") or "", _LONGEST)
    if not number:
        raise NumberUnknownError
    return Named(
        number=number,
        model=plain(recorder.model or durable.read_text(tree / "model") or "", _LONGEST),
        firmware=plain(recorder.firmware or _system(), _LONGEST),
    )


def plain(text: str, longest: int) -> str:
    """Return `text` as one line of at most `longest` bytes of UTF-8, cut between characters."""
    shown = "".join(char if char.isprintable() else "?" for char in text.strip())
    return shown.encode("utf-8")[:longest].decode("utf-8", "ignore")


def _system() -> str:
    """Return the system and the companion, by version: "debian 12, sealdock-agent 0.1.0"."""
    try:
        told = platform.freedesktop_os_release()
    except OSError:
        told = {}
    system = " ".join((told.get("ID", "linux"), told.get("VERSION_ID", ""))).strip()
    return f"{system}, sealdock-agent {VERSION}"
