"""The fake open recorder at the end of a pseudo-terminal: what a serial port is to the worker."""

import os
import select
import threading
import time
import tty
from types import TracebackType
from typing import Self

from firmware_bridge.wire import smp, smp_lines
from tests.recorders.open_fake import OpenFake


class OnPty:
    """A recorder that answers on a pty until the block is left. `node` is the dock's end."""

    def __init__(self, fake: OpenFake, *, mute: bool = False) -> None:
        self._fake = fake
        self._mute = mute
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        self.node = os.ttyname(self._theirs)
        self._left, self._leave = os.pipe()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._leave)
        self._thread.join()
        for descriptor in (self._ours, self._theirs, self._left):
            os.close(descriptor)

    def _serve(self) -> None:
        deframer = smp_lines.Deframer()
        poll = select.poll()
        poll.register(self._ours, select.POLLIN)
        poll.register(self._left, select.POLLIN)
        while True:
            ready = dict(poll.poll())
            if self._left in ready:
                return
            for body in deframer.feed(os.read(self._ours, 4096)):
                if isinstance(body, bytes) and not self._mute:
                    answer = self._fake.answer(smp.decode(body), time.time_ns() // 1000)
                    os.write(self._ours, smp_lines.encode(answer.encode()))
