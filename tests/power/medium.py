"""The disks of a recorded run, as a process of its own: `python -m tests.power.medium JSON`.

It serves images as files under /dev/fuse, and writes down whatever is written, flushed or told; it
says `ready` and goes on until its standard input ends. `told` are descriptors: each line that
comes out of one is written down, and before anything that a disk is asked later.

`lie` makes a disk that answers "written" and keeps something else: in the first write that holds
the bytes `pattern` one bit of them is another.
"""

import json
import os
import selectors
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from tests.power.fuse import Served
from tests.power.saying import say
from tests.power.tape import Kind, Record, put

_PIPE: Final = 1 << 16


@dataclass(slots=True)
class Disk:
    """An image whose every change goes to the tape."""

    number: int
    handle: int
    size: int
    tape: BinaryIO
    lie: bytes = b""

    def read(self, offset: int, size: int) -> bytes:
        """Return what was written last."""
        return os.pread(self.handle, size, offset)

    def write(self, offset: int, data: bytes) -> None:
        """Write, and write down; lie if it is to."""
        if self.lie and (at := data.find(self.lie)) >= 0:
            data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            self.lie = b""
        os.pwrite(self.handle, data, offset)
        put(self.tape, Record(Kind.WRITE, self.number, offset, len(data), data))

    def zero(self, offset: int, size: int) -> None:
        """Write zeros."""
        for at in range(offset, offset + size, _PIPE):
            os.pwrite(self.handle, bytes(min(_PIPE, offset + size - at)), at)
        put(self.tape, Record(Kind.ZERO, self.number, offset, size))

    def flush(self) -> None:
        """Write down that what came before is kept."""
        put(self.tape, Record(Kind.FLUSH, self.number))


@dataclass(slots=True)
class Ear:
    """A pipe on which lines are told."""

    handle: int
    tape: BinaryIO
    rest: bytes = field(default=b"")

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self.handle

    def hear(self) -> bool:
        """Write down whole lines; return False at the end. What is cut off was never said."""
        data = os.read(self.handle, _PIPE)
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            put(self.tape, Record(Kind.TOLD, 0, 0, len(line), line))
        return bool(data)


def main(text: str) -> None:
    """Serve until standard input ends."""
    wanted = json.loads(text)
    with Path(wanted["tape"]).open("wb") as tape:
        served: list[Served] = []
        for number, disk in enumerate(wanted["disks"]):
            handle = os.open(disk["image"], os.O_RDWR | os.O_CLOEXEC)
            lie = bytes.fromhex(wanted["lie"])
            medium = Disk(number, handle, os.fstat(handle).st_size, tape, lie)
            served.append(Served(medium, Path(disk["at"])))
        try:
            _serve(served, [Ear(handle, tape) for handle in wanted["told"]])
        finally:
            for one in served:
                one.close()


def _serve(served: list[Served], ears: list[Ear]) -> None:
    with selectors.DefaultSelector() as waiting:
        for source in (*served, *ears, sys.stdin):
            waiting.register(source, selectors.EVENT_READ, source)
        say("ready")
        while True:
            found = [key.data for key, _ in waiting.select()]
            # What was told first: it was said before whatever is asked of a disk from now on.
            for ear in [one for one in found if isinstance(one, Ear)]:
                if not ear.hear():
                    waiting.unregister(ear)
            for one in found:
                if isinstance(one, Served):
                    one.serve()
            if sys.stdin in found:
                return


if __name__ == "__main__":
    main(sys.argv[1])
