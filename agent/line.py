"""The end of the wire to the dock: a serial node, or a pseudo-terminal of our own.

A node may vanish when the cable is pulled, and come back. A pseudo-terminal of our own stays
when its host hangs up, as the gadget's node does: we hold its other end open ourselves.
"""

import contextlib
import os
import termios
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Final

from agent.errors import LineNotOpenedError

_CHUNK: Final = 4096


class LineLostError(Exception):
    """The other end is gone; the line is closed, and may be opened again."""


class Line:
    """An open end. Nothing here waits."""

    def __init__(self, handle: int, *, held: int | None = None, link: Path | None = None) -> None:
        self._handle = handle
        self._held = held
        self._link = link

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._handle

    def read(self) -> bytes:
        """Return what there is, nothing if there is nothing; raise LineLostError."""
        try:
            data = os.read(self._handle, _CHUNK)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise LineLostError(error.strerror or "?") from error
        if not data:
            raise LineLostError("hung up")
        return data

    def write(self, data: bytes) -> int:
        """Return how many bytes were taken; raise LineLostError."""
        try:
            return os.write(self._handle, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise LineLostError(error.strerror or "?") from error

    def close(self) -> None:
        """Let go of it, and take away what leads to it."""
        os.close(self._handle)
        if self._held is not None:
            os.close(self._held)
        if self._link is not None:
            self._link.unlink(missing_ok=True)


class Lines:
    """Opens the line, and keeps it while the companion starts again: its host sees nothing."""

    def __init__(self, opener: Callable[[], Line]) -> None:
        self._opener = opener
        self._kept: Line | None = None

    def open(self) -> Line:
        """Return the line that was kept, else a new one; raise LineNotOpenedError."""
        line, self._kept = self._kept, None
        return self._opener() if line is None else line

    def keep(self, line: Line) -> None:
        """Take an open line for the next start."""
        self._kept = line

    def close(self) -> None:
        """Let go of a line that was kept."""
        if self._kept is not None:
            self._kept.close()


def open_node(node: Path) -> Line:
    """Open a serial node, raw; raise LineNotOpenedError."""
    try:
        handle = os.open(node, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise LineNotOpenedError(place=str(node), reason=error.strerror or "?") from error
    try:
        tty.setraw(handle, termios.TCSANOW)  # what was said already stays
    except termios.error as error:
        os.close(handle)
        raise LineNotOpenedError(place=str(node), reason=str(error.args[-1])) from error
    return Line(handle)


def open_pty(place: Path) -> Line:
    """Make a pseudo-terminal, linked at `place`; raise LineNotOpenedError."""
    try:
        ours, theirs = os.openpty()
    except OSError as error:
        raise LineNotOpenedError(place=str(place), reason=error.strerror or "?") from error
    try:
        tty.setraw(theirs)
        os.set_blocking(ours, False)
        # A link that an earlier life left behind leads nowhere; anything else is not ours.
        with contextlib.suppress(FileNotFoundError):
            place.readlink()
            place.unlink()
        place.symlink_to(os.ttyname(theirs))
    except OSError as error:
        os.close(ours)
        os.close(theirs)
        raise LineNotOpenedError(place=str(place), reason=error.strerror or "?") from error
    return Line(ours, held=theirs, link=place)
