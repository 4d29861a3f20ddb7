"""An open recorder at the end of a pseudo-terminal: bytes cross a real kernel line."""

import os
import select
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from firmware_bridge.wire import smp, smp_lines
from tests.recorders.open_fake import OpenFake


@dataclass
class OnPty:
    """A fake recorder and its line. `node` is where the dock opens it."""

    fake: OpenFake
    # Told of each thing that the recorder was made to do, in the recorder's own thread.
    told: Callable[[str], None] = lambda _what: None
    # Be gone at the first question.
    vanishes: bool = False
    node: str = ""
    _master: int = -1
    _slave: int = -1
    _wake: tuple[int, int] = (-1, -1)
    _thread: threading.Thread | None = field(default=None, repr=False)

    def plug(self) -> None:
        """Come up, as a line of another name each time."""
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.node = os.ttyname(self._slave)
        self._wake = os.pipe()
        self._thread = threading.Thread(target=self._serve, name="recorder")
        self._thread.start()

    def pull(self) -> None:
        """Be unplugged: whoever has the line open hears a hang-up."""
        if self._thread is None:
            return
        os.write(self._wake[1], b"x")
        self._thread.join()
        self._thread = None
        for handle in self._wake:
            os.close(handle)

    def _serve(self) -> None:
        deframer = smp_lines.Deframer()
        try:
            while True:
                ready, _, _ = select.select([self._master, self._wake[0]], [], [])
                if self._wake[0] in ready:
                    return
                data = os.read(self._master, 4096)
                if self.vanishes:
                    return
                for body in deframer.feed(data):
                    if isinstance(body, bytes):
                        self._answer(body)
        finally:
            os.close(self._master)
            os.close(self._slave)

    def _answer(self, body: bytes) -> None:
        done = len(self.fake.done)
        answer = self.fake.answer(smp.decode(body), time.time_ns() // 1000)
        with suppress(OSError):
            os.write(self._master, smp_lines.encode(answer.encode()))
        for what in self.fake.done[done:]:
            self.told(what)


@contextmanager
def on_pty(fake: OpenFake, *, vanishes: bool = False) -> Iterator[OnPty]:
    """Plug a recorder in; unplug it at the end, if nobody has."""
    recorder = OnPty(fake, vanishes=vanishes)
    recorder.plug()
    try:
        yield recorder
    finally:
        recorder.pull()
