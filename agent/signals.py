"""Signals that end the companion, as something to wait for beside everything else."""

import os
import signal
from types import FrameType, TracebackType
from typing import Final, Self

_ENDING: Final = (signal.SIGTERM, signal.SIGINT)


class Signals:
    """From entering to leaving, SIGTERM and SIGINT interrupt nothing: they show here."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._before: dict[signal.Signals, signal._HANDLER] = {}
        self._woken = -1

    def __enter__(self) -> Self:
        self._woken = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._before = {each: signal.signal(each, _noted) for each in _ENDING}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)
        signal.set_wakeup_fd(self._woken)
        os.close(self._read)
        os.close(self._write)

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._read

    def drain(self) -> bool:
        """Tell whether one came; it is gone from here then."""
        try:
            return bool(os.read(self._read, 64))
        except BlockingIOError:
            return False


def _noted(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: that it came stands in the pipe already."""
