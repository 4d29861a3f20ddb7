"""The fault library: calls.c, compiled when first needed, and what it is told."""

import ctypes
import shutil
import subprocess
from dataclasses import asdict, dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

from tests.require import need

SOURCE: Final = Path(__file__).with_name("calls.c")
_TAPE: Final = 8 << 20


class How(IntEnum):
    """What becomes of a call."""

    NOTHING = 0
    FAIL = 1
    KILL_BEFORE = 2
    KILL_AFTER = 3
    SHORT = 4
    SLOW = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The `nth` call of this name below `folder` (and each one after it, if `for_ever`) suffers.

    `error` is the errno of FAIL. The name "*" is any call.
    """

    folder: str
    call: str = ""
    nth: int = 0
    how: How = How.NOTHING
    error: int = 0
    for_ever: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it for the process that is to suffer."""
        return asdict(self) | {"how": int(self.how)}


def build(folder: Path) -> Path:
    """Compile the library into `folder`; skip the test where there is no compiler."""
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    need(compiler, "a C compiler")
    library = folder / "calls.so"
    command = [str(compiler), "-O1", "-Wall", "-shared", "-fPIC", "-o", str(library), str(SOURCE)]
    done = subprocess.run([*command, "-ldl"], capture_output=True, text=True, check=False)
    need(done.returncode == 0, f"a C compiler that works ({done.stderr[:200]})")
    return library


class Calls:
    """The library as it is loaded into this process."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        self._library.calls_tape.restype = ctypes.c_void_p
        self._library.calls_used.restype = ctypes.c_size_t
        self._library.calls_share(ctypes.c_size_t(_TAPE))

    def clear(self) -> None:
        """Begin a tape."""
        self._library.calls_clear()

    def arm(self, fault: dict[str, Any]) -> None:
        """Let this process suffer from now on."""
        self._library.calls_arm(
            fault["folder"].encode(), fault["call"].encode(), ctypes.c_long(fault["nth"]),
            fault["how"], fault["error"], int(fault["for_ever"]),
        )  # fmt: skip

    def tape(self) -> str:
        """Return what was called since the tape began."""
        used = self._library.calls_used()
        return ctypes.string_at(self._library.calls_tape(), used).decode("utf-8", "replace")
