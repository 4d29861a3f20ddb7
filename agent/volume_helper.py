"""The one thing that wants root, as a service of its own: the volume's way out and back.

The agent, which reads what strangers send, may neither mount nor write to the gadget. It asks
by one word on a socket, which only it may open: `out` or `back`. The answer is `done`, or
`busy ` and the reason. systemd starts the helper with the socket as its standard input
(systemd/agent/sealdock-agent-volume@.service).
"""

import socket
from pathlib import Path
from typing import Final

from agent.errors import VolumeBusyError
from agent.volume import Volume, shown

WITHIN_S: Final = 130  # unmounting waits for what was not written yet; mounting may check
_MOST: Final = 1024
_OUT: Final = b"out"
_BACK: Final = b"back"
_DONE: Final = b"done"
_BUSY: Final = b"busy "


class AskedVolume:
    """A volume that the helper hands out for us."""

    def __init__(self, helper: Path, lun: Path) -> None:
        self._helper = helper
        self._lun = lun

    def is_out(self) -> bool:
        """Tell whether it is shown to the dock: who may read that needs nobody's help."""
        return shown(self._lun)

    def give_out(self) -> None:
        """Show it to the dock; raise VolumeBusyError, with all as it was."""
        self._ask(_OUT)

    def take_back(self) -> None:
        """Have it on the recorder again; raise VolumeBusyError."""
        self._ask(_BACK)

    def _ask(self, word: bytes) -> None:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
                link.settimeout(WITHIN_S)
                link.connect(str(self._helper))
                link.sendall(word)
                link.shutdown(socket.SHUT_WR)
                answer = _all_of(link)
        except OSError as error:
            raise VolumeBusyError(f"{self._helper}: {error.strerror or error}") from error
        if answer != _DONE:
            said = answer.removeprefix(_BUSY).decode("utf-8", "replace")
            raise VolumeBusyError(said or "the helper died")


def serve(link: socket.socket, volume: Volume) -> None:
    """Do what one question asks, and answer it; raises OSError where nobody hears the answer."""
    link.settimeout(WITHIN_S)
    asked, answer = _all_of(link), _DONE
    try:
        if asked == _OUT:
            volume.give_out()
        elif asked == _BACK:
            volume.take_back()
        else:
            answer = _BUSY + b"no such word"
    except VolumeBusyError as error:
        answer = _BUSY + error.reason.encode("utf-8", "replace")
    link.sendall(answer[:_MOST])


def _all_of(link: socket.socket) -> bytes:
    """Return what the other end says before it stops; raises OSError."""
    said = b""
    while len(said) < _MOST and (more := link.recv(_MOST)):
        said += more
    return said
